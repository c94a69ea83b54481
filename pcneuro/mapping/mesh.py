"""Where the cores of a chip are: tiles on a rectangular mesh, and how far it is from one to another."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Mesh:
    """Tiles of ``cores_a_tile`` cores each; slot number k is core k % cores_a_tile of tile k // cores_a_tile.

    Tiles are numbered along columns: tile t is at x = t // height, y = t % height. A packet goes east or west first,
    then north or south (dimension-order routing); within a tile it takes no hop.
    """

    width: int
    height: int
    cores_a_tile: int = 1

    @property
    def slots(self) -> int:
        """Cores of the whole chip."""
        return self.width * self.height * self.cores_a_tile

    @cached_property
    def x(self) -> np.ndarray:
        """(slots,) int64: the column of each slot's tile."""
        return np.arange(self.slots) // self.cores_a_tile // self.height

    @cached_property
    def y(self) -> np.ndarray:
        """(slots,) int64: the row of each slot's tile."""
        return np.arange(self.slots) // self.cores_a_tile % self.height

    def hops(self, source: np.ndarray, destination: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Hops east or west, and north or south, from slots to slots, int64."""
        return abs(self.x[source] - self.x[destination]), abs(self.y[source] - self.y[destination])
