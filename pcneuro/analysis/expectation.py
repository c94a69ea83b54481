"""The errors that a circuit under fixed prediction must have at any time: a closed form over its path lengths.

The equations are linear in e. What arrives at a vertex over paths of k projections from the clamped vertices grows as
the k-th of a chain of equal leaky units that starts from zero: in continuous time as the Erlang distribution function
P(k, rate t), the regularised lower incomplete gamma function; in n steps of a one-stage integrator as
P[Binomial(n, eta) >= k].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from pcneuro.circuit.activity import Activity
from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.feedback import pull_back
from pcneuro.model.dynamics import AbstractDynamics
from pcneuro.model.integrators import AbstractIntegrator
from pcneuro.simulator.schedules.hops import binomial_share, erlang_share
from pcneuro.simulator.simulator import Simulator

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Expectation:
    """Equilibrium errors by path length: ``graded[vertex][k]`` of shape (batch, \\*shape) came over k projections.

    ``rate`` is precision/tau of the free vertices, per ms; ``eta`` what a step of the integrator makes of it.
    """

    graded: Mapping[str, Mapping[int, np.ndarray]]
    rate: float
    eta: float

    def equilibrium(self, vertex: str) -> np.ndarray:
        """Error at the end, -dL/dprediction, of shape (batch, \\*shape)."""
        return np.sum(list(self.graded[vertex].values()), axis=0)

    def continuous(self, vertex: str, time: np.ndarray) -> np.ndarray:
        """Error at these times in ms, of shape (times, batch, \\*shape)."""
        return self._sum(
            vertex, lambda hops: erlang_share(np.array(hops), self.rate * np.asarray(time, dtype=np.float64))
        )

    def stepped(self, vertex: str, steps: np.ndarray) -> np.ndarray:
        """Error after these numbers of steps of a one-stage integrator with eta of at most 1."""
        return self._sum(
            vertex, lambda hops: binomial_share(np.array(hops), np.asarray(steps, dtype=np.float64), self.eta)
        )

    def _sum(self, vertex: str, arrived: Callable[[int], np.ndarray]) -> np.ndarray:
        return sum(np.multiply.outer(arrived(hops), part) for hops, part in self.graded[vertex].items())  # type: ignore[return-value]


def expectation(simulator: Simulator, inputs: Arrays, clamped: Arrays) -> Expectation | None:
    """What the errors of a simulation from the feedforward sweep must be; None where there is no closed form.

    There is one for fixed prediction with one precision/tau at all free vertices, and no conduction delays.
    """
    circuit, integrator = simulator.circuit, simulator.integrator
    if circuit.delayed or circuit.leaky_errors or circuit.noise:
        return None
    free = [name for name in circuit.vertices if name not in clamped]
    rates = {float(r) for n in free for r in np.unique(circuit.precision[n] / circuit.tau[n])}
    steps = {float(g) for n in free for g in np.unique(_eta(circuit, integrator, n))}
    if not _has_closed_form(simulator.dynamics) or len(rates) != 1 or rates == {0.0} or len(steps) != 1:
        return None
    sweep = Activity(circuit.with_parameters(simulator.parameters), np.dtype(np.float64))
    batch = len(next(iter((clamped | inputs).values()), np.zeros(1)))
    sweep.start(batch, inputs, clamped, {})
    sweep.evaluate(simulator.dynamics)
    nothing = {name: np.zeros((batch, *circuit.graph.nodes[name].shape)) for name in circuit.vertices}

    def hop(errors: Arrays) -> Arrays:
        """What these errors bring to free vertices, one hop upstream."""
        back = pull_back(sweep.way, nothing | errors, sweep.presynaptic, sweep.outputs)
        return {name: back.get(name, nothing[name]) for name in free}

    errors = sweep.errors
    graded: dict[str, dict[int, np.ndarray]] = {name: {0: error} for name, error in errors.items()}
    part = hop({name: error for name, error in errors.items() if name in clamped})
    for hops in range(1, len(circuit.vertices) + 1):
        if not any(a.any() for a in part.values()):
            break
        for name in free:
            if part[name].any():
                graded[name][hops] = part[name]
        part = hop(part)
    return Expectation(graded, rates.pop(), steps.pop())


def _has_closed_form(dynamics: AbstractDynamics) -> bool:
    """Whether errors are all that moves, and add up."""
    return dynamics.superposes and dynamics.holds_predictions and len(dynamics.rows) == 1


def _eta(circuit: Circuit, integrator: AbstractIntegrator, vertex: str) -> np.ndarray:
    return integrator.gain(circuit.tau[vertex], circuit.precision[vertex]) * circuit.precision[vertex]
