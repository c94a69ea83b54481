"""Records of one run as a store takes them: variables and coordinates, and a digest of what they look like."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, final

import numpy as np
import xarray

from pcneuro.batch.store.names import RECORD, free
from pcneuro.errors import DataError

TEXT = "str"
LONGEST = 1000
"""Characters of a message."""
DTYPES = frozenset(
    """bool float16 float32 float64 complex64 complex128
    int8 int16 int32 int64 uint8 uint16 uint32 uint64""".split()
)
"""Numbers and truth values that a store has."""
ATTRIBUTES = ("units", "long_name", "standard_name", "description")
"""Those of a variable that are kept: what may differ from run to run is no attribute of all runs."""
_TIMES = {"M": "nanoseconds since 1970-01-01", "m": "nanoseconds"}
"""Kinds of dates and durations, and how whole numbers say them, as xarray reads it."""


@final
@dataclass(frozen=True)
class Variable:
    """An array of one run: its dimensions, its values in a dtype that the store has, and its attributes."""

    dims: tuple[str, ...]
    values: np.ndarray = field(repr=False)
    attributes: Mapping[str, str]

    @property
    def dtype(self) -> str:
        """Its dtype by name, ``str`` for text of any length."""
        return TEXT if self.values.dtype == object else self.values.dtype.name

    def described(self) -> dict[str, Any]:
        """All of it but the values."""
        shape = list(self.values.shape)
        return {"dims": self.dims, "shape": shape, "dtype": self.dtype, "attributes": dict(self.attributes)}


@final
@dataclass(frozen=True)
class Records:
    """Records of one run. Runs whose records have the same ``schema`` share arrays."""

    variables: Mapping[str, Variable]
    indices: Mapping[str, Variable]
    """Coordinates of dimensions. They are the same for all runs of a schema; other coordinates are variables."""
    coordinates: tuple[str, ...]
    """Variables that are coordinates."""

    @cached_property
    def schema(self) -> str:
        """Digest of names, dimensions, shapes, dtypes and attributes, and of the values of the indices."""
        parts = [
            {name: each.described() for name, each in self.variables.items()},
            {name: each.described() for name, each in self.indices.items()},
            list(self.coordinates),
        ]
        digest = hashlib.sha256(json.dumps(parts).encode())
        for each in self.indices.values():
            digest.update(json.dumps(each.values.tolist()).encode() if each.dtype == TEXT else each.values.tobytes())
        return digest.hexdigest()[:16]

    @classmethod
    def of(cls, dataset: xarray.Dataset, taken: Collection[str]) -> Records | None:
        """Those of a dataset, None where it has no variables. Names that are ``taken`` get a prefix.

        Raises DataError for values that no store has.
        """
        names = {str(name): free(str(name), taken, RECORD) for name in (*dataset.variables, *dataset.dims)}
        if not dataset.data_vars:
            return None
        variables, indices = dict[str, Variable](), dict[str, Variable]()
        for name, variable in dataset.variables.items():
            stored = _stored(str(name), variable, names)
            (indices if name in dataset.dims else variables)[names[str(name)]] = stored
        beside = tuple(names[str(name)] for name in dataset.coords if name not in dataset.dims)
        return cls(dict(sorted(variables.items())), dict(sorted(indices.items())), tuple(sorted(beside)))


def _stored(name: str, variable: xarray.Variable, names: Mapping[str, str]) -> Variable:
    values, attributes = variable.values, {key: str(variable.attrs[key]) for key in ATTRIBUTES if key in variable.attrs}
    if values.dtype.kind in _TIMES:
        attributes["units"] = _TIMES[values.dtype.kind]
        values = values.astype(f"{values.dtype.kind}8[ns]").astype(np.int64)
    elif values.dtype.kind in "UT" or (values.dtype == object and all(isinstance(each, str) for each in values.flat)):
        values = np.array([printable(str(each)) for each in values.flat], dtype=object).reshape(values.shape)
    elif values.dtype.newbyteorder("=").name not in DTYPES:
        raise DataError(f"the record {name!r} is of dtype {values.dtype}: give numbers, truth values or text")
    if values.dtype != object:
        values = np.ascontiguousarray(values, values.dtype.newbyteorder("=")).reshape(values.shape)
    return Variable(tuple(names[str(dim)] for dim in variable.dims), values, attributes)


def message_of(text: str) -> str:
    """A message as rows have it: of one that is longer than ``LONGEST`` the beginning, and how much more there was."""
    cut = len(text) - LONGEST
    return printable(text if cut <= 0 else f"{text[:LONGEST]} ... and {cut:,} characters more")


def printable(text: str) -> str:
    """Text that UTF-8 has: what else was in the name of a file, say, is written as Python does."""
    return text.encode(errors="backslashreplace").decode()
