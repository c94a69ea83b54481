"""Loading a circuit from the file that ``Circuit.save`` wrote, without running anything that is in it."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.cycles import check_recurrent
from pcneuro.circuit.noise import noise_of
from pcneuro.circuit.properties import load_properties
from pcneuro.circuit.saving import _LEAVES, KIND
from pcneuro.errors import CircuitFileError, PcneuroError, class_of_kind
from pcneuro.files import STUMBLES, get_archive, read_archive
from pcneuro.graph.graph import Graph, Leaf, Node, Parameter
from pcneuro.graph.trees import Tree, part_from
from pcneuro.model.delays import DELAYS, AbstractDelay
from pcneuro.model.lamination import Scheme
from pcneuro.model.noise import NOISES, AbstractNoise
from pcneuro.model.plasticity import PLASTICITY, AbstractPlasticity
from pcneuro.model.rounding import Levels
from pcneuro.ops.base import OPERATORS, AbstractOperator


def load_circuit(path: str | os.PathLike[str]) -> Circuit:
    """Read a circuit that ``Circuit.save`` wrote.

    The file cannot run code: it holds JSON and plain arrays, operators are looked up by name, and expressions are
    parsed by a closed grammar. Raises CircuitFileError for a file that is damaged, truncated, or something else.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp()) / "perceptron.pcn"
    >>> circuit.save(path)
    >>> pcn.load_circuit(path).digest == circuit.digest
    True
    """
    return _circuit(str(path), *read_archive(path, KIND))


def circuit_from_bytes(contents: bytes, name: str) -> Circuit:
    """The circuit of the bytes that ``circuit_bytes`` made; they are called ``name``. Raises as ``load_circuit``."""
    return _circuit(name, *get_archive(io.BytesIO(contents), len(contents), name, KIND))


def _circuit(path: str, facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> Circuit:
    """The circuit of an archive, which is called ``path``."""
    try:
        trees = {name: Tree(name, part_from(part)) for name, part in facts.get("trees", {}).items()}
        graph = Graph((_node(entry, arrays) for entry in facts["nodes"]), facts["outputs"], trees)
        vertices = tuple(facts["vertices"])
        check_recurrent(graph, vertices)
        properties = load_properties(graph, vertices, facts, arrays)
        expected = {n.name for n in graph.outputs.values()} | set(graph.latents)
        if not expected <= set(vertices) or len(set(vertices)) < len(vertices):
            raise ValueError("vertices")
        order = {name: i for i, name in enumerate(graph.nodes)}
        vertices = tuple(sorted(vertices, key=order.__getitem__))
        if any(graph.nodes[v].is_leaf and v not in graph.latents for v in vertices):
            raise ValueError("a leaf among the vertices")
        circuit = Circuit(graph, vertices, {name: properties[name] for name in vertices})
        circuit = circuit.with_delays(_delays(facts.get("delays", []), arrays))
        circuit = replace(circuit, noise=noise_of(circuit, _noise(facts.get("noise", []), arrays)))
        circuit = circuit.with_plasticity(_rules(facts.get("plasticity", []), arrays))
        return circuit.with_scheme(Scheme(facts["scheme"])) if "scheme" in facts else circuit
    except PcneuroError as error:
        raise CircuitFileError(f"{path} holds no valid circuit: {error}") from None
    except KeyError as error:
        raise CircuitFileError(f"{path} holds no valid circuit: there is no {error} in it") from None
    except STUMBLES as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise CircuitFileError(f"{path} holds no valid circuit: {reason}") from None


def _attributes(entry: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    return {k: arrays[v["array"]] if isinstance(v, dict) else v for k, v in entry["attributes"].items()}


def _delays(entries: Any, arrays: Mapping[str, np.ndarray]) -> dict[tuple[str, str], AbstractDelay]:
    """Delays by edge; whether there are these edges, and whether their synapses are so many, is not looked at here."""
    by_edge = {}
    for entry in entries:
        source, target = entry["edge"]
        by_edge[source, target] = class_of_kind("delay", entry["kind"], DELAYS)(**_attributes(entry, arrays))
    if len(by_edge) < len(entries):
        raise ValueError("an edge has delays twice")
    return by_edge


def _noise(entries: Any, arrays: Mapping[str, np.ndarray]) -> dict[str, AbstractNoise]:
    return {
        entry["population"]: class_of_kind("noise", entry["kind"], NOISES)(**_attributes(entry, arrays))
        for entry in entries
    }


def _rules(entries: Any, arrays: Mapping[str, np.ndarray]) -> dict[str, AbstractPlasticity]:
    """Rules of plasticity by parameter or vertex; whether they fit the circuit is not looked at here."""
    rules = {}
    for entry in entries:
        rules[entry["of"]] = class_of_kind("rule of plasticity", entry["kind"], PLASTICITY)(
            **_attributes(entry, arrays)
        )
    if len(rules) < len(entries):
        raise ValueError("something has two rules of plasticity")
    return rules


def _on_levels(source: AbstractOperator | Leaf, described: Any) -> Parameter:
    if not isinstance(source, Parameter):
        raise ValueError("levels of what is no parameter")
    return source.on(Levels.from_described(described))


def _node(entry: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Node:
    attributes = _attributes(entry, arrays)
    source: AbstractOperator | Leaf
    if entry["leaf"]:
        levels = attributes.pop("levels", None)
        source = class_of_kind("leaf", entry["kind"], _LEAVES)(**attributes)
        if levels is not None:
            source = _on_levels(source, levels)
        if isinstance(source, Parameter) and not np.isfinite(source.value).all():
            raise ValueError(f"parameter {entry['name']!r} has NaN or infinity")
    else:
        source = class_of_kind("operator", entry["kind"], OPERATORS)(**attributes)
    shape = tuple(int(n) for n in entry["shape"])
    return Node(str(entry["name"]), source, tuple(entry["operands"]), shape, bool(entry["marked"]))
