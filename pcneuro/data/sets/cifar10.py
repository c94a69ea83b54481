"""CIFAR-10 (Krizhevsky 2009)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pcneuro.data.cifar import AbstractCIFAR
from pcneuro.data.downloads import AbstractDownload, Archive
from pcneuro.data.parts import Images
from pcneuro.errors import DataFileError, ParameterError

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
META = "batches.meta.txt"
TEST = "test_batch.bin"
NUMBERS = (1, 2, 3, 4, 5)
RECORDS = "10,000 records of a label byte and 3,072 pixel bytes (30,730,000 bytes)"


def batch(number: int) -> str:
    """Name of a file to learn from."""
    return f"data_batch_{number}.bin"


@dataclass(frozen=True)
class CIFAR10(AbstractCIFAR):
    """Colour images of 3 x 32 x 32 in ten classes: five files of 10,000 to learn from, and one to test with.

    ``batches`` are the numbers of the files to learn from, all of which must be there; by default those that are there,
    and the notes list those that are not.

    Raises ParameterError for a number that is not 1 to 5, or is given twice.

    Examples
    --------
    >>> pcn.data.CIFAR10(folder="data", train=1000).train
    1000
    """

    batches: tuple[int, ...] | None = None

    name: ClassVar[str] = "cifar10"
    title: ClassVar[str] = "60,000 colour images in 10 classes"
    places: ClassVar[tuple[str, ...]] = ("cifar-10-batches-bin",)
    files: ClassVar[dict[str, str]] = {**{batch(n): RECORDS for n in NUMBERS}, TEST: RECORDS}
    official: ClassVar[tuple[int, int]] = (50_000, 10_000)
    labels: ClassVar[tuple[int, ...]] = (10,)
    downloads: ClassVar[tuple[AbstractDownload, ...]] = (
        Archive(
            url="https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
            checksum="md5:c32a1d4ab5d03f1284b67883e8d87530",
            size=170_052_171,
            place="cifar-10-batches-bin",
            members=(*files, META),
        ),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        batches = self.batches
        if batches is not None and not (batches and set(batches) <= set(NUMBERS) and len(set(batches)) == len(batches)):
            raise ParameterError(
                f"batches={batches}: give numbers from 1 to 5, each once, or None for those that are there"
            )

    @property
    def byte(self) -> int:
        return 0

    def read_train(self, home: Path) -> Images:
        numbers = self.batches
        if numbers is None:
            numbers = tuple(n for n in NUMBERS if self.find(home, batch(n)))
        if not numbers:
            raise DataFileError(f"{home} has none of {', '.join(map(batch, NUMBERS))}, to learn from; {self._cure()}")
        return self.read(home, [batch(n) for n in numbers], self.train)

    def read_test(self, home: Path) -> Images:
        return self.read(home, [TEST], self.test)

    def notes(self, home: Path) -> tuple[str, ...]:
        missing = [batch(n) for n in NUMBERS if not self.find(home, batch(n))]
        return (f"without {', '.join(missing)}, not in {home}",) if missing and self.batches is None else ()

    def classes(self, home: Path) -> tuple[str, ...]:
        return self.names(home, META, len(CLASSES)) or CLASSES
