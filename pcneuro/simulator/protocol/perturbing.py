"""Perturbations of trials: what a column names is done in each of its trials, from so long behind the onset on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.errors import DataError, ParameterError, told, unknown_name
from pcneuro.model.perturbations import AbstractPerturbation, Inject
from pcneuro.model.timed import TimedArray
from pcneuro.quantities import by_name
from pcneuro.simulator.perturbations.abstract import name_of, population_of
from pcneuro.simulator.perturbed import perturbations
from pcneuro.simulator.protocol.courses import Column, Course, Named, intervals
from pcneuro.simulator.protocol.reading import DURATION, ONSET
from pcneuro.simulator.timing import on_grid

if TYPE_CHECKING:
    import pandas

PERTURB = "perturb"
"""The column that names what is done in a trial."""


@dataclass(frozen=True, eq=False)
class TrialPerturbations:
    """By name what is done in trials, and the trials that have it. Times are in ms from the onset."""

    known: Mapping[str, Sequence[AbstractPerturbation]]
    trials: Mapping[str, np.ndarray]
    onset: np.ndarray
    duration: np.ndarray

    @classmethod
    def of(cls, given: Any, table: pandas.DataFrame) -> TrialPerturbations:
        """Raises ParameterError, DataError or UnknownNameError for what are no perturbations, and cells of no name."""
        known = {name: perturbations(each) for name, each in by_name("perturbations", given, "objects").items()}
        trials: dict[str, np.ndarray] = {}
        if known and PERTURB not in table:
            raise DataError(f"perturbations= without a column {PERTURB!r}, which names what is done in each trial")
        if PERTURB in table:
            cells, empty = table[PERTURB].to_list(), table[PERTURB].isna().to_numpy()
            for k in np.flatnonzero(~empty):
                if not known:
                    raise DataError(
                        f"column {PERTURB!r} of trial {k} is {told(cells[k])}, and there are no perturbations: give "
                        "perturbations={name: pcn.Silence(...)}, or the column another name"
                    )
                if cells[k] not in known:
                    raise unknown_name(f"perturbation in column {PERTURB!r} of trial {k},", str(cells[k]), known)
            trials = {
                name: np.array([k for k, cell in enumerate(cells) if cell == name], dtype=np.int64) for name in known
            }
        return cls(known, trials, table[ONSET].to_numpy(), table[DURATION].to_numpy())

    def marks(self) -> str:
        """What happens in trials, as records have it of a run: JSON, in ms from the onset; empty where nothing does."""
        longest = float(self.duration.max())
        marks = [
            {"what": f"{name}: {name_of(each)}", "start": each.start or 0.0, "stop": each.stop or longest}
            for name, rows in self.trials.items()
            for each in (self.known[name] if len(rows) else ())
        ]
        return json.dumps(marks) if marks else ""

    def at(self, circuit: Circuit, begin: float, end: float, dt: float) -> list[AbstractPerturbation]:
        """All of them in ms of simulated time, in a run of the protocol from ``begin`` to ``end``."""
        made: list[AbstractPerturbation] = []
        for name, rows in self.trials.items():
            for each in self.known[name] if len(rows) else ():
                starts = begin + self.onset[rows] + (each.start or 0.0)
                stops = begin + self.onset[rows] + (self.duration[rows] if each.stop is None else each.stop)
                if isinstance(each, Inject):
                    made.append(_injected(each, circuit, starts, stops, end, dt))
                else:
                    windows = zip(starts.tolist(), stops.tolist(), strict=True)
                    made += [replace(each, start=round(start, 9), stop=round(stop, 9)) for start, stop in windows]
        return made


def _injected(
    inject: Inject, circuit: Circuit, starts: np.ndarray, stops: np.ndarray, end: float, dt: float
) -> AbstractPerturbation:
    """One current that flows in all windows, which is made as it is read."""
    what = name_of(inject)
    vertex = population_of(what, circuit, inject.vertex).rpartition(".")[0]
    steps = []
    for times in (starts, stops):
        near, off = on_grid(times, dt)
        for k in np.flatnonzero(off):
            raise ParameterError(f"{what} begins or ends at {times[k]:g} ms: give multiples of dt = {dt:g} ms")
        steps.append(near)
    first, behind = steps
    if (first[1:] < behind[:-1]).any():
        raise ParameterError(f"{what} goes on to the next trial that has it: give an earlier stop")
    column = Column(
        inject.vertex, Named(inject.vertex, {PERTURB: inject.current}), np.zeros(len(first), dtype=np.int64)
    )
    every = int(np.gcd.reduce(np.concatenate([first, behind, intervals(column, dt)])))
    count = -int(-round(end / dt) // every) + 1
    shape = circuit.graph.nodes[vertex].shape
    course = Course(column, first // every, behind // every, 0.0, shape, every * dt, count)
    return Inject(inject.vertex, TimedArray(course, every * dt))
