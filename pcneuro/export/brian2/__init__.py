"""Circuits in Brian2: populations as neuron groups, projections as synapses.

``rate(circuit)`` makes a ``RateNetwork`` of graded neurons, ``spiking(circuit)`` a ``SpikingNetwork`` whose errors are
spikes; their runs give what a simulator's gives, and their parts are Brian2's own objects. ``script`` writes either as
text. The extra ``brian2`` brings the library, which is imported when the first network is made.
"""

from pcneuro.export.brian2.graded import RateNetwork, RateTarget, rate
from pcneuro.export.brian2.spikes import SPIKE, SpikingNetwork, SpikingTarget, spiking
from pcneuro.export.brian2.text import write as script

__all__ = [
    "SPIKE",
    "RateNetwork",
    "RateTarget",
    "SpikingNetwork",
    "SpikingTarget",
    "rate",
    "script",
    "spiking",
]
