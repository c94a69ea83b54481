"""What the rest of the package knows of a circuit: its graph, its vertices, and the constants of their neurons."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Self, TypeVar

import numpy as np

from pcneuro.circuit.abstract_property import is_predicted
from pcneuro.circuit.parameters import check_parameters
from pcneuro.circuit.plasticity import VARIANCE, CircuitAnatomy, learned_name
from pcneuro.circuit.properties import ByVertex, frozen
from pcneuro.errors import DataError, ParameterError, ShapeError, unknown_name
from pcneuro.graph.graph import Graph
from pcneuro.graph.sameness import graph_key
from pcneuro.model.delays import AbstractDelay
from pcneuro.model.energies import AbstractEnergy
from pcneuro.model.lamination import Scheme
from pcneuro.model.noise import AbstractNoise
from pcneuro.model.payload import Payload
from pcneuro.model.plasticity import AbstractPlasticity
from pcneuro.ops.sameness import value_key
from pcneuro.quantities import plain_array

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


HALVES: Mapping[str, int] = MappingProxyType({"error_on": 1, "error_off": -1})
"""Kinds of error neurons that come in pairs -> the sign of the errors that they hold."""


@dataclass(frozen=True)
class ErrorHalf:
    """Neurons that hold the errors of one sign, 1 or -1, as rates that are not negative."""

    sign: int
    baseline: float

    def rate(self, error: np.ndarray) -> np.ndarray:
        """Their rates while the signed error is this one."""
        rates: np.ndarray = np.maximum(self.sign * error, 0.0) + error.dtype.type(self.baseline)
        return rates


@dataclass(frozen=True, eq=False)
class AbstractCircuit:
    """The data of a circuit. ``Circuit`` is what users have: this, and what draws, saves and describes it."""

    graph: Graph
    vertices: tuple[str, ...]
    properties: ByVertex = field(repr=False)
    delays: Mapping[tuple[str, str], AbstractDelay] = field(default_factory=dict, repr=False)
    noise: Mapping[str, AbstractNoise] = field(default_factory=dict, repr=False)
    plasticity: Mapping[str, AbstractPlasticity] = field(default_factory=dict, repr=False)
    scheme: Scheme | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        # What was read of them is kept, and what is saved is read again: the two cannot part.
        object.__setattr__(self, "properties", VertexMapping(self.properties))
        object.__setattr__(self, "delays", MappingProxyType(dict(self.delays)))
        object.__setattr__(self, "noise", MappingProxyType(dict(self.noise)))
        object.__setattr__(self, "plasticity", MappingProxyType(dict(self.plasticity)))

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
    def noisy_errors(self) -> tuple[str, ...]:
        """Vertices whose error neurons have noise, and no time constant."""
        return tuple(v for v in self.vertices if f"{v}.error" in self.noise and v not in self.leaky_errors)

    @cached_property
    def baselines(self) -> Mapping[str, float]:
        """Vertex whose error neurons come in pairs -> their rate at an error of zero."""
        rates = {name: record.error_baseline for name, record in self.properties.items()}
        return MappingProxyType({name: rate for name, rate in rates.items() if rate is not None})

    @cached_property
    def payloads(self) -> Mapping[str, Payload]:
        """Vertex -> what messages of its error neurons can say, of those that send no errors as they are."""
        said = {name: record.error_payload for name, record in self.properties.items()}
        return MappingProxyType({name: payload for name, payload in said.items() if payload is not None})

    @property
    def draws(self) -> bool:
        """Whether a step draws noise or messages, which depend on the numbers of samples in their batch."""
        return bool(self.noise) or any(payload.drawn for payload in self.payloads.values())

    def only_whole_errors(self, who: str, instead: str) -> None:
        """Raise ParameterError, on behalf of ``who`` has no messages of a few bits, where there are any."""
        for name, payload in self.payloads.items():
            raise ParameterError(
                f"{who} sends errors as they are, and messages of {name!r} have {payload.bits} bits (QuantizeErrors): "
                f"{instead}, or leave the pass out"
            )

    def only_fixed_messages(self, who: str) -> None:
        """Raise ParameterError, on behalf of ``who`` sends no errors anew in each step, where messages are drawn."""
        for name, payload in self.payloads.items():
            if payload.drawn:
                raise ParameterError(
                    f"{who} does not send errors anew in each step, as what draws messages of {name!r} does "
                    f"({payload.rounding!r}): use Kernel() or Reference() with Parallel(), or rounding=Nearest()"
                )

    @property
    def with_signed_errors(self) -> Self:
        """The same circuit with one population of error neurons a vertex, whose rates have either sign."""
        if not self.baselines:
            return self
        records = {name: replace(record, error_baseline=None) for name, record in self.properties.items()}
        return replace(self, properties=records)

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
        weights, variances = self.split_parameters(values)
        graph = self.graph.with_parameters(check_parameters(self.graph, weights))
        properties = {
            name: replace(record, precision=frozen(np.array(1.0 / variances[name].astype(np.float64))))
            if name in variances
            else record
            for name, record in self.properties.items()
        }
        return replace(self, graph=graph, properties=properties)

    @cached_property
    def anatomy(self) -> CircuitAnatomy:
        """What rules of plasticity ask of the circuit."""
        return CircuitAnatomy(self)

    @cached_property
    def variances(self) -> Mapping[str, np.ndarray]:
        """``"<vertex>.variance"`` -> the variances that learning begins with, 1 / precision, where they are learned."""
        vertices = (name for name, rule in self.plasticity.items() if rule.of_vertex)
        return MappingProxyType(
            {f"{name}{VARIANCE}": frozen(np.array(1.0 / self.precision[name])) for name in vertices}
        )

    @cached_property
    def rules(self) -> Mapping[str, AbstractPlasticity]:
        """What changes while the circuit runs -> its rule: parameters, and ``"<vertex>.variance"``."""
        return MappingProxyType({learned_name(name, rule): rule for name, rule in self.plasticity.items()})

    @property
    def learned(self) -> dict[str, np.ndarray]:
        """Values of all that can change while the circuit runs: parameters, and variances that are learned."""
        return {**self.parameters, **self.variances}

    def split_parameters(self, values: Any) -> tuple[Any, dict[str, np.ndarray]]:
        """What is given for parameters, and the variances among it, by vertex.

        Raises DataError for variances that are none, ShapeError for those that do not fit.
        """
        if not isinstance(values, Mapping) or not any(name in values for name in self.variances):
            return values, {}
        weights = {name: value for name, value in values.items() if name not in self.variances}
        given = {name: values[name] for name in self.variances if name in values}
        return weights, {name.removesuffix(VARIANCE): self._variance(name, value) for name, value in given.items()}

    def _variance(self, name: str, value: Any) -> np.ndarray:
        array, wanted = plain_array(f"parameter {name!r}", value), self.variances[name].shape
        if array.shape != wanted:
            raise ShapeError(f"parameter {name!r} is of shape {array.shape}; needed is {wanted}")
        if not (np.isfinite(array).all() and (array > 0).all()):
            raise DataError(f"parameter {name!r} must be positive and finite, got {array.min():g} as its least")
        return array

    def only_fixed_weights(self, who: str, instead: str) -> None:
        """Raise ParameterError, on behalf of ``who`` has no plasticity, where there is any; ``instead``: what to do."""
        if self.plasticity:
            name = next(iter(self.plasticity))
            raise ParameterError(
                f"{who} has no plasticity in the loop, and {name!r} has a rule: {instead}, or hold what there is by "
                "circuit.with_plasticity({})"
            )

    @property
    def delayed(self) -> bool:
        """Whether anything takes time on its way between vertices."""
        return bool(self.delays)

    def has_prediction(self, vertex: str) -> bool:
        """Whether a vertex has error neurons: all have, but latent leaves without a prior."""
        return is_predicted(self.graph.nodes[vertex])

    @cached_property
    def key(self) -> Hashable:
        """Equal for circuits that are lowered alike: the same but for numbers that programs are filled with.

        Those are parameters, constants, time constants, precisions (where they are 1 or not stays), noise, and delays.
        """
        vertices = ((name, bool((self.precision[name] != 1).any())) for name in self.vertices)
        energies = ((name, type(energy), energy.kernel) for name, energy in self.energies.items())
        rules = tuple(self.plasticity.items())
        return graph_key(self.graph), tuple(vertices), tuple(energies), value_key(rules), tuple(self.payloads.items())

    @cached_property
    def rates(self) -> dict[str, tuple[float, float]]:
        """Vertex -> the least and the largest precision / tau of its units: the rate of their leak, per ms."""
        by_unit = {name: self.precision[name] / self.tau[name] for name in self.vertices}
        return {name: (float(rates.min()), float(rates.max())) for name, rates in by_unit.items()}
