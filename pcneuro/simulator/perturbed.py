"""Perturbations of a run as data: what flows into each vertex now, and how that changes with time."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcneuro.circuit.batches import batched
from pcneuro.circuit.circuit import Circuit
from pcneuro.engines import RunData
from pcneuro.engines.stimuli import Stimulus, stimulus
from pcneuro.errors import ParameterError, ShapeError, told, unknown_name
from pcneuro.model.perturbations import AbstractPerturbation, Inject
from pcneuro.model.timed import TimedArray
from pcneuro.quantities import number, plain_array
from pcneuro.simulator.timing import on_grid

CURRENTS = "currents"
"""The group of data that currents are."""


@dataclass(frozen=True, eq=False)
class _Flow:
    """One current in steps: from the first to before the last (None: no end), constant or as a stimulus has it."""

    first: int
    last: int | None
    constant: np.ndarray | None
    changing: Stimulus | None

    @property
    def borders(self) -> list[int]:
        """Steps that it may only change at multiples of."""
        return [self.first, self.last or 0, 0 if self.changing is None else self.changing.every]

    @property
    def until(self) -> int | None:
        """The step from which on it does not change any more; None where there is none."""
        if self.last is not None:
            return self.last
        if self.changing is None:
            return self.first
        return None if self.changing.last is None else max(self.first, self.changing.last * self.changing.every)

    def at(self, step: int) -> np.ndarray | float:
        """What flows in a step, (batch or 1, \\*shape)."""
        if step < self.first or (self.last is not None and step >= self.last):
            return 0.0
        if self.changing is None:
            assert self.constant is not None
            return self.constant
        return self.changing.read(self.changing.position(step), 1)[0]


@dataclass(frozen=True, eq=False)
class _Course:
    """The sum of all currents into a vertex, every so many steps, made as it is read: values of a ``TimedArray``."""

    flows: Sequence[_Flow]
    every: int
    shape: tuple[int, ...]
    dtype: np.dtype

    def __getitem__(self, places: slice) -> np.ndarray:
        first, last, _ = places.indices(self.shape[0])
        values = np.zeros((max(last - first, 0), *self.shape[1:]))
        for place, row in enumerate(values, first):
            for flow in self.flows:
                row += flow.at(place * self.every)
        return values


def perturbations(perturb: Any) -> list[AbstractPerturbation]:
    """What ``perturb=`` is. Raises ParameterError for what is no list of perturbations."""
    given = [perturb] if isinstance(perturb, AbstractPerturbation) else perturb
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise ParameterError(f"perturb= is {told(perturb)}; give a list, such as [pcn.Inject('h', 1.0)]")
    for each in given:
        if not isinstance(each, AbstractPerturbation):
            raise ParameterError(f"perturb= has {told(each)} in it; give perturbations, such as pcn.Inject('h', 1.0)")
    return list(given)


def currents_of(
    circuit: Circuit, perturb: Any, clamped: Collection[str], batch: int, step: int, dt: float
) -> tuple[dict[str, np.ndarray], dict[tuple[str, str], Stimulus]]:
    """Vertex -> what flows into it in a step, (batch, \\*shape), and the stimuli of those that change.

    Raises UnknownNameError, ParameterError, ShapeError and DataError for what does not fit.
    """
    flows: dict[str, list[_Flow]] = {}
    for inject in perturbations(perturb):
        assert isinstance(inject, Inject)
        vertex = _vertex(circuit, inject.vertex, clamped)
        flows.setdefault(vertex, []).append(_flow(circuit, vertex, inject, dt))
    arrays: dict[str, np.ndarray] = {}
    stimuli: dict[tuple[str, str], Stimulus] = {}
    for vertex, parts in flows.items():
        shape = circuit.graph.nodes[vertex].shape
        samples = {_samples(part) for part in parts} - {1}
        if not samples <= {batch}:
            raise ShapeError(f"current into {vertex!r} is of {min(samples)} samples; the run has {batch}")
        made = _stimulus(vertex, parts, (max(samples, default=1), *shape), shape, dt)
        if made is None:
            total = np.zeros(shape) + sum(part.at(step) for part in parts)
            arrays[vertex] = np.broadcast_to(total, (batch, *shape)).copy()
        else:
            arrays[vertex] = made.at(step, batch)
            stimuli[CURRENTS, vertex] = made
    return arrays, stimuli


def with_currents(
    data: RunData, circuit: Circuit, previous: RunData | None, perturb: Any, step: int, dt: float
) -> RunData:
    """Run data with what is perturbed now; None is "as before". Raises as ``currents_of`` does."""
    if perturb is None:
        arrays = {} if previous is None else previous.currents
        for vertex in arrays:
            _vertex(circuit, vertex, data.clamped)
        if any(len(array) != data.batch for array in arrays.values()):
            raise ShapeError(f"a current of the last run is of another number of samples than {data.batch}: perturb=[]")
        stimuli = {} if previous is None else {k: s for k, s in previous.stimuli.items() if k[0] == CURRENTS}
    else:
        arrays, stimuli = currents_of(circuit, perturb, data.clamped, data.batch, step, dt)
        if previous is not None and _same(arrays, previous.currents):
            arrays = dict(previous.currents)
    others = {key: each for key, each in data.stimuli.items() if key[0] != CURRENTS}
    if arrays is data.currents and not stimuli and len(others) == len(data.stimuli):
        return data
    return data.with_currents(arrays, others | stimuli)


def _same(a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


def _vertex(circuit: Circuit, name: str, clamped: Collection[str]) -> str:
    output = circuit.graph.outputs.get(name)
    vertex = output.name if output is not None and name not in circuit.vertices else name
    if vertex not in circuit.vertices:
        raise unknown_name("vertex of Inject", name, [*circuit.vertices, *circuit.graph.outputs])
    if vertex in clamped:
        raise ParameterError(f"Inject into {name!r}, which is clamped: a current moves free neurons only")
    return vertex


def _flow(circuit: Circuit, vertex: str, inject: Inject, dt: float) -> _Flow:
    shape, what = circuit.graph.nodes[vertex].shape, f"current into {inject.vertex!r}"
    steps = []
    for name, time in (("start", inject.start), ("stop", inject.stop)):
        step, off = on_grid(np.array(0.0 if time is None else time), dt)
        if off:
            raise ParameterError(
                f"{what} has its {name} at {time:g} ms, no multiple of dt = {dt:g} ms: the nearest is {step * dt:g} ms"
            )
        steps.append(int(step))
    first, last = steps[0], None if inject.stop is None else steps[1]
    if isinstance(inject.current, TimedArray):
        return _Flow(first, last, None, stimulus(what, inject.current, shape, dt, np.float64))
    current = inject.current
    if shape and plain_array(what, current).ndim == 0:
        current = np.full(shape, number(what, current))
    return _Flow(first, last, batched(what, current, shape), None)


def _samples(flow: _Flow) -> int:
    if flow.changing is not None:
        return flow.changing.samples
    assert flow.constant is not None
    return len(flow.constant)


def _stimulus(
    vertex: str, flows: Sequence[_Flow], row: tuple[int, ...], shape: tuple[int, ...], dt: float
) -> Stimulus | None:
    """The sum of currents as a stimulus; None where it never changes."""
    ends = [flow.until for flow in flows]
    if not any(end is None or end > 0 for end in ends):
        return None
    every = math.gcd(*(border for flow in flows for border in flow.borders))
    known = [end for end in ends if end is not None]
    times = max(known, default=0) // every + 1 if len(known) == len(ends) else ENDLESS
    values = _Course(flows, every, (times, *row), np.dtype(np.float64))
    parts = tuple(flow.changing for flow in flows if flow.changing is not None and flow.last is None)
    return Stimulus(f"current into {vertex!r}", TimedArray(values, every * dt), every, shape, np.float64, parts=parts)


ENDLESS = 2**60
"""Values of what never ceases to change."""
