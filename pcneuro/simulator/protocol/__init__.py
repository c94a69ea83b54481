"""Protocols: tables of trials, run in one simulation, and what was recorded by trial."""

from importlib import import_module
from pkgutil import iter_modules

from pcneuro.simulator.protocol.between import KeepState as KeepState
from pcneuro.simulator.protocol.between import ResetState as ResetState
from pcneuro.simulator.protocol.protocol import Protocol as Protocol

# A file that is put here is found by itself: studies ask the abstract class for what there may be between trials.
for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
