"""What is made once and kept for whoever asks for it again, within bounds."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar, final

T = TypeVar("T")


@final
class Kept(Generic[T]):
    """Things by key: the last ``most`` that were asked for, as long as they take no more than ``limit`` bytes together.

    Threads may share it; what two of them ask for at the same time may be made twice.
    """

    def __init__(self, most: int, limit: int) -> None:
        self.most, self.limit = most, limit
        self.made = 0
        """How many have been made so far, as nothing of the kind was kept."""
        self._things: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], T], size: Callable[[T], int]) -> T:
        """What is kept under a key, or else what ``make`` gives, of so many bytes."""
        with self._lock:
            if key in self._things:
                self._things.move_to_end(key)
                return self._things[key][0]
        thing = make()
        needed = size(thing)
        with self._lock:
            self.made += 1
            if needed <= self.limit:
                self._things[key] = thing, needed
            while len(self._things) > self.most or sum(b for _, b in self._things.values()) > self.limit:
                self._things.popitem(last=False)
        return thing

    def clear(self) -> None:
        """Keep nothing."""
        with self._lock:
            self._things.clear()
