"""Arrays of numbers in HDF5 files that somebody else may have made: their sizes are held against what is there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from pcneuro.errors import ModelFileError, PcneuroError, shown
from pcneuro.files import STUMBLES, open_regular, path_of

_MOST_PACKED = 1100
"""How many bytes one byte of a compressed array may stand for: zlib's limit is 1032."""
_NUMBERS = "iuf"


@contextmanager
def opened(what: str, path: str | os.PathLike[str]) -> Iterator[Any]:
    """An HDF5 file, for reading; ``what`` it is for. Raises ModelFileError for what is none, or a damaged one."""
    import h5py

    name = f"{what}: {shown(str(path))}"
    path = path_of(path, ModelFileError)
    try:
        with open_regular(path) as file, h5py.File(file, "r") as root:
            yield root
    except PcneuroError:
        raise
    except OSError as error:
        reason = error.strerror or "it is no HDF5 file, or a damaged one"
        raise ModelFileError(f"cannot read {name}: {reason}") from None
    except (*STUMBLES, RuntimeError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ModelFileError(f"{name} is damaged: {reason[:200]}") from None


def group(parent: Any, name: str) -> Any:
    """A group within another, of the same file. Raises ModelFileError where there is none."""
    import h5py

    found = _own(parent, name)
    if not isinstance(found, h5py.Group):
        raise ModelFileError(f"there is no group {_place(parent, name)}")
    return found


def groups(parent: Any) -> dict[str, Any]:
    """The groups within another, by name."""
    import h5py

    found = {str(name): _own(parent, name) for name in parent}
    return {name: each for name, each in found.items() if isinstance(each, h5py.Group)}


def numbers(parent: Any, name: str, count: int | None = None) -> np.ndarray:
    """An array of one axis with ``count`` numbers.

    Raises ModelFileError where there is none, or a longer one than there are bytes for.
    """
    found, what = array(parent, name, 1), f"{parent.name}/{name}"
    if count is not None and found.shape != (count,):
        raise ModelFileError(f"{what} has {found.shape[0]} entries; needed are {count}")
    return found


def array(parent: Any, name: str, axes: int) -> np.ndarray:
    """An array of so many axes of numbers.

    Raises ModelFileError where there is none, or a larger one than there are bytes for.
    """
    import h5py

    found, what = _own(parent, name), _place(parent, name)
    if not isinstance(found, h5py.Dataset):
        raise ModelFileError(f"there is no array {what}")
    if found.is_virtual or found.external or found.dtype.kind not in _NUMBERS or found.ndim != axes:
        ways = {0: "no single number", 1: "no array of numbers of one axis"}
        raise ModelFileError(f"{what} is {ways.get(axes, f'no array of numbers of {axes} axes')}, within the file")
    if found.nbytes > _MOST_PACKED * found.id.get_storage_size():
        raise ModelFileError(f"{what} says that it has {found.shape[0]} entries, more than the file has bytes for")
    return np.asarray(found[()])


def texts(parent: Any, name: str) -> list[str]:
    """An array of one axis of text. Raises ModelFileError where there is none, or no such text."""
    import h5py

    found, what = _own(parent, name), f"{parent.name}/{name}"
    if not isinstance(found, h5py.Dataset):
        raise ModelFileError(f"there is no array {what}")
    plain = not (found.is_virtual or found.external) and h5py.check_string_dtype(found.dtype) is not None
    if not plain or found.ndim != 1 or found.nbytes > found.id.get_storage_size():
        raise ModelFileError(f"{what} is no array of text of one axis, within the file")
    return [str(each) for each in found.asstr("utf-8")[()]]


def indices(parent: Any, name: str, count: int | None = None) -> np.ndarray:
    """An array of one axis with ``count`` whole numbers, as int64.

    Raises ModelFileError where ``numbers`` does, and for numbers that are not whole.
    """
    found = numbers(parent, name, count)
    most = np.iinfo(np.int64).max
    # NaN is not equal to itself rounded, and infinity is above the most.
    whole = (found == np.rint(found)) & (np.abs(found.astype(np.float64)) < most)
    if not whole.all():
        raise ModelFileError(
            f"{_place(parent, name)} has {found[~whole][0]}, which is no number of a node, row or type"
        )
    return found.astype(np.int64)


def has(parent: Any, name: str) -> bool:
    """Whether there is an array or group of this name, in the same file."""
    return _own(parent, name) is not None


def _own(parent: Any, name: str) -> Any:
    """What has this name in a group; None where nothing has. Raises ModelFileError for a link into another place."""
    import h5py

    # Asked of the one name: a file may have many, and as many are asked for.
    if not parent.id.links.exists(name.encode(errors="surrogateescape")):
        return None
    if not isinstance(parent.get(name, getlink=True), h5py.HardLink):
        raise ModelFileError(f"{_place(parent, name)} is a link to another place, which is not followed: put it there")
    return parent[name]


def _place(parent: Any, name: str) -> str:
    """The path of what has this name in a group."""
    return f"{parent.name.rstrip('/')}/{name}"
