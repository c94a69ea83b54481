"""Files of data sets: where they are looked for, and the errors where they are missing or wrong."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from pcneuro.data.abstract import AbstractDataset, LoadedDataset
from pcneuro.data.downloads import AbstractDownload
from pcneuro.data.parts import Images, P
from pcneuro.errors import DataFileError, ParameterError
from pcneuro.files import open_regular

ENVIRONMENT = "PCNEURO_DATA"
"""The environment variable that names the folder of the data where the user does not."""


def root(folder: str | os.PathLike[str] | None) -> Path:
    """The folder of the data: ``folder``, or else PCNEURO_DATA. Raises DataFileError where there is neither."""
    path = os.fspath(folder) if folder is not None else os.environ.get(ENVIRONMENT, "")
    if not path:
        raise DataFileError(f"no folder with data is given: name one (folder=, --folder), or set {ENVIRONMENT}")
    return Path(path).expanduser()


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what the system says of a file that cannot be read into a DataFileError."""
    try:
        yield
    except OSError as error:
        raise DataFileError(f"cannot read {path}: {error.strerror or error}") from error


def read_text(path: Path) -> str:
    """A text in UTF-8, its lines ended by a newline. Raises DataFileError where it is none, or empty."""
    with reading(path), open_regular(path) as file:
        raw = file.read()
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataFileError(
            f"{path}: byte 0x{raw[error.start]:02x} at offset {error.start} (line {line}) is not UTF-8: save the file "
            "as UTF-8"
        ) from None
    if not text.strip():
        raise DataFileError(f"{path} is empty: needed is text")
    return text


@dataclass(frozen=True)
class AbstractFolderDataset(AbstractDataset[P]):
    """A data set that lies in files below ``folder``, by default PCNEURO_DATA.

    They may be in a folder of the official name, such as ``FOLDER/cifar-10-batches-bin``, or in ``folder`` itself.

    Examples
    --------
    >>> issubclass(pcn.data.MNIST, pcn.data.AbstractFolderDataset)
    True
    """

    folder: str | os.PathLike[str] | None = None

    places: ClassVar[tuple[str, ...]]
    """Folders below the user's where the files may be; the first is where ``fetch`` puts them."""
    files: ClassVar[Mapping[str, str]]
    """The official files, and what each has in it."""
    downloads: ClassVar[tuple[AbstractDownload, ...]]

    def home(self) -> Path:
        """The folder that has the files, or at least one of them. Raises DataFileError where there is none."""
        folder = root(self.folder)
        with reading(folder):
            if not folder.is_dir():
                raise DataFileError(f"{self.name}: there is no folder {folder}; {self._cure()}")
        candidates = [*(folder / place for place in self.places), folder]
        for candidate in candidates:
            if any(self.find(candidate, name) for name in self.files):
                return candidate
        looked = ", ".join(str(candidate) for candidate in candidates)
        raise DataFileError(f"{self.name} is not in {looked}: none of {', '.join(self.files)} is there; {self._cure()}")

    def variants(self, name: str) -> tuple[str, ...]:
        """Names under which an official file may be kept."""
        return (name,)

    def find(self, home: Path, name: str) -> Path | None:
        """An official file in ``home``, if it is there."""
        with reading(home):
            return next((home / v for v in self.variants(name) if (home / v).is_file()), None)

    def need(self, home: Path, name: str) -> Path:
        """An official file in ``home``. Raises DataFileError where it is missing."""
        path = self.find(home, name)
        if path is None:
            raise DataFileError(f"{home / name} is missing: needed is {self.files[name]}; {self._cure()}")
        return path

    def wrong(self, path: Path, text: str) -> DataFileError:
        """The error for a file that is not what it should be."""
        return DataFileError(f"{path}: {text}; the official file is at {self.source}")

    def status(self) -> str:
        if self.folder is None and not os.environ.get(ENVIRONMENT):
            return f"{ENVIRONMENT} is not set"
        try:
            home = self.home()
        except DataFileError:
            return "not there"
        there = sum(self.find(home, name) is not None for name in self.files)
        return f"in {home}" if there == len(self.files) else f"{there} of {len(self.files)} files in {home}"

    def _cure(self) -> str:
        return f"get it from {self.source}, or run: pcneuro data fetch {self.name} --folder {root(self.folder)}"


@dataclass(frozen=True)
class AbstractImageFiles(AbstractFolderDataset[Images]):
    """Images in an official split, of which the first ``train`` and ``test`` images are read; None for all.

    Memory grows with what is taken only: 12 kB an image of 3 x 32 x 32.

    Raises ParameterError for a number below 1.
    """

    train: int | None = None
    test: int | None = None

    official: ClassVar[tuple[int, int]]
    """Number of images to learn from and to test with in the official files."""

    def __post_init__(self) -> None:
        for name, count in (("train", self.train), ("test", self.test)):
            if count is not None and count < 1:
                raise ParameterError(f"{name}={count}: take 1 image or more, or None for all")

    def load(self) -> LoadedDataset[Images]:
        home = self.home()
        train, test = self.read_train(home), self.read_test(home)
        notes = list(self.notes(home))
        for what, part, limit, official in (
            ("to learn from", train, self.train, self.official[0]),
            ("to test with", test, self.test, self.official[1]),
        ):
            if len(part) != official:
                asked = " as asked for" if limit is not None and len(part) == limit else ""
                notes.append(f"{len(part):,} images {what}{asked} instead of the official {official:,}")
        return LoadedDataset(self.name, train, test, tuple(notes))

    @abstractmethod
    def read_train(self, home: Path) -> Images:
        """The first ``train`` images to learn from."""

    @abstractmethod
    def read_test(self, home: Path) -> Images:
        """The first ``test`` images to test with."""

    def notes(self, home: Path) -> tuple[str, ...]:
        """What else is not as in the official data."""
        return ()


def scaled(pixels: np.ndarray, largest: int = 255) -> np.ndarray:
    """Pixels as float32 in [0, 1]."""
    return np.divide(pixels, np.float32(largest), dtype=np.float32)
