"""What a core of a chip holds at most, and by how much a division of neurons among cores is beyond it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pcneuro.mapping.counting import Destinations


@dataclass(frozen=True)
class Limits:
    """What one core holds at most; None where a chip has no such limit."""

    compartments: int
    axons_in: int | None = None
    axons_out: int | None = None
    synapses: int | None = None
    fan_in: int | None = None
    """Synapses that end at one neuron."""
    destinations: int | None = None
    """Cores that one axon reaches."""

    def used(self, at: Destinations) -> dict[str, np.ndarray]:
        """Limit -> how much of it each core takes, (cores,) int64, of those that there are.

        What is a limit of one axon, ``destinations``, is that of the core's axon which takes most.
        """
        held = {
            "compartments": at.compartments,
            "axons_in": at.axons_in,
            "axons_out": at.axons_out,
            "synapses": at.synapses_held,
            "destinations": at.farthest_reach,
        }
        return {name: numbers for name, numbers in held.items() if getattr(self, name) is not None}

    def excess(self, at: Destinations) -> dict[str, np.ndarray]:
        """Limit -> by how much each core is beyond it, (cores,) int64, 0 where it is not."""
        return {name: np.maximum(numbers - getattr(self, name), 0) for name, numbers in self.used(at).items()}
