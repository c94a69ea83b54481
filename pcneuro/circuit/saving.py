"""Saving a circuit: everything about it as JSON facts and plain arrays, in one zip archive, and a digest of them."""

from __future__ import annotations

import hashlib
import io
import json
import os
from typing import Any

import numpy as np

from pcneuro.circuit.properties import save_properties
from pcneuro.circuit.structure import AbstractCircuit
from pcneuro.files import put_archive, write_archive
from pcneuro.graph.graph import Constant, Input, Latent, Leaf, Parameter, Recurrent
from pcneuro.ops.base import AbstractOperator

KIND = "circuit"
"""What archives of circuits are called."""
_LEAVES = {"input": Input, "parameter": Parameter, "latent": Latent, "recurrent": Recurrent, "constant": Constant}


def _describe(circuit: AbstractCircuit) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    arrays: dict[str, np.ndarray] = {}
    nodes = []
    for name, node in circuit.graph.nodes.items():
        attributes: dict[str, Any]
        if isinstance(node.source, AbstractOperator):
            kind, attributes = node.source.kind, dict(node.source.attributes())
        else:
            kind, attributes = _leaf(node.source)
        _set_aside(attributes, arrays, name)
        nodes.append(
            {
                "name": name,
                "leaf": node.is_leaf,
                "kind": kind,
                "attributes": attributes,
                "operands": list(node.operands),
                "shape": list(node.shape),
                "marked": node.marked,
            }
        )
    trees = {name: tree.part.described() for name, tree in circuit.graph.trees.items()}
    facts: dict[str, Any] = {
        "nodes": nodes,
        "outputs": {k: v.name for k, v in circuit.graph.outputs.items()},
        "vertices": list(circuit.vertices),
    }
    save_properties(circuit.graph, circuit.properties, facts, arrays)
    delays = []
    for edge, delay in circuit.delays.items():
        attributes = delay.attributes()
        delays.append({"edge": list(edge), "kind": type(delay).__name__, "attributes": attributes})
        _set_aside(attributes, arrays, f"delays/{'>'.join(edge)}")
    noise = []
    for population, each in circuit.noise.items():
        attributes = each.attributes()
        noise.append({"population": population, "kind": type(each).__name__, "attributes": attributes})
        _set_aside(attributes, arrays, f"noise/{population}")
    rules = []
    for name, rule in circuit.plasticity.items():
        attributes = rule.attributes()
        rules.append({"of": name, "kind": type(rule).__name__, "attributes": attributes})
        _set_aside(attributes, arrays, f"plasticity/{name}")
    # What has none is as it was before there were any.
    scheme = [] if circuit.scheme is None else [row.cells() for row in circuit.scheme.rows]
    further = {"noise": noise, "delays": delays, "trees": trees, "plasticity": rules, "scheme": scheme}
    return facts | {name: some for name, some in further.items() if some}, arrays


def _leaf(source: Leaf) -> tuple[str, dict[str, Any]]:
    """Kind of a leaf, and what it is given to be made again."""
    kind = next(k for k, leaf in _LEAVES.items() if isinstance(source, leaf))
    if isinstance(source, Parameter | Constant):
        levels = getattr(source, "levels", None)
        return kind, {"value": source.value} | ({} if levels is None else {"levels": levels.described()})
    attributes: dict[str, Any] = {"shape": list(source.shape)}
    if isinstance(source, Latent):
        attributes["prior"] = source.prior
    elif isinstance(source, Recurrent):
        attributes |= {name: getattr(source, name) for name in ("vertex", "delay", "feedback", "initial")}
    return kind, attributes


def _set_aside(attributes: dict[str, Any], arrays: dict[str, np.ndarray], name: str) -> None:
    """Move the arrays of attributes to ``arrays``, and leave in their place where they are."""
    for key, value in list(attributes.items()):
        if isinstance(value, np.ndarray):
            arrays[f"{name}/{key}"] = value
            attributes[key] = {"array": f"{name}/{key}"}


def fingerprint(circuit: AbstractCircuit) -> str:
    """A digest of everything about a circuit but its parameters' values."""
    facts, arrays = _describe(circuit)
    values = {f"{name}/value" for name in circuit.graph.parameters}
    return _digest(facts, {key: array for key, array in arrays.items() if key not in values})


def digest_of(circuit: AbstractCircuit, dtype: type[np.floating]) -> str:
    """A digest of everything about a circuit, its parameters' values, as numbers of this type, among it."""
    facts, arrays = _describe(circuit)
    values = {f"{name}/value": arrays[f"{name}/value"].astype(dtype) for name in circuit.graph.parameters}
    return _digest(facts, arrays | values)


def _digest(facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for key in sorted(arrays):
        digest.update(key.encode() + np.ascontiguousarray(arrays[key]).tobytes())
    return digest.hexdigest()


def save_circuit(circuit: AbstractCircuit, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write a circuit with its parameters to one file."""
    facts, arrays = _describe(circuit)
    write_archive(path, KIND, facts, arrays, overwrite=overwrite)


def circuit_bytes(circuit: AbstractCircuit) -> bytes:
    """The bytes of the file that ``save_circuit`` writes."""
    file = io.BytesIO()
    put_archive(file, KIND, *_describe(circuit))
    return file.getvalue()
