"""The folder of results: written beside its place first and moved there whole, so that nothing is lost on the way."""

from __future__ import annotations

import json
import math
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from pcneuro.errors import OutputError

SUMMARY = "summary.json"
RESULTS = "results"


def next_free(parent: Path, name: str) -> Path:
    """``parent/name``, or the first of ``name-2``, ``name-3``, ... that is not there yet."""
    path, number = parent / name, 1
    while path.exists():
        number += 1
        path = parent / f"{name}-{number}"
    return path


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn a failure to write into one line. HDF5 tells of a full disk with RuntimeError as well."""
    try:
        yield
    except OutputError:
        raise
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        if "errno = 28" in reason or "No space left" in reason:
            reason = "No space left on device"
        raise OutputError(f"cannot write {path}: {' '.join(reason.split())}; what was there is as it was") from error


class Output:
    """A context that holds a temporary folder beside the place of the results, and removes it at its end.

    Parameters
    ----------
    out
        The folder to write; None for the next free one in ``results/``.
    name
        What it is called there.
    overwrite
        Replace files of the same names in a folder that exists. Others stay.

    Raises
    ------
    OutputError
        Where the folder has something in it (without ``overwrite``), is a file, or cannot be written.
    """

    def __init__(self, out: Path | None, name: str, *, overwrite: bool) -> None:
        self.given, self.name, self.overwrite = out is not None, name, overwrite
        self.folder = out if out is not None else next_free(Path(RESULTS), name)
        for place in (self.folder, *self.folder.parents):
            if place.exists() and not place.is_dir():
                raise OutputError(f"{place} exists, and is no folder: choose another --out")
        if self._occupied():
            raise OutputError(f"{self.folder} exists already: choose another --out, or pass --overwrite")

    def _occupied(self) -> bool:
        with told(self.folder):
            return not self.overwrite and self.folder.is_dir() and any(self.folder.iterdir())

    def __enter__(self) -> Output:
        with told(self.folder):
            parent = self.folder.parent
            parent.mkdir(parents=True, exist_ok=True)
            if self.folder.is_dir():
                tempfile.TemporaryFile(dir=self.folder).close()
            self.temporary = parent / f".{self.folder.name}.{secrets.token_hex(4)}"
            self.temporary.mkdir()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        shutil.rmtree(self.temporary, ignore_errors=True)

    def write(self, name: str, write: Callable[[Path], Any]) -> None:
        """Have ``write`` make the file ``name``."""
        with told(self.folder / name):
            write(self.temporary / name)

    def commit(self) -> Path:
        """Move everything to its place: at once where the folder is new, else file by file, the summary last."""
        if not self.given:
            self.folder = next_free(self.folder.parent, self.name)
        if self._occupied():
            raise OutputError(f"{self.folder} was made by something else meanwhile: choose another --out")
        with told(self.folder):
            if self.folder.is_dir() and any(self.folder.iterdir()):
                for path in sorted(self.temporary.iterdir(), key=lambda p: p.name == SUMMARY):
                    os.replace(path, self.folder / path.name)
            else:
                os.replace(self.temporary, self.folder)
        return self.folder


def plain(value: Any) -> Any:
    """Plain values for JSON: arrays as lists, numbers that are not finite as null, whatever else is odd as text."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value if not isinstance(value, str) else str(value)
    return repr(value)


def write_json(path: Path, value: Any) -> None:
    """Write JSON that every parser reads: no NaN, no infinity."""
    path.write_text(json.dumps(plain(value), indent=2, allow_nan=False, ensure_ascii=False) + "\n", encoding="utf-8")
