"""Points of a batch's space as figures have them: axes, and mean and band of each number over the runs of a point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, final

import numpy as np
import xarray
from scipy import stats

from pcneuro.batch.figures.scales import evenly_spaced, logarithmic
from pcneuro.batch.row import RowStatus
from pcneuro.batch.store import Store
from pcneuro.batch.store.checking import described
from pcneuro.batch.store.names import STATUS
from pcneuro.studies.seeds import SEED

MOST_NUMBERS = 6
"""So many have a panel; ``numbers`` chooses others."""
CONFIDENCE = 0.95
RUNS = "runs"
"""The axis of a batch that sweeps nothing."""


@final
@dataclass(frozen=True)
class Axis:
    """A swept key, and its distinct values: numbers in order, or texts as they come."""

    key: str
    values: np.ndarray = field(repr=False)
    numeric: bool

    @property
    def log(self) -> bool:
        """Whether the numbers are spread as powers are."""
        return self.numeric and logarithmic(self.values)

    @property
    def spaced(self) -> bool:
        """Whether numbers follow one another evenly, on a linear or a logarithmic scale."""
        return self.numeric and evenly_spaced(self.values, self.log)

    @property
    def labels(self) -> list[str]:
        """Of the values."""
        return [f"{value:.4g}" if self.numeric else str(value) for value in self.values]


@final
@dataclass(frozen=True)
class Points:
    """Points of a space, each with all runs that differ in their seeds only.

    Parameters
    ----------
    axes
        Swept keys that have more than one value.
    index
        (points, axes): which value of each axis.
    outcome
        (points,): ``RowStatus`` of a point; DONE where some run is done, 0 where none has ended.
    numbers
        Names of what is drawn.
    left_out
        How many numbers more there are.
    mean, half, count
        (numbers, points): over the runs that are done; half the width of a 95 % band of the mean by Student's t, NaN of
        a single run; and how many these are. NaN where there are none.
    """

    axes: tuple[Axis, ...]
    index: np.ndarray
    outcome: np.ndarray
    numbers: tuple[str, ...]
    left_out: int
    mean: np.ndarray
    half: np.ndarray
    count: np.ndarray

    @property
    def replicated(self) -> bool:
        """Whether some point has several runs."""
        return bool((self.count > 1).any())

    @property
    def is_grid(self) -> bool:
        """Whether most combinations of values are there, so that points are cells."""
        return 2 * len(self.index) > np.prod([len(axis.values) for axis in self.axes], dtype=float)

    @classmethod
    def of(cls, store: Store, patterns: Sequence[str], main: Sequence[str]) -> Points:
        """Those of a store. Statistics are gathered block by block. Raises ParameterError where nothing matches."""
        rows = store.dataset()
        known = store.contents()
        axes, codes = _axes(known.swept, rows, _seeds(described(store.folder)))
        index, place = np.unique(codes, axis=0, return_inverse=True)
        found = store.statistics([axis.key for axis in axes if axis.key in known.swept], patterns or ("*",))
        groups = _groups(axes, index, found)
        names = [str(name) for name in found.data_vars]
        tables = {
            name: np.full((len(names), len(index)), 0.0 if name == "count" else np.nan)
            for name in ("mean", "std", "count")
        }
        for row, name in enumerate(names):
            for what, table in tables.items():
                table[row, groups] = found[name].sel(statistic=what).values
        chosen = [names.index(name) for name in _chosen(names, tables["mean"], bool(patterns), main)]
        shown = chosen[:MOST_NUMBERS]
        count, std, mean = (tables[what][shown] for what in ("count", "std", "mean"))
        with np.errstate(all="ignore"):
            half = stats.t.ppf((1 + CONFIDENCE) / 2, count - 1) * std / np.sqrt(count)
        outcome = _outcomes(rows[STATUS].values, place.ravel(), len(index))
        shown_names = tuple(names[row] for row in shown)
        return cls(axes, index, outcome, shown_names, len(chosen) - len(shown), mean, half, count)


def _seeds(settings: Mapping[str, Any]) -> set[str]:
    """Keys by which a batch's space tells runs of one point apart."""
    found = {SEED}

    def walk(table: Any) -> None:
        if isinstance(table, Mapping):
            if table.get("kind") == "replicated" and isinstance(table.get("key"), str):
                found.add(table["key"])
            for each in (table.get("space"), *(table.get("spaces") or ())):
                walk(each)

    walk(settings.get("space"))
    return found


def _axes(swept: Sequence[str], rows: xarray.Dataset, seeds: set[str]) -> tuple[tuple[Axis, ...], np.ndarray]:
    """Axes, and (runs, axes) which value each run has."""
    made = [(key, *_axis(key, rows[key].values)) for key in swept]
    kept = [(axis, codes) for key, axis, codes in made if len(axis.values) > 1 and not _is_seed(key, seeds)]
    if not kept and made:
        # Nothing but seeds: these are the axis.
        kept = [max(((axis, codes) for _, axis, codes in made), key=lambda pair: len(pair[0].values))]
    if not kept:
        kept = [(Axis(RUNS, np.array(["all"]), False), np.zeros(rows.sizes["run"], dtype=int))]
    return tuple(axis for axis, _ in kept), np.stack([codes for _, codes in kept], axis=1)


def _is_seed(key: str, seeds: set[str]) -> bool:
    return key in seeds or key.rpartition(".")[2] == SEED


def _axis(key: str, values: np.ndarray) -> tuple[Axis, np.ndarray]:
    if values.dtype.kind in "iuf" and not (values.dtype.kind == "f" and np.isnan(values).any()):
        distinct, codes = np.unique(values, return_inverse=True)
        return Axis(key, distinct, numeric=True), codes
    texts = [f"{value:.4g}" if isinstance(value, float | np.floating) else str(value) for value in values.tolist()]
    places: dict[str, int] = {}
    codes = np.array([places.setdefault(text, len(places)) for text in texts])
    return Axis(key, np.array(list(places)), numeric=False), codes


def _groups(axes: Sequence[Axis], index: np.ndarray, found: xarray.Dataset) -> np.ndarray:
    """The point of each group of statistics."""
    points = {tuple(row): number for number, row in enumerate(index.tolist())}
    columns = []
    for axis in axes:
        if axis.key not in found.coords:
            columns.append(np.zeros(found.sizes["group"], dtype=int))
            continue
        values = found[axis.key].values
        if axis.numeric:
            columns.append(np.searchsorted(axis.values, values.astype(axis.values.dtype)))
        else:
            texts = [f"{v:.4g}" if isinstance(v, float | np.floating) else str(v) for v in values.tolist()]
            places = {text: number for number, text in enumerate(axis.values.tolist())}
            columns.append(np.array([places[text] for text in texts], dtype=int))
    return np.array([points[row] for row in zip(*(column.tolist() for column in columns), strict=True)], dtype=int)


def _outcomes(statuses: np.ndarray, place: np.ndarray, points: int) -> np.ndarray:
    """DONE where some run of a point is, else the least status above 0 of its runs; 0 where none has ended."""
    unknown = max(RowStatus) + 1
    made = np.full(points, unknown)
    np.minimum.at(made, place, np.where(statuses == 0, unknown, statuses))
    return np.where(made == unknown, 0, made)


def _chosen(names: Sequence[str], mean: np.ndarray, asked: bool, main: Sequence[str]) -> list[str]:
    """Numbers that are drawn: those that are asked for, else the main ones that are not the same everywhere."""
    if asked:
        return list(names)
    first = [name for pattern in main for name in names if fnmatchcase(name, pattern)]
    wanted = list(dict.fromkeys(first)) or list(names)
    telling = [name for name in wanted if _varies(mean[names.index(name)])]
    return telling or [name for name in wanted if np.isfinite(mean[names.index(name)]).any()] or wanted[:1]


def _varies(values: np.ndarray) -> bool:
    finite = values[np.isfinite(values)]
    return bool(len(finite)) and bool(finite.min() < finite.max())
