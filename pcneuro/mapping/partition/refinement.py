"""A division that is improved: nodes move, or change places, where that saves packets; limits are kept, or restored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pcneuro.kernels.mapping.chance import generator
from pcneuro.kernels.mapping.moving import settle
from pcneuro.kernels.mapping.refining import mix, sweep
from pcneuro.kernels.mapping.structures import HELD, Cores, Nets

_WAITING = 2**22
"""Pairs of cores at most for which a node waits that would change; those of more cores share them."""
_LEAST = 1e-9
"""What a step has to save at least, of the packets that there are: less is rounding."""


_MIXED = 2**17
"""Nodes at most that are asked in random order; of more, those beside each other, whose axons are in the caches."""


@dataclass(frozen=True, eq=False)
class Divided:
    """Where nodes are, with how many packets between cores that is, and by how much it is beyond limits."""

    core: np.ndarray
    beyond: int
    packets: float

    @property
    def rank(self) -> tuple[int, float]:
        """What divisions are compared by, the less the better: limits first, then packets."""
        return self.beyond, self.packets


def laid(nets: Nets, core: np.ndarray, cores: int, limit: np.ndarray) -> Cores:
    """The structure of a division, nothing counted yet."""
    slot = np.zeros(nets.first.size, dtype=np.int64)
    np.cumsum(np.minimum(np.diff(nets.first), cores), out=slot[1:])
    spans, reaches = (np.zeros(nets.first.size - 1, dtype=np.int32) for _ in range(2))
    where, count = (np.zeros(slot[-1], dtype=np.int32) for _ in range(2))
    used = np.zeros((cores, HELD), dtype=np.int64)
    near = np.zeros(cores, dtype=np.int32)
    core = np.array(core, dtype=np.int64)
    return Cores(core, slot, spans, reaches, where, count, used, limit, np.full(cores, -1.0), near)


def refined(
    nets: Nets, core: np.ndarray, cores: int, limit: np.ndarray, temperatures: np.ndarray, *, seed: int = 0
) -> Divided:
    """Sweep over all nodes at each of the temperatures, and return the best that there was after any.

    A temperature is in units of the mean sends of an axon, at 0 only what saves packets is done, and the first such
    sweep that does nothing is the last.
    """
    at = laid(nets, core, cores, limit)
    packets, beyond = settle(nets, at)
    best = Divided(at.core.copy(), int(beyond), float(packets))
    waiting = np.full(min(cores**2, _WAITING), -1, dtype=np.int32)
    seen = np.full(cores, -1)
    order = np.arange(core.size)
    state = generator(seed)
    least = _LEAST * float(nets.sends.max(initial=0.0))
    unit = float(nets.sends[nets.sends > 0].mean()) if (nets.sends > 0).any() else 1.0
    for temperature in temperatures:
        if core.size <= _MIXED:
            mix(order, state)
        more, out = sweep(nets, at, order, waiting, seen, state, temperature * unit, least)
        packets, beyond = packets + more, beyond + out
        if (beyond, packets + least) < best.rank:
            best = Divided(at.core.copy(), int(beyond), float(packets))
        elif temperature == 0 and more == 0 and out == 0:
            break
    return best
