"""Room on the disk: what the rows that are still to come will take, known before they come."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from pcneuro.batch.layout import Layout
from pcneuro.batch.store.arrays import StoredArray
from pcneuro.errors import OutputError

PAGE = 4096
"""Bytes in which file systems give room to files."""
FILES_BESIDE = 1
"""Files of a block that are no arrays: its provenance."""
_UNITS = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB"))


@final
@dataclass(frozen=True)
class Room:
    """Bytes and files on a disk."""

    size: int
    files: int

    def __str__(self) -> str:
        return f"{said(self.size)} in {self.files} files"


def said(size: int) -> str:
    """Bytes as people read them."""
    for unit, name in _UNITS:
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size} bytes"


def needed_for(rows: Sequence[StoredArray], blocks: int) -> Room:
    """What so many blocks will take at most. Text counts as a page; records of other shapes are not known."""
    pages = sum(-(-array.chunk_size // PAGE) for array in rows) + FILES_BESIDE
    return Room(blocks * pages * PAGE, blocks * (len(rows) + FILES_BESIDE))


def check_room(folder: Path, wanted: Room, layout: Layout) -> None:
    """Raise OutputError where the disk of a folder, or of its nearest parent, has not that much room."""
    place = next(each for each in (folder, *folder.parents) if each.exists())
    free = shutil.disk_usage(place).free
    files = os.statvfs(place) if hasattr(os, "statvfs") else None
    # File systems that make inodes as they go say that they have none.
    inodes = files.f_favail if files is not None and files.f_files else wanted.files
    if wanted.size > free or wanted.files > inodes:
        there = f"{said(free)} free" if wanted.size > free else f"room for {inodes} files"
        raise OutputError(
            f"{layout.runs} runs will take up to {wanted} more, and {place} has {there}: keep fewer records "
            f"(keep = [...]), write more runs together (block = n), or choose another disk"
        )
