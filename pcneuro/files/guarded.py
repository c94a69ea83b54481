"""A file for libraries that do not survive a full disk: HDF5 writes to it, and is never told of a failure.

Where HDF5 cannot write it leaves its own structures half closed, and the process dies when they are closed again. So it
writes to a file object of ours. What fails there is remembered, everything goes on in memory until the library has
closed, and the error is raised then.
"""

from __future__ import annotations

import io
import os
from collections.abc import Container, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

PAGE = 4096
"""Bytes that are kept in memory together."""
LARGEST = 16 * PAGE
"""After a failure longer pieces than this are dropped: they are data, which nothing reads again before it closes."""


@contextmanager
def guarded(file: BinaryIO) -> Iterator[GuardedFile]:
    """An empty file, guarded while a library writes it. Raises OSError for what failed, once the library is done."""
    with GuardedFile(file) as guard:
        try:
            yield guard
        except Exception:
            if guard.error is not None:
                raise guard.error from None
            raise
        guard.commit()


class GuardedFile(io.RawIOBase):
    """A file that is as it was when it was last committed, whatever fails afterwards.

    What is new is appended to the file at once. What would change bytes that were committed before is kept in memory,
    by pages, until ``commit`` writes it in place, which needs no more room on the disk.

    Parameters
    ----------
    file
        An empty file that is open for reading and writing. It may be closed; this one has a handle of its own.
    """

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self.handle = os.dup(file.fileno())
        self.error: OSError | None = None
        """What failed first."""
        self.position = 0
        self.size = self.written = self.committed = 0
        """Its length to its reader; on the disk; and there when it was last committed."""
        self.pages: dict[int, bytearray] = {}

    # What libraries ask of a file

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self.position = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self.position, os.SEEK_END: self.size}[whence]
        return self.position

    def tell(self) -> int:
        return self.position

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        view = view[: max(0, min(len(view), self.size - self.position))]
        self._read(self.position, view)
        self.position += len(view)
        return len(view)

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        if not view:
            return 0
        begin, end = self.position, self.position + len(view)
        self.position, self.size = end, max(self.size, end)
        old = min(max(self.committed - begin, 0), len(view))
        self._keep(begin, view[:old])
        if self.error is None:
            try:
                self._append(begin + old, view[old:])
            except OSError as error:
                self.error = error
        # The page in which the old part ends may be in memory; after a failure all are, but for long pieces of data.
        known = None if self.error is not None and len(view) - old <= LARGEST else self.pages.keys()
        self._keep(begin + old, view[old:], known)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Change the length. What is cut off may come back where the file grows again before it is committed."""
        self.size = self.position if size is None else size
        return self.size

    # What its owner does

    def check(self) -> None:
        """Raise OSError for the first thing that failed, if anything did."""
        if self.error is not None:
            raise self.error

    def commit(self) -> None:
        """Let everything written so far be what stays. Raises OSError for the first thing that failed."""
        try:
            if self.error is None:
                self._append(self.size, memoryview(b""))
                for number, page in sorted(self.pages.items()):
                    begin = number * PAGE
                    _write(self.handle, memoryview(page)[: max(0, self.size - begin)], begin)
                os.ftruncate(self.handle, self.size)
        except OSError as error:
            self.error = error
        self.check()
        self.pages.clear()
        self.written = self.committed = self.size

    def close(self) -> None:
        """Close it, as it was when it was last committed."""
        if self.closed:
            return
        try:
            if os.fstat(self.handle).st_size > self.committed:
                os.ftruncate(self.handle, self.committed)
        finally:
            os.close(self.handle)
            super().close()

    def _append(self, begin: int, data: memoryview) -> None:
        """Write behind what was committed; what is left out before it is filled, so that it is on the disk."""
        while self.written < begin:
            gap = min(begin - self.written, LARGEST)
            _write(self.handle, memoryview(bytes(gap)), self.written)
            self.written += gap
        _write(self.handle, data, begin)
        self.written = max(self.written, begin + len(data))

    def _keep(self, begin: int, data: memoryview, known: Container[int] | None = None) -> None:
        """Keep bytes in memory; of ``known`` pages only, where these are given."""
        for number, inside, outside in _pieces(begin, len(data)):
            if known is not None and number not in known:
                continue
            if number not in self.pages:
                page = bytearray(PAGE)
                self._read(number * PAGE, memoryview(page))
                self.pages[number] = page
            self.pages[number][inside] = data[outside]

    def _read(self, begin: int, view: memoryview) -> None:
        """Fill a view with what is in the file from ``begin`` on, with zeros where nothing is."""
        count = 0
        while count < len(view) and (piece := os.pread(self.handle, len(view) - count, begin + count)):
            view[count : count + len(piece)] = piece
            count += len(piece)
        view[count:] = bytes(len(view) - count)
        for number, inside, outside in _pieces(begin, len(view)) if self.pages else ():
            if number in self.pages:
                view[outside] = self.pages[number][inside]


def _pieces(begin: int, length: int) -> Iterator[tuple[int, slice, slice]]:
    """A stretch of bytes by pages: the page's number, what of the page it is, and what of the stretch."""
    for number in range(begin // PAGE, -(-(begin + length) // PAGE)) if length else ():
        first, last = max(begin, number * PAGE), min(begin + length, (number + 1) * PAGE)
        yield number, slice(first - number * PAGE, last - number * PAGE), slice(first - begin, last - begin)


def _write(handle: int, data: memoryview, begin: int) -> None:
    """Write all of it; raises OSError."""
    while data:
        count = os.pwrite(handle, data, begin)
        data, begin = data[count:], begin + count
