"""Downloads: single files and archives, each with its checksum."""

from __future__ import annotations

import os
import shutil
import tarfile
import zlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pcneuro.errors import DataFileError, DownloadError, OutputError


@dataclass(frozen=True)
class AbstractDownload(ABC):
    """A file on a server.

    Attributes
    ----------
    url
        Its address.
    checksum
        ``"md5:..."`` or ``"sha256:..."``.
    size
        In bytes.
    """

    url: str
    checksum: str
    size: int

    @abstractmethod
    def there(self, folder: Path) -> bool:
        """Whether ``folder`` has it already. Raises DataFileError where it has something else in its place."""

    @abstractmethod
    def put(self, arrived: Path, folder: Path) -> Path:
        """Move what arrived to its place in ``folder``, whole, and return that. ``arrived`` is in a folder of its own,
        on the same disk. Raises OutputError where something is in its place, DownloadError for a wrong archive."""

    def check(self, path: Path) -> bool:
        """Whether a file has the checksum."""
        import pooch

        algorithm, _, expected = self.checksum.partition(":")
        return pooch.file_hash(str(path), algorithm) == expected


@dataclass(frozen=True)
class SingleFile(AbstractDownload):
    """A file that is kept as it is, at ``place`` below the folder of the data."""

    place: str

    def there(self, folder: Path) -> bool:
        path = folder / self.place
        if not os.path.lexists(path):
            return False
        if not path.is_file() or not self.check(path):
            raise DataFileError(
                f"{path} is not the official file ({self.size:,} bytes, {self.checksum}): move it away, and fetch "
                "again; nothing is overwritten"
            )
        return True

    def put(self, arrived: Path, folder: Path) -> Path:
        path = folder / self.place
        path.parent.mkdir(parents=True, exist_ok=True)
        return move(arrived, path)


@dataclass(frozen=True)
class Archive(AbstractDownload):
    """A tar archive with one folder, of which these ``members``, regular files, are kept; nothing else is unpacked."""

    place: str
    members: tuple[str, ...]

    def there(self, folder: Path) -> bool:
        path = folder / self.place
        if not os.path.lexists(path) or (path.is_dir() and not any(path.iterdir())):
            return False
        missing = [name for name in self.members if not (path / name).is_file()]
        if missing:
            raise DataFileError(
                f"{path} exists, without {', '.join(missing)}: move it away, and fetch again; nothing is overwritten"
            )
        return True

    def put(self, arrived: Path, folder: Path) -> Path:
        unpacked = arrived.parent / "unpacked"
        unpacked.mkdir()
        try:
            with tarfile.open(arrived) as archive:
                self._unpack(archive, unpacked)
        except (tarfile.TarError, EOFError, zlib.error) as error:
            raise DownloadError(f"{self.url} is no tar archive, or a damaged one ({error}); nothing is kept") from error
        return move(unpacked, folder / self.place)

    def _unpack(self, archive: tarfile.TarFile, folder: Path) -> None:
        """Write the members. What the archive calls them is compared only, never used as a path."""
        wanted = {PurePosixPath(self.place, name): name for name in self.members}
        for member in archive:
            name = wanted.pop(PurePosixPath(member.name), None) if member.isreg() else None
            source = archive.extractfile(member) if name is not None else None
            if name is not None and source is not None:
                with source, (folder / name).open("xb") as target:
                    shutil.copyfileobj(source, target)
        if wanted:
            raise DownloadError(f"{self.url} has no file {', '.join(map(str, wanted))} in it; nothing is kept")


def move(source: Path, target: Path) -> Path:
    """Rename, and never replace what has something in it. Raises OutputError."""
    if os.path.lexists(target) and not (target.is_dir() and not any(target.iterdir())):
        raise OutputError(f"{target} exists already, and is not replaced")
    os.rename(source, target)
    return target
