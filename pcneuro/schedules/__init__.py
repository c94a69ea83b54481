"""Schedules: in which order populations relax. One a file."""

from pcneuro.schedules.abstract import AbstractSchedule
from pcneuro.schedules.parallel import Parallel
from pcneuro.schedules.sequential import Sequential

__all__ = ["AbstractSchedule", "Parallel", "Sequential"]
