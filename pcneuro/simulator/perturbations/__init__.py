"""Perturbations of a circuit in a run: one kind a file."""

from importlib import import_module
from pkgutil import iter_modules

from pcneuro.simulator.perturbations.abstract import AbstractIntervention as AbstractIntervention
from pcneuro.simulator.perturbations.cut import Cut as Cut
from pcneuro.simulator.perturbations.precision import SetPrecision as SetPrecision
from pcneuro.simulator.perturbations.silence import Silence as Silence

# A file that is put here is found by itself: studies ask the abstract class for what there is.
for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
