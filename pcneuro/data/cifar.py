"""The binary version of CIFAR-10 and CIFAR-100: records of one or two label bytes and 3,072 pixel bytes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from pcneuro.data.files import AbstractImageFiles, read_text, reading, scaled
from pcneuro.data.parts import Images

SHAPE = (3, 32, 32)
PIXELS = 3 * 32 * 32


@dataclass(frozen=True)
class AbstractCIFAR(AbstractImageFiles):
    """Reads records. The pixels of one are its red plane, its green and its blue, each row by row."""

    source: ClassVar[str] = "https://www.cs.toronto.edu/~kriz/cifar.html (binary version)"
    terms: ClassVar[str] = "no licence stated; cite Krizhevsky (2009)"
    labels: ClassVar[tuple[int, ...]]
    """Number of classes of each label byte."""

    @abstractmethod
    def classes(self, home: Path) -> tuple[str, ...]:
        """Names of the classes."""

    @property
    @abstractmethod
    def byte(self) -> int:
        """Which of the label bytes is the label."""

    def read(self, home: Path, names: Sequence[str], limit: int | None) -> Images:
        """The first ``limit`` images of these files. Raises DataFileError."""
        records = []
        left = limit
        for name in names:
            records.append(self._records(self.need(home, name), left))
            if left is not None and (left := left - len(records[-1])) <= 0:
                break
        raw = np.concatenate(records)
        skip = len(self.labels)
        images = scaled(raw[:, skip:]).reshape(-1, *SHAPE)
        return Images(images, raw[:, self.byte].astype(np.int64), self.classes(home))

    def _records(self, path: Path, limit: int | None) -> np.ndarray:
        """Bytes of shape (records, label and pixel bytes); every label is in range."""
        skip = len(self.labels)
        length = skip + PIXELS
        with reading(path):
            size = path.stat().st_size
            if size == 0:
                raise self.wrong(path, f"is empty: needed is {self.files[path.name]}")
            if size % length:
                raise self.wrong(
                    path,
                    f"{size:,} bytes are no whole number of records of {length:,} ({skip} for the label, {PIXELS:,} "
                    f"for 3 x 32 x 32 pixels): truncated, or of another format; needed is {self.files[path.name]}",
                )
            taken = size // length if limit is None else min(limit, size // length)
            raw = np.fromfile(path, dtype=np.uint8, count=taken * length).reshape(taken, length)
        for byte, classes in enumerate(self.labels):
            wrong = raw[:, byte] >= classes
            if wrong.any():
                first = int(wrong.argmax())
                raise self.wrong(
                    path,
                    f"label {raw[first, byte]} of image {first} (byte {first * length + byte:,}) is out of range 0 to "
                    f"{classes - 1}",
                )
        return raw

    def names(self, home: Path, name: str, count: int) -> tuple[str, ...] | None:
        """Names of classes, a line each, if the file is there. Raises DataFileError for another number of them."""
        path = self.find(home, name)
        if path is None:
            return None
        names = tuple(line.strip() for line in read_text(path).splitlines() if line.strip())
        if len(names) != count:
            raise self.wrong(path, f"has {len(names)} names of classes; needed are {count}, one a line")
        return names
