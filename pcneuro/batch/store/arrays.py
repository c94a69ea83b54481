"""Arrays of a store: how they are made, where their chunks are, and how much room these take."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np

from pcneuro.batch.extras import needed
from pcneuro.batch.layout import Layout
from pcneuro.batch.store.names import OTHERS, RUN, folder_name
from pcneuro.batch.store.schema import TEXT
from pcneuro.files import open_regular, scratch

if TYPE_CHECKING:
    import zarr

METADATA = "zarr.json"
NAME, ROLE, SWEPT = "name", "role", "swept"
"""Attributes: what the variable is called where its folder is not; and that it has what was swept."""
MAKING = ".array."
"""How names of arrays begin that are being made, beside the store: who reads it sees whole arrays only."""


@final
@dataclass(frozen=True)
class Spec:
    """What an array of rows is like: along ``run``, and then along dimensions of its own."""

    dtype: str
    dims: tuple[str, ...] = ()
    shape: tuple[int, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fill(self) -> Any:
        """What rows have that are not there: NaN, or 0, or no text."""
        if self.dtype == TEXT:
            return ""
        return {"f": np.nan, "c": complex(np.nan, np.nan)}.get(np.dtype(self.dtype).kind, 0)

    def empty(self, count: int) -> np.ndarray:
        """So many rows that are not there."""
        return np.full((count, *self.shape), self.fill, dtype=object if self.dtype == TEXT else self.dtype)


def create_rows(place: Path, name: str, spec: Spec, layout: Layout) -> None:
    """Create an array of rows in a group that is this process's own by now."""
    needed("zarr").create_array(
        place / folder_name(name),
        shape=(layout.runs, *spec.shape),
        chunks=(layout.block, *(max(1, length) for length in spec.shape)),
        dtype=spec.dtype,
        fill_value=spec.fill,
        dimension_names=(RUN, *spec.dims),
        attributes=_named(name, spec.attributes),
        compressors=None,  # a chunk's size is known before it is there, and again where it is read
        # Chunks of all dimensions lie in one folder: a block is a file of each array, and no folder.
        chunk_key_encoding={"name": "default", "separator": "." if spec.shape else "/"},
        zarr_format=3,
    )


def create_whole(
    place: Path, name: str, dims: Sequence[str], values: np.ndarray, attributes: Mapping[str, Any]
) -> None:
    """Create an array that has its values at once, such as a coordinate, in a group that is this process's own."""
    array = needed("zarr").create_array(
        place / folder_name(name),
        shape=values.shape,
        chunks=tuple(max(1, length) for length in values.shape),
        dtype=TEXT if values.dtype == object else values.dtype,
        dimension_names=list(dims),
        attributes=_named(name, attributes),
        compressors=None,
        zarr_format=3,
    )
    array[...] = values


def _named(name: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    return dict(attributes) if folder_name(name) == name else {**attributes, NAME: name}


def add_rows(folder: Path, place: Path, name: str, spec: Spec, layout: Layout) -> None:
    """Make an array of rows in a group of the store of the batch in ``folder``, unless it is there."""
    target = place / folder_name(name)
    if not (target / METADATA).exists():
        with scratch(folder, MAKING) as new:
            new.mkdir()
            create_rows(new, name, spec, layout)
            give_name(new / target.name, target)


def give_name(new: Path, target: Path) -> None:
    """Move what was made to its place, unless another process was first: theirs is the same."""
    try:
        os.rename(new, target)
    except OSError:
        if not (target / METADATA).exists():
            raise


def clear_unfinished(folder: Path) -> None:
    """Remove arrays that killed processes were making."""
    with scratch(folder, MAKING):
        pass


@final
@dataclass(frozen=True)
class StoredArray:
    """An array of rows as it lies on the disk: its folder, and what its metadata say."""

    folder: Path
    metadata: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What the variable is called."""
        return str(self.metadata["attributes"].get(NAME, self.folder.name))

    @property
    def rows(self) -> bool:
        """Whether it has a row for each run, by blocks; else it is a coordinate."""
        return self.metadata["dimension_names"][:1] == [RUN] and self.metadata["attributes"].get(ROLE) != SWEPT

    @property
    def text(self) -> bool:
        """Whether it holds text."""
        return bool(self.metadata["data_type"] == "string")

    @property
    def dims(self) -> list[str]:
        """Its dimensions behind that of runs."""
        dims: list[str] = self.metadata["dimension_names"]
        return dims[1:] if self.rows else dims

    @cached_property
    def chunk_size(self) -> int:
        """Bytes of a block; of text, whose bytes nobody knows, the least."""
        size = math.prod(self.metadata["chunk_grid"]["configuration"]["chunk_shape"])
        return size * (1 if self.text else np.dtype(self.metadata["data_type"]).itemsize)

    @property
    def flat(self) -> bool:
        """Whether its chunks have no folder of their own."""
        return bool(self.metadata["chunk_key_encoding"]["configuration"]["separator"] == ".")

    def chunk(self, block: int) -> Path:
        """The file of a block."""
        if not self.flat:
            return self.folder / "c" / str(block)
        return self.folder / ".".join(("c", str(block), *"0" * (len(self.metadata["shape"]) - 1)))

    def block_of(self, name: str) -> int | None:
        """The block of a file beside its chunks, finished or not."""
        number = name.removeprefix("c.").partition(".")[0] if self.flat else name.partition(".")[0]
        return int(number) if number.isdecimal() else None

    @property
    def chunks(self) -> Path:
        """The folder of its chunks."""
        return self.folder if self.flat else self.folder / "c"


def metadata(folder: Path) -> dict[str, Any]:
    """Metadata of a group or an array. Raises OSError or ValueError."""
    with open_regular(folder / METADATA) as file:
        known = json.loads(file.read())
    if not isinstance(known, dict):
        raise ValueError(f"{folder / METADATA} is no table")
    return known


def folders(group: Path) -> list[Path]:
    """Folders of the arrays of a group, or of the groups of records, by their names."""
    with os.scandir(group) as entries:
        return sorted(Path(entry.path) for entry in entries if entry.is_dir() and entry.name != OTHERS)


def open_array(folder: Path) -> zarr.Array:
    """The array, to be read and written."""
    array: zarr.Array = needed("zarr").open_array(folder, mode="r+", zarr_format=3)
    return array
