"""What a conduction delay is: how long what one population sends takes to the other, synapse by synapse."""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np

from pcneuro.errors import ParameterError
from pcneuro.model.integrators.abstract import AbstractIntegrator
from pcneuro.quantities import NOT_NEGATIVE, POSITIVE, milliseconds, number, whole

DELAYS: dict[str, type[AbstractDelay]] = {}

_DRAWN = 100_000
"""Delays that are drawn at a time where only the shortest and the longest are asked for."""

DelaysInTurn = Callable[[int, np.ndarray | None], np.ndarray]
"""Gives delays in ms of the next so many synapses, whose weights are these entries of their array, if of any."""


class Pairs(Protocol):
    """Which units synapses are between, a part at a time."""

    def part(self, first: int, last: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of synapses number first to below last: units before, entries of the weights, units behind."""


class HasWeights(Protocol):
    """Something that has weights, and is asked which only where it matters: there may be many."""

    @property
    def weights(self) -> IndexedWeights:
        """The weights."""

    @property
    def pairs(self) -> Pairs:
        """Which units the synapses are between."""


class IndexedWeights(Protocol):
    """Weights that are entries of an array."""

    @property
    def index(self) -> np.ndarray | None:
        """Which entries (None: all, in C order)."""


@dataclass(frozen=True)
class Places:
    """The synapses of a projection: how many, and where they stand in an array of their weights.

    ``shape`` is that of the array that their weights are entries of, or that of the units that they copy one to one;
    None where there is neither. ``synapses`` have the weights.
    """

    count: int
    shape: tuple[int, ...] | None = None
    synapses: HasWeights | None = None

    @property
    def index(self) -> np.ndarray | None:
        """Entries of the array, flattened, that the weights are; None: all, in C order."""
        return None if self.synapses is None else self.synapses.weights.index

    @property
    def pairs(self) -> Pairs | None:
        """Which units the synapses are between; None where they are at several places of a dendrite."""
        return None if self.synapses is None else self.synapses.pairs


class AbstractDelay(ABC):
    """Delays of one projection in one direction, in ms."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if cls.__name__.startswith("Abstract"):
            return
        known = DELAYS.get(cls.__name__)
        # The same class may be made again, as where a cell of a notebook is run twice.
        if known is not None and (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
            raise ParameterError(f"there is a kind of delay {cls.__name__!r} already: choose another name")
        DELAYS[cls.__name__] = cls

    @property
    def constant(self) -> float | None:
        """The delay of all synapses in ms, None where it may differ between them."""
        return None

    @property
    def rounds(self) -> bool:
        """Whether a grid of time steps may round them, as they are drawn or computed; else a user has given each."""
        return True

    @property
    @abstractmethod
    def zero(self) -> bool:
        """Whether no synapse has a delay."""

    @abstractmethod
    def of(self, synapses: int, key: str) -> np.ndarray:
        """Delay of each synapse in ms, float64 of shape (synapses,).

        ``key``, ``"source>target"``, tells projections apart: those of one distribution draw other numbers each, and
        the same ones every time. Raises ShapeError for another number of synapses than there are delays, and
        ParameterError for a draw that is not finite.
        """

    def at(self, places: Places, key: str) -> np.ndarray:
        """The same for synapses of which it is known whose weights they have."""
        return self.of(places.count, key)

    def in_turn(self, places: Places, key: str) -> DelaysInTurn:
        """A function that gives the same a part at a time: of the next so many synapses, whose weights have this index.

        ``places`` need not have an index. Raises what ``at`` raises, here or when the function is called.
        """
        delays, position = self.at(places, key), 0

        def following(count: int, index: np.ndarray | None) -> np.ndarray:
            nonlocal position
            position += count
            return delays[position - count : position]

        return following

    def bounds(self, places: Places, key: str) -> tuple[float, float]:
        """The shortest and the longest delay in ms, of at least one synapse. Raises what ``at`` raises."""
        delays = self.at(places, key)
        return float(delays.min()), float(delays.max())

    def attributes(self) -> dict[str, Any]:
        """The object's data as plain values and arrays, for saving."""
        return {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]

    def _set_ms(self, name: str, above: bool = False) -> None:
        """Make a field a time in ms. Raises ParameterError unless it is finite and not negative, or ``above`` zero."""
        among = POSITIVE if above else NOT_NEGATIVE
        object.__setattr__(self, name, milliseconds(f"{name} of {type(self).__name__}", getattr(self, name), among))

    def _set(self, name: str) -> None:
        """Make a field a float. Raises ParameterError unless it is finite and not negative."""
        object.__setattr__(self, name, number(f"{name} of {type(self).__name__}", getattr(self, name), NOT_NEGATIVE))

    def _set_seed(self) -> None:
        object.__setattr__(self, "seed", whole(f"seed of {type(self).__name__}", getattr(self, "seed", None)))


def _generator(seed: int, key: str) -> np.random.Generator:
    """A stream of its own for each projection, which no interpreter's hash seed changes."""
    digest = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little")
    return np.random.default_rng([seed, digest])


class AbstractRandomDelay(AbstractDelay):
    """Delays drawn from a distribution by a generator with a ``seed``, of each projection in the order of synapses."""

    seed: int

    @abstractmethod
    def drawn(self, generator: np.random.Generator, synapses: int, key: str) -> np.ndarray:
        """The next delays in ms, float64 of shape (synapses,); together the same however many are drawn at a time."""

    def of(self, synapses: int, key: str) -> np.ndarray:
        return self.drawn(_generator(self.seed, key), synapses, key)

    def in_turn(self, places: Places, key: str) -> DelaysInTurn:
        generator = _generator(self.seed, key)
        return lambda count, index: self.drawn(generator, count, key)

    def bounds(self, places: Places, key: str) -> tuple[float, float]:
        following, low, high = self.in_turn(places, key), math.inf, 0.0
        for first in range(0, places.count, _DRAWN):
            delays = following(min(_DRAWN, places.count - first), None)
            low, high = min(low, float(delays.min())), max(high, float(delays.max()))
        return low, high


def edge_text(key: str) -> str:
    """``"h1.value>h2.error"`` as messages have it."""
    source, _, target = key.partition(">")
    return f"{source!r} -> {target!r}"


def check_stages(integrator: AbstractIntegrator) -> None:
    """Raise ParameterError for an integrator of several stages: between steps no delay says what has arrived."""
    if len(integrator.weights) > 1:
        raise ParameterError(
            f"{type(integrator).__name__} has several stages in a step, and conduction delays count whole steps: use "
            "Euler or ExponentialEuler"
        )
