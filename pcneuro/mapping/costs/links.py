"""What goes over each link of the mesh, and how far packets go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import scipy.sparse

from pcneuro.mapping.chips.chip import Chip
from pcneuro.mapping.counting import Destinations


@final
@dataclass(frozen=True, eq=False)
class Links:
    """Packets on every directed link between tiles: along its row first, then along its column.

    Columns are counted from west to east (x), rows from south to north (y), as in SANA-FE.
    """

    east: np.ndarray
    """(height, width - 1) float64: [y, x] from the tile (x, y) to (x + 1, y)."""
    west: np.ndarray
    """(height, width - 1) float64: [y, x] from (x + 1, y) to (x, y)."""
    north: np.ndarray
    """(height - 1, width) float64: [y, x] from (x, y) to (x, y + 1)."""
    south: np.ndarray
    """(height - 1, width) float64: [y, x] from (x, y + 1) to (x, y)."""
    packets: float
    """All packets, those within a tile among them."""
    longest: tuple[int, int]
    """Hops east or west, and north or south, of the longest way that a packet takes."""

    @property
    def hops_east_west(self) -> float:
        """Hops of all packets along rows."""
        return float(self.east.sum() + self.west.sum())

    @property
    def hops_north_south(self) -> float:
        """Hops of all packets along columns."""
        return float(self.north.sum() + self.south.sum())

    @property
    def hops(self) -> float:
        """Hops of all packets."""
        return self.hops_east_west + self.hops_north_south


def links_of(at: Destinations, slot: np.ndarray, chip: Chip, sends: np.ndarray) -> Links:
    """Count packets on links, where axons send so often: ``slot`` (cores,) int64 is where each core is."""
    mesh = chip.mesh
    packets = sends[at.axon] * chip.packets_an_event
    tiles = mesh.width * mesh.height
    places = (slot[at.source] // mesh.cores_a_tile, slot[at.destination] // mesh.cores_a_tile)
    between = scipy.sparse.csr_matrix((packets, places), shape=(tiles, tiles)).tocoo()
    ways = between.data > 0
    source, destination, load = (numbers[ways] for numbers in (between.row, between.col, between.data))
    (x, y), (to_x, to_y) = ((tile // mesh.height, tile % mesh.height) for tile in (source, destination))
    east, west = _loads(y, mesh.height, x, to_x, mesh.width, load)
    north, south = _loads(to_x, mesh.width, y, to_y, mesh.height, load)
    hops = abs(x - to_x), abs(y - to_y)
    far = int((hops[0] + hops[1]).argmax()) if load.size else 0
    longest = (int(hops[0][far]), int(hops[1][far])) if load.size else (0, 0)
    return Links(east, west, north.T, south.T, float(packets.sum()), longest)


def _loads(
    line: np.ndarray, lines: int, begin: np.ndarray, end: np.ndarray, size: int, packets: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(lines, size - 1) twice: packets on the links of each line of tiles, upwards and downwards."""
    loads = np.zeros((2, lines, size - 1))
    for link in range(size - 1):
        for direction, (first, last) in enumerate(((begin, end), (end, begin))):
            on = (first <= link) & (link < last)
            loads[direction, :, link] = np.bincount(line[on], packets[on], lines)
    return loads[0], loads[1]
