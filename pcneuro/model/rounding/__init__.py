"""Rounding of weights to a few bits: how, one kind a file; and on which levels."""

from importlib import import_module
from pkgutil import iter_modules

from pcneuro.model.rounding.abstract import ROUNDINGS, AbstractRounding
from pcneuro.model.rounding.levels import MOST_BITS, Levels
from pcneuro.model.rounding.nearest import NEAREST, Nearest
from pcneuro.model.rounding.stochastic import Stochastic

# A file that is put here is found by itself: its classes register where ``abstract`` keeps them, for files.
for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["MOST_BITS", "NEAREST", "ROUNDINGS", "AbstractRounding", "Levels", "Nearest", "Stochastic"]
