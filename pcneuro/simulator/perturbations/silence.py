"""Silence: a population that is inactive for a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from pcneuro.circuit.abstract_property import ERROR, VALUE
from pcneuro.circuit.circuit import Circuit
from pcneuro.errors import ParameterError
from pcneuro.simulator.perturbations.abstract import (
    AbstractIntervention,
    parts,
    population_of,
    refuse_learned,
    with_precision,
)


@dataclass(frozen=True, eq=False)
class Silence(AbstractIntervention):
    """A population is silent, as under optogenetic inhibition.

    Parameters
    ----------
    population
        ``"h1"`` or ``"h1.value"``: the value neurons are held at 0, targets and clamps included; afterwards they go on
        from there. ``"h1.error"``: the error neurons are at 0 at once, and drive nothing.
    start, stop
        In ms of simulated time, multiples of dt; None: the begin, and no end.

    Examples
    --------
    >>> off = pcn.Silence("h.error", start=20.0, stop=40.0)  # ms
    >>> pcn.Simulator(circuit).run(100.0, **data, perturb=[off]).status
    <Status.COMPLETED: 'completed'>
    """

    population: str

    @property
    def place(self) -> str:
        return self.population

    @property
    def _errors(self) -> bool:
        return self.population.endswith(f".{ERROR}")

    @property
    def rebuilds(self) -> bool:  # type: ignore[override]
        return self._errors

    def resolved(self, circuit: Circuit, dt: float) -> Self:
        population = population_of(self.name, circuit, self.population)
        if self._errors and population in circuit.noise:
            raise ParameterError(
                f"{self.name}: these error neurons have {circuit.noise[population]!r}, which would stir them: build "
                "the circuit without it"
            )
        if self._errors:
            refuse_learned(self.name, circuit, parts(population)[0])
        return replace(self, population=population)

    def held(self, circuit: Circuit) -> Mapping[str, float]:
        vertex, kind = parts(self.population)
        return {vertex: 0.0} if kind == VALUE else {}

    def circuit(self, circuit: Circuit, step: int) -> Circuit:
        if not self._errors:
            return circuit
        vertex, _ = parts(self.population)
        silent = with_precision(circuit, vertex, np.zeros(circuit.graph.nodes[vertex].shape))
        # Whatever they integrate is 0 at once, and begins there again.
        properties = dict(silent.properties)
        properties[vertex] = replace(properties[vertex], error_tau=np.zeros(circuit.graph.nodes[vertex].shape))
        return replace(silent, properties=properties)
