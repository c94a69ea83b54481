"""Cycles: whose activity the leaves have that close them, and what is refused about them by name."""

from __future__ import annotations

from collections.abc import Collection
from typing import NoReturn

from pcneuro.errors import GraphError, ParameterError, ShapeError, unknown_name
from pcneuro.graph.graph import Graph, Input, Recurrent


def recurrent_of(graph: Graph, leaf: str) -> Recurrent:
    """The ``Recurrent`` that a leaf is."""
    source = graph.nodes[leaf].source
    assert isinstance(source, Recurrent)
    return source


def returning(graph: Graph) -> list[str]:
    """The leaves that close cycles by which errors come back to their vertices."""
    return [name for name in graph.recurrent if recurrent_of(graph, name).feedback]


def check_recurrent(graph: Graph, vertices: Collection[str]) -> None:
    """Raise for a ``Recurrent`` whose vertex is none of these ``vertices`` (UnknownNameError, GraphError), or has
    another shape (ShapeError)."""
    for name in graph.recurrent:
        source, sender = recurrent_of(graph, name), graph.sender(name)
        if sender not in vertices:
            _refuse(graph, name, source.vertex, vertices)
        shape = graph.nodes[sender].shape
        if shape != source.shape:
            raise ShapeError(f"Recurrent {name!r} of vertex {source.vertex!r} has shape {source.shape}; its is {shape}")


def _refuse(graph: Graph, leaf: str, vertex: str, vertices: Collection[str]) -> NoReturn:
    """Say why a name is that of no vertex."""
    node = graph.nodes.get(vertex)
    if node is None:
        raise unknown_name(f"vertex of the Recurrent {leaf!r}:", vertex, dict.fromkeys([*vertices, *graph.outputs]))
    if isinstance(node.source, Input):
        raise GraphError(f"Recurrent {leaf!r} is of {vertex!r}, which is an input: read that itself")
    if node.is_leaf:
        raise GraphError(f"Recurrent {leaf!r} is of {vertex!r}, a leaf without neurons that move: give a vertex")
    raise GraphError(
        f"Recurrent {leaf!r} is of {vertex!r}, which has no neurons: write pcn.vertex(..., {vertex!r}) for it"
    )


def refuse_cycles(graph: Graph, what: str, instead: str) -> None:
    """Raise ParameterError, on behalf of ``what``, where leaves close cycles; ``instead`` is advice."""
    for name in graph.recurrent:
        raise ParameterError(
            f"{what} has no cycles, and {name!r} is a Recurrent of {recurrent_of(graph, name).vertex!r}: {instead}"
        )
