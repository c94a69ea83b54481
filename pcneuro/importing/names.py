"""Names of other libraries as names of vertices, and what a model of theirs is as a graph."""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.errors import ParameterError, told
from pcneuro.graph.graph import Graph
from pcneuro.graph.leaves import LONGEST_NAME
from pcneuro.graph.trace import trace

_NO_LETTER = re.compile(r"[^A-Za-z0-9_]")
_ROOM = 8
"""Letters that are kept free for what tells equal names apart."""


def as_names(theirs: Iterable[str], others: Iterable[str] = ()) -> dict[str, str]:
    """Name in the other library -> name of a vertex: with _ in place of dots and the like, and each of its own.

    ``others`` are vertices' names that are taken.
    """
    taken = {*inspect.signature(trace).parameters, *others}
    names: dict[str, str] = {}
    for name in theirs:
        letters = _NO_LETTER.sub("_", name)
        letters = letters if letters[:1].isalpha() else f"v{letters}"
        letters = letters[-(LONGEST_NAME - _ROOM) :].lstrip("_0123456789") or "v"
        names[name] = apart(letters, taken)
        taken.add(names[name])
    return names


def apart(name: str, taken: Collection[str]) -> str:
    """The name, with a number behind it where it is taken."""
    free, count = name, 0
    while free in taken:
        count += 1
        free = f"{name}_{count}"
    return free


@dataclass(frozen=True, eq=False)
class AbstractModel:
    """A model of another library as a graph of one sample.

    ``graph`` is what ``pcn.build_circuit`` takes; ``parameters`` are the model's own names of its parameters, by their
    names in the graph.
    """

    graph: Graph
    parameters: Mapping[str, str]

    def values(self, parameters: Circuit | Mapping[str, Any] | None) -> dict[str, np.ndarray]:
        """Values of parameters by the model's own names: a circuit's, those given by name, the graph's elsewhere.

        Raises ParameterError for what is neither, UnknownNameError, ShapeError and DataError for what does not fit.
        """
        given = parameters.parameters if isinstance(parameters, Circuit) else parameters
        given = {} if given is None else given
        if not isinstance(given, Mapping):
            raise ParameterError(f"parameters are {told(parameters)}: give a circuit, or a dict of arrays by name")
        arrays: dict[str, Any] = {name: node.source.value for name, node in self.graph.parameters.items()}  # type: ignore[union-attr]
        arrays |= self.graph.checked_parameters(given)
        return {self.parameters[name]: np.asarray(value) for name, value in arrays.items() if name in self.parameters}
