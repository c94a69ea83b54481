"""Synapses in one direction, by the unit that sends: what an event goes through."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pcneuro.kernels.events.arrays import FanOutTable

LEAST_ROW = 8
"""Targets that follow one another are worked through as a row from so many on, if they are half their population."""


@dataclass(frozen=True, eq=False)
class Fan:
    """Synapses in one direction, as ``FanOutTable`` describes them."""

    first: np.ndarray
    begin: np.ndarray
    delay: np.ndarray
    base: np.ndarray
    to: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    synapses: np.ndarray
    effective: np.ndarray
    """Node -> how many of its synapses count as such, and how many of these have a weight other than 0."""

    @property
    def sends(self) -> np.ndarray:
        """Node -> whether it has anybody to send to."""
        return np.diff(self.first) > 0

    def table(self) -> FanOutTable:
        """Its arrays, for kernels."""
        return FanOutTable(self.weight.dtype, **{name: getattr(self, name) for name in FanOutTable.kinds})


def fan(
    population: np.ndarray,
    sender: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray,
    delay: np.ndarray,
    counted: np.ndarray,
) -> tuple[Fan, np.ndarray]:
    """Synapses by the node that sends, in groups of equal delay and one population of targets each; and their order."""
    nodes = population.size
    order = np.lexsort((target, population[target], delay, sender))
    sender, target, weight, delay, counted = (a[order] for a in (sender, target, weight, delay, counted))
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
    made = Fan(
        np.concatenate([[0], np.cumsum(groups)]).astype(np.int64),
        np.append(begin, sender.size).astype(np.int64),
        delay[begin].astype(np.float64),
        np.where(rows, target[begin], -1).astype(np.int64),
        of[begin].astype(np.int64),
        target.astype(np.int32),
        weight,
        np.bincount(sender[counted], minlength=nodes).astype(np.int64),
        np.bincount(sender[counted & (weight != 0)], minlength=nodes).astype(np.int64),
    )
    return made, order
