"""Natural order: one population after the other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pcneuro.errors import CapacityError
from pcneuro.kernels.mapping.packing import pack
from pcneuro.kernels.mapping.structures import AXONS_OUT, HELD, Load
from pcneuro.mapping.counting import destinations
from pcneuro.mapping.limit_words import WORDS
from pcneuro.mapping.partition.abstract import AbstractStrategy
from pcneuro.mapping.partition.problem import LIMITS, Problem

_PACKED_AGAIN = 12
"""How often at most: how many cores an axon reaches is known only when all are packed, and then packs them anew."""


class NaturalOrder(AbstractStrategy):
    """Populations in their order, each from a core of its own on; small ones share a core that takes them whole.

    Examples
    --------
    >>> pcn.mapping.NaturalOrder().name
    'natural'
    """

    name = "natural"

    def starts(self, problem: Problem, natural: np.ndarray, cores: int, seed: int) -> Iterator[np.ndarray]:
        yield natural


def natural_order(problem: Problem, cores: int | None) -> tuple[np.ndarray, int]:
    """The division in natural order, within all limits, and how many cores that takes.

    Where ``cores`` are too few for populations that begin on a core of their own, they follow each other closely.
    Raises CapacityError if it takes more than ``cores`` even so, or a node is too much for one.
    """
    core, taken = packed(problem, whole=True)
    if cores is not None and taken > cores:
        core, taken = packed(problem, whole=False)
        if taken > cores:
            raise CapacityError(
                f"in their order, {problem.axons.neurons:,} neurons take {taken:,} cores, and there are {cores:,}: "
                f"{_tightest(problem, cores)}"
            )
    return core, taken


def packed(problem: Problem, *, whole: bool) -> tuple[np.ndarray, int]:
    """Nodes in their order, packed within all limits of a core, and how many cores that takes."""
    # As a rule it is compartments that run out: then that alone is enough, and nothing has to be sorted by node.
    core, cores = _packed(problem, problem.bare, np.zeros(problem.nodes, dtype=np.int64), whole)
    at = destinations(problem.axons, core[problem.node], cores)
    if not any(excess.any() for name, excess in problem.limits.excess(at).items() if name != "destinations"):
        return core, cores
    reaches = np.zeros(problem.nodes, dtype=np.int64)
    for _ in range(_PACKED_AGAIN):
        core, cores = _packed(problem, problem.load, reaches, whole)
        at = destinations(problem.axons, core[problem.node], cores)
        if problem.limits.axons_out is None or (at.axons_out <= problem.limits.axons_out).all():
            return core, cores
        source = problem.node[problem.axons.neuron]
        now = np.bincount(source, weights=np.diff(at.begin), minlength=problem.nodes).astype(np.int64)
        reaches = np.maximum(reaches, now)
    raise _too_far(problem, int(np.argmax(reaches)))


def _packed(problem: Problem, load: Load, reaches: np.ndarray, whole: bool) -> tuple[np.ndarray, int]:
    order, nodes = np.arange(problem.nodes), problem.nodes
    ends = np.append(np.flatnonzero(np.diff(problem.population)) + 1, nodes)
    block = ends[np.searchsorted(ends, order, side="right")]
    core, held = np.zeros(nodes, dtype=np.int64), np.zeros(HELD, dtype=np.int64)
    stamp = np.full(problem.axons.neuron.size, -1)
    cores = int(pack(load, order, block, whole, problem.limit, reaches, core, stamp, held))
    if cores < 0:
        node = -1 - cores
        raise _too_far(problem, node) if reaches[node] > problem.limit[AXONS_OUT] else problem.too_much(node)
    return core, cores


def _too_far(problem: Problem, node: int) -> CapacityError:
    """The error for axons that reach too many cores."""
    return CapacityError(
        f"the axons of {problem.axons.populations[problem.population[node]]!r} reach more cores than the "
        f"{problem.limits.axons_out:,} {WORDS['axons_out'].what} of a core allow, however few neurons it holds: "
        f"{WORDS['axons_out'].neuron}"
    )


def _tightest(problem: Problem, cores: int) -> str:
    """Which limit is used most, in words, and what helps."""
    sending = np.count_nonzero(problem.axons.fan_out)
    needed = problem.bare.size.sum(), sending, sending, problem.axons.synapses
    shares = [need / (float(limit) * cores) for need, limit in zip(needed, problem.limit[:HELD], strict=True)]
    most = int(np.argmax(shares))
    limit, words = int(problem.limit[most]), WORDS[LIMITS[most]]
    return f"of {words.what}, they need at least {needed[most]:,} of {limit:,} a core: {words.circuit}"
