"""Error neurons with a time constant (Bogacz 2017, section 3): errors are integrated, whatever else the dynamics do."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from pcneuro.errors import ParameterError
from pcneuro.model.dynamics.abstract import (
    AbstractDynamics,
    Emitter,
    Network,
    Neurons,
    Predicting,
    StateRow,
    check_order,
)
from pcneuro.model.integrators.abstract import AbstractIntegrator

ERROR = StateRow("error", region="error", drive="at_once", leak="error")


class LeakyErrors(AbstractDynamics, chosen=False):
    """Dynamics whose error neurons, at some vertices, have a time constant tau_e of their own.

        tau_e de/dt = v - prediction - Sigma e,    Sigma = 1 / precision

    which is tau_e precision de/dt = a - e: they leak towards a = precision (v - prediction), what they are at once
    elsewhere. With another energy E of a clamped output a is its error, -dE/dprediction. What they are at equilibrium
    does not depend on tau_e. They begin at zero. Gradients and feedback are those of e.

    It is what a circuit makes of the dynamics that a user chose: see ``with_leaky_errors``.
    """

    def __init__(self, chosen: AbstractDynamics, vertices: Collection[str]) -> None:
        """``chosen`` are the dynamics of all else, ``vertices`` those whose error neurons have a time constant."""
        for vertex in vertices:
            if chosen.integrates("error", vertex):
                raise ParameterError(
                    f"error_tau of {vertex!r}: {chosen!r} has time constants of error neurons already; build the "
                    "circuit without error_tau"
                )
        self.chosen, self.vertices = chosen, frozenset(vertices)
        self.first = next(iter(vertices), "")
        self.holds_predictions, self.superposes = chosen.holds_predictions, False
        self.rows = (*chosen.rows, ERROR)
        check_order(repr(chosen), self.rows)
        self.activity, self.parts = chosen.activity, chosen.parts
        self.before_error, self.after_error = chosen.before_error, chosen.after_error

    @property
    def name(self) -> str:
        return self.chosen.name

    def integrates(self, variable: str, vertex: str) -> bool:
        return vertex in self.vertices if variable == ERROR.variable else self.chosen.integrates(variable, vertex)

    def moves(self, row: StateRow, vertex: str, clamped: bool, predicted: bool) -> bool:
        return vertex in self.vertices if row is ERROR else self.chosen.moves(row, vertex, clamped, predicted)

    def gain(self, row: StateRow, integrator: AbstractIntegrator, neurons: Neurons) -> np.ndarray:
        if row is ERROR:
            return integrator.gain(neurons.error_tau * neurons.precision, np.ones_like(neurons.tau))
        if row is self.rows[0] and neurons.error_tau.any():
            # Their own error is another neuron's activity, and no leak.
            return integrator.gain(neurons.tau, np.zeros_like(neurons.tau))
        return self.chosen.gain(row, integrator, neurons)

    def stirred(self, row: StateRow, integrator: AbstractIntegrator, neurons: Neurons) -> tuple[np.ndarray, np.ndarray]:
        if row is ERROR:
            tau, leak = neurons.error_tau, 1 / neurons.precision
            return integrator.scatter(tau, leak), integrator.gain(tau, leak)
        if row is self.rows[0] and neurons.error_tau.any():
            nothing = np.zeros_like(neurons.tau)
            return integrator.scatter(neurons.tau, nothing), integrator.gain(neurons.tau, nothing)
        return self.chosen.stirred(row, integrator, neurons)

    def error_region(self, vertex: str) -> str | None:
        return ERROR.drive if vertex in self.vertices else self.chosen.error_region(vertex)

    def only_values(self, who: str, instead: str = "use Kernel() or Reference()") -> None:
        raise ParameterError(
            f"{who} integrates value neurons only, and error neurons of {self.first!r} have a time constant: "
            f"{instead}, or build the circuit without error_tau"
        )

    def refresh(self, network: Predicting) -> None:
        self.chosen.refresh(network)

    def region(self, network: Network, region: str, vertex: str, precision: np.ndarray) -> np.ndarray:
        return self.chosen.region(network, region, vertex, precision)

    def emit(self, part: str, program: Emitter, rows: Mapping[str, int], units: int) -> None:
        self.chosen.emit(part, program, rows, units)

    def __repr__(self) -> str:
        return repr(self.chosen)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LeakyErrors) and (other.chosen, other.vertices) == (self.chosen, self.vertices)

    def __hash__(self) -> int:
        return hash((self.chosen, self.vertices))


def with_leaky_errors(dynamics: AbstractDynamics, vertices: Collection[str]) -> AbstractDynamics:
    """The dynamics of a circuit in which error neurons of these vertices have a time constant."""
    return LeakyErrors(dynamics, vertices) if vertices else dynamics
