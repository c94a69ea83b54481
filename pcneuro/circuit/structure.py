"""What the rest of the package knows of a circuit: its graph, its vertices, and the constants of their neurons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Self

import numpy as np

from pcneuro.circuit.parameters import check_parameters
from pcneuro.graph.graph import Graph, Latent
from pcneuro.model.delays import AbstractDelay
from pcneuro.model.energies import AbstractEnergy


@dataclass(frozen=True, eq=False)
class AbstractCircuit:
    """The data of a circuit. ``Circuit`` is what users have: this, and what draws, saves and describes it."""

    graph: Graph
    vertices: tuple[str, ...]
    tau: Mapping[str, np.ndarray] = field(repr=False)
    precision: Mapping[str, np.ndarray] = field(repr=False)
    energies: Mapping[str, AbstractEnergy] = field(repr=False)
    delays: Mapping[tuple[str, str], AbstractDelay] = field(default_factory=dict, repr=False)

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """Values of the parameters (read-only arrays)."""
        return {name: node.source.value for name, node in self.graph.parameters.items()}  # type: ignore[union-attr]

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
        source = self.graph.nodes[vertex].source
        return not (isinstance(source, Latent) and source.prior is None)

    @cached_property
    def rates(self) -> dict[str, tuple[float, float]]:
        """Vertex -> the least and the largest precision / tau of its units: the rate of their leak, per ms."""
        found = {name: self.precision[name] / self.tau[name] for name in self.vertices}
        return {name: (float(rate.min()), float(rate.max())) for name, rate in found.items()}
