"""Natural order: one population after the other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pcneuro.errors import CapacityError
from pcneuro.kernels.mapping.moving import settle
from pcneuro.kernels.mapping.packing import pack
from pcneuro.kernels.mapping.structures import AXONS_OUT, HELD
from pcneuro.mapping.partition.abstract import AbstractStrategy
from pcneuro.mapping.partition.problem import LIMITS, Problem, words
from pcneuro.mapping.partition.refinement import laid

_PACKED_AGAIN = 12
"""How often at most: how many cores an axon reaches is known only when all are packed, and then packs them anew."""


class NaturalOrder(AbstractStrategy):
    """Populations in their order, each from a core of its own on; small ones share a core that takes them whole."""

    name = "natural"

    def starts(self, problem: Problem, natural: np.ndarray, cores: int, seed: int) -> Iterator[np.ndarray]:
        yield natural


def natural_order(problem: Problem, cores: int | None) -> tuple[np.ndarray, int]:
    """The division in natural order, within all limits, and how many cores that takes.

    Where ``cores`` are too few for populations that begin on a core of their own, they follow each other closely.
    Raises CapacityError if it takes more than ``cores`` even so, or a node is too much for one.
    """
    order = np.arange(problem.nodes)
    core, taken = packed(problem, order, whole=True)
    if cores is not None and taken > cores:
        core, taken = packed(problem, order, whole=False)
        if taken > cores:
            raise CapacityError(
                f"in their order, {problem.axons.neurons:,} neurons take {taken:,} cores, and there are {cores:,}: "
                f"{_tightest(problem, cores)}; thin synapses out, make populations smaller, or take a larger chip"
            )
    return core, taken


def packed(problem: Problem, order: np.ndarray, *, whole: bool) -> tuple[np.ndarray, int]:
    """Nodes of an order, packed within all limits, and how many cores that takes."""
    nets, nodes = problem.nets, problem.nodes
    population = problem.population[order]
    ends = np.append(np.flatnonzero(np.diff(population)) + 1, nodes)
    block = ends[np.searchsorted(ends, np.arange(nodes), side="right")]
    reaches, core = np.zeros(nodes, dtype=np.int64), np.zeros(nodes, dtype=np.int64)
    for _ in range(_PACKED_AGAIN):
        stamp, held = np.full(nets.first.size - 1, -1), np.zeros(HELD, dtype=np.int64)
        cores = int(pack(nets, order, block, whole, problem.limit, reaches, core, stamp, held))
        if cores < 0:
            node = int(order[-1 - cores])
            raise _too_far(problem, node) if reaches[node] > problem.limit[AXONS_OUT] else problem.too_much(node)
        if problem.limits.axons_out is None:
            return core, cores
        at = laid(nets, core, cores, problem.limit)
        settle(nets, at)
        if (at.used[:, AXONS_OUT] <= problem.limit[AXONS_OUT]).all():
            return core, cores
        now = np.bincount(nets.source, weights=at.reaches, minlength=nodes).astype(np.int64)
        reaches = np.maximum(reaches, now)
    raise _too_far(problem, int(np.argmax(reaches)))


def _too_far(problem: Problem, node: int) -> CapacityError:
    """The error for axons that reach too many cores."""
    return CapacityError(
        f"the axons of {problem.axons.populations[problem.population[node]]!r} reach more cores than the "
        f"{problem.limits.axons_out:,} axons out of a core allow, however few neurons it holds: thin synapses out, or "
        "take a chip with larger cores"
    )


def _tightest(problem: Problem, cores: int) -> str:
    """Which limit is used most, in words."""
    sending = np.count_nonzero(problem.axons.fan_out)
    needed = problem.nets.size.sum(), sending, sending, problem.nets.synapses.sum()
    shares = [need / (float(limit) * cores) for need, limit in zip(needed, problem.limit[:HELD], strict=True)]
    most = int(np.argmax(shares))
    limit = int(problem.limit[most])
    return f"of {words(LIMITS[most])}, they need at least {needed[most]:,} of {limit:,} a core"
