"""Engines: what computes a run. The kernel engine is fast; the reference engine is slow, obvious, and its oracle."""

from pcneuro.engines.abstract import AbstractEngine, Data, Engine, Stepped, Tape
from pcneuro.engines.kernel import Kernel
from pcneuro.engines.reference import Reference

__all__ = ["AbstractEngine", "Data", "Engine", "Kernel", "Reference", "Stepped", "Tape"]
