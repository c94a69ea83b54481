"""Delays of connections that are read through ``Recurrent`` leaves: whole steps, one leaf for each that occurs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pcneuro.circuit.networks.description import Connection
from pcneuro.circuit.networks.weights import SparseWeights
from pcneuro.errors import CapacityError, ParameterError
from pcneuro.model.delays import ConstantDelay, Places
from pcneuro.quantities import milliseconds

MOST_DELAYS = 1000
"""Delays that differ, of one connection: each is a leaf of its own, with the activity of then."""
_NEAR = 1e-9
"""How far, as a share of dt, a delay is from a multiple of it by rounding alone."""


@dataclass(frozen=True)
class Grid:
    """Steps of ``dt`` ms that delays are multiples of; None: whatever they are."""

    dt: float | None = None

    def __post_init__(self) -> None:
        if self.dt is not None:
            object.__setattr__(self, "dt", milliseconds("dt", self.dt))

    def on(self, what: str, delays: np.ndarray, rounds: bool) -> np.ndarray:
        """Delays on the grid, the nearest. Raises ParameterError unless it ``rounds``, and all are on it already."""
        if self.dt is None:
            return delays
        steps = np.rint(delays / self.dt)
        off = np.abs(delays - steps * self.dt) > _NEAR * self.dt
        if off.any() and not rounds:
            wrong, nearest = delays[off].flat[0], max(steps[off].flat[0], 1) * self.dt
            raise ParameterError(
                f"{what} has a delay of {wrong:g} ms, which is no multiple of dt = {self.dt:g} ms: give "
                f"{nearest:g} ms, the nearest that works, or another dt"
            )
        return np.asarray(steps * self.dt)


@dataclass(frozen=True, eq=False)
class _Synapses:
    """The synapses of a connection, each with a weight of its own: units before and behind it."""

    pre: np.ndarray
    post: np.ndarray
    index: None = None

    @property
    def weights(self) -> _Synapses:
        """Of these it is asked which they are: all, in their order."""
        return self

    @property
    def pairs(self) -> _Synapses:
        """Of these it is asked which units they are between."""
        return self

    def part(self, first: int, last: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Units before, entries of the weights, and units behind some synapses."""
        return self.pre[first:last], np.arange(first, last), self.post[first:last]


def _given(connection: Connection, pre: np.ndarray, post: np.ndarray) -> np.ndarray:
    """Delays in ms of the synapses of a connection, between these units. Raises ShapeError where they do not fit."""
    places = Places(pre.size, connection.weights.parameter_shape, _Synapses(pre, post))
    return np.asarray(connection.delay.at(places, f"{connection.source}>{connection.target}"))


def by_delay(connection: Connection, grid: Grid) -> tuple[list[float], Connection]:
    """The delays that synapses of a connection have, and the connection with a row of sources for each of them.

    Of one delay it is the same connection. Else its weights are sparse, from the units of the source as they were by
    the first delay, then by the second, and so on: still one weight a synapse.
    """
    what, delay = f"edge {connection.source!r} -> {connection.target!r}", connection.delay
    if delay.constant is not None:
        return [float(grid.on(what, np.array([delay.constant]), delay.rounds)[0])], connection
    pre, post = connection.weights.pairs()
    different, which = np.unique(grid.on(what, _given(connection, pre, post), delay.rounds), return_inverse=True)
    if different.size > MOST_DELAYS:
        raise CapacityError(
            f"{what} has {different.size:,} different delays; {MOST_DELAYS:,} are the most: give dt, whose multiples "
            "they are then, or a longer one"
        )
    n, m = connection.weights.shape
    weights = _stacked(connection.weights.values, pre + n * which.astype(np.int64), post, (n * different.size, m))
    return [float(ms) for ms in different], replace(connection, weights=weights, delay=ConstantDelay(0.0))


def _stacked(values: np.ndarray, pre: np.ndarray, post: np.ndarray, shape: tuple[int, int]) -> SparseWeights:
    from scipy.sparse import coo_array

    rows: Any = coo_array((values, (post, pre)), shape=shape[::-1]).tocsr()
    return SparseWeights(rows)
