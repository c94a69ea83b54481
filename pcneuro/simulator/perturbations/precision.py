"""SetPrecision: predictions of a vertex that count for more, or less, for a time, as with attention."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np

from pcneuro.circuit.abstract_property import ERROR
from pcneuro.circuit.circuit import Circuit
from pcneuro.engines.stimuli import Stimulus, stimulus
from pcneuro.errors import DataError, ParameterError, ShapeError, told
from pcneuro.model.timed import TimedArray
from pcneuro.quantities import plain_array
from pcneuro.simulator.perturbations.abstract import (
    AbstractIntervention,
    parts,
    population_of,
    refuse_learned,
    with_precision,
)

_READ = 4096
"""Values of a ``TimedArray`` that are looked at together."""


@dataclass(frozen=True, eq=False)
class SetPrecision(AbstractIntervention):
    """The precision of a vertex is another one.

    Parameters
    ----------
    vertex
        A vertex that is predicted.
    value
        A number or an array of the vertex' shape, positive; or a ``TimedArray`` of them, (times, \\*shape), that the
        samples share, counted from the begin of the simulation. Each other value is another circuit to prepare, so that
        precisions that change each step are slow.
    start, stop
        In ms of simulated time, multiples of dt; None: the begin, and no end.

    Examples
    --------
    >>> sure = pcn.SetPrecision("h", 2.0, start=20.0)
    >>> pcn.Simulator(circuit).run(100.0, **data, perturb=[sure]).status
    <Status.COMPLETED: 'completed'>
    """

    vertex: str
    value: Any
    rebuilds = True
    _stream: Stimulus | None = field(default=None, init=False, repr=False)

    @property
    def place(self) -> str:
        return self.vertex

    def resolved(self, circuit: Circuit, dt: float) -> Self:
        vertex, _ = parts(population_of(self.name, circuit, self.vertex, (ERROR,)))
        if not circuit.has_prediction(vertex):
            raise ParameterError(f"{self.name}: a latent without a prior is predicted by nothing; give it a prior")
        refuse_learned(self.name, circuit, vertex)
        shape = circuit.graph.nodes[vertex].shape
        stream, value = None, self.value
        if isinstance(value, TimedArray):
            stream = stimulus(f"precision of {vertex!r}", value, shape, dt, np.float64, _wrong)
            if stream.per_sample:
                raise ShapeError(f"precision of {vertex!r}: samples share it; give (times, ...) without a batch axis")
        else:
            array = plain_array(f"precision of {vertex!r}", value)
            if array.dtype.kind == "b":
                raise ParameterError(f"precision of {vertex!r} is {told(self.value)}; give numbers")
            if array.shape not in ((), shape):
                raise ShapeError(f"precision of {vertex!r} has shape {array.shape}; needed is {shape}, or a number")
            value = np.broadcast_to(array, shape).astype(np.float64)
            wrong = _wrong(value)
            if wrong:
                raise DataError(f"precision of {vertex!r}: {wrong}")
        resolved = replace(self, vertex=vertex, value=value)
        object.__setattr__(resolved, "_stream", stream)
        return resolved

    def circuit(self, circuit: Circuit, step: int) -> Circuit:
        value = self.value if self._stream is None else self._stream.at(step, 1)[0]
        return with_precision(circuit, self.vertex, value)

    def worst(self, circuit: Circuit) -> Circuit:
        if self._stream is None:
            return self.circuit(circuit, 0)
        times, most = self._stream.timed.times, np.zeros(circuit.graph.nodes[self.vertex].shape)
        for first in range(0, times, _READ):
            most = np.maximum(most, self._stream.read(first, min(_READ, times - first)).max(axis=(0, 1)))
        return with_precision(circuit, self.vertex, most)

    def which(self, step: int) -> Hashable:
        return self.value.tobytes() if self._stream is None else (id(self._stream.timed), self.position(step))

    def position(self, step: int) -> int:
        return 0 if self._stream is None else self._stream.position(step)

    def next_change(self, step: int) -> int | None:
        return None if self._stream is None else self._stream.next_change(step)


def _wrong(array: np.ndarray) -> str | None:
    least = float(array.min())
    if np.isfinite(array).all() and least > 0:
        return None
    return f"{least:g} as its least; give positive, finite numbers, or pcn.Silence for error neurons that are silent"
