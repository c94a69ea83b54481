"""Integrators: explicit Runge-Kutta methods, each a tableau and what a step is worth to a leaky unit. One a file."""

from importlib import import_module
from pkgutil import iter_modules

from pcneuro.model.integrators.abstract import AbstractIntegrator
from pcneuro.model.integrators.euler import Euler
from pcneuro.model.integrators.exponential_euler import ExponentialEuler
from pcneuro.model.integrators.runge_kutta4 import RungeKutta4

# A file that is put here is found by itself: its classes register where ``abstract`` keeps them, for files and studies.
for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["AbstractIntegrator", "Euler", "ExponentialEuler", "RungeKutta4"]
