"""Records of a run trial by trial, and their means by condition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pcneuro.errors import ParameterError, check_object, unknown_name
from pcneuro.quantities import FINITE, milliseconds
from pcneuro.simulator.perturbations.plan import MARKS, marked
from pcneuro.simulator.protocol.reading import DURATION, ONSET, TRIAL
from pcneuro.simulator.result import Result
from pcneuro.simulator.timing import on_grid

if TYPE_CHECKING:
    import pandas
    import xarray

SEM = ".sem"
"""Behind the name of a variable, that of its standard error."""


def aligned(result: Result, trials: pandas.DataFrame, before: Any, after: Any, marks: str) -> xarray.Dataset:
    """See ``Protocol.aligned``; ``marks`` are perturbations in ms from the onset, as JSON."""
    import xarray

    before = milliseconds("before", before, FINITE)
    after = float(trials[DURATION].max()) if after is None else milliseconds("after", after, FINITE)
    if after + before <= 0:
        raise ParameterError(f"from {-before:g} to {after:g} ms of a trial there is nothing: give after > -before")
    records = result.records
    if not records.data_vars:
        raise ParameterError("the result has no records: run the protocol with record=[pcn.Record(...)]")
    dt = float(records.attrs["dt"])
    begin = round(result.time / dt) - int(result.stats["steps"])
    onsets = begin + on_grid(trials[ONSET].to_numpy(), dt)[0]
    dims = {array.dims[0] for array in records.data_vars.values()}
    rows = {str(dim): _rows(records, str(dim), onsets, round(before / dt, 9), round(after / dt, 9), dt) for dim in dims}
    variables, coordinates = {}, _coordinates(trials)
    for name, array in records.data_vars.items():
        time, rest = str(array.dims[0]), array.dims[1:]
        index, within, relative = rows[time]
        taken = array.values[index]
        if not within.all():
            taken[~within] = np.nan
        single = [d for d in rest if str(d).startswith("batch") and records.sizes[d] == 1]
        taken = taken.squeeze(axis=tuple(2 + rest.index(d) for d in single))
        kept = [d for d in rest if d not in single]
        variables[name] = ((TRIAL, time, *kept), taken, array.attrs)
        coordinates[time] = (time, relative, {"units": "ms", "long_name": "time from the onset of the trial"})
        coordinates |= {d: records[d] for d in kept if d in records.coords}
    others = {name: value for name, value in records.attrs.items() if name != MARKS}
    return marked(xarray.Dataset(variables, coordinates, others), marks)


def _rows(
    records: xarray.Dataset, dim: str, onsets: np.ndarray, before: float, after: float, dt: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of each trial (trials, times), which of them there are, and their times from the onset in ms."""
    steps = on_grid(records[dim].values, dt)[0]
    every = int(steps[1] - steps[0]) if len(steps) > 1 else 1
    first = int(steps[0]) if len(steps) else 0
    if (np.diff(steps) != every).any():
        raise ParameterError("records are not in even steps: give the result of one run")
    for k in np.flatnonzero((onsets - first) % every):
        fits = np.gcd.reduce(np.append(onsets, every)) * dt
        raise ParameterError(
            f"trial {k} begins at {onsets[k] * dt:g} ms, of which there is no row in what is recorded every "
            f"{every * dt:g} ms: record every={fits:g}"
        )
    relative = np.arange(int(np.ceil(-before / every)), int(np.ceil(after / every)))
    index = (onsets[:, None] - first) // every + relative
    within = (index >= 0) & (index < len(steps))
    return np.where(within, index, 0), within, relative * every * dt


def _coordinates(trials: pandas.DataFrame) -> dict[Any, Any]:
    """The columns of the table, text where they are no numbers."""
    coordinates: dict[Any, Any] = {TRIAL: np.arange(len(trials))}
    for name, column in trials.items():
        numeric = column.dtype.kind in "fiub"
        text = column.where(column.notna(), "") if not numeric else column
        coordinates[name] = (TRIAL, column.to_numpy() if numeric else text.astype(str).to_numpy(dtype=str))
    return coordinates


def mean(aligned: xarray.Dataset, by: str) -> xarray.Dataset:
    """See ``Protocol.mean``."""
    import xarray

    check_object("aligned", aligned, xarray.Dataset)
    if TRIAL not in aligned.dims:
        raise ParameterError("aligned has no dimension 'trial': give what protocol.aligned(result) returned")
    labels = [str(name) for name, each in aligned.coords.items() if each.dims == (TRIAL,) and name != TRIAL]
    if by not in labels:
        raise unknown_name("column of trials", by, labels)
    members = groups(aligned[by].values)
    variables: dict[Any, Any] = {}
    for name, array in aligned.data_vars.items():
        if array.dims[:1] == (TRIAL,):
            parts = [mean_and_error(array.values[rows]) for rows in members.values()]
            for suffix, which, words in (("", 0, "mean of"), (SEM, 1, "standard error of the mean of")):
                attributes = {**array.attrs, "long_name": f"{words} {array.attrs.get('long_name', name)}"}
                stacked = np.stack([part[which] for part in parts])
                variables[f"{name}{suffix}"] = ((by, *array.dims[1:]), stacked, attributes)
    counts = (by, np.array([len(rows) for rows in members.values()]), {"long_name": "trials"})
    kept = {name: each for name, each in aligned.coords.items() if TRIAL not in each.dims}
    return xarray.Dataset(variables, {**kept, by: np.array(list(members)), "trials": counts}, dict(aligned.attrs))


def groups(labels: np.ndarray) -> Mapping[Any, np.ndarray]:
    """Rows by label, in the order of labels, as that of shuffled trials is drawn."""
    return {label: np.flatnonzero(labels == label) for label in np.unique(labels).tolist()}


def mean_and_error(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean over the first axis, and its standard error: NaN of a single row. What is NaN is left out."""
    there = np.isfinite(rows) if np.isnan(rows).any() else np.ones(1, dtype=bool)
    if there.all():
        with np.errstate(invalid="ignore", divide="ignore"):
            error = rows.std(axis=0, ddof=1) / np.sqrt(len(rows)) if len(rows) > 1 else np.full(rows.shape[1:], np.nan)
        return rows.mean(axis=0), error
    count = there.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        average = np.where(there, rows, 0.0).sum(axis=0) / np.where(count, count, np.nan)
        squares = np.where(there, (rows - average) ** 2, 0.0).sum(axis=0)
        return average, np.sqrt(squares / np.where(count > 1, count - 1, np.nan) / np.where(count, count, np.nan))
