"""Schedules: in which order populations relax. One a file."""

from importlib import import_module
from pkgutil import iter_modules

from pcneuro.simulator.schedules.abstract import AbstractSchedule
from pcneuro.simulator.schedules.fast_forward import FastForward
from pcneuro.simulator.schedules.parallel import Parallel
from pcneuro.simulator.schedules.sequential import Sequential

# A file that is put here is found by itself: its class registers where ``abstract`` keeps them, for simulation files.
for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["AbstractSchedule", "FastForward", "Parallel", "Sequential"]
