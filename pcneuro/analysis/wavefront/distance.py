"""Distances from where errors begin: the least way through the circuit, and the time that it takes."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.synapses import nearest_steps

if TYPE_CHECKING:
    import networkx

ROUNDING = 1e-9
"""Share of a step that sums of delays may be off by rounding."""


@dataclass(frozen=True)
class Clock:
    """How fast an error can go.

    ``dt`` is in ms; each of the ``stages`` of a step takes an error through one population of value neurons. There are
    0 where there are no steps, and only delays hold it up.
    """

    dt: float
    stages: int

    @property
    def passage(self) -> float:
        """Least time in ms from what arrives at value neurons to what they send next."""
        return self.dt / self.stages if self.stages else 0.0

    def delay(self, ms: float) -> float:
        """A conduction delay as a run takes it, in ms: whole steps where there are steps, which may be less."""
        return float(nearest_steps(ms, self.dt)) * self.dt if self.stages else ms

    def bound(self, delays: float, passed: int) -> float:
        """Least time in ms for a way with so many ms of delays, through so many populations of value neurons.

        Stepped states are seen at whole steps only.
        """
        if not self.stages:
            return delays
        return math.ceil(delays / self.dt + passed / self.stages - ROUNDING) * self.dt


@dataclass(frozen=True)
class ErrorPath:
    """The least way of an error to a vertex: the vertices on it, its projections, and the time in ms that it takes."""

    path: tuple[str, ...]
    hops: int
    bound: float


NONE = ErrorPath((), 0, math.inf)
"""No way leads there."""


def least_ways(
    circuit: Circuit, sources: Iterable[str], clamped: Collection[str], linear: bool, clock: Clock
) -> dict[str, ErrorPath]:
    """Vertex -> the least way to it from the errors of the vertices ``sources``; those that none leads to are left out.

    The shortest path of networkx's Dijkstra over ``circuit.nx``: through feedback and a vertex's own two connections
    and, unless the dynamics are ``linear`` and hold them, predictions. What is clamped sends nothing new. Of several
    ways that take as long it is one with the fewest projections.
    """
    import networkx

    begin = [f"{name}.error" for name in sources]
    if not begin:
        return {}
    ways = _open_ways(circuit, clamped, linear, clock)
    ways.add_nodes_from(begin)
    lengths, paths = networkx.multi_source_dijkstra(ways, begin, weight="length")
    least = {}
    for name in circuit.vertices:
        ends = [f"{name}.error"] if name in clamped else [f"{name}.error", f"{name}.value"]
        reached = [end for end in ends if end in lengths]
        if reached:
            least[name] = _way(ways, paths[min(reached, key=lengths.__getitem__)], clock)
    return least


def _open_ways(circuit: Circuit, clamped: Collection[str], linear: bool, clock: Clock) -> networkx.DiGraph:
    """Connections that can carry what is new about an error, with the least time that they take as ``length``."""
    import networkx

    ways = networkx.DiGraph()
    # Nothing where there are steps; without them, what makes the fewer projections the shorter way.
    each = ROUNDING * clock.dt
    populations = circuit.with_signed_errors.nx
    nodes = populations.nodes
    for start, end, edge in populations.edges(data=True):
        leaves = nodes[start]["kind"] == "value"
        held = leaves and (nodes[start]["role"] == "input" or nodes[start]["vertex"] in clamped)
        if held or (linear and edge["kind"] == "prediction"):
            continue
        hop = edge["kind"] in ("feedback", "prediction")
        delay = clock.delay(edge["delay"])
        length = delay + (clock.passage if leaves else 0.0) + each * hop
        ways.add_edge(start, end, length=length, delay=delay, hop=hop, passes=leaves)
    return ways


def _way(ways: networkx.DiGraph, path: list[str], clock: Clock) -> ErrorPath:
    edges = [ways.edges[edge] for edge in pairwise(path)]
    vertices = dict.fromkeys(node.rpartition(".")[0] for node in path)
    delays = math.fsum(edge["delay"] for edge in edges)
    passed = sum(edge["passes"] for edge in edges)
    return ErrorPath(tuple(vertices), sum(edge["hop"] for edge in edges), clock.bound(delays, passed))
