"""Error neurons with a time constant (Bogacz 2017, section 3): errors are integrated, whatever else the dynamics do."""

from __future__ import annotations

import numpy as np

from pcneuro.model.dynamics.abstract import Neurons, StateRow
from pcneuro.model.dynamics.with_row import AbstractWithRow
from pcneuro.model.integrators.abstract import AbstractIntegrator

ERROR = StateRow("error", region="error", drive="at_once", leak="error")


class LeakyErrors(AbstractWithRow, chosen=False):
    """Dynamics whose error neurons, at some vertices, have a time constant tau_e of their own.

        tau_e de/dt = v - prediction - Sigma e,    Sigma = 1 / precision

    which is tau_e precision de/dt = a - e: they leak towards a = precision (v - prediction), what they are at once
    elsewhere. With another energy E of a clamped output a is its error, -dE/dprediction. What they are at equilibrium
    does not depend on tau_e. They begin at zero. Gradients and feedback are those of e.
    """

    row = ERROR
    has = "a time constant"
    argument = "error_tau"

    def gain(self, row: StateRow, integrator: AbstractIntegrator, neurons: Neurons) -> np.ndarray:
        own = row is ERROR or (row is self.rows[0] and neurons.error_tau.any())
        return integrator.gain(*self.rates(row, neurons)) if own else super().gain(row, integrator, neurons)

    def rates(self, row: StateRow, neurons: Neurons) -> tuple[np.ndarray, np.ndarray]:
        if row is ERROR:
            return neurons.error_tau * neurons.precision, np.ones_like(neurons.tau)
        if row is self.rows[0] and neurons.error_tau.any():
            # Their own error is another neuron's activity, and no leak.
            return neurons.tau, np.zeros_like(neurons.tau)
        return super().rates(row, neurons)

    def stirred(self, row: StateRow, integrator: AbstractIntegrator, neurons: Neurons) -> tuple[np.ndarray, np.ndarray]:
        if row is ERROR:
            tau, leak = neurons.error_tau, 1 / neurons.precision
            return integrator.scatter(tau, leak), integrator.gain(tau, leak)
        if row is self.rows[0] and neurons.error_tau.any():
            nothing = np.zeros_like(neurons.tau)
            return integrator.scatter(neurons.tau, nothing), integrator.gain(neurons.tau, nothing)
        return super().stirred(row, integrator, neurons)
