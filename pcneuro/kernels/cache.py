"""The compiled kernels on disk: where they are, whether they are there, and that they are no older than their sources.

Numba compares a cached function with the file that holds it, not with the helpers from other files that were compiled
into it. So a digest of every file that holds kernels stands in a stamp beside the cache, and what was compiled from
other sources is removed before anything is loaded. Versions and processors need no digest: Numba has them in its keys.

Nor does Numba look whether a file is whole. What a kill, a full disk or a lost block has left of one is known by a
digest in front of it, removed, and compiled again.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import re
import sys
import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import numba
from numba.core.caching import FunctionCache, IndexDataCacheFile, NullCache

from pcneuro.kernels.host import cpu_name

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]

PACKAGE = Path(__file__).resolve().parent.parent
HOME = Path(__file__).resolve().parent.name
"""The folder of the package that always holds kernels."""
COMPILES = re.compile(rb"\b(?:njit|jit|cfunc|vectorize|guvectorize|intrinsic|op_kernel|kernels\.compiling)\b")
"""What a source contains that has functions compiled."""
STAMP = "pcneuro-kernels.json"
LONGEST_WAIT = 120.0
"""Seconds for which a process waits while another one compiles what it needs, too; then it compiles it by itself."""
_WAIT = 0.05


@dataclass(frozen=True)
class CacheState:
    """What is in the cache.

    ``folders`` hold ``files`` compiled files of ``size`` bytes; ``warm`` are the dtypes whose kernels are all there for
    this Python, Numba and processor.
    """

    folders: tuple[Path, ...]
    files: int
    size: int
    warm: tuple[str, ...]


def _probe(folder: Path) -> Callable[[], None]:
    """A function that Numba takes for one of the files in ``folder``."""
    names: dict[str, Callable[[], None]] = {}
    exec(compile("def probe(): pass", str(folder / "__init__.py"), "exec"), names)
    return names["probe"]


@cache
def _folders(package: Path) -> tuple[Path, ...]:
    sources = (path for path in package.rglob("*.py") if COMPILES.search(path.read_bytes()))
    return tuple(sorted({package / HOME, *(path.parent for path in sources)}))


def folders() -> tuple[Path, ...]:
    """Folders of the package with sources that are compiled. They are looked for, so that none is forgotten."""
    return _folders(PACKAGE)


@cache
def _locations(sources: tuple[Path, ...]) -> tuple[tuple[Path, Path], ...]:
    return tuple((source, Path(FunctionCache(_probe(source)).cache_path)) for source in sources)


def locations() -> tuple[tuple[Path, Path], ...]:
    """(folder of sources, folder where Numba keeps what it compiles from them); empty where none can be written.

    Numba takes ``NUMBA_CACHE_DIR``, else ``__pycache__`` beside the sources, else a folder of the user's.
    """
    try:
        return _locations(folders())
    except (RuntimeError, OSError):
        return ()


def usable() -> bool:
    """Whether there is a folder to keep compiled kernels in; without one they are compiled in every process."""
    try:
        return bool(_locations((PACKAGE / HOME,)))
    except (RuntimeError, OSError):
        return False


def passed_over() -> str | None:
    """``NUMBA_CACHE_DIR`` where it is set, but cannot be written, so that Numba takes another folder, or none."""
    chosen = str(numba.config.CACHE_DIR)
    places = [folder for _, folder in locations()]
    taken = bool(places) and all(folder.is_relative_to(chosen) for folder in places)
    return chosen if chosen and not taken else None


def _files() -> Iterator[Path]:
    for source, folder in locations():
        modules = {path.stem for path in source.glob("*.py")}
        for path in folder.glob("*.nb[ci]*"):  # with those that were being written when their process was killed
            if path.name.partition(".")[0] in modules:
                yield path


def digest() -> str:
    """SHA-256 of all sources that kernels are compiled from: those folders, with all that is below them."""
    total = hashlib.sha256()
    for path in sorted({path for folder in folders() for path in folder.rglob("*.py")}):
        total.update(f"{path.relative_to(PACKAGE).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return total.hexdigest()


def _stamp() -> Path | None:
    try:
        return _locations((PACKAGE / HOME,))[0][1] / STAMP
    except (RuntimeError, OSError):
        return None


def _read() -> dict[str, object]:
    stamp = _stamp()
    try:
        facts = json.loads(stamp.read_text(encoding="utf-8")) if stamp else {}
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _write(facts: dict[str, object]) -> None:
    stamp = _stamp()
    if stamp is None:
        return
    temporary = stamp.with_name(f"{STAMP}.{os.getpid()}")
    with suppress(OSError):
        temporary.write_text(json.dumps(facts), encoding="utf-8")
        temporary.replace(stamp)


def _build(dtype: str) -> str:
    return f"python{sys.version_info[0]}.{sys.version_info[1]} numba{numba.__version__} {cpu_name()} {dtype}"


@contextmanager
def _turn() -> Iterator[None]:
    """One process at a time, where the system has locks."""
    stamp = _stamp()
    if stamp is None or fcntl is None:
        yield
        return
    stamp.parent.mkdir(parents=True, exist_ok=True)
    with open(stamp.with_suffix(".lock"), "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@cache
def _claims(process: int) -> int | None:
    """A file whose bytes stand for functions that some process compiles now, opened once: to close it frees them."""
    stamp = _stamp()
    if stamp is None or fcntl is None:
        return None
    try:
        stamp.parent.mkdir(parents=True, exist_ok=True)
        return os.open(stamp.with_suffix(".compiling"), os.O_RDWR | os.O_CREAT, 0o666)
    except OSError:
        return None


def _claim(place: int) -> bool:
    """Have a function to oneself; at once, or when whoever compiles it has done so. Returns whether it was waited for.

    The system frees what a process held when it dies.
    """
    file, begun, waited = _claims(os.getpid()), time.monotonic(), False
    while file is not None and time.monotonic() - begun < LONGEST_WAIT:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
            break
        except (BlockingIOError, PermissionError):
            waited = True
            time.sleep(_WAIT)
        except OSError:  # a file system without locks
            break
    return waited


def _free(place: int) -> None:
    file = _claims(os.getpid())
    if file is not None:
        with suppress(OSError):
            fcntl.lockf(file, fcntl.LOCK_UN, 1, place)


class _CheckedFiles(IndexDataCacheFile):
    """Numba's index and data files of one function, the data with their digest in front, and what they are of.

    Where an index was removed, names of data files are given anew, while another process may still have the old one.
    """

    def save(self, key: Any, data: Any) -> None:
        """Write what was compiled for a signature and a processor."""
        super().save(key, (key, data))

    def load(self, key: Any) -> Any:
        """What was written; None where there is nothing of it."""
        there, data = super().load(key) or (None, None)
        return data if there == key else None

    def _save_data(self, name: str, data: Any) -> None:
        written = self._dump(data)
        with self._open_for_write(self._data_path(name)) as file:
            file.write(hashlib.sha256(written).digest() + written)

    def _load_data(self, name: str) -> Any:
        length = hashlib.sha256().digest_size
        read = Path(self._data_path(name)).read_bytes()
        if hashlib.sha256(read[length:]).digest() != read[:length]:
            raise pickle.UnpicklingError("the file is not what was written")
        return pickle.loads(read[length:])

    def discard(self) -> None:
        """Remove the index, so that none of the data files is taken for anything."""
        with suppress(OSError):
            os.unlink(self._index_path)


def guard(kept: Any) -> None:
    """Have what Numba keeps in this cache of a function written by one process at a time, and read if it is whole.

    Processes that need the same function at the same time compile it once: the others wait, and load it.

    The versions of a function, for either dtype, are listed in one file, which a process reads, extends and writes; two
    at the same time may give the same name to different ones. What is damaged is removed with a warning, and compiled
    again; what cannot be written is compiled in each process.
    """
    if isinstance(kept, NullCache):
        return
    files = _CheckedFiles(kept.cache_path, kept._impl.filename_base, kept._impl.locator.get_source_stamp())
    kept._cache_file = files
    save, load = kept.save_overload, kept.load_overload
    place = zlib.crc32(os.path.join(kept.cache_path, kept._impl.filename_base).encode())

    def in_turn(signature: Any, compiled: Any) -> None:
        try:
            with _turn():
                try:
                    save(signature, compiled)
                except Exception:  # what unpickling a damaged index raises may be anything
                    files.discard()
                    save(signature, compiled)
        except OSError as error:
            _say(f"compiled kernels cannot be kept in {kept.cache_path} ({error.strerror or error}): the next start")
        finally:
            _free(place)

    def once(signature: Any, target: Any) -> Any:
        found = if_whole(signature, target)
        if found is None and _claim(place):
            found = if_whole(signature, target)
            if found is not None:
                _free(place)
        return found

    def if_whole(signature: Any, target: Any) -> Any:
        try:
            return load(signature, target)
        except Exception:  # the same
            files.discard()
            _say(f"a damaged file of compiled kernels in {kept.cache_path} was removed: this start")
            return None

    kept.save_overload, kept.load_overload = in_turn, once


@cache
def _say(text: str) -> None:
    """Warn, once for all functions that it holds for."""
    warnings.warn(f"{text} compiles them again", RuntimeWarning, stacklevel=2)


def refresh() -> None:
    """Remove what was compiled from other sources than the present ones."""
    now = digest()
    if _read().get("sources") != now:
        clear()
        _write({"sources": now, "warm": []})


_refreshing = Lock()


@cache
def _refreshed() -> bool:
    refresh()
    return True


def refresh_once() -> None:
    """The same, once in this process: before the first kernel is compiled or loaded."""
    with _refreshing:
        _refreshed()


def mark_warm(dtype: str) -> None:
    """Note that all kernels for ``dtype`` are in the cache."""
    facts = _read()
    known = facts.get("warm")
    warm = known if isinstance(known, list) else []
    if _build(dtype) not in warm:
        _write(facts | {"warm": [*warm, _build(dtype)]})


def clear() -> tuple[int, int]:
    """Remove every compiled kernel; returns the number of files and of bytes. Another process may do so meanwhile."""
    count = size = 0
    for path in list(_files()):
        with suppress(OSError):
            size += path.stat().st_size
            path.unlink()
            count += 1
    stamp = _stamp()
    if stamp is not None:
        for left in (stamp, *stamp.parent.glob(f"{STAMP}.*")):
            with suppress(OSError):
                left.unlink()
    return count, size


def state() -> CacheState:
    """What is in the cache now."""
    sizes = []
    for path in _files():
        with suppress(OSError):
            sizes.append(path.stat().st_size)
    facts = _read()
    known = facts.get("warm")
    current = bool(sizes) and facts.get("sources") == digest() and isinstance(known, list)
    warm = tuple(d for d in ("float32", "float64") if current and isinstance(known, list) and _build(d) in known)
    return CacheState(tuple(folder for _, folder in locations()), len(sizes), sum(sizes), warm)
