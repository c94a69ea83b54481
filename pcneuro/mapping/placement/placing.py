"""Each core gets a place on the mesh, so that packets have few and cheap hops."""

from __future__ import annotations

import numpy as np

from pcneuro.errors import CapacityError
from pcneuro.kernels.mapping.chance import generator
from pcneuro.kernels.mapping.placing import anneal, descend
from pcneuro.kernels.mapping.structures import Ties
from pcneuro.mapping.counting import Destinations
from pcneuro.mapping.mesh import Mesh
from pcneuro.mapping.placement.snake import snake

_RESTARTS = 8
_FEW = 16
"""Cores up to which annealing is so quick that there are more restarts."""
_RESTARTS_OF_FEW = 100
_LARGE = 256
"""Cores from which on one annealing is all, and no exchange is tried without need."""
_STEPS_A_CORE = 1000
_WORK = 2e8
"""Ties that one annealing looks at, at most."""
_HOT = 1.0
"""The first temperature, in units of what packets of a core cost along the snake, on average."""
_COLD = 1e-3
"""The last temperature, in units of the first."""
_LEAST = 1e-12
"""What an exchange has to save, of what all packets cost: less is rounding."""


def place(
    destinations: Destinations,
    mesh: Mesh,
    sends: np.ndarray,
    price_east_west: float,
    price_north_south: float,
    *,
    seed: int = 0,
) -> np.ndarray:
    """The slot of each core, (cores,) int64: packets times the prices of their hops are to be few.

    From the snake curve on, cores change places by simulated annealing, several times where there are few; the result
    never costs more than the snake. The same seed gives the same slots. Raises CapacityError for more cores than slots.
    """
    cores = destinations.cores
    if cores > mesh.slots:
        raise CapacityError(
            f"{cores:,} cores do not fit on a mesh of {mesh.width} x {mesh.height} tiles with {mesh.cores_a_tile} "
            f"{'core' if mesh.cores_a_tile == 1 else 'cores'} each: take a larger chip, or a smaller circuit"
        )
    curve = snake(mesh)[:cores]
    source, destination, packets = destinations.traffic(sends)
    prices = np.array([price_east_west, price_north_south], dtype=np.float64)
    begun = hop_cost(mesh, curve, source, destination, packets, *prices)
    if begun == 0:
        return curve
    ties = _ties(mesh, cores, source, destination, packets, prices)
    steps = int(min(_STEPS_A_CORE * cores, _WORK * cores / ties.other.size))
    hot = _HOT * begun / cores
    best, least = curve, begun
    restarts = _RESTARTS_OF_FEW if cores <= _FEW else _RESTARTS if cores < _LARGE else 1
    for restart in range(restarts):
        slot, holder = curve.copy(), np.full(mesh.slots, -1)
        holder[curve] = np.arange(cores)
        state = generator(seed * restarts + restart)
        anneal(ties, slot, holder, steps, hot, hot * _COLD, 2 * mesh.cores_a_tile, state)
        while cores < _LARGE and descend(ties, slot, holder, _LEAST * begun):
            pass
        cost = hop_cost(mesh, slot, source, destination, packets, *prices)
        if cost < least:
            best, least = slot, cost
    return best


def hop_cost(
    mesh: Mesh,
    slot: np.ndarray,
    source: np.ndarray,
    destination: np.ndarray,
    packets: np.ndarray,
    price_east_west: float,
    price_north_south: float,
) -> float:
    """Packets between cores, as ``Destinations.traffic`` gives them, times the prices of their hops."""
    east_west, north_south = mesh.hops(slot[source], slot[destination])
    return float((packets * (price_east_west * east_west + price_north_south * north_south)).sum())


def _ties(
    mesh: Mesh, cores: int, source: np.ndarray, destination: np.ndarray, packets: np.ndarray, prices: np.ndarray
) -> Ties:
    """Both directions together, at both ends."""
    ends = np.concatenate([source * cores + destination, destination * cores + source])
    keys, where = np.unique(ends, return_inverse=True)
    both = np.bincount(where, weights=np.tile(packets, 2))
    first = np.searchsorted(keys // cores, np.arange(cores + 1))
    return Ties(first, keys % cores, both, mesh.x, mesh.y, prices)
