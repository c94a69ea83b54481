"""Simulation files: TOML that names a circuit and a task; each run of it leaves a summary, records and figures."""

from pcneuro.studies import tasks as _tasks  # so that they register themselves  # noqa: F401
from pcneuro.studies.file import Plan, read
from pcneuro.studies.laboratory import Laboratory
from pcneuro.studies.observer import AbstractObserver, Silent
from pcneuro.studies.run import Report, simulate
from pcneuro.studies.sources import Sources

__all__ = ["AbstractObserver", "Laboratory", "Plan", "Report", "Silent", "Sources", "read", "simulate"]
