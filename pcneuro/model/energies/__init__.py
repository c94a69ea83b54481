"""Energies of output vertices: what a clamped target costs, and the error neurons' drive that follows. One a file."""

from importlib import import_module
from pkgutil import iter_modules

from pcneuro.model.energies.abstract import AbstractEnergy
from pcneuro.model.energies.bernoulli import Bernoulli
from pcneuro.model.energies.softmax_cross_entropy import SoftmaxCrossEntropy
from pcneuro.model.energies.squared_error import SquaredError

# A file that is put here is found by itself: its classes register where ``abstract`` keeps them, for files and studies.
for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["AbstractEnergy", "Bernoulli", "SoftmaxCrossEntropy", "SquaredError"]
