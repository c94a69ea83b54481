"""Files that are written whole or not at all, and archives of JSON and plain arrays, which run no code when read."""

from __future__ import annotations

import json
import os
import tempfile
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pcneuro.errors import CircuitFileError, OutputError, PcneuroError, told

VERSION = 1


def place(path: str | os.PathLike[str], *, overwrite: bool) -> Path:
    """Where a path leads to. Raises OutputError where there is a file (without ``overwrite``), or something else."""
    target = _path(path, OutputError)
    if target.is_symlink():
        target = target.resolve()
    if target.exists() and not target.is_file():
        raise OutputError(f"{target} is no regular file: choose another name")
    if target.exists() and not overwrite:
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
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
            temporary = Path(file.name)
            write(file)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, target)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror or error}; nothing was changed") from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _path(path: Any, error: type[PcneuroError]) -> Path:
    """A path from text or path object; the error for anything else: a number would be taken for an open file."""
    if not isinstance(path, str | os.PathLike) or "\0" in os.fsdecode(path):
        raise error(f"the path of a file is {told(path)}; give a name such as 'circuit.pcn'")
    return Path(path)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_archive(
    path: str | os.PathLike[str],
    kind: str,
    facts: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    *,
    overwrite: bool,
) -> None:
    """Write JSON facts and arrays to one file."""
    text = json.dumps({"format": f"pcneuro {kind}", "version": VERSION, **facts})

    def write(file: BinaryIO) -> None:
        parts: dict[str, Any] = {f"array/{k}": v for k, v in arrays.items()}
        np.savez(file, facts=np.frombuffer(text.encode(), dtype=np.uint8), **parts)

    write_atomically(path, write, overwrite=overwrite)


def read_archive(path: str | os.PathLike[str], kind: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read what ``write_archive`` wrote. CircuitFileError for anything else, a damaged file included."""
    place = _path(path, CircuitFileError)
    try:
        with open(place, "rb") as file, np.load(file, allow_pickle=False) as archive:
            facts = json.loads(archive["facts"].tobytes().decode())
            arrays = {k.removeprefix("array/"): archive[k] for k in archive.files if k.startswith("array/")}
    except OSError as error:
        if isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError):
            raise CircuitFileError(f"cannot read {path}: {error.strerror}") from None
        raise CircuitFileError(f"{path} is damaged or truncated, or is no {kind} of pcneuro") from None
    except (
        ValueError,
        KeyError,
        EOFError,
        SyntaxError,
        tokenize.TokenError,
        zipfile.BadZipFile,
        zlib.error,
        NotImplementedError,
        AttributeError,
        MemoryError,
    ):
        raise CircuitFileError(f"{path} is damaged or truncated, or is no {kind} of pcneuro") from None
    if not isinstance(facts, dict) or facts.get("format") != f"pcneuro {kind}":
        got = facts.get("format") if isinstance(facts, dict) else None
        raise CircuitFileError(f"{path} is no {kind} of pcneuro (its format is {got!r})")
    if facts.get("version") != VERSION:
        raise CircuitFileError(f"{path} has version {facts.get('version')!r}; this pcneuro reads version {VERSION}")
    return facts, arrays
