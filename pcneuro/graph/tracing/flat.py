"""``a.flat``: all units of an array in the order of C, read and written one by one or at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, final

import numpy as np

from pcneuro.ops.base import AbstractTraced


@final
class Flat:
    """The units of an array of the function, as NumPy's ``flatiter`` has them."""

    def __init__(self, array: Any) -> None:
        self._array = array
        self._next = 0

    @property
    def base(self) -> Any:
        """The array."""
        return self._array

    @property
    def index(self) -> int:
        """How many units an iteration has had."""
        return self._next

    @property
    def coords(self) -> tuple[int, ...]:
        """Indices of the unit that an iteration has next."""
        return tuple(int(i) for i in np.unravel_index(min(self._next, len(self) - 1), self._array.shape))

    def __len__(self) -> int:
        return int(self._array.size)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self._next >= len(self):
            raise StopIteration
        unit = self[self._next]
        self._next += 1
        return unit

    def __getitem__(self, key: Any) -> Any:
        taken = self._array.reshape(-1)[key]
        return np.copy(taken) if isinstance(key, AbstractTraced) or np.ndim(taken) else taken

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(key, AbstractTraced):
            # A condition on all units.
            self._array[np.reshape(key, self._array.shape)] = value  # type: ignore[call-overload]
            return
        places = np.arange(len(self))[key]
        values = np.ravel(value)
        if not isinstance(values, AbstractTraced):
            values = np.asarray(values)
        # What is too short is repeated, and what is too long is cut.
        taken = values[np.arange(np.size(places)) % max(np.size(values), 1)]
        self._array[np.unravel_index(places, self._array.shape)] = taken.reshape(np.shape(places))

    def copy(self) -> Any:
        """All units, as an array of one axis."""
        return self._array.flatten()

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        return np.asarray(self.copy(), *args, **kwargs)
