"""A unit graph with other parameters: the same populations and synapses, and nothing is listed again."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np

from pcneuro.circuit.structure import AbstractCircuit
from pcneuro.circuit.units.graph import UnitGraph
from pcneuro.circuit.units.populations import Population, Source, SynapticSum
from pcneuro.graph.graph import Parameter
from pcneuro.ops.base import Weights


def reweighted(units: UnitGraph, circuit: AbstractCircuit) -> UnitGraph:
    """The unit graph of ``circuit``, which is that of ``units`` with other values of its parameters.

    Raises ParameterError for weights that are not finite.
    """
    numbers = _of_parameters(circuit)
    if not all(np.isfinite(array).all() for array in numbers.values()) or _hides_parameters(units, numbers):
        return UnitGraph(circuit, plastic=units.plastic)
    twin = copy.copy(units)
    # The list of pulls holds populations, and with them weights.
    twin.__dict__.pop("feedback", None)
    twin.circuit = circuit
    twin.populations = [_with_numbers(population, numbers) for population in units.populations]
    return twin


def _of_parameters(circuit: AbstractCircuit) -> dict[str, np.ndarray]:
    """Parameters, and nodes that are computed from them and constants alone, (entries,)."""
    nodes, learned = circuit.graph.nodes, set()
    shared: dict[str, np.ndarray] = {}
    for name, node in nodes.items():
        if isinstance(node.source, Parameter):
            shared[name] = circuit.parameters[name].astype(np.float64)[None]
            learned.add(name)
        elif node.is_leaf:
            if hasattr(node.source, "value"):
                shared[name] = node.source.value.astype(np.float64)[None]
        elif shared.keys() >= set(node.operands):
            with np.errstate(all="ignore"):
                shared[name] = np.array(node.compute(*(shared[o] for o in node.operands)), dtype=np.float64)
            if not learned.isdisjoint(node.operands):
                learned.add(name)
    return {name: shared[name].ravel() for name in learned}


def _hides_parameters(units: UnitGraph, numbers: dict[str, np.ndarray]) -> bool:
    """Whether weights that may be computed from parameters do not say which entries they are."""
    nodes = units.circuit.graph.nodes
    for population in units.populations:
        if isinstance(population, Source | SynapticSum):
            # Weights without an origin are numbers of the operator's own.
            continue
        unnamed = any(isinstance(x, Weights) and x.origin is None for x in population.operands.values())
        if unnamed and not numbers.keys().isdisjoint((population.node, *nodes[population.node].operands)):
            return True
    return False


def _with_numbers(population: Population, numbers: dict[str, np.ndarray]) -> Population:
    if isinstance(population, Source):
        return population
    if isinstance(population, SynapticSum):
        table = _entries(population.table, numbers)
        if table is population.table:
            return population
        twin = copy.copy(population)
        # Which units synapses connect is kept where it has been listed.
        twin.__dict__.pop("weights", None)
        object.__setattr__(twin, "table", table)
        return twin
    operands = {k: _entries(x, numbers) if isinstance(x, Weights) else x for k, x in population.operands.items()}
    return replace(population, operands=operands)


def _entries(weights: Weights, numbers: dict[str, np.ndarray]) -> Weights:
    """The same entries of the new numbers; the same weights where these do not come from parameters."""
    if weights.origin not in numbers:
        return weights
    values = numbers[weights.origin]
    return replace(weights, values=values if weights.index is None else values[weights.index])
