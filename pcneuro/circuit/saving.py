"""Files: circuits and snapshots, each one zip archive of JSON and plain arrays. Reading one runs no code."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.errors import CircuitFileError, OutputError, PcneuroError, UnknownNameError, told
from pcneuro.graph.graph import Constant, Graph, Input, Latent, Leaf, Node, Parameter
from pcneuro.model.delays import DELAYS, AbstractDelay
from pcneuro.model.energies.abstract import ENERGIES
from pcneuro.ops.base import REGISTRY, AbstractOperator

VERSION = 1
_LEAVES = {"input": Input, "parameter": Parameter, "latent": Latent, "constant": Constant}


def place(path: str | os.PathLike[str], *, overwrite: bool) -> Path:
    """Where a path leads to. Raises OutputError where there is a file (without ``overwrite``), or something else."""
    target = _path(path, OutputError)
    if target.is_symlink():
        target = target.resolve()
    if target.exists() and not target.is_file():
        raise OutputError(f"{target} is no regular file: choose another name")
    if target.exists() and not overwrite:
        raise OutputError(f"{target} exists already: choose another name, or pass overwrite=True")
    return target


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a failure to write into one line. HDF5 tells of a full disk with RuntimeError as well."""
    try:
        yield
    except OutputError:
        raise
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        if "errno = 28" in reason or "No space left" in reason:
            reason = "No space left on device"
        raise OutputError(f"cannot write {path}: {' '.join(reason.split())}; what was there is as it was") from error


def write_atomically(path: str | os.PathLike[str], write: Callable[[BinaryIO], None], *, overwrite: bool) -> None:
    """Write a file whole or not at all. Raises OutputError where it exists (without ``overwrite``) or fails."""
    target = place(path, overwrite=overwrite)
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
            temporary = Path(file.name)
            write(file)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, target)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror or error}; nothing was changed") from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _path(path: Any, error: type[PcneuroError]) -> Path:
    """A path from text or path object; the error for anything else: a number would be taken for an open file."""
    if not isinstance(path, str | os.PathLike) or "\0" in os.fsdecode(path):
        raise error(f"the path of a file is {told(path)}; give a name such as 'circuit.pcn'")
    return Path(path)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_archive(
    path: str | os.PathLike[str],
    kind: str,
    facts: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    *,
    overwrite: bool,
) -> None:
    """Write JSON facts and arrays to one file."""
    text = json.dumps({"format": f"pcneuro {kind}", "version": VERSION, **facts})

    def write(file: BinaryIO) -> None:
        parts: dict[str, Any] = {f"array/{k}": v for k, v in arrays.items()}
        np.savez(file, facts=np.frombuffer(text.encode(), dtype=np.uint8), **parts)

    write_atomically(path, write, overwrite=overwrite)


def read_archive(path: str | os.PathLike[str], kind: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read what ``write_archive`` wrote. CircuitFileError for anything else, a damaged file included."""
    place = _path(path, CircuitFileError)
    try:
        with open(place, "rb") as file, np.load(file, allow_pickle=False) as archive:
            facts = json.loads(archive["facts"].tobytes().decode())
            arrays = {k.removeprefix("array/"): archive[k] for k in archive.files if k.startswith("array/")}
    except OSError as error:
        if isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError):
            raise CircuitFileError(f"cannot read {path}: {error.strerror}") from None
        raise CircuitFileError(f"{path} is damaged or truncated, or is no {kind} of pcneuro") from None
    except (
        ValueError,
        KeyError,
        EOFError,
        SyntaxError,
        tokenize.TokenError,
        zipfile.BadZipFile,
        zlib.error,
        NotImplementedError,
        AttributeError,
        MemoryError,
    ):
        raise CircuitFileError(f"{path} is damaged or truncated, or is no {kind} of pcneuro") from None
    if not isinstance(facts, dict) or facts.get("format") != f"pcneuro {kind}":
        got = facts.get("format") if isinstance(facts, dict) else None
        raise CircuitFileError(f"{path} is no {kind} of pcneuro (its format is {got!r})")
    if facts.get("version") != VERSION:
        raise CircuitFileError(f"{path} has version {facts.get('version')!r}; this pcneuro reads version {VERSION}")
    return facts, arrays


def _describe(circuit: Circuit) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    arrays: dict[str, np.ndarray] = {}
    nodes = []
    for name, node in circuit.graph.nodes.items():
        attributes: dict[str, Any]
        if isinstance(node.source, AbstractOperator):
            kind, attributes = node.source.kind, dict(node.source.attributes())
        else:
            kind = next(k for k, leaf in _LEAVES.items() if isinstance(node.source, leaf))
            source = node.source
            attributes = {"shape": list(node.shape)} if isinstance(source, Input | Latent) else {"value": source.value}
            if isinstance(source, Latent):
                attributes["prior"] = source.prior
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
    for name in circuit.vertices:
        arrays[f"tau/{name}"] = circuit.tau[name]
        arrays[f"precision/{name}"] = circuit.precision[name]
    facts = {
        "nodes": nodes,
        "outputs": {k: v.name for k, v in circuit.graph.outputs.items()},
        "vertices": list(circuit.vertices),
        "energies": {k: v.kind for k, v in circuit.energies.items()},
    }
    delays = []
    for edge, delay in circuit.delays.items():
        attributes = delay.attributes()
        delays.append({"edge": list(edge), "kind": type(delay).__name__, "attributes": attributes})
        _set_aside(attributes, arrays, f"delays/{'>'.join(edge)}")
    # What has none is as it was before there were any.
    return facts | ({"delays": delays} if delays else {}), arrays


def _set_aside(attributes: dict[str, Any], arrays: dict[str, np.ndarray], name: str) -> None:
    """Move the arrays of attributes to ``arrays``, and leave in their place where they are."""
    for key, value in list(attributes.items()):
        if isinstance(value, np.ndarray):
            arrays[f"{name}/{key}"] = value
            attributes[key] = {"array": f"{name}/{key}"}


def fingerprint(circuit: Circuit) -> str:
    """A digest of everything about a circuit but its parameters' values."""
    facts, arrays = _describe(circuit)
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    values = {f"{name}/value" for name in circuit.graph.parameters}
    for key in sorted(set(arrays) - values):
        digest.update(key.encode() + np.ascontiguousarray(arrays[key]).tobytes())
    return digest.hexdigest()


def save_circuit(circuit: Circuit, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write a circuit with its parameters to one file."""
    facts, arrays = _describe(circuit)
    write_archive(path, "circuit", facts, arrays, overwrite=overwrite)


def load_circuit(path: str | os.PathLike[str]) -> Circuit:
    """Read a circuit that ``Circuit.save`` wrote.

    The file cannot run code: it holds JSON and plain arrays, operators are looked up by name, and expressions are
    parsed by a closed grammar. Raises CircuitFileError for a file that is damaged, truncated, or something else.
    """
    facts, arrays = read_archive(path, "circuit")
    try:
        graph = Graph((_node(entry, arrays) for entry in facts["nodes"]), facts["outputs"])
        vertices = tuple(facts["vertices"])
        kinds = facts["energies"]
        energies = {n.name: _known("energy", kinds[n.name], ENERGIES)() for n in graph.outputs.values()}
        constants: dict[str, dict[str, np.ndarray]] = {"tau": {}, "precision": {}}
        for name in vertices:
            node = graph.nodes[name]
            for what, found in constants.items():
                array = np.asarray(arrays[f"{what}/{name}"], dtype=np.float64)
                unpredicted = what == "precision" and isinstance(node.source, Latent) and node.source.prior is None
                if array.shape != node.shape or not np.isfinite(array).all() or not (unpredicted or (array > 0).all()):
                    raise ValueError(f"{what} of {name!r}")
                found[name] = array
        expected = {n.name for n in graph.outputs.values()} | set(graph.latents)
        if not expected <= set(vertices) or len(set(vertices)) < len(vertices):
            raise ValueError("vertices")
        order = {name: i for i, name in enumerate(graph.nodes)}
        vertices = tuple(sorted(vertices, key=order.__getitem__))
        if any(graph.nodes[v].is_leaf and v not in graph.latents for v in vertices):
            raise ValueError("a leaf among the vertices")
        circuit = Circuit(graph, vertices, constants["tau"], constants["precision"], energies)
        return circuit.with_delays(_delays(facts.get("delays", []), arrays))
    except PcneuroError as error:
        raise CircuitFileError(f"{path} holds no valid circuit: {error}") from None
    except KeyError as error:
        raise CircuitFileError(f"{path} holds no valid circuit: there is no {error} in it") from None
    except (TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise CircuitFileError(f"{path} holds no valid circuit: {type(error).__name__}: {error}") from None


def _known(what: str, kind: Any, classes: Mapping[str, Any]) -> Any:
    """The class of a kind. Raises UnknownNameError with all kinds, which tell an older pcneuro from a newer one."""
    if not isinstance(kind, str) or kind not in classes:
        raise UnknownNameError(f"unknown {what} {kind!r}; this pcneuro knows {', '.join(sorted(classes))}")
    return classes[kind]


def _attributes(entry: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    return {k: arrays[v["array"]] if isinstance(v, dict) else v for k, v in entry["attributes"].items()}


def _delays(entries: Any, arrays: Mapping[str, np.ndarray]) -> dict[tuple[str, str], AbstractDelay]:
    """Delays by edge; whether there are these edges, and whether their synapses are so many, is not looked at here."""
    found = {}
    for entry in entries:
        source, target = entry["edge"]
        found[source, target] = _known("delay", entry["kind"], DELAYS)(**_attributes(entry, arrays))
    if len(found) < len(entries):
        raise ValueError("an edge has delays twice")
    return found


def _node(entry: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Node:
    attributes = _attributes(entry, arrays)
    source: AbstractOperator | Leaf
    if entry["leaf"]:
        source = _known("leaf", entry["kind"], _LEAVES)(**attributes)
        if isinstance(source, Parameter) and not np.isfinite(source.value).all():
            raise ValueError(f"parameter {entry['name']!r} has NaN or infinity")
    else:
        source = _known("operator", entry["kind"], REGISTRY)(**attributes)
    shape = tuple(int(n) for n in entry["shape"])
    return Node(str(entry["name"]), source, tuple(entry["operands"]), shape, bool(entry["marked"]))
