"""The energy of a sample, and of a gradient, by what it is spent on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import final

from pcneuro.mapping.chips.chip import Chip
from pcneuro.mapping.costs.counts import Counts, Packets
from pcneuro.mapping.costs.ranges import Range
from pcneuro.mapping.schema import PLASTICITY


@final
@dataclass(frozen=True)
class Energy:
    """Energies in pJ by part: synapses, neurons, messages, hops, plasticity.

    A part is None where it needs a price that is not known, which ``unpriced`` names; so are sums of it. What a sample
    has none of needs no price.
    """

    parts: Mapping[str, Range | None]
    unpriced: tuple[str, ...]
    """Operations (``chips.ENERGIES``) whose price is needed and not known, or their number (without steps)."""

    @property
    def sample(self) -> Range | None:
        """All that a sample takes; None where a part of it is not known."""
        return _sum(energy for part, energy in self.parts.items() if part != PLASTICITY)

    @property
    def gradient(self) -> Range | None:
        """A sample, and what one update of the weights takes beside that; None where a part of it is not known."""
        return _sum(self.parts.values())


def energy_of(counted: Counts, chip: Chip) -> Energy:
    """Price what was counted: in a step every compartment is accessed, and updated where it fires.

    The formula is that of SANA-FE (Boyle et al., 2025, doi:10.1109/TCAD.2025.3537971) for neurons that replay events.
    """
    sample, learning = counted.sample, counted.plasticity
    accesses = counted.compartments * counted.steps
    numbers: dict[str, dict[str, float]] = {
        "synapses": {"synapse": sample.synapses},
        "neurons": {"neuron_access": accesses, "neuron_update": sample.sent, "spike": sample.sent},
        "messages": _messages(sample),
        "hops": _hops(sample),
        PLASTICITY: {"plasticity": counted.updates, "spike": learning.sent, **_messages(learning), **_hops(learning)},
    }
    priced = {
        name: {operation: _priced(number, operation, chip) for operation, number in part.items()}
        for name, part in numbers.items()
    }
    missing = [operation for part in priced.values() for operation, cost in part.items() if cost is None]
    parts = {name: _sum(part.values()) for name, part in priced.items()}
    return Energy(parts, tuple(dict.fromkeys(missing)))


def _messages(packets: Packets) -> dict[str, float]:
    return {"message_out": packets.packets, "message_in": packets.packets}


def _hops(packets: Packets) -> dict[str, float]:
    return {"hop_east_west": packets.hops_east_west, "hop_north_south": packets.hops_north_south}


def _priced(number: float, operation: str, chip: Chip) -> Range | None:
    """What so many operations take; None where their price, or how many there are, is not known."""
    price = chip.price(operation)
    if number == 0 or (price is not None and price.high == 0):
        return Range(0.0, 0.0)
    return None if price is None or math.isnan(number) else Range.of(number, price)


def _sum(ranges: Iterable[Range | None]) -> Range | None:
    """The sum; None where one of them is."""
    each = list(ranges)
    known = [r for r in each if r is not None]
    return Range.total(known) if len(known) == len(each) else None
