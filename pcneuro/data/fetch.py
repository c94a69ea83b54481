"""Fetching: files are downloaded only here, and only when the user asks for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pcneuro.data.abstract import named
from pcneuro.data.downloads import AbstractDownload
from pcneuro.data.files import AbstractFolderDataset, reading, root
from pcneuro.errors import DownloadError, MissingExtraError, OutputError, ParameterError
from pcneuro.files import scratch

TIMEOUT = 30.0
"""Seconds without an answer after which a server is given up."""
CHUNK = 1 << 18
"""Bytes between two reports of progress."""


@dataclass(frozen=True)
class Fetched:
    """The ``new`` files and folders, and how many downloads were there already.

    Examples
    --------
    >>> pcn.data.Fetched(new=(), kept=2).kept
    2
    """

    new: tuple[Path, ...]
    kept: int


def fetch(
    name: str, folder: str | os.PathLike[str] | None = None, progress: Callable[[float], None] | None = None
) -> Fetched:
    """Download the official files of a data set, check them against their checksums, and unpack them.

    What is there already stays: nothing is overwritten, and files are at their places when they are complete only.

    Parameters
    ----------
    name
        A data set that lies in files: "cifar10", "cifar100", "svhn", "mnist", "names" or "shakespeare".
    folder
        Where they go; it is made where it is missing. PCNEURO_DATA by default.
    progress
        Called with the share of all bytes that has arrived.

    Raises
    ------
    UnknownNameError
        For a name that is not known.
    ParameterError
        For a data set that comes with a package.
    DataFileError
        Where something else is in the place of a file, before anything is downloaded; or where no folder is given.
    DownloadError
        Where a server does not answer, or sends something else than the official file.
    OutputError
        Where the folder cannot be written.
    MissingExtraError
        Without pooch.

    Examples
    --------
    >>> try:
    ...     pcn.data.fetch("nothing")
    ... except pcn.PcneuroError as error:
    ...     print(str(error)[:26])
    unknown data set 'nothing'
    """
    dataset = named(name)
    if not issubclass(dataset, AbstractFolderDataset):
        raise ParameterError(f"{name} is not downloaded: it comes with {dataset.source}")
    _check_pooch()
    target = root(folder)
    with reading(target):
        wanted = [download for download in dataset.downloads if not download.there(target)]
    if not wanted:
        return Fetched((), len(dataset.downloads))
    report = _Report(sum(download.size for download in wanted), progress)
    new = []
    with _written(target):
        target.mkdir(parents=True, exist_ok=True)
        for download in wanted:
            with scratch(target, ".fetch.") as temporary:
                temporary.mkdir()
                arrived = temporary / "arrived"
                _download(download, arrived, report)
                new.append(download.put(arrived, target))
    return Fetched(tuple(new), len(dataset.downloads) - len(wanted))


def _check_pooch() -> None:
    try:
        import pooch  # noqa: F401
    except ImportError:
        raise MissingExtraError("downloads need pooch: pip install 'pcneuro[data]'") from None


@contextmanager
def _written(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OutputError, DownloadError):
        raise
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error.strerror or error}") from error


def _download(download: AbstractDownload, path: Path, report: _Report) -> None:
    """Bring a file, and check it."""
    import pooch
    import requests

    # As the server keeps it: a .gz that is unpacked on the way has another checksum.
    get = pooch.HTTPDownloader(
        progressbar=report, chunk_size=CHUNK, timeout=TIMEOUT, headers={"Accept-Encoding": "identity"}
    )
    try:
        get(download.url, str(path), None)
    except requests.RequestException as error:
        raise DownloadError(
            f"cannot download {download.url}: {_reason(error)}; try again, or get it by other means"
        ) from error
    if not download.check(path):
        raise DownloadError(
            f"{download.url} sent {path.stat().st_size:,} bytes with another checksum than the official file's "
            f"({download.size:,} bytes, {download.checksum}); nothing is kept: try again"
        )


def _reason(error: BaseException) -> str:
    """The innermost reason, in a line."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return " ".join(f"{type(error).__name__}: {error}".split())


class _Report:
    """A progress bar as pooch takes one, for all downloads together."""

    def __init__(self, size: int, progress: Callable[[float], None] | None) -> None:
        self.size, self.progress = size, progress
        self.before = self.now = 0
        self.total = 0  # set by pooch: that of the present file

    def update(self, count: int) -> None:
        self.now = min(self.now + count, self.total or self.now + count)
        if self.progress is not None:
            self.progress(min(1.0, (self.before + self.now) / self.size))

    def reset(self) -> None:
        self.now = 0

    def close(self) -> None:
        self.before, self.now = self.before + self.now, 0
