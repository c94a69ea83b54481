"""Schedules: in which order populations relax. One a file."""

from pcneuro.simulator.schedules.abstract import AbstractSchedule
from pcneuro.simulator.schedules.fast_forward import FastForward
from pcneuro.simulator.schedules.parallel import Parallel
from pcneuro.simulator.schedules.sequential import Sequential

__all__ = ["AbstractSchedule", "FastForward", "Parallel", "Sequential"]
