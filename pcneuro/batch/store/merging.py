"""Stores of the same batch, such as shards wrote without a disk in common, as one."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pcneuro.batch.layout import PROVENANCE, RUNS, SETTINGS, Layout
from pcneuro.batch.store.arrays import METADATA, StoredArray
from pcneuro.batch.store.checking import Contents, contents, described, layout_of
from pcneuro.batch.store.names import OTHERS, STATUS
from pcneuro.batch.store.reading import check_sizes, done_blocks, statuses
from pcneuro.errors import OutputError, ParameterError, StoreError
from pcneuro.files import finished, unfinished, writing

SAME = ("content", "space", "layout", "keep")
"""Settings that stores of one batch have in common. The path of the study's file may be another on each machine."""


def merge(folders: Sequence[Path], out: Path) -> None:
    """Copy the blocks that are done, bit for bit, into a new folder, which appears whole or not at all.

    Raises OutputError where it exists, StoreError for stores of other batches, damaged ones, and where two have other
    rows of the same runs.
    """
    if not folders:
        raise ParameterError("nothing to merge: give the folders of a batch's stores")
    if out.exists() or out.is_symlink():
        raise OutputError(f"{out} exists already: choose another folder")
    layout = layout_of(folders[0])
    first = described(folders[0])
    for folder in folders[1:]:
        _check_same(folders[0], first, folder, described(folder))
    parts = [contents(folder, layout, others=True) for folder in folders]
    for folder, part in zip(folders, parts, strict=True):
        if part.main.schema != parts[0].main.schema or part.swept != parts[0].swept:
            raise StoreError(f"{folder} and {folders[0]} have other records of the same runs: they cannot be merged")
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        new = unfinished(out.parent, f".{out.name}.", ".new")
        try:
            new.mkdir()
            shutil.copyfile(folders[0] / SETTINGS, new / SETTINGS)
            _copy(folders, parts, layout, new)
            os.rename(new, out)
        finally:
            finished(new)


def _check_same(first: Path, known: Mapping[str, Any], folder: Path, other: Mapping[str, Any]) -> None:
    for key in SAME:
        if json.dumps(known.get(key), sort_keys=True) != json.dumps(other.get(key), sort_keys=True):
            raise StoreError(f"{folder} is of another batch than {first}: its {key} is another")


def _copy(folders: Sequence[Path], parts: Sequence[Contents], layout: Layout, new: Path) -> None:
    owners: dict[int, tuple[Path, Contents]] = {}
    for folder, part in zip(folders, parts, strict=True):
        for array in (each for group in (part.main, *part.others.values()) for each in group.arrays.values()):
            _copy_metadata(array, folder, new)
        (new / RUNS / OTHERS).mkdir(exist_ok=True)
        shutil.copyfile(folder / RUNS / OTHERS / METADATA, new / RUNS / OTHERS / METADATA)
        for group in (part.main, *part.others.values()):
            shutil.copyfile(group.folder / METADATA, new / group.folder.relative_to(folder) / METADATA)
        for block in sorted(done_blocks(part.main.arrays[STATUS])):
            if block >= layout.blocks:
                raise StoreError(f"{folder} is damaged: it has a block {block}, and the batch {layout.blocks}")
            statuses(part.main.arrays[STATUS], layout, [block])
            if block in owners:
                _check_equal(block, owners[block], (folder, part), layout)
                continue
            owners[block] = (folder, part)
            for array in part.rows:
                check_sizes(array, block)
                _copy_file(array.chunk(block), folder, new)
            _copy_file(folder / PROVENANCE / f"{block}.json", folder, new)


def _copy_metadata(array: StoredArray, folder: Path, new: Path) -> None:
    """The folder of an array; a coordinate with its values. Raises StoreError where another store has another one."""
    target = new / array.folder.relative_to(folder)
    if target.exists():
        if json.loads((target / METADATA).read_text(encoding="utf-8")) != array.metadata:
            raise StoreError(f"{array.folder} is another array than that of the same name in another folder")
        return
    target.mkdir(parents=True)
    shutil.copyfile(array.folder / METADATA, target / METADATA)
    if not array.rows:
        for path in sorted(array.folder.glob("c/**/*")):
            if path.is_file():
                _copy_file(path, folder, new)


def _copy_file(path: Path, folder: Path, new: Path) -> None:
    target = new / path.relative_to(folder)
    if path.is_file() and not path.is_symlink():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)


def _check_equal(block: int, one: tuple[Path, Contents], other: tuple[Path, Contents], layout: Layout) -> None:
    """Raise StoreError where two stores have other bytes of a block."""
    chunks = []
    for folder, part in (one, other):
        paths = (array.chunk(block) for array in part.rows)
        chunks.append({path.relative_to(folder / RUNS): path.read_bytes() for path in paths if path.exists()})
    if chunks[0] != chunks[1]:
        numbers = layout.numbers(block)
        raise StoreError(
            f"{one[0]} and {other[0]} have other rows of the runs {numbers.start} to {numbers.stop - 1}: "
            "merge one of them without"
        )
