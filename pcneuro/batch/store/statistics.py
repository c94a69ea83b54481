"""Statistics of numbers over runs, block by block: nothing holds all rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import final

import numpy as np
import xarray

from pcneuro.batch.layout import Layout
from pcneuro.batch.row import RowStatus
from pcneuro.batch.store.arrays import StoredArray, open_array
from pcneuro.batch.store.checking import Contents
from pcneuro.batch.store.names import STATUS
from pcneuro.batch.store.reading import chunk
from pcneuro.errors import ParameterError, unknown_name

STRETCH = 8192
"""Runs that are read at once."""
GROUP, STATISTIC = "group", "statistic"


@final
@dataclass
class _Moments:
    """Count, mean, sum of squared differences, least and largest of columns; parts are put together by Chan's formula.

    Chan, Golub and LeVeque, "Algorithms for computing the sample variance", The American Statistician 37 (1983).
    """

    count: np.ndarray
    mean: np.ndarray
    squares: np.ndarray
    least: np.ndarray
    largest: np.ndarray

    @classmethod
    def none(cls, columns: int) -> _Moments:
        return cls(*(np.full(columns, fill) for fill in (0.0, 0.0, 0.0, np.inf, -np.inf)))

    def add(self, values: np.ndarray) -> None:
        """Add rows (runs, columns). NaN is what a run has not."""
        there = ~np.isnan(values)
        count = there.sum(0)
        with np.errstate(invalid="ignore"):  # of infinite numbers, whose mean is infinite or NaN
            mean = np.where(there, values, 0.0).sum(0) / np.maximum(count, 1)
            squares = (np.where(there, values - mean, 0.0) ** 2).sum(0)
            total = self.count + count
            share = count / np.maximum(total, 1)
            apart = np.where(count > 0, mean - self.mean, 0.0)
            self.squares = self.squares + np.where(count > 0, squares + apart**2 * self.count * share, 0.0)
            self.mean = self.mean + apart * share
        self.count = total
        self.least = np.minimum(self.least, np.where(there, values, np.inf).min(0, initial=np.inf))
        self.largest = np.maximum(self.largest, np.where(there, values, -np.inf).max(0, initial=-np.inf))

    def statistics(self) -> np.ndarray:
        """Rows of ``NAMES`` by columns."""
        none = self.count == 0
        std = np.sqrt(np.where(self.count > 1, self.squares / np.maximum(self.count - 1, 1), np.nan))
        least, mean, largest = (np.where(none, np.nan, each) for each in (self.least, self.mean, self.largest))
        return np.stack([self.count, mean, std, least, largest])


NAMES = ("count", "mean", "std", "min", "max")


@final
@dataclass
class _Groups:
    """Moments by the swept values of runs, in the order in which they come."""

    columns: int
    known: dict[tuple[object, ...], _Moments] = field(default_factory=dict)

    def add(self, keys: Sequence[np.ndarray], values: np.ndarray) -> None:
        own = [tuple(column[index] for column in keys) for index in range(len(values))]
        rows: dict[tuple[object, ...], list[int]] = {}
        for index, key in enumerate(own):
            # A run without a value has NaN there, which is one group, and not equal to itself.
            rows.setdefault(tuple(None if each != each else each for each in key), []).append(index)
        for key, chosen in rows.items():
            self.known.setdefault(key, _Moments.none(self.columns)).add(values[chosen])


def statistics(
    contents: Contents, layout: Layout, done: Mapping[int, np.ndarray], by: Sequence[str], numbers: Sequence[str]
) -> xarray.Dataset:
    """Statistics of numbers over the runs that are done, by the swept keys ``by``. See ``Store.statistics``."""
    for key in by:
        if key not in contents.swept:
            raise unknown_name("swept key", key, contents.swept)
    names = [name for name in contents.numbers if any(fnmatchcase(name, pattern) for pattern in numbers)]
    if not names and contents.numbers:
        raise ParameterError(f"no number matches {list(numbers)}: there are {', '.join(contents.numbers[:12])}")
    columns = [contents.main.arrays[name] for name in names]
    axes = [open_array(contents.main.arrays[key].folder) for key in by]
    groups = _Groups(len(names))
    together = max(1, STRETCH // layout.block)
    blocks = sorted(done)
    for start in range(0, len(blocks), together):
        chosen = blocks[start : start + together]
        here = np.concatenate([done[block] == RowStatus.DONE for block in chosen])
        runs = np.concatenate([np.asarray(layout.numbers(block)) for block in chosen])[here]
        values = np.empty((len(here), len(columns)))
        for position, column in enumerate(columns):
            values[:, position] = np.concatenate([_column(column, layout, block) for block in chosen])
        if here.any():
            groups.add([np.asarray(axis[runs[0] : runs[-1] + 1])[runs - runs[0]] for axis in axes], values[here])
    return _dataset(groups, names, by)


def _column(array: StoredArray, layout: Layout, block: int) -> np.ndarray:
    """A number in the runs of a block; NaN where none has it."""
    values = chunk(array, layout, block)
    count = len(layout.numbers(block))
    return np.full(count, np.nan) if values is None else values[:count]


def _dataset(groups: _Groups, names: Sequence[str], by: Sequence[str]) -> xarray.Dataset:
    table = np.stack([each.statistics() for each in groups.known.values()]) if groups.known else None
    if table is None:
        table = np.empty((0, len(NAMES), len(names)))
    made = xarray.Dataset(
        {name: ((GROUP, STATISTIC), table[:, :, column]) for column, name in enumerate(names) if name != STATUS},
        coords={STATISTIC: list(NAMES)},
    )
    for position, key in enumerate(by):
        values = [np.nan if group[position] is None else group[position] for group in groups.known]
        made = made.assign_coords({key: (GROUP, np.array(values) if values else np.empty(0))})
    return made
