"""Names for files and folders that are being written, and the removal of those that killed processes have left.

Whatever is written whole or not at all is written beside its place first, by a name that says which process does so.
What is left by such a name after a kill is removed by the next process that writes to the same place; what a process
writes that still lives, or that may live on another machine, is not.
"""

from __future__ import annotations

import glob
import hashlib
import os
import platform
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

OWNER = re.compile(r"(?P<machine>[0-9a-f]{8})-(?P<process>[0-9]+)-[0-9a-f]{8}")
"""The part of a name that says whose it is."""
LONGEST = 200
"""Bytes of a name that leave room for its owner."""

_mine: set[Path] = set()
"""What this process has not finished."""


def unfinished(folder: Path, before: str, after: str = "") -> Path:
    """A new path in ``folder`` for what is not finished, called ``before``, its owner, ``after``; it is not made.

    What killed processes have left by such names is removed. ``finished`` is to be told when it is done with.
    """
    if len(os.fsencode(before)) > LONGEST:
        before = f".{hashlib.sha256(os.fsencode(before)).hexdigest()}."
    remove_left(folder, before, after)
    path = folder / f"{before}{_machine()}-{os.getpid()}-{secrets.token_hex(4)}{after}"
    _mine.add(path.absolute())
    return path


def remove_left(folder: Path, before: str, after: str = "") -> None:
    """Remove what killed processes have left in ``folder`` by names of ``unfinished``."""
    for path in folder.glob(f"{glob.escape(before)}*{glob.escape(after)}"):
        owner = OWNER.fullmatch(path.name, len(before), len(path.name) - len(after))
        if owner and not _lives(owner["machine"], int(owner["process"]), path):
            _remove(path)


def finished(path: Path) -> None:
    """Something has come to its place, or will not: what is left by its unfinished name is removed."""
    _remove(path)
    _mine.discard(path.absolute())


@contextmanager
def scratch(folder: Path, before: str, after: str = "") -> Iterator[Path]:
    """An unfinished path, which is finished at the end of the context."""
    path = unfinished(folder, before, after)
    try:
        yield path
    finally:
        finished(path)


def _lives(machine: str, process: int, path: Path) -> bool:
    """Whether the owner of a path may still be there."""
    if machine != _machine() or os.name == "nt":
        return True  # which cannot be known from here
    if process == os.getpid():
        return path.absolute() in _mine
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # of another user
    return True


@cache
def _machine() -> str:
    """Digest of what tells apart where numbers of processes count: the machine, and the container on it."""
    space = ""
    with suppress(OSError):
        space = os.readlink("/proc/self/ns/pid")
    return hashlib.sha256(f"{platform.node()} {space}".encode()).hexdigest()[:8]


def _remove(path: Path) -> None:
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
