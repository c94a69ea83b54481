"""Integrators: explicit Runge-Kutta methods, each a tableau and what a step is worth to a leaky unit. One a file."""

from pcneuro.integrators.abstract import AbstractIntegrator
from pcneuro.integrators.euler import Euler
from pcneuro.integrators.exponential_euler import ExponentialEuler
from pcneuro.integrators.runge_kutta4 import RungeKutta4

__all__ = ["AbstractIntegrator", "Euler", "ExponentialEuler", "RungeKutta4"]
