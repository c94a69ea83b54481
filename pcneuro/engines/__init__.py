"""Engines: what computes a run. The kernel engine is fast; the reference engine is slow, obvious, and its oracle."""

from pcneuro.engines.abstract import AbstractEngine, Engine, RunData, Stepped
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
