"""The folder of results: written beside its place first and moved there whole, so that nothing is lost on the way."""

from __future__ import annotations

import json
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from pcneuro.errors import OutputError
from pcneuro.files import finished, unfinished, writing
from pcneuro.simulator.result import Status

SUMMARY = "summary.json"
RESULTS = "results"
CHECKPOINTS = "checkpoints"
RUNS = "runs"
"""Folder of what each run of a sweep has brought, while the others are still to come."""


def last_to_resume(parent: Path, name: str) -> Path:
    """Of ``parent/name``, ``name-2``, ... the one last written that has checkpoints and is not completed.

    Raises OutputError where there is none.
    """
    folders = []
    for path in (parent / name, *parent.glob(f"{name}-*")):
        if (path.name == name or path.name[len(name) + 1 :].isdigit()) and (path / CHECKPOINTS).is_dir():
            try:
                done = json.loads((path / SUMMARY).read_text(encoding="utf-8"))["status"] == Status.COMPLETED
            except (OSError, ValueError, KeyError, TypeError):
                done = False
            if not done:
                folders.append(path)
    if not folders:
        raise OutputError(f"{parent / name} has no checkpoints of an unfinished run: there is nothing to resume")
    return max(folders, key=lambda path: max(p.stat().st_mtime for p in (path, *(path / CHECKPOINTS).iterdir())))


def next_free(parent: Path, name: str) -> Path:
    """``parent/name``, or the first of ``name-2``, ``name-3``, ... that is not there yet."""
    path, number = parent / name, 1
    while path.exists():
        number += 1
        path = parent / f"{name}-{number}"
    return path


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
    resume
        Go on in a folder that has checkpoints: ``out`` (where there is nothing yet it begins), or the unfinished one in
        ``results/`` that was last written.

    Raises
    ------
    OutputError
        Where the folder has something in it (without ``overwrite`` or ``resume``), is a file, cannot be written, or has
        nothing to go on from.
    """

    def __init__(self, out: Path | None, name: str, *, overwrite: bool, resume: bool = False) -> None:
        self.chosen, self.name, self.overwrite, self.resume = out is not None, name, overwrite, resume
        if resume and overwrite:
            raise OutputError("--resume goes on with what is there, --overwrite starts anew: pass one of them")
        if out is not None:
            self.folder = out
        else:
            self.folder = (last_to_resume if resume else next_free)(Path(RESULTS), name)
        for place in (self.folder, *self.folder.parents):
            if place.exists() and not place.is_dir():
                raise OutputError(f"{place} exists, and is no folder: choose another --out")
        with writing(self.folder):
            if (
                resume
                and not (self.folder / CHECKPOINTS).is_dir()
                and self.folder.is_dir()
                and any(self.folder.iterdir())
            ):
                raise OutputError(f"{self.folder} has no checkpoints: there is nothing to resume; choose another --out")
        self.kept = resume
        self._streams: list[str] = []
        if self._occupied():
            going_on = ", --resume to go on from its checkpoints" if (self.folder / CHECKPOINTS).is_dir() else ""
            raise OutputError(f"{self.folder} exists already: choose another --out, or pass --overwrite{going_on}")

    def _occupied(self) -> bool:
        with writing(self.folder):
            if self.overwrite or self.resume or not self.folder.is_dir():
                return False
            return any(not (self.kept and path.name in (CHECKPOINTS, RUNS)) for path in self.folder.iterdir())

    def __enter__(self) -> Output:
        with writing(self.folder):
            # Tried now, and made when there is something to write: what is killed on the way leaves no folder.
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            place = self.folder if self.folder.is_dir() else self.folder.parent
            tempfile.TemporaryFile(dir=place).close()
            self.temporary = unfinished(self.folder.parent, f".{self.folder.name}.")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        finished(self.temporary)
        with suppress(OSError):  # of a folder that has something in it
            if self.kept and error is not None:
                for name in (CHECKPOINTS, RUNS):
                    with suppress(OSError):
                        (self.folder / name).rmdir()
                self.folder.rmdir()

    def checkpoint(self, name: str) -> Path:
        """Place of the checkpoint ``name``, in the folder of the results, which is then made."""
        with writing(self.folder):
            path = self._kept_folder(CHECKPOINTS) / f"{name}.npz"
            if self.overwrite:
                path.unlink(missing_ok=True)
        return path

    def early(self, name: str) -> Path:
        """Place of a file of one run of a sweep, in the folder of the results, until ``commit`` has all of them."""
        with writing(self.folder):
            return self._kept_folder(RUNS) / name

    def _kept_folder(self, name: str) -> Path:
        """A folder within that of the results, which is made now and stays, whatever happens."""
        if not self.kept and not self.chosen:
            self.folder = next_free(self.folder.parent, self.name)
        self.kept = True
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def stream(self, name: str) -> Path:
        """Place of the file ``name``, to be written while the simulation runs."""
        with writing(self.folder / name):
            self.temporary.mkdir(exist_ok=True)
        self._streams.append(name)
        return self.temporary / name

    def streamed(self) -> list[str]:
        """Names of the files that were written so and are complete; others are removed."""
        complete = [name for name in self._streams if (self.temporary / name).exists()]
        for left in self.temporary.iterdir() if self._streams else ():
            if left.name not in complete:
                left.unlink()
        return complete

    def write(self, name: str, write: Callable[[Path], Any]) -> None:
        """Have ``write`` make the file ``name``."""
        with writing(self.folder / name):
            self.temporary.mkdir(exist_ok=True)
            write(self.temporary / name)

    def commit(self) -> Path:
        """Move everything to its place: at once where the folder is new, else file by file, the summary last."""
        if not self.chosen and not self.kept:
            self.folder = next_free(self.folder.parent, self.name)
        if self._occupied():
            raise OutputError(f"{self.folder} was made by something else meanwhile: choose another --out")
        with writing(self.folder):
            if self.folder.is_dir() and any(self.folder.iterdir()):
                for path in sorted(self.temporary.iterdir(), key=lambda p: p.name == SUMMARY):
                    os.replace(path, self.folder / path.name)
            else:
                os.replace(self.temporary, self.folder)
        shutil.rmtree(self.folder / RUNS, ignore_errors=True)
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
