"""Locks of a batch's folder: one client works on it at a time, or any number of shards, each of them once.

The system frees a lock when its holder dies, however that comes. The files of locks are removed with them; what a
killed holder has left of them holds nobody up.
"""

from __future__ import annotations

import errno
import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

from pcneuro.batch.layout import SETTINGS
from pcneuro.errors import LockedError, OutputError, warn

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]

CLIENT = ".lock"
SHARD = f"{CLIENT}-shard-"
WITHOUT_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
"""What file systems say that have no locks."""


@contextmanager
def client(folder: Path) -> Iterator[None]:
    """While it holds, nobody else works on the batch in ``folder``. Raises LockedError where somebody does."""
    with _held(folder / CLIENT, shared=False):
        _remove_dead(folder)
        yield


@contextmanager
def shard(folder: Path, name: str) -> Iterator[None]:
    """While it holds, no client works on the batch in ``folder``, and nobody else on the shard of this name."""
    with ExitStack() as stack:
        stack.enter_context(_held(folder / f"{SHARD}{name}", shared=False))
        stack.enter_context(_held(folder / CLIENT, shared=True))
        _remove_dead(folder)
        yield


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """While it holds, rows are written to the batch in ``folder``, by any number of processes."""
    with _turn(folder / SETTINGS, shared=True):
        yield


@contextmanager
def cleaning(folder: Path) -> Iterator[None]:
    """While it holds, nobody writes rows, not even a worker whose client has been killed. It waits for its turn."""
    with _turn(folder / SETTINGS, shared=False):
        yield


@contextmanager
def _turn(path: Path, *, shared: bool) -> Iterator[None]:
    """A lock on a file that is there. Where there are no locks, whoever works on the batch has been told."""
    if fcntl is None:  # pragma: no cover - Windows
        yield
        return
    with ExitStack() as stack:
        with suppress(OSError):  # of file systems without locks, and folders that are only read: writing tells of them
            file = stack.enter_context(open(path, "r+b"))
            fcntl.flock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield


@contextmanager
def _held(path: Path, *, shared: bool) -> Iterator[None]:
    if fcntl is None:  # pragma: no cover - Windows
        yield
        return
    with ExitStack() as stack:
        file = _taken(path, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, stack)
        if file is not None and not shared:
            file.truncate(0)
            file.write(json.dumps({"host": platform.node(), "process": os.getpid(), "since": time.time()}))
            file.flush()
        try:
            yield
        finally:
            if file is not None and (not shared or _alone(file)):
                with suppress(OSError):
                    path.unlink()


def _taken(path: Path, kind: int, stack: ExitStack) -> IO[str] | None:
    """The file of a lock, locked; None where the file system has no locks. Raises LockedError."""
    while True:
        try:
            file = open(path, "a+", encoding="utf-8")
        except OSError as error:
            raise OutputError(f"cannot write {path.parent}: {error.strerror}; what was there is as it was") from error
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except OSError as error:
            with file:
                if error.errno in WITHOUT_LOCKS:
                    warn(f"{path.parent} is on a file system without locks: see that nothing else works on it")
                    return None
                if error.errno not in (errno.EAGAIN, errno.EACCES):
                    raise OutputError(f"cannot lock {path}: {error.strerror}") from error
                raise LockedError(f"{path.parent} is being worked on{_holder(path)}: wait for it, or end it") from None
        if _is_at(file, path):
            stack.callback(file.close)
            return file
        file.close()  # its holder has just removed it


def _is_at(file: IO[str], path: Path) -> bool:
    with suppress(OSError):
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    return False


def _remove_dead(folder: Path) -> None:
    """Remove the files of locks that killed shards have left."""
    for path in folder.glob(f"{SHARD}*") if fcntl is not None else ():
        with suppress(OSError), open(path, "a+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails where its shard lives
            if _is_at(file, path):
                path.unlink()


def _alone(file: IO[str]) -> bool:
    """Whether nobody else shares a lock; it is exclusive then."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def holders(folder: Path) -> list[str]:
    """Who works on the batch in ``folder``, in words. No lock is tried: nobody is held up by the question."""
    return [said for said, lives in _holders(folder / CLIENT) if lives]


def _holder(path: Path) -> str:
    """Who holds a lock, in words. Of one that shards share, what they hold besides."""
    return next((f" by {said}" for said, _ in _holders(path)), "")


def _holders(path: Path) -> Iterator[tuple[str, bool]]:
    """Who holds a lock or has left its file, in words, and whether that process may be there by now."""
    for each in (path, *sorted(path.parent.glob(f"{path.name}-*"))):
        try:
            facts = json.loads(each.read_text(encoding="utf-8"))
            process, since = int(facts["process"]), time.strftime("%Y-%m-%d %H:%M", time.localtime(facts["since"]))
            name = each.name.removeprefix(path.name).lstrip("-").replace("-", " ")
            said = f"process {process} on {facts['host']}{f' ({name})' if name else ''} since {since}"
            yield said, facts["host"] != platform.node() or _lives(process)
        except (OSError, ValueError, KeyError, TypeError, OverflowError):
            continue


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # of another user
    return True
