"""What a property of vertices is: which values it takes, and how it is given, saved, loaded and shown."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcneuro.graph.graph import Graph, Latent, Node

VALUE, ERROR = "value", "error"
"""Kinds of populations."""


def is_predicted(node: Node) -> bool:
    """Whether a vertex has error neurons: all have, but latent leaves without a prior."""
    return not (isinstance(node.source, Latent) and node.source.prior is None)


@dataclass(frozen=True)
class AbstractProperty(ABC):
    """One property of vertices: which values it takes, and how it is given, saved, loaded and shown."""

    keyword: str
    """Its argument of ``build_circuit``."""
    populations: tuple[str, ...] = (VALUE, ERROR)
    """Kinds of populations in ``Circuit.nx`` that have it as an attribute."""
    heading: str = ""
    """Of its column in ``print(circuit)``; without one there is none."""
    optional: bool = True
    """Whether files leave out the default, and tables a column of nothing else. Files of before it was added do."""

    @abstractmethod
    def default(self, graph: Graph, vertex: str) -> Any:
        """The value of a vertex for which none was given."""

    @abstractmethod
    def is_default(self, graph: Graph, vertex: str, value: Any) -> bool:
        """Whether a value is the default."""

    @abstractmethod
    def from_argument(self, graph: Graph, vertices: Iterable[str], values: Any) -> dict[str, Any]:
        """Vertex -> value, from what a user passed to ``build_circuit``. Raises what is wrong with it."""

    @abstractmethod
    def save(self, name: str, values: Mapping[str, Any], facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """Add the values of these vertices to the JSON facts and the arrays of a file."""

    @abstractmethod
    def load(
        self, name: str, graph: Graph, vertices: Iterable[str], facts: Mapping[str, Any], arrays: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Vertex -> value, for those that a file has one of. Raises KeyError or ValueError for what does not fit."""

    @abstractmethod
    def attribute(self, value: Any) -> Any:
        """A value as an attribute of ``Circuit.nx``: a number, text, or a tuple of them."""

    @abstractmethod
    def text(self, value: Any) -> str:
        """A value as a cell of a table."""
