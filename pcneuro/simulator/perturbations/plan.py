"""The perturbations of a run in steps: which there are when, and the circuit, engine and data that they make."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

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

    def lasts(self, step: int) -> bool:
        """Whether it is there in a step."""
        return self.first <= step and (self.last is None or step < self.last)

    def next_change(self, step: int) -> int | None:
        """The first step behind this one at which it may begin, end or change."""
        changes = [self.first, self.last]
        changes += [self.perturbation.next_change(step)] if self.lasts(step) else []
        return min((change for change in changes if change is not None and change > step), default=None)


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
        self.engines: OrderedDict[Key, AbstractEngine] = OrderedDict()

    def key(self, step: int) -> Key:
        """What there is in a step."""
        return tuple((k, each.perturbation.position(step)) for k, each in enumerate(self.lasting) if each.lasts(step))

    def next_change(self, step: int) -> int | None:
        """The first step behind this one at which something may begin, end or change."""
        changes = [each.next_change(step) for each in self.lasting]
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
        rebuilding = tuple((k, value) for k, value in key if self.lasting[k].perturbation.rebuilds)
        if not rebuilding:
            return base
        if rebuilding not in self.engines:
            circuit = self.circuit
            for perturbation in self._at(rebuilding):
                circuit = perturbation.circuit(circuit, step)
            self.engines[rebuilding] = self.make(circuit)
            if len(self.engines) > MOST_ENGINES:
                self.engines.popitem(last=False)
        self.engines.move_to_end(rebuilding)
        return self.engines[rebuilding]


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
    for k, one in enumerate(found):
        for other in found[k + 1 :]:
            _check_apart(one, other, dt)
    return found


def marks_of(given: Iterable[AbstractPerturbation], end: float) -> str:
    """What happens when in a run to ``end`` (ms), as JSON: attributes of netCDF files are texts and numbers.

    Empty where there is nothing.
    """
    marks = [
        {"what": name_of(each), "start": each.start or 0.0, "stop": end if each.stop is None else each.stop}
        for each in given
    ]
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


def _check_apart(one: Lasting, other: Lasting, dt: float) -> None:
    same = type(one.perturbation) is type(other.perturbation) and one.perturbation.place == other.perturbation.place
    early, late = sorted((one, other), key=lambda each: each.first)
    if same and (early.last is None or late.first < early.last):
        until = "the end of the run" if early.last is None else f"{early.last * dt:g} ms"
        raise ParameterError(
            f"{one.perturbation.name} is there twice from {late.first * dt:g} ms on, as the first lasts to {until}: "
            "give one at a time"
        )
