"""How far off errors and gradients can be if what is known of an error is a threshold away from it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from pcneuro.circuit.units import AbstractUnitWalk, SlopePull, SynapsePull, UnitGraph


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
    samples: Sequence[Mapping[str, np.ndarray]],
    thresholds: Mapping[str, np.ndarray],
    clamped: Collection[str],
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Vertex -> bound of its errors, (batch, \\*shape); parameter -> that of its gradient, summed over samples.

    ``samples`` have the values of inputs and vertices at the sweep.
    """
    nodes = units.circuit.graph.nodes
    of_errors: list[dict[str, np.ndarray]] = []
    total = {name: np.zeros(array.shape) for name, array in units.circuit.parameters.items()}
    for values in samples:
        errors, gradients = bounds(units, units.forward(values, {}), thresholds, clamped)
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
