"""Archives: JSON facts and plain arrays in one zip file, which names its members and has a digest of each.

Whatever a damaged disk or copy changes is noticed: ``sha256`` is the digest of ``facts.json``, which lists the digests
of all other members. A member that is missing, or one too many, is as much of a difference as another number.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

from pcneuro.errors import CircuitFileError, told
from pcneuro.files.reading import npy_array, open_regular
from pcneuro.files.writing import path_of, write_atomically

VERSION = 2
FACTS, DIGEST, MEMBERS = "facts.json", "sha256", "members"
"""The member with the facts, the one with their digest, and the fact that has the digests of the others."""
PREFIX, SUFFIX = "array/", ".npy"
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The date of all members, the first there is in a zip file: the same contents are the same bytes."""


def write_archive(
    path: str | os.PathLike[str],
    kind: str,
    facts: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    *,
    overwrite: bool,
) -> None:
    """Write JSON facts and arrays to one file. Raises OutputError."""

    def write(file: BinaryIO) -> None:
        put_archive(file, kind, facts, arrays)

    write_atomically(path, write, overwrite=overwrite)


def put_archive(file: BinaryIO, kind: str, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Write JSON facts and arrays to an open file."""
    digests = {}
    with zipfile.ZipFile(file, "w") as archive:
        for key, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)
            # A copy: of a view that an exception keeps alive the collector of Python 3.12 dies.
            digests[key] = _put(archive, f"{PREFIX}{key}{SUFFIX}", member.getvalue())
        known = {"format": f"pcneuro {kind}", "version": VERSION, **facts, MEMBERS: digests}
        digest = _put(archive, FACTS, json.dumps(known).encode())
        _put(archive, DIGEST, digest.encode())


def _put(archive: zipfile.ZipFile, name: str, contents: bytes | memoryview) -> str:
    """Add a member; returns its digest."""
    archive.writestr(zipfile.ZipInfo(name, EPOCH), contents)
    return hashlib.sha256(contents).hexdigest()


def read_archive(path: str | os.PathLike[str], kind: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read what ``write_archive`` wrote. CircuitFileError for anything else, a damaged file included."""
    place = path_of(path, CircuitFileError)
    try:
        with open_regular(place) as file:
            return get_archive(file, os.fstat(file.fileno()).st_size, str(path), kind)
    except OSError as error:
        raise CircuitFileError(f"cannot read {path}: {error.strerror or error}") from None


def get_archive(file: BinaryIO, size: int, name: str, kind: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read what ``put_archive`` wrote, of ``size`` bytes; it is called ``name``.

    Raises CircuitFileError for anything else, OSError where the file cannot be read.
    """
    try:
        parts = _parts(file, size)
        facts = _facts(parts)
    except OSError:
        raise
    except Exception as error:  # zip files and JSON are read by code that raises whatever it stumbles over
        reason = " ".join(str(error).split()) or type(error).__name__
        raise CircuitFileError(f"{name} is damaged or truncated, or is no {kind} of pcneuro: {reason}") from None
    if facts.get("format") != f"pcneuro {kind}":
        raise CircuitFileError(f"{name} is no {kind} of pcneuro (its format is {told(facts.get('format'))})")
    if facts.get("version") != VERSION:
        raise CircuitFileError(f"{name} has version {told(facts.get('version'))}; this pcneuro reads version {VERSION}")
    try:
        return facts, _arrays(parts, facts.pop(MEMBERS, None))
    except ValueError as error:
        raise CircuitFileError(f"{name} is damaged: {error}") from None


def _parts(file: BinaryIO, size: int) -> dict[str, bytes]:
    """Member -> its bytes, which together are no more than the file's: nothing is unpacked."""
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise ValueError("a member is compressed")
        if sum(member.file_size for member in members) > size:
            raise ValueError("its members are larger than the file")
        parts = {member.filename: archive.read(member) for member in members}
    if len(parts) < len(members):
        raise ValueError("it has a member twice")
    return parts


def _facts(parts: dict[str, bytes]) -> dict[str, Any]:
    """The facts, once they are known to be those that were written; taken out of ``parts``, as their digest is."""
    for name in (FACTS, DIGEST):
        if name not in parts:
            raise ValueError(f"it has no member {name}")
    text = parts.pop(FACTS)
    if parts.pop(DIGEST) != hashlib.sha256(text).hexdigest().encode():
        raise ValueError(f"{FACTS} is not as it was written")
    facts = json.loads(text)
    if not isinstance(facts, dict):
        raise ValueError(f"{FACTS} holds no facts")
    return facts


def _arrays(parts: Mapping[str, bytes], digests: Any) -> dict[str, np.ndarray]:
    """The arrays by name, all of them as they were written. Raises ValueError."""
    if not isinstance(digests, dict):
        raise ValueError("it does not list its members")
    written = {f"{PREFIX}{key}{SUFFIX}": key for key in digests}
    for name in sorted(written.keys() ^ parts.keys()):
        raise ValueError(f"the member {name!r} is {'missing' if name in written else 'none that was written'}")
    arrays = {}
    for name, key in written.items():
        if digests[key] != hashlib.sha256(parts[name]).hexdigest():
            raise ValueError(f"the member {name!r} is not as it was written")
        try:
            arrays[key] = npy_array(io.BytesIO(parts[name]), len(parts[name]))
        except ValueError as error:
            raise ValueError(f"the member {name!r}: {error}") from None
    return arrays
