"""How far off errors and gradients can be if what is known of an error is a threshold away from it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from pcneuro.graph import Constant, Parameter
from pcneuro.units import Function, Sum, UnitGraph


def bounds(
    units: UnitGraph, activity: list[np.ndarray], thresholds: Mapping[str, np.ndarray], clamped: Collection[str]
) -> tuple[dict[str, np.ndarray], list[np.ndarray]]:
    """Vertex -> bound of its errors, (units,); and of the adjoint of every population, for gradients.

    One pass from the outputs back with the absolute values of all weights and slopes, as in ``engines.events``. A
    gradient takes errors themselves, which their own synapses know, not what was sent of them.
    """
    heard = [np.zeros(p.size) for p in units.populations]
    own = [np.zeros(p.size) for p in units.populations]
    found: dict[str, np.ndarray] = {}
    for number in reversed(range(len(units.populations))):
        population = units.populations[number]
        if isinstance(population, Sum):
            weights = np.abs(population.weights.values)
            for adjoints in (heard, own):
                back = adjoints[population.source]
                back += np.bincount(population.pre, weights * adjoints[number][population.post], back.size)
        elif isinstance(population, Function):
            for name, derivative in population.derivatives.items():
                operand = population.operands[name]
                if isinstance(operand, int):
                    slope = np.abs(units.evaluated(population, derivative, activity, out=activity[number]))
                    for adjoints in (heard, own):
                        adjoints[operand] += slope * adjoints[number]
        elif population.name in units.predictions:
            bound = np.zeros(population.size) if population.name in clamped else heard[number].copy()
            found[population.name] = bound
            heard[units.predictions[population.name]] += bound + thresholds[population.name]
            own[units.predictions[population.name]] += bound
            own[number] = np.zeros(population.size)
    return found, own


def of_gradients(units: UnitGraph, activity: list[np.ndarray], adjoints: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Parameter -> bound of what is off in its gradient, of its shape, for one sample.

    Of parameters that are weights of synapses and nothing else; others, which functions read or something is computed
    from beforehand, are left out.
    """
    known = units.circuit.parameters
    found = {name: np.zeros(array.size) for name, array in known.items()}
    outside = _read_beforehand(units)
    for number, population in enumerate(units.populations):
        if isinstance(population, Sum):
            weights = population.weights
            if weights.parameter is not None:
                index = np.arange(weights.values.size) if weights.index is None else weights.index
                change = adjoints[number][population.post] * np.abs(activity[population.source][population.pre])
                found[weights.parameter] += np.bincount(
                    np.broadcast_to(index, change.shape), change, found[weights.parameter].size
                )
        elif isinstance(population, Function):
            for operand in population.operands.values():
                if not isinstance(operand, int) and operand.parameter is not None:
                    outside.add(operand.parameter)
    return {name: array.reshape(known[name].shape) for name, array in found.items() if name not in outside}


def _read_beforehand(units: UnitGraph) -> set[str]:
    """Parameters that go into what is computed from parameters and constants alone."""
    still: set[str] = set()
    found: set[str] = set()
    for name, node in units.circuit.graph.nodes.items():
        if isinstance(node.source, Parameter | Constant):
            still.add(name)
        elif not node.is_leaf and still.issuperset(node.operands):
            still.add(name)
            found.update(node.operands)
    return found
