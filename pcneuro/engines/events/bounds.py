"""How far off errors and gradients can be if what is known of an error is a threshold away from it.

Under fixed prediction, what others know of an error is at most a threshold theta away from it, at all
times. An error relaxes to what it receives: it is a mean of that over the past, with weights that are positive and sum
to 1 at most (of Euler's method as long as dt Pi / tau <= 1). So with |J| the absolute derivatives of the sweep, and
children c of i,

    |e_i - exact e_i| <= B_i = sum over c of |J_ci|^T (theta_c + B_c)

at all times, and B = 0 where an error is clamped. The same chain rule bounds gradients.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.units import AbstractUnitWalk, SlopePull, SynapsePull, UnitGraph
from pcneuro.errors import ParameterError
from pcneuro.model.dynamics import AbstractDynamics


def check_bounded(
    circuit: Circuit, dynamics: AbstractDynamics, rates: np.ndarray, updated: bool, continued: bool
) -> None:
    """Raise ParameterError where there are no bounds, for nonlinear dynamics among others.

    ``rates`` are dt * precision / tau of the neurons that go in steps; ``updated`` is whether parameters have changed
    since the sweep, ``continued`` whether neurons have held something back of other data or parameters.
    """
    circuit.only_whole_errors("a bound of errors", "compare runs")
    if not dynamics.superposes:
        raise ParameterError(f"there is no bound under {type(dynamics).__name__}: use FixedPrediction")
    if (rates > 1.0).any():
        raise ParameterError("there is no bound where dt * precision / tau is above 1: choose a shorter dt")
    if updated:
        raise ParameterError("there is no bound where parameters have changed between steps: start anew")
    if continued:
        # What was held back before, by larger thresholds maybe, is no part of it.
        raise ParameterError("there is no bound where data or parameters changed after time zero: call reset()")


def bounds(
    units: UnitGraph, activity: list[np.ndarray], thresholds: Mapping[str, np.ndarray], clamped: Collection[str]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Vertex -> bound of its errors, (units,); parameter -> bound of its gradient, (entries,), of one sample.

    One pass from the outputs back with the absolute values of all weights and slopes, as in ``engines.events``. A
    gradient takes errors themselves, which their own synapses know, not what was sent of them. ``units`` must be
    plastic.
    """
    walk = _Magnitudes(units, activity, thresholds, clamped)
    adjoints = walk.walk()
    return walk.bounds, {name: adjoints[units.parameters[name]][_ITSELF] for name in units.circuit.parameters}


def bounds_of_batch(
    units: UnitGraph,
    values: Mapping[str, np.ndarray],
    thresholds: Mapping[str, np.ndarray],
    clamped: Collection[str],
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Vertex -> bound of its errors, (batch, \\*shape); parameter -> that of its gradient, summed over samples.

    ``values`` are those of inputs and vertices at the sweep, (batch, \\*shape).
    """
    nodes = units.circuit.graph.nodes
    of_errors: list[dict[str, np.ndarray]] = []
    total = {name: np.zeros(array.shape) for name, array in units.circuit.parameters.items()}
    for s in range(len(next(iter(values.values())))):
        activity = units.forward({name: array[s] for name, array in values.items()}, {})
        errors, gradients = bounds(units, activity, thresholds, clamped)
        of_errors.append(errors)
        for name, array in gradients.items():
            total[name] += array.reshape(total[name].shape)
    return {n: np.stack([errors[n].reshape(nodes[n].shape) for errors in of_errors]) for n in of_errors[0]}, total


_SENT, _ITSELF = 0, 1
"""Rows of the walk: how far off what is known of errors can be, and how far off errors themselves can."""


class _Magnitudes(AbstractUnitWalk):
    """The way back in absolute values."""

    def __init__(
        self,
        units: UnitGraph,
        activity: Sequence[np.ndarray],
        thresholds: Mapping[str, np.ndarray],
        clamped: Collection[str],
    ) -> None:
        super().__init__(units.feedback, 2)
        self.activity, self.thresholds, self.clamped = activity, thresholds, clamped
        self.bounds: dict[str, np.ndarray] = {}
        """Vertex -> how far off its error can be."""

    def error(self, vertex: str, adjoint: np.ndarray) -> np.ndarray:
        bound = self.bounds[vertex] = np.zeros(adjoint.shape[1]) if vertex in self.clamped else adjoint[_SENT].copy()
        return np.stack([bound + self.thresholds[vertex], bound])

    def slope(self, pull: SlopePull) -> np.ndarray:
        return np.abs(pull.function.evaluated(pull.derivative, self.activity, out=self.activity[pull.number]))

    def weights(self, pull: SynapsePull) -> np.ndarray:
        return np.abs(pull.synapses.weights.values)

    def presynaptic(self, pull: SynapsePull) -> np.ndarray | None:
        return np.abs(self.activity[pull.source][pull.synapses.pre])
