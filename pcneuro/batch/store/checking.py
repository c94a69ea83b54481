"""What a store says of itself, checked before anything else reads it: whoever wrote it, nothing of it is believed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from pcneuro.batch.layout import RUNS, SETTINGS, Layout
from pcneuro.batch.store.arrays import NAME, ROLE, SWEPT, StoredArray, folders, metadata
from pcneuro.batch.store.names import OTHERS, RESERVED, RUN
from pcneuro.batch.store.schema import DTYPES
from pcneuro.errors import StoreError, told
from pcneuro.files import STUMBLES, open_regular

MOST_RUNS = 10**9
"""Runs of a batch; more are a damaged number."""
LARGEST = 1 << 26
"""Bytes of a block of an array that are believed before there is a file of that size."""
MOST_DIMENSIONS = 32
"""Of an array, as NumPy once had it."""


@final
@dataclass(frozen=True)
class Group:
    """Records of one schema: its folder, its variables and their coordinates, and the arrays by name."""

    folder: Path
    schema: str
    variables: tuple[str, ...]
    coordinates: tuple[str, ...]
    arrays: Mapping[str, StoredArray]


@final
@dataclass(frozen=True)
class Contents:
    """What is in a store: the main group, what was swept, and groups of other records by their schemas."""

    main: Group
    swept: tuple[str, ...]
    others: Mapping[str, Group]
    """Empty where they were not asked for."""

    @property
    def numbers(self) -> list[str]:
        """Names of numbers, sorted."""
        beside = {*RESERVED, *self.swept, *self.main.variables}
        return sorted(name for name, array in self.main.arrays.items() if array.rows and name not in beside)

    @property
    def rows(self) -> list[StoredArray]:
        """All arrays that have rows."""
        groups = (self.main, *self.others.values())
        return [array for group in groups for array in group.arrays.values() if array.rows]


def described(folder: Path) -> dict[str, Any]:
    """Settings of the batch in a folder, as JSON has them; no study is made of them. Raises StoreError."""
    path = folder / SETTINGS
    try:
        with open_regular(path) as file:
            known = json.loads(file.read())
    except FileNotFoundError:
        raise StoreError(f"{folder} is no folder of a batch: it has no {SETTINGS}") from None
    except (OSError, *STUMBLES) as error:
        raise StoreError(f"{path} is damaged, or cannot be read: {_reason(error)}") from None
    if not isinstance(known, dict):
        raise StoreError(f"{path} is damaged: it is {told(known)}, and no table")
    return known


def layout_of(folder: Path) -> Layout:
    """The layout of the batch in a folder. Raises StoreError."""
    known = described(folder).get("layout")
    try:
        runs, block = known["runs"], known["block"]  # type: ignore[index]
        if not all(type(number) is int for number in (runs, block)) or not (
            0 < runs <= MOST_RUNS and 0 < block <= MOST_RUNS
        ):
            raise ValueError(f"{told(runs)} runs in blocks of {told(block)}")
    except STUMBLES as error:
        raise StoreError(f"{folder / SETTINGS} is damaged: its layout: {_reason(error)}") from None
    return Layout(runs, block)


def contents(folder: Path, layout: Layout, *, others: bool = False) -> Contents:
    """What the store in a batch's folder has, and with ``others`` groups of records of other schemas.

    Raises StoreError for metadata that pcneuro does not write.
    """
    store = folder / RUNS
    try:
        main = _group(store, layout)
        more = [_group(place, layout) for place in folders(store / OTHERS)] if others else []
        swept = _names(metadata(store)["attributes"][SWEPT])
    except FileNotFoundError as error:
        raise StoreError(f"{store} is damaged: {error.filename} is missing") from None
    except (OSError, *STUMBLES) as error:
        raise StoreError(f"{store} is damaged, or was not written by pcneuro: {_reason(error)}") from None
    if not {"status", "message"} <= main.arrays.keys():
        raise StoreError(f"{store} is damaged: it has no status and message of runs")
    return Contents(main, swept, {group.schema: group for group in more})


def _group(folder: Path, layout: Layout) -> Group:
    known = metadata(folder)
    arrays = {array.name: array for array in (_array(each, layout) for each in folders(folder))}
    if known.get("node_type") != "group" or known.get("zarr_format") != 3:
        raise ValueError(f"{folder.name} is no group of zarr's format 3")
    records = known["attributes"]["records"]
    group = Group(folder, records["schema"], _names(records["variables"]), _names(records["coordinates"]), arrays)
    if not isinstance(group.schema, str) or (folder.parent.name == OTHERS and folder.name != group.schema):
        raise ValueError(f"{folder.name} is of another schema, {told(group.schema)}")
    if not arrays.keys() >= {*group.variables}:
        raise ValueError(f"{folder.name} lacks arrays of its records")
    return group


def _names(known: Any) -> tuple[str, ...]:
    if not isinstance(known, list) or not all(isinstance(name, str) for name in known):
        raise TypeError(f"{told(known)} is no list of names")
    return tuple(known)


def _array(folder: Path, layout: Layout) -> StoredArray:
    """An array whose metadata are such as pcneuro writes. Raises ValueError, or what else it stumbles over."""
    known = metadata(folder)
    array = StoredArray(folder, known)
    shape, dims, chunk = known["shape"], known["dimension_names"], known["chunk_grid"]["configuration"]["chunk_shape"]
    whole = all(isinstance(lengths, list) and all(type(n) is int for n in lengths) for lengths in (shape, chunk))
    if known["node_type"] != "array" or known["zarr_format"] != 3 or known.get("storage_transformers"):
        raise ValueError(f"{folder.name} is no array of zarr's format 3")
    if known["data_type"] not in {*DTYPES, "string"} or not _plain(known["codecs"], array.text):
        raise ValueError(f"{folder.name} has a dtype or codecs that pcneuro does not write")
    if not whole or len(shape) > MOST_DIMENSIONS or len(_names(dims)) != len(shape) or min([*shape, 0]) < 0:
        raise ValueError(f"{folder.name} has a shape that is none")
    if known["chunk_grid"]["name"] != "regular" or known["chunk_key_encoding"]["name"] != "default":
        raise ValueError(f"{folder.name} has chunks that pcneuro does not write")
    if known["chunk_key_encoding"]["configuration"]["separator"] not in ("/", "."):
        raise ValueError(f"{folder.name} has chunks that pcneuro does not write")
    attributes = known["attributes"]
    if not isinstance(attributes, dict) or not isinstance(attributes.get(NAME, ""), str):
        raise ValueError(f"{folder.name} has attributes that pcneuro does not write")
    first = layout.block if array.rows else max([1, *shape[:1]])
    along_run = [layout.runs] if dims[:1] == [RUN] else shape[:1]
    if shape[:1] != along_run or chunk != [first, *(max(1, n) for n in shape[1:])][: len(shape)]:
        raise ValueError(f"{folder.name} is not cut into blocks of the layout in {SETTINGS}")
    if attributes.get(ROLE) not in (None, SWEPT):
        raise ValueError(f"{folder.name} has attributes that pcneuro does not write")
    if array.chunk_size > LARGEST and array.chunk_size > _largest(array):
        raise ValueError(f"{folder.name} says that a block has {array.chunk_size} bytes, and no block has")
    return array


def _plain(codecs: Any, text: bool) -> bool:
    """Whether nothing is between an array and its bytes."""
    (codec,) = codecs
    if text:
        return bool(codec["name"] == "vlen-utf8")
    return codec["name"] == "bytes" and codec.get("configuration", {}).get("endian", "little") == "little"


def _largest(array: StoredArray) -> int:
    """Bytes of the largest chunk that is there."""
    paths = array.folder.glob("c*" if array.flat else "c/**/*")
    return max((path.stat().st_size for path in paths if path.is_file()), default=0)


def _reason(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or " ".join(str(error).split())
    return f"no {text}" if isinstance(error, KeyError) else text or type(error).__name__
