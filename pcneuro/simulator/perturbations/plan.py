"""The perturbations of a run in steps: which there are when, and the circuit, engine and data that they make."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.engines import AbstractEngine, RunData
from pcneuro.errors import ParameterError, warn
from pcneuro.model.perturbations import AbstractPerturbation
from pcneuro.simulator.perturbations.abstract import AbstractIntervention, name_of
from pcneuro.simulator.timing import on_grid

if TYPE_CHECKING:
    import xarray

MARKS = "perturbations"
"""The attribute of datasets that has them."""
ENDLESS = np.iinfo(np.int64).max
MOST_MARKS = 400
"""Perturbations that attributes of datasets have: HDF5 has room for some 64 kB in each."""
MOST_ENGINES = 8
"""Engines of perturbed circuits that are kept, those last used."""
Key = tuple[tuple[int, int], ...]
"""Numbers of the perturbations that there are, and of the values that they have."""


@dataclass(frozen=True)
class Lasting:
    """A perturbation from step ``first`` on, to before step ``last``; None: to the end of the run."""

    perturbation: AbstractIntervention
    first: int
    last: int | None


class Perturbing:
    """What the perturbations of a run make of its engine and data.

    ``given`` are those of the user, currents among them; ``lasting`` those that change clamps or the circuit; ``make``
    makes an engine of a circuit.
    """

    def __init__(
        self,
        given: Sequence[AbstractPerturbation],
        lasting: Sequence[Lasting],
        circuit: Circuit,
        make: Callable[[Circuit], AbstractEngine],
    ) -> None:
        self.given, self.lasting, self.circuit, self.make = tuple(given), tuple(lasting), circuit, make
        self.engines: OrderedDict[Hashable, AbstractEngine] = OrderedDict()
        self._first = np.array([each.first for each in lasting], dtype=np.int64)
        self._last = np.array([ENDLESS if each.last is None else each.last for each in lasting], dtype=np.int64)
        self._borders = np.unique(np.concatenate([self._first, self._last[self._last < ENDLESS]]))

    def _now(self, step: int) -> list[int]:
        """Numbers of those that last in a step."""
        return np.flatnonzero((self._first <= step) & (step < self._last)).tolist()

    def key(self, step: int) -> Key:
        """What there is in a step."""
        return tuple((k, self.lasting[k].perturbation.position(step)) for k in self._now(step))

    def next_change(self, step: int) -> int | None:
        """The first step behind this one at which something may begin, end or change."""
        border = self._borders[np.searchsorted(self._borders, step, "right") :][:1].tolist()
        changes = border + [self.lasting[k].perturbation.next_change(step) for k in self._now(step)]
        return min((change for change in changes if change is not None), default=None)

    def _at(self, key: Key) -> Iterable[AbstractIntervention]:
        return (self.lasting[k].perturbation for k, _ in key)

    def data(self, data: RunData, key: Key) -> RunData:
        """Run data with what perturbations hold."""
        held: dict[str, float] = {}
        for perturbation in self._at(key):
            held |= perturbation.held(self.circuit)
        if not held:
            return data
        arrays = {
            name: np.full((data.batch, *self.circuit.graph.nodes[name].shape), value) for name, value in held.items()
        }
        return replace(
            data,
            clamped={**data.clamped, **arrays},
            initial={name: array for name, array in data.initial.items() if name not in held},
            currents={name: array for name, array in data.currents.items() if name not in held},
            stimuli={(group, n): s for (group, n), s in data.stimuli.items() if group == "inputs" or n not in held},
        )

    def engine(self, base: AbstractEngine, key: Key, step: int) -> AbstractEngine:
        """The engine for what there is: that of the circuit itself, ``base``, unless it is another one."""
        rebuilding = [each for each in self._at(key) if each.rebuilds]
        if not rebuilding:
            return base
        # Those of many trials are the same but for their times.
        same = tuple((type(each), each.place, each.which(step)) for each in rebuilding)
        if same not in self.engines:
            circuit = self.circuit
            for each in rebuilding:
                circuit = each.circuit(circuit, step)
            self.engines[same] = self.make(circuit)
            if len(self.engines) > MOST_ENGINES:
                self.engines.popitem(last=False)
        self.engines.move_to_end(same)
        return self.engines[same]


def lasting(given: Sequence[AbstractPerturbation], circuit: Circuit, dt: float, begin: int, end: int) -> list[Lasting]:
    """Those that change clamps or the circuit in a run from step ``begin`` to ``end``, checked.

    Raises ParameterError for times off the grid, and for two of one kind that are of the same at the same time; and
    what ``AbstractIntervention.resolved`` raises.
    """
    found: list[Lasting] = []
    for each in given:
        if not isinstance(each, AbstractIntervention):
            continue
        resolved = each.resolved(circuit, dt)
        first = 0 if each.start is None else _step(resolved, "start", each.start, dt)
        last = None if each.stop is None else _step(resolved, "stop", each.stop, dt)
        if first >= end > begin:
            warn(f"{resolved.name} starts at {first * dt:g} ms, and the run ends at {end * dt:g} ms: nothing happens")
        found.append(Lasting(resolved, first, last))
    kinds: dict[tuple[type, str], list[Lasting]] = {}
    for one in found:
        kinds.setdefault((type(one.perturbation), one.perturbation.place), []).append(one)
    for each_kind in kinds.values():
        for early, late in pairwise(sorted(each_kind, key=lambda one: one.first)):
            _check_apart(early, late, dt)
    return found


def marks_of(given: Iterable[AbstractPerturbation], end: float) -> str:
    """What happens when in a run to ``end`` (ms), as JSON: attributes of netCDF files are texts and numbers.

    Empty where there is nothing.
    """
    marks: list[dict[str, Any]] = [
        {"what": name_of(each), "start": each.start or 0.0, "stop": end if each.stop is None else each.stop}
        for each in given
    ]
    more = marks[MOST_MARKS:]
    if more:
        begin = more[0]["start"]
        marks = [*marks[:MOST_MARKS], {"what": f"{len(more)} more", "start": begin, "stop": begin}]
    return json.dumps(marks) if marks else ""


def marked(dataset: xarray.Dataset, marks: str) -> xarray.Dataset:
    """A dataset with the perturbations of its run among its attributes, where there are any."""
    return dataset.assign_attrs({MARKS: marks}) if marks else dataset


def _step(perturbation: AbstractIntervention, which: str, time: float, dt: float) -> int:
    near, off = on_grid(np.asarray(time), dt)
    if off:
        raise ParameterError(
            f"{perturbation.name}: its {which}, {time:g} ms, is no multiple of dt = {dt:g} ms; the nearest that works "
            f"is {int(near) * dt:g} ms"
        )
    return int(near)


def _check_apart(early: Lasting, late: Lasting, dt: float) -> None:
    if early.last is None or late.first < early.last:
        until = "the end of the run" if early.last is None else f"{early.last * dt:g} ms"
        raise ParameterError(
            f"{early.perturbation.name} is there twice from {late.first * dt:g} ms on, as the first lasts to {until}: "
            "give one at a time"
        )
