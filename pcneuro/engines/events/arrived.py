"""Gradients where a synapse changes by what has arrived at it, not by what its value neuron has sent since.

Under strict dynamics with conduction delays a dendrite has its prediction from what has arrived, and so have the
derivatives that errors go back with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pcneuro.circuit.activity import Activity
from pcneuro.circuit.synapses import synapse_groups
from pcneuro.circuit.units import AbstractUnitWalk, SlopePull, Source, SynapsePull, SynapticSum, UnitFunction, UnitGraph
from pcneuro.circuit.units.populations import summed
from pcneuro.ops.base import Weights
from pcneuro.ops.formula import evaluate

Arrays = dict[str, np.ndarray]
Place = tuple[int, str | None]
"""Of a synapse group: its population and operand."""


def gradients_of_late(units: UnitGraph, dense: Activity, late: Sequence[Sequence[np.ndarray]]) -> Arrays:
    """dL/dparameter, (entries,), where of what value neurons sent something has not arrived: ``units`` are plastic.

    ``late`` has it by sample and synapse group, (synapses,).
    """
    circuit, batch = units.circuit, dense.batch
    known = {n: dense.presynaptic[n].reshape(batch, -1) for n in (*circuit.graph.inputs, *circuit.vertices)}
    missing = [np.stack(rows) for rows in zip(*late, strict=True)]
    at_synapses: dict[Place, np.ndarray] = {}
    for group, rows in zip(synapse_groups(units), missing, strict=True):
        population = units.populations[group.population]
        neurons = population.pre if isinstance(population, SynapticSum) else slice(None)
        at_synapses[group.population, group.operand] = known[group.parent][:, neurons] - rows
    errors = {name: dense.errors[name].reshape(batch, -1) for name in units.predictions}
    return gradients(units, known, at_synapses, errors)


def gradients(
    units: UnitGraph, values: Mapping[str, np.ndarray], arrived: Mapping[Place, np.ndarray], errors: Arrays
) -> Arrays:
    """dL/dparameter, (entries,), summed over the batch; ``units`` must be plastic.

    ``values`` of inputs and vertices and ``errors`` of vertices are of shape (batch, units); ``arrived`` has what each
    synapse of a group has received of its value neuron, (batch, synapses).
    """
    with np.errstate(all="ignore"):
        adjoints = ArrivedWalk(units, values, arrived, errors).walk()
    return {name: -adjoints[units.parameters[name]].sum(axis=0) for name in units.circuit.parameters}


class ArrivedWalk(AbstractUnitWalk):
    """The way back of all samples, at the activity that follows from what has arrived; see ``gradients``."""

    def __init__(
        self, units: UnitGraph, values: Mapping[str, np.ndarray], arrived: Mapping[Place, np.ndarray], errors: Arrays
    ) -> None:
        self.batch = len(next(iter(values.values())))
        super().__init__(units.feedback, self.batch)
        self.arrived, self.errors = arrived, errors
        self.activity: list[np.ndarray] = []
        """Of each population, (batch, units)."""
        for number, population in enumerate(units.populations):
            if isinstance(population, Source):
                self.activity.append(values[population.name])
            elif isinstance(population, SynapticSum):
                weighted = population.weights.values * self._read(number, population)
                self.activity.append(summed(weighted, population.post, population.size))
            else:
                self.activity.append(self.evaluated(number, population, population.formula))

    def _read(self, number: int, population: SynapticSum) -> np.ndarray:
        """What the synapses of a sum have received, (batch, synapses)."""
        if (number, None) in self.arrived:
            return self.arrived[number, None]
        return self.activity[population.source][:, population.pre]

    def evaluated(self, number: int, function: UnitFunction, formula: Any, **more: np.ndarray) -> np.ndarray:
        """A formula over the operands of a function, (batch, units)."""
        operands: Arrays = {}
        for name, operand in function.operands.items():
            if (number, name) in self.arrived:
                operands[name] = self.arrived[number, name]
            else:
                operands[name] = operand.values if isinstance(operand, Weights) else self.activity[operand]
        return np.broadcast_to(evaluate(formula, operands | more), (self.batch, function.size))

    def error(self, vertex: str, adjoint: np.ndarray) -> np.ndarray:
        return self.errors[vertex]

    def slope(self, pull: SlopePull) -> np.ndarray:
        return self.evaluated(pull.number, pull.function, pull.derivative, out=self.activity[pull.number])

    def presynaptic(self, pull: SynapsePull) -> np.ndarray:
        return self._read(pull.number, pull.synapses)
