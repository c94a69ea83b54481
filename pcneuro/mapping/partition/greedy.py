"""Greedy: cores are filled one after the other with what is tied to them most."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pcneuro.kernels.mapping.growing import grow
from pcneuro.kernels.mapping.structures import COMPARTMENTS, SYNAPSES
from pcneuro.mapping.partition.abstract import AbstractStrategy
from pcneuro.mapping.partition.problem import Problem

_PINS = 1000
"""Axons with more pins say nothing of who belongs together."""
_LARGEST = 3e7
"""Pins of what is grown unless asked for."""


class Greedy(AbstractStrategy):
    """Each core takes, until it is full, the node that shares most axons with those that it has.

    Examples
    --------
    >>> isinstance(pcn.mapping.Greedy(), pcn.mapping.AbstractStrategy)
    True
    """

    name = "greedy"

    def starts(self, problem: Problem, natural: np.ndarray, cores: int, seed: int) -> Iterator[np.ndarray]:
        for number in range(problem.tries):
            order = np.arange(problem.nodes)
            if number:
                np.random.Generator(np.random.Philox([seed, number])).shuffle(order)
            yield _grown(problem, order, cores)

    def worthwhile(self, problem: Problem) -> bool:
        return problem.pins <= _LARGEST


def _grown(problem: Problem, order: np.ndarray, cores: int) -> np.ndarray:
    nets, nodes = problem.nets, problem.nodes
    room = problem.limit[[COMPARTMENTS, SYNAPSES]]
    if problem.limits.axons_in is not None or problem.limits.axons_out is not None:
        # Cores that are filled to the last compartment would have too many axons where natural order has left room.
        even = [-(-int(held.sum()) // cores) + int(held.max(initial=0)) for held in (nets.size, nets.synapses)]
        room = np.minimum(room, even)
    core = np.full(nodes, -1)
    scratch = np.zeros(nodes), np.zeros(nodes, dtype=np.int64), np.full(nodes, -1)
    grow(nets, order, room, _PINS, core, *scratch, np.full(nets.first.size - 1, -1), np.zeros(nodes, dtype=np.int64))
    # What has found no room goes to the last; improving takes it from there.
    return np.minimum(core, cores - 1)
