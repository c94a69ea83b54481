"""Schedules: in which order populations relax. One a file."""

from pcneuro.schedules.abstract import AbstractSchedule
from pcneuro.schedules.fast_forward import FastForward
from pcneuro.schedules.parallel import Parallel
from pcneuro.schedules.sequential import Sequential

__all__ = ["AbstractSchedule", "FastForward", "Parallel", "Sequential"]
