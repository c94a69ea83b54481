"""Files that somebody else may have written or damaged: what is opened is a file, what is read is plain numbers."""

from __future__ import annotations

import errno
import math
import os
import stat
from typing import BinaryIO

import numpy as np

NUMBERS = "biuf"
"""Kinds of numbers that files hold: truth values, integers and floats."""

STUMBLES = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, MemoryError, RecursionError)
"""What is raised where values that anybody may have written are of the wrong kind, besides the project's own errors."""


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a regular file for reading, in bytes.

    Raises OSError for all else: one would wait for a pipe that nobody writes to, and a device has no end.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        os.close(handle)
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
        raise OSError(errno.EINVAL, "it is no regular file", os.fspath(path))
    return os.fdopen(handle, "rb")


def npy_header(file: BinaryIO, size: int) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether in Fortran order, and dtype of the array of numbers in a .npy file of ``size`` bytes.

    The file is then where they begin. Nothing is executed. Raises ValueError for what is no such array, or has another
    size than the header says.
    """
    begin = file.tell()
    try:
        version = np.lib.format.read_magic(file)
        read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, fortran, dtype = read_header[version](file)
        count = math.prod(shape)
    except Exception as error:  # NumPy evaluates the header as a literal, and raises whatever that stumbles over
        raise ValueError(f"it is no array of NumPy's .npy format ({type(error).__name__})") from None
    if dtype.kind not in NUMBERS:
        raise ValueError(f"it has {dtype} in it, and no numbers")
    if any(isinstance(n, bool) or n < 0 for n in shape) or begin + size - file.tell() != count * dtype.itemsize:
        raise ValueError(f"it has another size than an array of {dtype} of shape {shape}")
    return shape, fortran, dtype


def npy_array(file: BinaryIO, size: int) -> np.ndarray:
    """The array of numbers in a .npy file of ``size`` bytes, or in so many bytes of another.

    Nothing is executed, and memory is that of the bytes which are there, whatever the header says. Raises ValueError
    for what is no such array.
    """
    shape, fortran, dtype = npy_header(file, size)
    count = math.prod(shape)
    contents = bytearray(file.read(count * dtype.itemsize))
    if len(contents) < count * dtype.itemsize:
        raise ValueError("it is truncated")
    return np.frombuffer(contents, dtype=dtype, count=count).reshape(shape, order="F" if fortran else "C")
