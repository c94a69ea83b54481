"""Whose dendrite each population and node of a layout is in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from pcneuro.circuit.units import SynapticSum, UnitFunction, UnitGraph


class Numbered(Protocol):
    """Where the populations of a unit graph stand among the nodes of a synaptic network (``network.NetworkLayout``)."""

    @property
    def units(self) -> UnitGraph: ...
    @property
    def number(self) -> Sequence[int]: ...
    @property
    def reads(self) -> Mapping[tuple[int, str], int]: ...
    @property
    def nodes(self) -> int: ...
    @property
    def owner(self) -> Mapping[int, str]: ...
    def nodes_of(self, population: int) -> slice: ...
    def read_by(self, number: int, operand: str) -> int: ...


def owners_of(layout: Numbered) -> dict[int, str]:
    """Population -> the vertex in whose dendrite it is (of several the first), or that it is the values of."""
    owners = layout.units.owners
    here = {layout.number[number]: name for number, name in owners.items()}
    return here | {reader: owners[function] for (function, _), reader in layout.reads.items() if function in owners}


def neurons_of(layout: Numbered) -> np.ndarray:
    """(nodes,): the neuron whose dendrite a node is in, by its place in the population; of several the first."""
    neurons, units = np.full(layout.nodes, -1, dtype=np.int64), layout.units
    for numbers in (units.predictions, units.means, units.values):
        for number in numbers.values():
            nodes = layout.nodes_of(layout.number[number])
            neurons[nodes] = np.arange(nodes.stop - nodes.start)

    def behind(here: int, target: int, pre: np.ndarray, post: np.ndarray) -> None:
        """Nodes of ``target`` that ``here`` reads, in the same dendrite, are of the same neurons."""
        if layout.owner.get(here, "") == layout.owner.get(target):
            there = neurons[layout.nodes_of(target)]
            unset = np.flatnonzero(there[pre] < 0)[::-1]
            there[pre[unset]] = neurons[layout.nodes_of(here)][post[unset]]

    for number in reversed(range(len(units.populations))):
        population, here = units.populations[number], layout.number[number]
        if isinstance(population, SynapticSum):
            behind(here, layout.number[population.source], population.pre, population.post)
        elif isinstance(population, UnitFunction):
            each = np.arange(population.size)
            for name, operand in population.operands.items():
                if isinstance(operand, int):
                    behind(here, layout.read_by(number, name), each, each)
    return np.maximum(neurons, 0)
