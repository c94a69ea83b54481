"""Events of a run in a netCDF file that grows as the run goes on, and arrays that are read from it when asked for."""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5netcdf
import h5py
import numpy as np
import xarray
from xarray.backends import BackendArray
from xarray.core import indexing

from pcneuro.errors import OutputError
from pcneuro.files import GuardedFile, finished, unfinished, writing
from pcneuro.recording.netcdf import write_netcdf

CHUNK = 16_384
"""Events in a chunk of the file: large enough to be read fast, and a file of few events stays small."""
EVENT = "event"
PRIVATE, READABLE = 0o600, 0o666
"""Who may read a file, of its user and others: less what the user's mask takes away."""
PART = ".part"
"""How the name of a file ends that is not complete."""


class _Place:
    """A file whose arrays are read; where it is temporary, it is deleted with the last of them."""

    def __init__(self, path: Path, temporary: bool) -> None:
        self.path = path
        self.stamp: Any = None
        if temporary:
            weakref.finalize(self, finished, path)

    def known(self) -> tuple[int, int, int]:
        """What changes when something else is written there."""
        facts = os.stat(self.path)
        return facts.st_ino, facts.st_size, facts.st_mtime_ns


class _Column(BackendArray):
    """A variable of a file, of which only what is asked for is read. The file is open for that long only."""

    def __init__(self, place: _Place, name: str, count: int, dtype: np.dtype) -> None:
        self.place, self.name, self.shape, self.dtype = place, name, (count,), dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._read)

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        try:
            same = self.place.known() == self.place.stamp
        except OSError:
            same = False
        if not same:
            raise OutputError(f"{self.place.path} was moved or written again: open it where it is now")
        with h5py.File(self.place.path, "r") as file:
            return np.asarray(file[self.name][key])


class EventFile:
    """Blocks of events, one after the other, under the variables of a dataset that has no events yet.

    They go to ``<target>.<owner>.part`` beside the target, whose place it takes when it is complete; where it is left,
    it is called ``<target>.part``, until another one is complete. Without a target they go to a temporary file, which
    is deleted with the last array that ``dataset`` gave.

    Raises
    ------
    OutputError
        Where nothing can be written. What has been flushed until then is a readable file.
    """

    def __init__(self, empty: xarray.Dataset, target: Path | None, *, overwrite: bool) -> None:
        self.empty, self.target, self.overwrite = empty, target, overwrite
        self.count = self.blocks = 0
        self.columns = [str(name) for name, variable in empty.data_vars.items() if variable.dims == (EVENT,)]
        encoding = {name: {"chunksizes": (CHUNK,), "_FillValue": None} for name in self.columns}
        with writing(target or Path(tempfile.gettempdir())):
            path = _temporary() if target is None else unfinished(target.parent, f"{target.name}.", PART)
            self.place = _Place(path, temporary=target is None)
            try:
                path.touch(PRIVATE if target is None else READABLE, exist_ok=False)
                with path.open("r+b") as file:
                    self.guard = GuardedFile(file)
                write_netcdf(empty, self.guard, unlimited=[EVENT], encoding=encoding)
                self.guard.commit()
                self.storage = h5py.File(self.guard, "r+")
                self.file = h5netcdf.File(self.storage, "r+")
            except BaseException:
                finished(path)
                raise

    def append(self, columns: Mapping[str, np.ndarray]) -> None:
        """Write a block."""
        end = self.count + len(columns[self.columns[0]])
        if end > self.count:
            with writing(self.target or self.place.path):
                self.file.resize_dimension(EVENT, end)
                for name in self.columns:
                    self.file.variables[name][self.count : end] = columns[name]
                self.guard.check()
            self.count, self.blocks = end, self.blocks + 1

    def note(self, facts: Mapping[str, Any]) -> None:
        """Bring the file's attributes up to date, and leave a file that can be read as it is."""
        with writing(self.target or self.place.path):
            self.file.attrs.update(facts)
            self.file.flush()
            self.storage.flush()  # which h5netcdf does not
            self.guard.commit()

    def leave(self) -> Path | None:
        """Close the file, and call it ``<target>.part``; its path, where it is to stay."""
        with suppress(OSError, RuntimeError):  # of a full disk, which was raised before
            self._close()
        self.guard.close()
        if self.target is None:
            return None
        path = self.place.path
        with suppress(OSError):
            self.place.path = path.replace(_left(self.target))
            finished(path)
        return self.place.path

    def _close(self) -> None:
        try:
            self.file.close()
        finally:
            # HDF5 closes what is still open when the process ends, which then has no file of ours any more.
            self.storage.close()
        self.guard.commit()

    def complete(self) -> None:
        """Close the file, and move it to its place."""
        path = self.place.path
        with writing(path):
            try:
                self._close()
            finally:
                self.guard.close()
        if self.target is not None:
            if self.target.exists() and not self.overwrite:
                left = self.leave()
                raise OutputError(f"{self.target} was made by something else meanwhile: the events are in {left}")
            with writing(self.target):
                with open(path, "rb") as file:
                    os.fsync(file.fileno())
                os.replace(path, self.target)
                _left(self.target).unlink(missing_ok=True)
            finished(path)
            self.place.path = self.target
        self.place.stamp = self.place.known()

    def dataset(self) -> xarray.Dataset:
        """All events, which are read when they are asked for; of a complete file."""
        variables = {}
        for name in self.columns:
            variable = self.empty.variables[name]
            column = _Column(self.place, name, self.count, variable.dtype)
            variables[name] = xarray.Variable((EVENT,), indexing.LazilyIndexedArray(column), variable.attrs)
        return self.empty.drop_vars(self.columns).assign(variables)


def _temporary() -> Path:
    return unfinished(Path(tempfile.gettempdir()), "pcneuro-events.", ".nc")


def _left(target: Path) -> Path:
    """What a file that was not completed is called."""
    return target.with_name(f"{target.name}{PART}")
