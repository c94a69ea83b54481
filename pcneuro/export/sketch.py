"""A graph of primitives on its way to another library: nodes with their fields, and the edges between them.

Dense matrices are made once it is known that there is room for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcneuro.ops.base import Shape, size


@dataclass(frozen=True, eq=False)
class Dense:
    """An array of this ``shape`` that is made once it is known that there is room for it."""

    shape: Shape
    make: Callable[[], np.ndarray]


@dataclass(frozen=True, eq=False)
class SketchNode:
    """A node: which primitive it is, the shape of what it gives, its fields, and notes that nothing depends on."""

    primitive: str
    shape: Shape
    fields: Mapping[str, Any]
    notes: Mapping[str, Any]


class Sketch:
    """Nodes by name, and edges between them; what comes by several edges adds up."""

    def __init__(self) -> None:
        self.nodes: dict[str, SketchNode] = {}
        self.edges: list[tuple[str, str]] = []

    def add(
        self,
        name: str,
        primitive: str,
        shape: Shape,
        fields: Mapping[str, Any],
        sources: Iterable[str] = (),
        notes: Mapping[str, Any] | None = None,
    ) -> str:
        """A new node that takes input from ``sources``; returns its name, with a number where ``name`` is taken."""
        free, count = name, 1
        while free in self.nodes:
            count += 1
            free = f"{name}_{count}"
        self.nodes[free] = SketchNode(primitive, shape, fields, notes or {})
        self.edges += [(source, free) for source in sources]
        return free

    @property
    def entries(self) -> int:
        """Numbers in all fields of all nodes."""
        fields = [f for node in self.nodes.values() for f in node.fields.values()]
        return sum(size(f.shape) for f in fields if isinstance(f, Dense | np.ndarray))
