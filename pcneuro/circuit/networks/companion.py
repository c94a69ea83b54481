"""The circuit whose ``nx`` a graph is: as its companion has it, with time constants and precisions as the graph has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.companion import COMPANION, Companion, of_text
from pcneuro.circuit.loading import circuit_from_bytes
from pcneuro.circuit.populations import plain_attributes
from pcneuro.circuit.properties import properties_from_arguments
from pcneuro.errors import CircuitFileError, GraphError, ParameterError, shown

_NAME = f"the attribute {COMPANION!r} of the graph"
_MAY_CHANGE = ("tau", "precision", "error_tau")
"""Attributes of nodes that are read."""
_IDENTITY = "id"
"""What readers of GraphML call an edge."""


def has_companion(graph: Any) -> bool:
    """Whether a graph is what ``Circuit.nx`` is, or was read from what ``Circuit.write_graphml`` wrote."""
    return COMPANION in graph.graph


def read_back(graph: Any) -> Circuit:
    """The circuit of such a graph.

    Raises CircuitFileError for a companion that is damaged; GraphError, ParameterError where the graph has other
    populations, projections or attributes than the circuit, but for numbers that are the user's to change.
    """
    circuit = _circuit(graph)
    expected = circuit.nx
    nodes = {name: _comparable(known) for name, known in graph.nodes(data=True)}
    for name in sorted(set(map(str, nodes)) ^ set(expected.nodes)):
        more = "lacks" if name in expected else "has, and its circuit has not,"
        raise GraphError(f"the graph {more} the population {name!r}: change the function that the circuit is traced of")
    _check_edges(graph, expected)
    changed: dict[str, dict[str, np.ndarray]] = {}
    for name, attributes in expected.nodes(data=True):
        wanted = plain_attributes(attributes)
        for key in sorted(wanted.keys() | nodes[name].keys()):
            got, known = nodes[name].get(key), wanted.get(key)
            if got == known:
                continue
            if key not in _MAY_CHANGE or attributes["vertex"] in circuit.graph.inputs or got is None:
                raise ParameterError(
                    f"the graph has {key} {shown(got)} of population {name!r}, and its circuit {shown(known)}: only "
                    f"{', '.join(_MAY_CHANGE)} can be changed here"
                )
            changed.setdefault(key, {})[attributes["vertex"]] = _numbers(name, key, got, attributes["shape"])
    return _with(circuit, changed)


def _comparable(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes of a node as GraphML has them, arrays as tuples are, so that ``==`` is one truth value."""
    arrays = {k: v for k, v in attributes.items() if hasattr(v, "__array__") and np.ndim(v)}
    return plain_attributes({**attributes, **{k: tuple(np.ravel(v).tolist()) for k, v in arrays.items()}})


def without_identity(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes of an edge but for the identity that readers of GraphML give it."""
    return {key: value for key, value in attributes.items() if key != _IDENTITY}


def _circuit(graph: Any) -> Circuit:
    """The companion."""
    known = graph.graph[COMPANION]
    if isinstance(known, Companion) and isinstance(known.circuit, Circuit):
        return replace(known.circuit)
    try:
        contents = of_text(known)
    except ValueError as error:
        raise CircuitFileError(
            f"{_NAME} is damaged, or of a graph that something else than circuit.write_graphml wrote: {error}"
        ) from None
    return circuit_from_bytes(contents, _NAME)


def _edges(graph: Any) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Edges with their attributes, in an order that does not depend on the graph's kind."""
    found = []
    for a, b, attributes in graph.edges(data=True):
        plain = sorted((k, str(v)) for k, v in without_identity(plain_attributes(attributes)).items())
        found.append((str(a), str(b), plain))
    return sorted(found)


def _check_edges(graph: Any, expected: Any) -> None:
    got, wanted = _edges(graph), _edges(expected)
    if got == wanted:
        return
    ends = [edge for edge in (*got, *wanted) if edge not in got or edge not in wanted]
    source, target, _ = ends[0] if ends else got[0]
    raise GraphError(
        f"the edges {source!r} -> {target!r} of the graph are not those of its circuit: change the circuit instead, as "
        "by circuit.with_delays, circuit.with_plasticity, or the function that it is traced of"
    )


def _numbers(name: str, key: str, value: Any, shape: tuple[int, ...]) -> np.ndarray:
    """A number, or one for each unit, as a graph or GraphML has it."""
    try:
        array = np.array([float(part) for part in value.split(",")] if isinstance(value, str) else value, dtype=float)
        return array.reshape(shape) if array.size > 1 else np.full(shape, array)
    except (TypeError, ValueError):
        raise ParameterError(
            f"{key} of population {name!r} is {shown(value)}; give a number, or one for each of its units"
        ) from None


def _with(circuit: Circuit, changed: Mapping[str, Mapping[str, np.ndarray]]) -> Circuit:
    """The circuit with other time constants and precisions."""
    if not changed:
        return circuit
    records = dict(circuit.properties)
    vertices = dict.fromkeys(vertex for values in changed.values() for vertex in values)
    made = properties_from_arguments(circuit.graph, vertices, changed)
    for key, values in changed.items():
        for vertex in values:
            records[vertex] = replace(records[vertex], **{key: getattr(made[vertex], key)})
    return replace(circuit, properties=records)
