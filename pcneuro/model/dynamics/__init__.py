"""Dynamics: when predictions follow the value neurons. One variant a file."""

from importlib import import_module
from pkgutil import iter_modules

from pcneuro.model.dynamics.abstract import AbstractDynamics, StateRow, deviation, masked
from pcneuro.model.dynamics.error_neurons import with_error_neurons
from pcneuro.model.dynamics.fixed_prediction import FixedPrediction
from pcneuro.model.dynamics.strict import Strict

# A file that is put here is found by itself: its classes register where ``abstract`` keeps them, for files and studies.
for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["AbstractDynamics", "FixedPrediction", "StateRow", "Strict", "deviation", "masked", "with_error_neurons"]
