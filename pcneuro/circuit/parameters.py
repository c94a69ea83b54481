"""New values of parameters: checked against the graph that they are for, and made arrays of its shapes."""

from __future__ import annotations

from typing import Any

import numpy as np

from pcneuro.errors import ShapeError
from pcneuro.graph.graph import Graph, Parameter, Pattern


def check_parameters(graph: Graph, values: Any) -> dict[str, np.ndarray]:
    """New values of some parameters as arrays of their shapes.

    ``values`` maps names to arrays, and names of trees to such trees; a parameter that was traced as a ``scipy.sparse``
    matrix takes one of the same pattern, or the vector of its weights row by row. Raises ParameterError for what is no
    mapping and for another tree, UnknownNameError, ShapeError, and DataError for what is no array of finite real
    numbers.
    """
    dense = {}
    for name, value in graph.expanded("parameters", values, graph.parameters).items():
        sparse = name in graph.parameters and type(value).__module__.startswith("scipy.sparse")
        dense[name] = _weights(graph, name, value) if sparse else value
    return graph.checked_parameters(dense)


def _pattern(graph: Graph, name: str) -> Pattern | None:
    """Where the synapses of a sparse parameter stand: its users know it, in a circuit from a file, too."""
    for user in graph.consumers[name]:
        pattern = graph.nodes[user].operator.description.pattern
        if pattern is not None:
            return Pattern(*pattern)
        if graph.nodes[user].operator.description.passes_on:
            found = _pattern(graph, user)
            if found is not None:
                return found
    return None


def _weights(graph: Graph, name: str, matrix: Any) -> np.ndarray:
    """Weights of a sparse matrix, row by row, which must stand where the parameter's do."""
    wanted = _pattern(graph, name)
    if wanted is None:
        raise ShapeError(
            f"parameter {name!r} is an array of shape {graph.parameters[name].shape} and was given as a sparse matrix: "
            "give its .toarray()"
        )
    parameter = Parameter(matrix)
    pattern = parameter.pattern
    same = pattern is not None and pattern.width == wanted.width and np.array_equal(pattern.starts, wanted.starts)
    if pattern is None or not same or not np.array_equal(pattern.columns, wanted.columns):
        count = wanted.columns.size
        raise ShapeError(
            f"parameter {name!r} is a sparse matrix of shape {matrix.shape} with {parameter.value.size} weights, not "
            f"all of them where those traced are (shape {(wanted.starts.size - 1, wanted.width)}, {count} weights): "
            f"give one of the same pattern, or the vector of its {count} weights row by row"
        )
    return parameter.value
