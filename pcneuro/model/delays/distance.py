"""Delays of axons that conduct at one velocity, from where the neurons are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pcneuro.errors import ParameterError, ShapeError
from pcneuro.model.delays.abstract import AbstractDelay, DelaysInTurn, Places, edge_text
from pcneuro.quantities import POSITIVE, number, plain_array


@dataclass(frozen=True, eq=False)
class DistanceDelay(AbstractDelay):
    """Delays of ``least + |target_j - source_i| / velocity`` ms for the synapse from unit i to unit j.

    Parameters
    ----------
    source, target
        Positions of the parent's and the child's units, float arrays (units, coordinates), whichever direction the
        delays are for.
    velocity
        Positive, in units of the positions a ms: 0.3 m/s are 300 for micrometres.
    least
        What each synapse takes besides, in ms, not negative.

    Raises ShapeError for positions of other shapes, and for another number of units than the projection has;
    ParameterError for positions that are not finite, for numbers out of range, and for a projection whose synapses are
    at several places of a dendrite, of which the units are not known.

    Examples
    --------
    >>> places = np.array([[0.0], [300.0]])  # micrometres
    >>> pcn.DistanceDelay(places, places, velocity=300.0).velocity
    300.0
    """

    source: np.ndarray
    target: np.ndarray
    velocity: float
    least: float = 0.0

    def __post_init__(self) -> None:
        for name in ("source", "target"):
            object.__setattr__(self, name, positions_of(f"{name} of DistanceDelay", getattr(self, name)))
        if self.source.shape[1] != self.target.shape[1]:
            raise ShapeError(
                f"DistanceDelay has positions of {self.source.shape[1]} and {self.target.shape[1]} coordinates: give "
                "source and target as many"
            )
        object.__setattr__(self, "velocity", number("velocity of DistanceDelay", self.velocity, POSITIVE))
        self._set_ms("least")

    @property
    def zero(self) -> bool:
        return False

    def between(self, pre: np.ndarray, post: np.ndarray) -> np.ndarray:
        """Delays in ms of synapses from units ``pre`` to units ``post``, whose numbers have to be in range.

        Raises ParameterError where one is beyond all numbers.
        """
        squares = np.zeros(pre.size)
        with np.errstate(over="ignore"):
            # One coordinate after the other: no array of all positions of all synapses is made.
            for before, behind in zip(self.source.T, self.target.T, strict=True):
                squares += np.square(behind[post] - before[pre])
            delays = self.least + np.sqrt(squares) / self.velocity
        finite = np.isfinite(delays)
        if not finite.all():
            wrong = int(np.argmin(finite))
            raise ParameterError(
                f"DistanceDelay: the synapse from unit {int(pre[wrong])} to unit {int(post[wrong])} would take "
                "infinitely long: give positions and a velocity of a common scale"
            )
        return np.asarray(delays)

    def of(self, synapses: int, key: str) -> np.ndarray:
        raise ParameterError(
            f"{edge_text(key)}: DistanceDelay is for projections with a synapse for each weight of one array, of which "
            "the units are known; give pcn.SynapticDelays"
        )

    def at(self, places: Places, key: str) -> np.ndarray:
        return self.in_turn(places, key)(places.count, None)

    def in_turn(self, places: Places, key: str) -> DelaysInTurn:
        pairs = places.pairs
        if pairs is None:
            self.of(places.count, key)
        position = 0

        def following(count: int, index: np.ndarray | None) -> np.ndarray:
            nonlocal position
            assert pairs is not None
            pre, _, post = pairs.part(position, position + count)
            position += count
            for what, units, known in (("source", pre, self.source), ("target", post, self.target)):
                if units.size and units.max() >= len(known):
                    raise ShapeError(
                        f"{edge_text(key)}: DistanceDelay has {len(known)} positions of its {what}, and a synapse is "
                        f"at unit {int(units.max())}: give one for each unit"
                    )
            return self.between(pre, post)

        return following

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, DistanceDelay)
            and (self.velocity, self.least) == (other.velocity, other.least)
            and np.array_equal(self.source, other.source)
            and np.array_equal(self.target, other.target)
        )

    def __hash__(self) -> int:
        return hash((self.velocity, self.least, self.source.tobytes(), self.target.tobytes()))

    def __repr__(self) -> str:
        units = f"<{len(self.source)} positions>, <{len(self.target)} positions>"
        return f"DistanceDelay({units}, velocity={self.velocity:g}, least={self.least:g})"


def positions_of(what: str, value: object) -> np.ndarray:
    """Positions as a read-only float64 array (units, coordinates).

    Raises ShapeError for another number of axes, DataError for what are no numbers, ParameterError where some are not
    finite.
    """
    array = np.array(plain_array(what, value), dtype=np.float64)
    if array.ndim != 2 or not array.size:
        raise ShapeError(f"{what} is of shape {array.shape}; give positions, (units, coordinates)")
    if not np.isfinite(array).all():
        raise ParameterError(f"{what} has positions that are NaN or infinite; give finite ones")
    array.flags.writeable = False
    return array
