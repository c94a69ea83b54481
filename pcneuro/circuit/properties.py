"""What the neurons of each vertex have: time constants, precisions, energies; and how each is given, saved and shown.

``VertexProperties`` is the one list. A property that is added to it, with a default, is an argument of
``build_circuit``, is saved and loaded, enters the fingerprint, and is shown in ``Circuit.nx`` and ``print(circuit)``.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any, get_type_hints

import numpy as np

from pcneuro.circuit.abstract_property import ERROR, AbstractProperty, is_predicted
from pcneuro.circuit.payloads import ErrorPayload
from pcneuro.errors import ParameterError, class_of_kind, told, unknown_name
from pcneuro.graph.graph import Graph, Node, real_array
from pcneuro.model.energies.abstract import ENERGIES, AbstractEnergy
from pcneuro.model.energies.squared_error import SquaredError
from pcneuro.model.payload import Payload
from pcneuro.quantities import NOT_NEGATIVE, in_ms, number, plain


def number_range(low: float, high: float, digits: int = 6) -> str:
    """The least and the greatest of some numbers as a table has them: ``"1-5"``, or one where they are the same."""
    texts = [f"{value:.{digits}g}" for value in (low, high)]
    return "-".join(dict.fromkeys(texts))


@dataclass(frozen=True)
class PerUnit(AbstractProperty):
    """A number for each unit: a read-only float64 array of the vertex's shape, positive and finite.

    Of ``error`` populations alone, it is 0 at a vertex that has none.
    """

    number: float = 1.0
    """The default."""
    zero_allowed: bool = False
    mixed: bool = True
    """Whether some units of a vertex may have 0 and others not."""
    time: bool = False
    """Whether it is in ms, so that quantities of other units of time are converted."""

    def default(self, graph: Graph, vertex: str) -> np.ndarray:
        node = graph.nodes[vertex]
        return frozen(np.full(node.shape, self.number if self._applies(node) else 0.0))

    def is_default(self, graph: Graph, vertex: str, value: np.ndarray) -> bool:
        return np.array_equal(value, self.default(graph, vertex))

    def _applies(self, node: Node) -> bool:
        return self.populations != (ERROR,) or is_predicted(node)

    def _fits(self, array: np.ndarray) -> bool:
        signs = bool(np.isfinite(array).all() and (array >= 0 if self.zero_allowed else array > 0).all())
        return signs and (self.mixed or bool((array > 0).all() or (array == 0).all()))

    def from_argument(self, graph: Graph, vertices: Iterable[str], values: Any) -> dict[str, np.ndarray]:
        """A scalar, an array or a dict by vertex as one array for each vertex."""
        vertices = dict.fromkeys(vertices)
        by_vertex = graph.expanded(self.keyword, values, vertices) if isinstance(values, Mapping) else None
        for vertex in by_vertex or ():
            if vertex not in vertices:
                raise unknown_name(f"vertex in {self.keyword}", vertex, vertices)
        arrays = {}
        for vertex in vertices:
            value = values if by_vertex is None else by_vertex.get(vertex, self.number)
            arrays[vertex] = self._array(graph.nodes[vertex], value)
        for node in (graph.nodes[vertex] for vertex in vertices):
            if self._applies(node):
                continue
            if by_vertex is not None and node.name in by_vertex:
                raise ParameterError(
                    f"{self.keyword} of {node.name!r}, a latent without a prior: nothing predicts it; give it a prior, "
                    f"as in pcn.Latent({node.shape}, prior=0.0), or leave its {self.keyword} out"
                )
            arrays[node.name] = self.default(graph, node.name)
        return arrays

    def _array(self, node: Node, value: Any) -> np.ndarray:
        what = f"{self.keyword} of vertex {node.name!r}"
        value = plain(what, in_ms(what, value) if self.time else value)
        got = told(value)
        try:
            numbers = real_array(self.keyword, value)
            if np.asarray(value).dtype.kind == "b":
                raise ValueError
            got = f"of shape {numbers.shape}" if numbers.shape else got
            array = np.array(np.broadcast_to(numbers, node.shape), dtype=np.float64)
        except ValueError:
            raise ParameterError(
                f"{self.keyword} of vertex {node.name!r}, of shape {node.shape}, is {got}: give a number, an array of "
                "that shape, or a dict by vertex"
            ) from None
        if not self._fits(array):
            if not self.mixed and array.min() == 0 and np.isfinite(array).all():
                raise ParameterError(
                    f"{self.keyword} of vertex {node.name!r} is 0 for {int((array == 0).sum())} of its {node.size} "
                    "units: give 0 for all units of a vertex or for none"
                )
            wanted = "finite and not negative" if self.zero_allowed else "positive and finite"
            raise ParameterError(
                f"{self.keyword} of vertex {node.name!r} must be {wanted}, got {array.min():g} as its least"
            )
        return frozen(array)

    def save(self, name: str, values: Mapping[str, Any], facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        arrays |= {f"{name}/{vertex}": value for vertex, value in values.items()}

    def load(
        self, name: str, graph: Graph, vertices: Iterable[str], facts: Mapping[str, Any], arrays: Mapping[str, Any]
    ) -> dict[str, np.ndarray]:
        loaded = {}
        for vertex in vertices:
            node, key = graph.nodes[vertex], f"{name}/{vertex}"
            if self.optional and key not in arrays:
                continue
            array = np.asarray(arrays[key], dtype=np.float64)
            if array.shape != node.shape or not (
                self._fits(array) if self._applies(node) else np.isfinite(array).all()
            ):
                raise ValueError(f"{name} of {vertex!r}")
            loaded[vertex] = frozen(array)
        return loaded

    def attribute(self, value: np.ndarray) -> float | tuple[float, ...]:
        """The one number that the units have, or all of them in C order."""
        flat = value.ravel()
        return float(flat[0]) if (flat == flat[0]).all() else tuple(flat.tolist())

    def text(self, value: np.ndarray) -> str:
        return number_range(value.min(), value.max())


@dataclass(frozen=True)
class OutputEnergy(AbstractProperty):
    """The energy of an output vertex; None of all others. Users give it by output, and files have it by vertex."""

    def default(self, graph: Graph, vertex: str) -> AbstractEnergy | None:
        return SquaredError() if any(node.name == vertex for node in graph.outputs.values()) else None

    def is_default(self, graph: Graph, vertex: str, value: AbstractEnergy | None) -> bool:
        return value == self.default(graph, vertex)

    def from_argument(self, graph: Graph, vertices: Iterable[str], values: Any) -> dict[str, AbstractEnergy | None]:
        if values is not None and not isinstance(values, Mapping):
            raise ParameterError(
                f"{self.keyword} is {told(values)}; give a dict from outputs to energies, such as "
                f"{{{next(iter(graph.outputs))!r}: pcn.SquaredError()}}"
            )
        energies: dict[str, AbstractEnergy | None] = dict.fromkeys(vertices)
        energies |= {node.name: SquaredError() for node in graph.outputs.values()}
        for output, energy in (values or {}).items():
            if output not in graph.outputs:
                raise unknown_name(f"output in {self.keyword}", output, graph.outputs)
            if not isinstance(energy, AbstractEnergy):
                raise ParameterError(
                    f"energy of output {output!r} is {told(energy)}; give an object, pcn.SquaredError()"
                )
            energies[graph.outputs[output].name] = energy
        return energies

    def save(self, name: str, values: Mapping[str, Any], facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        facts[self.keyword] = {vertex: energy.kind for vertex, energy in values.items() if energy is not None}

    def load(
        self, name: str, graph: Graph, vertices: Iterable[str], facts: Mapping[str, Any], arrays: Mapping[str, Any]
    ) -> dict[str, AbstractEnergy | None]:
        kinds = facts[self.keyword]
        outputs = [node.name for node in graph.outputs.values()]
        return dict.fromkeys(vertices) | {v: class_of_kind("energy", kinds[v], ENERGIES)() for v in outputs}

    def attribute(self, value: AbstractEnergy | None) -> str:
        return "" if value is None else value.kind

    def text(self, value: AbstractEnergy | None) -> str:
        return "-" if value is None else value.kind


@dataclass(frozen=True)
class Baseline(AbstractProperty):
    """A rate that is not negative, or None, for each vertex that has error neurons."""

    def default(self, graph: Graph, vertex: str) -> None:
        return None

    def is_default(self, graph: Graph, vertex: str, value: float | None) -> bool:
        return value is None

    def from_argument(self, graph: Graph, vertices: Iterable[str], values: Any) -> dict[str, float | None]:
        vertices = dict.fromkeys(vertices)
        if not isinstance(values, Mapping):
            values = {name: values for name in vertices if is_predicted(graph.nodes[name])}
        for name in values:
            if name not in vertices:
                raise unknown_name(f"vertex in {self.keyword}", name, vertices)
            if not is_predicted(graph.nodes[name]) and values[name] is not None:
                raise ParameterError(f"{self.keyword} of {name!r}, a latent without a prior: it has no error neurons")
        return {name: self._rate(name, values.get(name)) for name in vertices}

    def _rate(self, vertex: str, value: Any) -> float | None:
        return None if value is None else number(f"{self.keyword} of vertex {vertex!r}", value, NOT_NEGATIVE)

    def save(self, name: str, values: Mapping[str, Any], facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        facts[name] = dict(values)

    def load(
        self, name: str, graph: Graph, vertices: Iterable[str], facts: Mapping[str, Any], arrays: Mapping[str, Any]
    ) -> dict[str, float | None]:
        return self.from_argument(graph, vertices, dict(facts.get(name, {})))

    def attribute(self, value: float | None) -> float | str:
        return "" if value is None else value

    def text(self, value: float | None) -> str:
        return "-" if value is None else f"{value:g}"


def frozen(array: np.ndarray) -> np.ndarray:
    """The array, made read-only. What arithmetic of arrays without axes brings is a number, and becomes one again."""
    array = np.asarray(array)
    array.flags.writeable = False
    return array


@dataclass(frozen=True, eq=False)
class VertexProperties:
    """What the value and error neurons of one vertex have, each with how it is given, saved, loaded and shown."""

    tau: Annotated[np.ndarray, PerUnit("tau", heading="tau/ms", optional=False, number=10.0, time=True)]
    """Time constants of the value neurons in ms, of the vertex's shape."""
    precision: Annotated[np.ndarray, PerUnit("precision", populations=(ERROR,), optional=False, number=1.0)]
    """Precisions of the predictions, of the vertex's shape; 0 where nothing predicts the vertex."""
    error_tau: Annotated[
        np.ndarray,
        PerUnit(
            "error_tau",
            populations=(ERROR,),
            heading="error tau/ms",
            number=0.0,
            zero_allowed=True,
            mixed=False,
            time=True,
        ),
    ]
    """Time constants of the error neurons in ms, of the vertex's shape; all 0 where errors are there at once."""
    error_baseline: Annotated[float | None, Baseline("error_baseline", populations=(ERROR,), heading="ON/OFF at")]
    """Rate of error neurons at an error of zero where they come in pairs of non-negative rates, ON - OFF = e; None
    where one population has rates of either sign."""
    error_payload: Annotated[Payload | None, ErrorPayload("error_payload", populations=(ERROR,), heading="messages")]
    """What messages of the error neurons can say; None where others know errors as they are."""
    energy: Annotated[AbstractEnergy | None, OutputEnergy("energies", populations=(), optional=False)]
    """What a clamped target costs, of outputs only."""


ByVertex = Mapping[str, VertexProperties]
"""Vertex -> its properties, in the order of the vertices."""


def known_properties() -> Mapping[str, AbstractProperty]:
    """All properties of vertices by name, in the order of the record."""
    return _properties_of(VertexProperties)


@functools.cache
def _properties_of(record: type[VertexProperties]) -> Mapping[str, AbstractProperty]:
    hints = get_type_hints(record, include_extras=True)
    return {each.name: hints[each.name].__metadata__[0] for each in fields(record)}


def _records(graph: Graph, vertices: Iterable[str], values: Mapping[str, Mapping[str, Any]]) -> ByVertex:
    """A record for each vertex from values by property and vertex, with defaults where there is none."""
    records = {}
    for vertex in vertices:
        records[vertex] = VertexProperties(
            **{
                name: values[name][vertex] if vertex in values[name] else known.default(graph, vertex)
                for name, known in known_properties().items()
            }
        )
    return records


def property_keywords() -> list[str]:
    """The arguments of ``build_circuit`` that are properties of vertices."""
    return [known.keyword for known in known_properties().values()]


def properties_from_arguments(graph: Graph, vertices: Iterable[str], arguments: Mapping[str, Any]) -> ByVertex:
    """The properties of all vertices from arguments of ``build_circuit``, by keyword.

    Raises what each property raises for its values.
    """
    vertices = tuple(vertices)
    values = {
        name: known.from_argument(graph, vertices, arguments[known.keyword]) if known.keyword in arguments else {}
        for name, known in known_properties().items()
    }
    return _records(graph, vertices, values)


def save_properties(graph: Graph, properties: ByVertex, facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Add the properties of all vertices to the JSON facts and the arrays of a file."""
    for name, known in known_properties().items():
        values = {vertex: getattr(record, name) for vertex, record in properties.items()}
        if known.optional:
            values = {vertex: v for vertex, v in values.items() if not known.is_default(graph, vertex, v)}
        if values:
            known.save(name, values, facts, arrays)


def load_properties(
    graph: Graph, vertices: Iterable[str], facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> ByVertex:
    """The properties of all vertices from a file.

    Raises KeyError or ValueError for what is missing or does not fit, and UnknownNameError for a property that there
    is not, of which a newer pcneuro may know.
    """
    vertices = tuple(vertices)
    for key in arrays:
        name, _, vertex = key.partition("/")
        if vertex in vertices and name not in graph.nodes:
            class_of_kind("property of vertices", name, known_properties())
    values = {name: known.load(name, graph, vertices, facts, arrays) for name, known in known_properties().items()}
    return _records(graph, vertices, values)


def shown_columns(graph: Graph, properties: ByVertex) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Columns of the table of populations: the heading, and the text of each vertex."""
    for name, known in known_properties().items():
        values = {vertex: getattr(record, name) for vertex, record in properties.items()}
        if known.optional and all(known.is_default(graph, vertex, value) for vertex, value in values.items()):
            continue
        if known.heading:
            yield known.heading, {vertex: known.text(value) for vertex, value in values.items()}


def shown_attributes(record: VertexProperties, kind: str) -> dict[str, Any]:
    """Attributes in ``Circuit.nx`` of the population of this ``kind``, ``"value"`` or ``"error"``, of a vertex."""
    shown = {n: (known, getattr(record, n)) for n, known in known_properties().items() if kind in known.populations}
    return {n: known.attribute(value) for n, (known, value) in shown.items() if value is not None}
