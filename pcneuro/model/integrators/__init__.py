"""Integrators: explicit Runge-Kutta methods, each a tableau and what a step is worth to a leaky unit. One a file."""

from pcneuro.model.integrators.abstract import AbstractIntegrator
from pcneuro.model.integrators.euler import Euler
from pcneuro.model.integrators.exponential_euler import ExponentialEuler
from pcneuro.model.integrators.runge_kutta4 import RungeKutta4

__all__ = ["AbstractIntegrator", "Euler", "ExponentialEuler", "RungeKutta4"]
