"""Arrays in files, read piece by piece and never as a whole."""

from __future__ import annotations

import math
import mmap
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pcneuro.files.reading import npy_header, open_regular


@dataclass(frozen=True, eq=False)
class ArrayFile:
    """An array that a file has, in C order, from a byte on: ``array[first:last]`` reads so many of its first axis.

    No more of it than that is ever in memory, as pages of a memory map may be; and a file that is cut or replaced
    while it is read is told of, where touching a memory map would end the process.
    """

    path: Path
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype
    inode: int
    """Of the file, which another one in its place has not."""

    @classmethod
    def of_npy(cls, path: str | os.PathLike[str]) -> ArrayFile:
        """The array of numbers in a .npy file, Raises OSError, ValueError for what is none."""
        with open_regular(path) as file:
            status = os.fstat(file.fileno())
            shape, fortran, dtype = npy_header(file, status.st_size)
            offset = file.tell()
        if not shape:
            raise ValueError("it has a single number in it, and no axis of time")
        if fortran and len(shape) > 1:
            raise ValueError("it is in Fortran order, in which it cannot be read piece by piece: np.save it in C order")
        return cls(Path(path).absolute(), offset, shape, dtype, status.st_ino)

    @classmethod
    def of_map(cls, mapped: np.memmap) -> ArrayFile | None:
        """The file behind a memory map, or a part of one; None where its contents need not be those of the file."""
        root: np.ndarray = mapped
        while isinstance(root.base, np.ndarray):
            root = root.base
        if not isinstance(root, np.memmap) or not isinstance(root.base, mmap.mmap) or root.mode not in ("r", "r+"):
            return None
        if not mapped.flags.c_contiguous or not isinstance(root.filename, Path | str):
            return None
        addresses = (array.__array_interface__["data"][0] for array in (mapped, root))
        first, begin = addresses
        try:
            inode = os.stat(root.filename).st_ino
        except OSError:
            return None
        return cls(Path(root.filename), root.offset + first - begin, mapped.shape, mapped.dtype, inode)

    @property
    def row_bytes(self) -> int:
        """What one place of the first axis takes."""
        return math.prod(self.shape[1:]) * self.dtype.itemsize

    def __getitem__(self, places: slice) -> np.ndarray:
        """Raises OSError where the file cannot be read, ValueError where it is no longer that of before."""
        first, last, _ = places.indices(self.shape[0])
        count = max(last - first, 0)
        with open_regular(self.path) as file:
            if os.fstat(file.fileno()).st_ino != self.inode:
                raise ValueError(f"{self.path} was replaced by another file while it was read")
            file.seek(self.offset + first * self.row_bytes)
            contents = bytearray(count * self.row_bytes)
            got = file.readinto(contents)  # type: ignore[attr-defined]
        if got < len(contents):
            raise ValueError(
                f"{self.path} was cut while it was read: it ends before number {first + got // self.row_bytes} of "
                f"{self.shape[0]}"
            )
        return np.frombuffer(contents, dtype=self.dtype).reshape(count, *self.shape[1:])
