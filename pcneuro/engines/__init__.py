"""Engines: what computes a run. Compiled steps for all, events between neurons, and NumPy, the oracle of both."""

from pcneuro.engines.abstract import AbstractEngine, Engine, Stepped
from pcneuro.engines.data import RunData
from pcneuro.engines.events.modes import Exact, TimeBinned
from pcneuro.engines.events.thresholds import Absolute, Share
from pcneuro.engines.settings import EventDriven, Kernel, Reference

__all__ = [
    "AbstractEngine",
    "Absolute",
    "RunData",
    "Engine",
    "EventDriven",
    "Exact",
    "Kernel",
    "Reference",
    "Share",
    "Stepped",
    "TimeBinned",
]
