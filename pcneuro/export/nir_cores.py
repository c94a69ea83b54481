"""Where the neurons of a NIR graph are on a chip, as metadata of its nodes: plain numbers, which any reader finds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pcneuro.circuit.abstract_property import ERROR, VALUE
from pcneuro.circuit.circuit import Circuit
from pcneuro.errors import ParameterError, ShapeError, told, unknown_name
from pcneuro.quantities import by_name, plain_array

CORE, CHIP = "core", "chip"
"""Keys: of a node's metadata, the core of each neuron, and the name of the chip, which the graph's have, too."""


def checked_cores(circuit: Circuit, cores: Any, chip: Any) -> dict[str, np.ndarray]:
    """Population -> the core of each of its neurons, int64 of the vertex's shape.

    Raises ParameterError for what are no cores, and for no chip beside them, or one alone; UnknownNameError for a
    population that there is not; ShapeError for arrays of other sizes.
    """
    if not isinstance(chip, str) or bool(chip) != (cores is not None):
        raise ParameterError(f"chip is {told(chip)}; give the name of the chip beside cores, chip=mapping.chip.name")
    nodes = circuit.graph.nodes
    known = [f"{name}.{kind}" for name in (*circuit.graph.inputs, *circuit.vertices) for kind in (VALUE, ERROR)]
    return {name: _cores(nodes, known, name, of) for name, of in by_name("cores", cores if chip else {}).items()}


def _cores(nodes: Mapping[str, Any], known: list[str], name: Any, given: Any) -> np.ndarray:
    if name not in known:
        raise unknown_name("population in cores", name, known)
    shape = nodes[name.rpartition(".")[0]].shape
    array = plain_array(f"cores of {name!r}", given)
    if array.dtype.kind not in "iu" or (array.size and array.min() < 0):
        raise ParameterError(f"cores of {name!r} are {told(given)}; give the numbers of cores, mapping.core({name!r})")
    if array.size != np.prod(shape):
        raise ShapeError(f"cores of {name!r} are {array.size}, and the population has neurons of shape {shape}")
    return array.astype(np.int64).reshape(shape)


def note_cores(graph: Any, cores: Mapping[str, np.ndarray], chip: str) -> None:
    """Let nodes of a NIR graph say on which cores their neurons are, of which chip; the graph says the chip, too.

    A node is called as its population, with "_" for the dot; what a graph leaves out has no node. ``cores`` have the
    shapes of vertices, ``()`` among them, which nodes have with one axis at least.
    """
    for population, array in cores.items():
        node = graph.nodes.get(population.replace(".", "_"))
        if node is not None:
            node.metadata |= {CORE: np.atleast_1d(array), CHIP: chip}
    if chip:
        graph.metadata[CHIP] = chip
