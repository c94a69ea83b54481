"""The structure of a circuit as SONATA nodes and edges: populations, and projections with weights and delays.

The format is HDF5 (Dai et al. 2020, PLOS Computational Biology 16: e1007696), which libsonata and the Allen Institute's
tools read. It holds who is connected with whom, and how strongly; the dynamics are the circuit's.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.layers import place_of
from pcneuro.circuit.units import UnitGraph
from pcneuro.export.checked import MEMORY, check_shapes, checked_circuit
from pcneuro.export.wiring import Wiring
from pcneuro.files import guarded, write_atomically
from pcneuro.ops.base import Weights

MAGIC, VERSION = 0x0A7A, (0, 1)
SYNAPSE_BYTES = 150
"""What a synapse takes while it is written: some 50 in the file in each direction, and indices here."""


@dataclass(frozen=True)
class Edges:
    """Synapses from one population of nodes to another, ``kind`` as in ``Circuit.nx``."""

    name: str
    kind: str
    source: str
    target: str
    pre: np.ndarray
    post: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class Structure:
    """Populations of nodes with their sizes, and the edges between them."""

    nodes: dict[str, int]
    edges: list[Edges]
    places: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Population -> its area, layer and cell type by attribute, of those that have one."""


def structure(circuit: Circuit) -> Structure:
    """What is written: value and error neurons by vertex, and units of dendrites that have a number of their own.

    Node populations are ``"<vertex>.value"``, ``"<vertex>.error"`` and ``"<node>.<n>.dendrite"``. Predictions go from
    value neurons to error neurons (through a dendrite where there is one), feedback goes the other way by the same
    synapses, and every error neuron is excited by its value neuron and inhibits it. Nodes of a circuit with a scheme of
    layers have the attributes ``area``, ``layer`` and ``cell_type``; those of dendrites have none.
    """
    circuit = checked_circuit(circuit)
    wiring = Wiring(UnitGraph(circuit), set(), held=False)
    nodes: dict[str, int] = {}
    behind: dict[str, str] = {}
    before: dict[str, str] = {}
    edges: list[Edges] = []
    for name, group in wiring.groups.items():
        cell = name in circuit.vertices or name in circuit.graph.inputs
        before[name] = behind[name] = f"{name}.value" if cell else f"{name}.dendrite"
        nodes[before[name]] = group.size
        if cell and name in circuit.vertices and circuit.has_prediction(name):
            behind[name] = f"{name}.error"
            nodes[behind[name]] = group.size
            every, ones = np.arange(group.size), np.ones(group.size)
            edges.append(Edges(f"{name}.excite", "excite", before[name], behind[name], every, every, ones))
            edges.append(Edges(f"{name}.inhibit", "inhibit", behind[name], before[name], every, every, -ones))
    for projection in wiring.projections:
        weights = _numbers(projection.weights, projection.pre.size)
        source, target = before[projection.before], behind[projection.behind]
        edges.append(
            Edges(
                f"{projection.name}.prediction", "prediction", source, target, projection.pre, projection.post, weights
            )
        )
        if projection.backward is not None:
            edges.append(
                Edges(
                    f"{projection.name}.feedback", "feedback", target, source, projection.post, projection.pre, weights
                )
            )
    return Structure(nodes, edges, _places(circuit))


def _places(circuit: Circuit) -> dict[str, dict[str, str]]:
    names = (*circuit.graph.inputs, *circuit.vertices) if circuit.scheme is not None else ()
    found = {f"{name}.{kind}": dict(place_of(circuit.nx, name, kind)) for name in names for kind in ("value", "error")}
    return {population: place for population, place in found.items() if place}


def _numbers(weights: Weights, count: int) -> np.ndarray:
    return np.broadcast_to(weights.values, (count,)) if weights.values.size == 1 else weights.values


def write(
    circuit: Circuit, path: str | os.PathLike[str], *, overwrite: bool = False, memory: float = MEMORY
) -> Structure:
    """Write a circuit's structure to one SONATA file with ``/nodes`` and ``/edges``; returns what was written.

    Delays are 0 ms, weights dimensionless. Raises OutputError where the file exists (unless ``overwrite``) or cannot be
    written, and ParameterError for an operator that has no equivalent in single units, or a circuit whose synapses
    would take more than ``memory`` bytes.
    """
    circuit = checked_circuit(circuit)
    check_shapes(circuit, "SONATA", SYNAPSE_BYTES, memory)
    edges_and_nodes = structure(circuit)

    def write_guarded(file: BinaryIO) -> None:
        with guarded(file) as target:
            _write(target, edges_and_nodes)

    write_atomically(path, write_guarded, overwrite=overwrite)
    return edges_and_nodes


def _write(file: Any, contents: Structure) -> None:
    import h5py

    with h5py.File(file, "w") as root:
        root.attrs["magic"] = np.uint32(MAGIC)
        root.attrs["version"] = np.array(VERSION, dtype=np.uint32)
        for name, size in contents.nodes.items():
            population = root.create_group(f"nodes/{name}")
            population["node_type_id"] = np.zeros(size, dtype=np.int64)
            group = _grouped(population, "node", size)
            if name in contents.places:
                _name(group, contents.places[name], size)
        for edges in contents.edges:
            population = root.create_group(f"edges/{edges.name}")
            for end, ids, nodes in (("source", edges.pre, edges.source), ("target", edges.post, edges.target)):
                population[f"{end}_node_id"] = ids.astype(np.uint64)
                population[f"{end}_node_id"].attrs["node_population"] = nodes
            population["edge_type_id"] = np.zeros(edges.pre.size, dtype=np.int64)
            group = _grouped(population, "edge", edges.pre.size)
            group["syn_weight"] = np.ascontiguousarray(edges.weights, dtype=np.float64)
            group["delay"] = np.zeros(edges.pre.size)
            population.attrs["kind"] = edges.kind


def _name(group: Any, names: Mapping[str, str], size: int) -> None:
    """Give all nodes of a group the same names, as enumerations, which libsonata reads as text."""
    import h5py

    for attribute, name in names.items():
        group[f"@library/{attribute}"] = np.array([name], dtype=h5py.string_dtype())
        group[attribute] = np.zeros(size, dtype=np.uint32)


def _grouped(population: Any, what: str, size: int) -> Any:
    """All in group 0, in their order."""
    population[f"{what}_group_id"] = np.zeros(size, dtype=np.uint32)
    population[f"{what}_group_index"] = np.arange(size, dtype=np.uint64)
    return population.create_group("0")
