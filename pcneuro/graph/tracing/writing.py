"""What a traced array holds once the function has written to it: assignments become functional updates.

Nothing is written in a graph. After ``a[2:4] = b`` the array has its own units but for two, which are b's: a note of
whose each unit is. Units are gathered, from those arrays that they are of, only when they are read: a loop that writes
one entry after the other, and reads the one before, is a graph of linear size.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pcneuro.ops.base import Shape, unit_indices
from pcneuro.ops.registry import refuse


@dataclass
class Contents:
    """Whose each unit of an array is: a recorded array, by its number and shape, and the unit there.

    ``version`` counts the writes, so that views of the array know when what they have read is of the past.
    """

    shape: Shape
    arrays: list[tuple[int, Shape]]
    """Those that units are of; the first is the array before it was written to."""
    version: int = 0
    unset: np.ndarray | None = None
    """Which units of the first array were made as NaN, to be written over before anything reads them."""
    array_of: np.ndarray = field(init=False)
    unit_of: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self.unit_of = unit_indices(self.shape).ravel()
        self.array_of = np.zeros(self.unit_of.size, dtype=np.int64)

    def write(self, units: np.ndarray, number: int, shape: Shape) -> None:
        """Note that ``units`` are from now on those of an array, which broadcasts to them.

        Raises ValueError where it does not.
        """
        self.version += 1
        taken = np.broadcast_to(unit_indices(shape), units.shape)
        if shape == self.shape and units.shape == shape and np.array_equal(units, taken):
            self.arrays, self.unset = [(number, shape)], None
            self._begin()
            return
        self.arrays.append((number, shape))
        self.array_of[units] = len(self.arrays) - 1
        self.unit_of[units] = taken

    def read(self, units: np.ndarray) -> tuple[np.ndarray, list[tuple[int, Shape]]]:
        """Where ``units`` are among those of some arrays, which are numbered one behind the other, and these arrays."""
        if self.unset is not None and (self.unset[units] & (self.array_of[units] == 0)).any():
            raise refuse("reading NaN, which an array was made with,", "write all units first, or begin with np.zeros")
        arrays, used = np.unique(self.array_of[units], return_inverse=True)
        read = [self.arrays[k] for k in arrays]
        first = np.cumsum([0, *(int(np.prod(shape, dtype=np.int64)) for _, shape in read)])
        return first[used.reshape(units.shape)] + self.unit_of[units], read


class TracedOther:
    """Something traced that is no array of known shape and real numbers; functions of it are its own affair."""


class AbstractOwn(np.ndarray):
    """A plain array that a traced function has made for itself, and that may stand for a traced one."""

    @abstractmethod
    def now(self) -> Any:
        """What it is at present: a plain array, or a traced one."""

    @abstractmethod
    def become(self, recorder: Any) -> Any:
        """The traced array that it stands for from now on."""


def current(value: Any) -> Any:
    """What arrays of the function are at present, in lists, tuples and dicts, too."""
    if isinstance(value, AbstractOwn):
        return value.now()
    if type(value) in (list, tuple):
        return type(value)(current(part) for part in value)
    return {key: current(part) for key, part in value.items()} if type(value) is dict else value
