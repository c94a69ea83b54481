"""Fan-out tables: synapses in one direction by the unit that sends, in the order in which events go through them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pcneuro.kernels.events.arrays import FanOutTable

LEAST_ROW = 8
"""Targets that follow one another are worked through as a row from so many on, if they are half their population."""


@dataclass(frozen=True, eq=False)
class FanOut:
    """Where synapses in one direction lead, as ``FanOutTable`` describes it; weights are kept beside it."""

    first: np.ndarray
    begin: np.ndarray
    delay: np.ndarray
    base: np.ndarray
    to: np.ndarray
    target: np.ndarray
    sender: np.ndarray
    """Synapse -> the node that sends."""
    order: np.ndarray
    """Synapse -> its place among those that the table was made of."""
    counted: np.ndarray
    """Synapse -> whether it counts as one."""
    nodes: int

    @property
    def sends(self) -> np.ndarray:
        """Node -> whether it has anybody to send to."""
        return np.diff(self.first) > 0

    @cached_property
    def synapses(self) -> np.ndarray:
        """Node -> how many of its synapses count as such."""
        return np.bincount(self.sender[self.counted], minlength=self.nodes)

    def effective(self, weights: np.ndarray) -> np.ndarray:
        """Node -> how many of these have a weight other than 0, where weights are in the order of the table."""
        return np.bincount(self.sender[self.counted & (weights != 0)], minlength=self.nodes)

    def table(self, weights: np.ndarray) -> FanOutTable:
        """Its arrays, for kernels, with weights in its order."""
        arrays = {name: getattr(self, name) for name in FanOutTable.kinds if name != "weight"}
        return FanOutTable(weights.dtype, weight=weights, **arrays)


def fan_out(
    population: np.ndarray, sender: np.ndarray, target: np.ndarray, delay: np.ndarray, counted: np.ndarray
) -> FanOut:
    """Synapses by the node that sends, in groups of equal delay and one population of targets each.

    ``population`` is that of every node; all else is an entry a synapse.
    """
    nodes = population.size
    order = np.lexsort((target, population[target], delay, sender))
    sender, target, delay, counted = (a[order] for a in (sender, target, delay, counted))
    of = population[target]
    new = np.ones(sender.size, dtype=bool)
    new[1:] = (np.diff(sender) != 0) | (np.diff(delay) != 0) | (np.diff(of) != 0)
    begin = np.flatnonzero(new)
    ends = np.append(begin[1:], sender.size)
    follows = np.ones(sender.size, dtype=np.int64)
    follows[1:] = np.diff(target) == 1
    follows[begin] = 1
    sizes = np.bincount(population, minlength=1)
    length = ends - begin
    rows = np.minimum.reduceat(follows, begin) == 1 if begin.size else np.zeros(0, dtype=bool)
    rows &= (length >= LEAST_ROW) & (2 * length >= sizes[of[begin]])
    groups = np.bincount(sender[begin], minlength=nodes)
    return FanOut(
        first=np.concatenate([[0], np.cumsum(groups)]).astype(np.int64),
        begin=np.append(begin, sender.size).astype(np.int64),
        delay=delay[begin].astype(np.float64),
        base=np.where(rows, target[begin], -1).astype(np.int64),
        to=of[begin].astype(np.int64),
        target=target.astype(np.int32),
        sender=sender,
        order=order,
        counted=counted,
        nodes=nodes,
    )
