"""How far off errors and gradients can be if what is known of an error is a threshold away from it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from pcneuro.circuit.units import Function, Sum
from pcneuro.engines.reference.delayed import PlasticUnits


def bounds(
    units: PlasticUnits, activity: list[np.ndarray], thresholds: Mapping[str, np.ndarray], clamped: Collection[str]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Vertex -> bound of its errors, (units,); parameter -> bound of its gradient, (entries,), of one sample.

    One pass from the outputs back with the absolute values of all weights and slopes, as in ``engines.events``. A
    gradient takes errors themselves, which their own synapses know, not what was sent of them.
    """
    heard = [np.zeros(p.size) for p in units.populations]
    own = [np.zeros(p.size) for p in units.populations]
    found: dict[str, np.ndarray] = {}
    for number in reversed(range(len(units.populations))):
        population = units.populations[number]
        if isinstance(population, Sum):
            weights = population.weights
            for adjoints in (heard, own):
                back, behind = adjoints[population.source], adjoints[number][population.post]
                back += np.bincount(population.pre, np.abs(weights.values) * behind, back.size)
            if weights.parameter is not None:
                plastic = own[units.plastic[weights.parameter]]
                change = own[number][population.post] * np.abs(activity[population.source][population.pre])
                synapses = np.arange(weights.values.size) if weights.index is None else weights.index
                plastic += np.bincount(np.broadcast_to(synapses, change.shape), change, plastic.size)
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
    return found, {name: own[units.plastic[name]] for name in units.circuit.parameters}
