"""How often axons send: counted in a run, or assumed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pcneuro.errors import DataError
from pcneuro.mapping.axons import Origin

RESULT, TRAFFIC = "result", "traffic"
"""How a report calls the result of a run, and what was counted otherwise."""


@dataclass(frozen=True, eq=False)
class Traffic:
    """What the axons of a circuit send in a sample, and what one gradient's plasticity sends beside that.

    Of several samples these are means, so that numbers need not be whole.

    Examples
    --------
    >>> result = pcn.Simulator(circuit, engine=pcn.EventDriven()).run(200.0, **data)
    >>> traffic = pcn.mapping.traffic_of(pcn.mapping.axons_of(circuit, clamped=["out"]), result)
    >>> traffic.source
    'run'
    """

    sends: np.ndarray
    """(axons,) float64: events of each axon in a sample."""
    steps: float
    """Steps of dt of a sample; NaN where a run has no steps (exact times)."""
    plasticity: np.ndarray
    """(axons,) float64: further packets of each axon that one update of the weights takes: of a value neuron whose
    activity is not 0, since a synapse of the prediction, at the error neuron, has to know it."""
    samples: int = 1
    source: str = "run"
    """Where the numbers come from, in words: a run, or a rate that was assumed."""
    given: str = TRAFFIC
    """What ``map_circuit`` is given to have them, in Python."""
    origin: Origin | None = None
    """The circuit of the axons; None where they are of none."""
    dt: float | None = None
    """Length of a step in ms; None where that is not known."""
    raster: tuple[np.ndarray, np.ndarray] | None = None
    """Step, from 0, and axon of every event of the first sample, int64, by step; None where it was not recorded."""

    def __post_init__(self) -> None:
        for what, numbers in (("events", self.sends), ("packets of plasticity", self.plasticity)):
            if numbers.shape != self.sends.shape or not np.isfinite(numbers).all() or (numbers < 0).any():
                raise DataError(f"{what} of axons need a number from 0 up each, of {self.sends.size} axons")
