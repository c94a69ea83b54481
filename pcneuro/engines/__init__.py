"""Engines: what computes a run. The kernel engine is fast; the reference engine is slow, obvious, and its oracle."""

from pcneuro.engines.abstract import AbstractEngine, Data, Engine, Stepped, Tape
from pcneuro.engines.event_driven import EventDriven
from pcneuro.engines.kernel import Kernel
from pcneuro.engines.modes import Exact, TimeBinned
from pcneuro.engines.reference import Reference
from pcneuro.engines.thresholds import Absolute, Share

__all__ = [
    "AbstractEngine",
    "Absolute",
    "Data",
    "Engine",
    "EventDriven",
    "Exact",
    "Kernel",
    "Reference",
    "Share",
    "Stepped",
    "Tape",
    "TimeBinned",
]
