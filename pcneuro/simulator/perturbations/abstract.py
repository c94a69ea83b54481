"""What a perturbation changes of a circuit, or of what it is clamped to, for a time."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from pcneuro.circuit.abstract_property import ERROR, VALUE
from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.plasticity import VARIANCE
from pcneuro.errors import ParameterError, told, unknown_name
from pcneuro.model.perturbations import AbstractPerturbation


@dataclass(frozen=True, eq=False)
class AbstractIntervention(AbstractPerturbation):
    """A perturbation that changes what is clamped, or the circuit, as long as it lasts."""

    rebuilds: ClassVar[bool] = False
    """Whether the circuit is another one meanwhile."""

    @property
    def name(self) -> str:
        """What it is, for messages."""
        return name_of(self)

    @abstractmethod
    def resolved(self, circuit: Circuit, dt: float) -> Self:
        """The same for a circuit, with the full name of what it is of.

        Raises UnknownNameError, ParameterError or ShapeError for what the circuit does not have, and for values that
        do not fit.
        """

    def held(self, circuit: Circuit) -> Mapping[str, float]:
        """Vertices whose value neurons are held meanwhile, and at what."""
        return {}

    def circuit(self, circuit: Circuit, step: int) -> Circuit:
        """The circuit as it is in a step."""
        return circuit

    def worst(self, circuit: Circuit) -> Circuit:
        """The circuit as it is where its rates are the largest."""
        return self.circuit(circuit, 0)

    def which(self, step: int) -> Hashable:
        """What tells its circuit in a step from that of another of its kind at the same place."""
        return self.position(step)

    def position(self, step: int) -> int:
        """Which of several values it has in a step."""
        return 0

    def next_change(self, step: int) -> int | None:
        """The first step behind this one at which it may have another value; None where it has one only."""
        return None


def name_of(perturbation: AbstractPerturbation) -> str:
    """What a perturbation is, for messages and figures."""
    return f"{type(perturbation).__name__}({told(perturbation.place)})"


def population_of(what: str, circuit: Circuit, name: str, kinds: tuple[str, ...] = (VALUE, ERROR)) -> str:
    """The full name of a population, of which a vertex stands for the first of ``kinds``. Raises UnknownNameError."""
    output = circuit.graph.outputs.get(name)
    vertex = output.name if output is not None and name not in circuit.vertices else name
    if vertex in circuit.vertices:
        return f"{vertex}.{kinds[0]}"
    known = [f"{each}.{kind}" for each in circuit.vertices for kind in kinds if kind == VALUE or _errs(circuit, each)]
    if name not in known:
        raise unknown_name(f"population of {what}", name, [*circuit.vertices, *known])
    return name


def _errs(circuit: Circuit, vertex: str) -> bool:
    return circuit.has_prediction(vertex)


def parts(population: str) -> tuple[str, str]:
    """Vertex and kind of a population."""
    vertex, _, kind = population.rpartition(".")
    return vertex, kind


def refuse_learned(what: str, circuit: Circuit, vertex: str) -> None:
    """Raise ParameterError where the precision of a vertex is learned, so that another one would be forgotten."""
    if f"{vertex}{VARIANCE}" in circuit.variances:
        raise ParameterError(
            f"{what}: plasticity learns the variance of {vertex!r}; build the circuit without that rule"
        )


def with_precision(circuit: Circuit, vertex: str, precision: np.ndarray) -> Circuit:
    """The circuit with other precisions of a vertex, which may be 0: its error neurons are silent then."""
    properties = dict(circuit.properties)
    properties[vertex] = replace(properties[vertex], precision=precision)
    return replace(circuit, properties=properties)
