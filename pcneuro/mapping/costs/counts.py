"""How often a chip does what has a price, in a sample and for a gradient: exact, whatever the prices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from pcneuro.mapping.chips.chip import Chip
from pcneuro.mapping.counting import Destinations
from pcneuro.mapping.traffic import Traffic


@final
@dataclass(frozen=True)
class Packets:
    """What axons that send so often put on their way: means over samples, so that numbers need not be whole."""

    sent: float
    """Events."""
    packets: float
    """Packets: of each event, one to each core with synapses of its axon, its own among them; several where an event is
    several packets."""
    off_core: float
    """Of these, those that go to another core."""
    synapses: float
    """Events at synapses (SynOps)."""
    hops_east_west: float
    hops_north_south: float
    """Hops of all packets from tile to tile, along rows and along columns."""

    @property
    def hops(self) -> float:
        """Hops of all packets, in both directions."""
        return self.hops_east_west + self.hops_north_south


@final
@dataclass(frozen=True)
class Counts:
    """What a chip does in a sample, and for one update of the weights beside that."""

    compartments: int
    steps: float
    """Steps of a sample; NaN where time is not divided into steps."""
    sample: Packets
    plasticity: Packets
    """What one update of the weights sends beside the events of the sample."""
    updates: float
    """Weights of synapses that one update changes: those that learn, of axons that send for it."""


def counts_of(at: Destinations, slot: np.ndarray, chip: Chip, traffic: Traffic) -> Counts:
    """Count what a mapping does: where neurons are, ``slot`` (cores,) int64 of each core, and how often axons send."""
    axons = at.axons
    learned = axons.fan_out
    if axons.learns is not None:
        learned = np.diff(np.concatenate(([0], np.cumsum(axons.learns)))[axons.first])
    return Counts(
        int(axons.compartments.sum()),
        float(traffic.steps),
        _packets(at, slot, chip, traffic.sends),
        _packets(at, slot, chip, traffic.plasticity),
        float(traffic.plasticity @ learned),
    )


def _packets(at: Destinations, slot: np.ndarray, chip: Chip, sends: np.ndarray) -> Packets:
    packets = sends[at.axon] * chip.packets_an_event
    east_west, north_south = chip.mesh.hops(slot[at.source], slot[at.destination])
    return Packets(
        float(sends.sum()),
        float(packets.sum()),
        float(packets[at.off_core].sum()),
        float(sends @ at.axons.fan_out),
        float(packets @ east_west),
        float(packets @ north_south),
    )
