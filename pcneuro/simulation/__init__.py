"""Simulation files: TOML that names a circuit and a task; each run of it leaves a summary, records and figures."""

from pcneuro.simulation import tasks as _tasks  # so that they register themselves  # noqa: F401
from pcneuro.simulation.file import Plan, read
from pcneuro.simulation.observer import AbstractObserver, Silent
from pcneuro.simulation.run import Report, simulate
from pcneuro.simulation.sources import Sources

__all__ = ["AbstractObserver", "Plan", "Report", "Silent", "Sources", "read", "simulate"]
