"""What the rest of the package knows of a circuit: its graph, its vertices, and the constants of their neurons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Self, TypeVar

import numpy as np

from pcneuro.circuit.parameters import check_parameters
from pcneuro.circuit.properties import ByVertex, is_predicted
from pcneuro.errors import unknown_name
from pcneuro.graph.graph import Graph
from pcneuro.model.delays import AbstractDelay
from pcneuro.model.energies import AbstractEnergy
from pcneuro.model.noise import AbstractNoise

Value = TypeVar("Value")


class VertexMapping(Mapping[str, Value]):
    """Vertex -> something, read-only. Raises UnknownNameError, with the nearest name, for a vertex that it lacks."""

    def __init__(self, values: Mapping[str, Value]) -> None:
        self._values = dict(values)

    def __getitem__(self, vertex: str) -> Value:
        try:
            return self._values[vertex]
        except KeyError:
            raise unknown_name("vertex", vertex, self._values) from None

    def get(self, vertex: str, default: Any = None) -> Any:
        return self._values.get(vertex, default)

    def __contains__(self, vertex: object) -> bool:
        return vertex in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return repr(self._values)


@dataclass(frozen=True, eq=False)
class AbstractCircuit:
    """The data of a circuit. ``Circuit`` is what users have: this, and what draws, saves and describes it."""

    graph: Graph
    vertices: tuple[str, ...]
    properties: ByVertex = field(repr=False)
    delays: Mapping[tuple[str, str], AbstractDelay] = field(default_factory=dict, repr=False)
    noise: Mapping[str, AbstractNoise] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        # What was read of them is kept, and what is saved is read again: the two cannot part.
        object.__setattr__(self, "properties", VertexMapping(self.properties))
        object.__setattr__(self, "delays", MappingProxyType(dict(self.delays)))
        object.__setattr__(self, "noise", MappingProxyType(dict(self.noise)))

    @cached_property
    def tau(self) -> Mapping[str, np.ndarray]:
        """Vertex -> time constants of its value neurons in ms, float64 of the vertex's shape."""
        return VertexMapping({name: record.tau for name, record in self.properties.items()})

    @cached_property
    def precision(self) -> Mapping[str, np.ndarray]:
        """Vertex -> precisions of its predictions, float64 of its shape; 0 at a latent leaf without a prior."""
        return VertexMapping({name: record.precision for name, record in self.properties.items()})

    @cached_property
    def error_tau(self) -> Mapping[str, np.ndarray]:
        """Vertex -> time constants of its error neurons in ms, float64 of its shape; 0 where errors are at once."""
        return VertexMapping({name: record.error_tau for name, record in self.properties.items()})

    @cached_property
    def leaky_errors(self) -> tuple[str, ...]:
        """Vertices whose error neurons have a time constant of their own."""
        return tuple(name for name, tau in self.error_tau.items() if tau.any())

    @cached_property
    def energies(self) -> Mapping[str, AbstractEnergy]:
        """Vertex of each output -> its energy, in the order of the outputs."""
        energies = {node.name: self.properties[node.name].energy for node in self.graph.outputs.values()}
        return VertexMapping({name: energy for name, energy in energies.items() if energy is not None})

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """Values of the parameters (read-only arrays), those of a tree under its name, too."""
        values = {name: node.source.value for name, node in self.graph.parameters.items()}  # type: ignore[union-attr]
        return self.graph.by_leaf(values)

    def with_parameters(self, values: Mapping[str, np.ndarray]) -> Self:
        """The same circuit with other parameter values, for instance what was learned.

        Raises what ``check_parameters`` raises for values that do not fit.
        """
        graph = self.graph.with_parameters(check_parameters(self.graph, values))
        return replace(self, graph=graph)

    @property
    def delayed(self) -> bool:
        """Whether anything takes time on its way between vertices."""
        return bool(self.delays)

    def has_prediction(self, vertex: str) -> bool:
        """Whether a vertex has error neurons: all have, but latent leaves without a prior."""
        return is_predicted(self.graph.nodes[vertex])

    @cached_property
    def rates(self) -> dict[str, tuple[float, float]]:
        """Vertex -> the least and the largest precision / tau of its units: the rate of their leak, per ms."""
        by_unit = {name: self.precision[name] / self.tau[name] for name in self.vertices}
        return {name: (float(rates.min()), float(rates.max())) for name, rates in by_unit.items()}
