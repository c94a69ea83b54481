"""CIFAR-100 (Krizhevsky 2009)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pcneuro.data.cifar import AbstractCIFAR
from pcneuro.data.downloads import AbstractDownload, Archive
from pcneuro.data.parts import Images

TRAIN, TEST = "train.bin", "test.bin"
NAMES = ("coarse_label_names.txt", "fine_label_names.txt")
RECORD = "a coarse label byte, a fine label byte and 3,072 pixel bytes"


@dataclass(frozen=True)
class CIFAR100(AbstractCIFAR):
    """Colour images of 3 x 32 x 32 in 100 classes or, with ``coarse``, in the 20 that these are grouped into.

    Examples
    --------
    >>> pcn.data.CIFAR100(folder="data", coarse=True).coarse
    True
    """

    coarse: bool = False

    name: ClassVar[str] = "cifar100"
    title: ClassVar[str] = "60,000 colour images in 100 classes, grouped into 20"
    places: ClassVar[tuple[str, ...]] = ("cifar-100-binary",)
    files: ClassVar[dict[str, str]] = {
        TRAIN: f"50,000 records of {RECORD} (153,700,000 bytes)",
        TEST: f"10,000 records of {RECORD} (30,740,000 bytes)",
    }
    official: ClassVar[tuple[int, int]] = (50_000, 10_000)
    labels: ClassVar[tuple[int, ...]] = (20, 100)
    downloads: ClassVar[tuple[AbstractDownload, ...]] = (
        Archive(
            url="https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
            checksum="md5:03b5dce01913d631647c71ecec9e9cb8",
            size=168_513_733,
            place="cifar-100-binary",
            members=(*files, *NAMES),
        ),
    )

    @property
    def byte(self) -> int:
        return 0 if self.coarse else 1

    def read_train(self, home: Path) -> Images:
        return self.read(home, [TRAIN], self.train)

    def read_test(self, home: Path) -> Images:
        return self.read(home, [TEST], self.test)

    def notes(self, home: Path) -> tuple[str, ...]:
        name = NAMES[self.byte]
        return () if self.find(home, name) else (f"without {name}: classes are called by their numbers",)

    def classes(self, home: Path) -> tuple[str, ...]:
        count = self.labels[self.byte]
        return self.names(home, NAMES[self.byte], count) or tuple(map(str, range(count)))
