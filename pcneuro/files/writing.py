"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from pcneuro.errors import OutputError, PcneuroError, told
from pcneuro.files.leftovers import scratch
from pcneuro.quantities import flag


def place(path: str | os.PathLike[str], *, overwrite: bool) -> Path:
    """Where a path leads to. Raises OutputError where there is a file (without ``overwrite``), or something else."""
    target, replaced = path_of(path, OutputError), flag("overwrite", overwrite)
    try:
        if target.is_symlink():
            target = target.resolve()
        there = target.exists()
    except OSError as error:
        raise OutputError(f"the path {told(os.fspath(path))} cannot be used: {error.strerror}") from None
    if there and not target.is_file():
        raise OutputError(f"{target} is no regular file: choose another name")
    if there and not replaced:
        raise OutputError(f"{target} exists already: choose another name, or pass overwrite=True")
    return target


@contextmanager
def writing(path: Path) -> Iterator[None]:
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


def write_atomically(path: str | os.PathLike[str], write: Callable[[BinaryIO], None], *, overwrite: bool) -> None:
    """Write a file whole or not at all. Raises OutputError where it exists (without ``overwrite``) or fails."""
    target = place(path, overwrite=overwrite)
    with writing(target), scratch(target.parent, f".{target.name}.") as temporary:
        with open(temporary, "x+b") as file:  # HDF5 reads what it writes
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)


def write_folder(folder: str | os.PathLike[str], contents: Mapping[str, bytes], *, overwrite: bool) -> list[Path]:
    """Write files by name to a folder, which is made if there is none, as are folders in names; returns their paths.

    Raises OutputError, before anything is written, where one of them exists (without ``overwrite``), or the folder is
    something else; and where writing fails.
    """
    where = path_of(folder, OutputError)
    if not os.fspath(folder):
        raise OutputError("the path of the folder is empty; give a name such as 'tables'")
    if os.path.lexists(where) and not where.is_dir():
        raise OutputError(f"{where} exists, and is no folder: choose another name")
    for name in contents:
        place(where / name, overwrite=overwrite)
    for each in (where, *((where / name).parent for name in contents)):
        with writing(each):
            each.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        write_atomically(where / name, partial(_put, content), overwrite=overwrite)
    return [where / name for name in contents]


def _put(content: bytes, file: BinaryIO) -> None:
    file.write(content)


def path_of(path: Any, error: type[PcneuroError]) -> Path:
    """A path from text or path object; the error for anything else: a number would be taken for an open file."""
    if not isinstance(path, str | os.PathLike) or "\0" in os.fsdecode(path):
        raise error(f"the path of a file is {told(path)}; give a name such as 'circuit.pcn'")
    return Path(path)
