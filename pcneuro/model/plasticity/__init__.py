"""Plasticity: rules by which parameters change while a circuit runs. One a file."""

from importlib import import_module
from pkgutil import iter_modules

from pcneuro.model.plasticity.abstract import PLASTICITY, AbstractPlasticity, Anatomy, Product
from pcneuro.model.plasticity.delta import DeltaRule
from pcneuro.model.plasticity.hebbian import Hebbian
from pcneuro.model.plasticity.homeostasis import Homeostasis
from pcneuro.model.plasticity.learned_feedback import LearnedFeedback
from pcneuro.model.plasticity.learned_variance import LearnedVariance
from pcneuro.model.plasticity.oja import Oja

# A file that is put here is found by itself: its classes register where ``abstract`` keeps them, for files.
for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = [
    "PLASTICITY",
    "AbstractPlasticity",
    "Anatomy",
    "DeltaRule",
    "Hebbian",
    "Homeostasis",
    "LearnedFeedback",
    "LearnedVariance",
    "Oja",
    "Product",
]
