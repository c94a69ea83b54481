"""Snapshots of a simulation: its time, its data, and all that the engine holds, in one file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from pcneuro.circuit.activity import check_like
from pcneuro.circuit.circuit import Circuit
from pcneuro.engines import AbstractEngine, RunData
from pcneuro.errors import CircuitFileError
from pcneuro.files import STUMBLES, read_archive, write_archive
from pcneuro.simulator.run_data import MOST_STEPS

KIND = "snapshot"
GROUPS = ("inputs", "clamped", "initial", "currents")


def write_snapshot(
    path: str | os.PathLike[str],
    engine: AbstractEngine,
    step: int,
    data: RunData | None,
    identity: Mapping[str, str],
    *,
    overwrite: bool,
) -> None:
    """Write the state of an engine at a step; ``data`` is None where it was given none yet. Raises OutputError."""
    arrays = {f"state/{k}": v for k, v in engine.state().items()}
    for kind in GROUPS if data is not None else ():
        arrays |= {f"{kind}/{k}": v for k, v in getattr(data, kind).items()}
    given = data or RunData(1)
    batch = None if data is None else data.batch
    facts = {"step": step, "batch": batch, "continues": given.continues, "targets": sorted(given.targets), **identity}
    write_archive(path, KIND, facts, arrays, overwrite=overwrite)


def read_snapshot(
    path: str | os.PathLike[str], engine: AbstractEngine, identity: Mapping[str, str]
) -> tuple[int, RunData | None]:
    """Let an engine take up the state in a file; returns the number of its step, and its data.

    Raises CircuitFileError for a damaged file or one of another simulator; the engine is of no use then.
    """
    facts, arrays = read_archive(path, KIND)
    for key, wanted in identity.items():
        if facts.get(key) != wanted:
            got = facts.get(key)
            hint = "" if key == "circuit" else f": {got} there, {wanted} here"
            raise CircuitFileError(f"{path} is the snapshot of a simulator with another {key}{hint}")
    groups: dict[str, dict[str, np.ndarray]] = {"state": {}, **{kind: {} for kind in GROUPS}}
    try:
        for key, array in arrays.items():
            kind, _, name = key.partition("/")
            groups[kind][name] = array
        step, batch = _whole(facts["step"]), facts["batch"]
        given = {kind: groups[kind] for kind in GROUPS}
        targets = frozenset(facts["targets"])
        data = None if batch is None else RunData(_whole(batch), targets=targets, **given)  # type: ignore[arg-type]
        if data is None and (step or any(groups[kind] for kind in GROUPS)):
            raise ValueError("it has no batch size, and something that has one")
        _check(engine.circuit, step, data)
        engine.next_step = step
        engine.set_state(data or RunData.silent(engine.circuit), groups["state"])
        # What an engine passes over is as wrong as what it lacks.
        check_like(groups["state"], engine.state())
        if not isinstance(facts["continues"], bool):
            raise ValueError("whether it continues is not said")
        if data is not None and facts["continues"]:
            # Bounds do not hold behind a change of data.
            data = engine.data = replace(data, continues=True)
    except KeyError as error:
        raise CircuitFileError(f"{path} does not fit this simulator: there is no {error} in it") from None
    except STUMBLES as error:
        raise CircuitFileError(f"{path} does not fit this simulator: {' '.join(str(error).split())}") from None
    return step, data


def _whole(number: Any) -> int:
    if isinstance(number, bool) or not isinstance(number, int):
        raise ValueError("its step number or batch size is none")
    return number


def _check(circuit: Circuit, step: int, data: RunData | None) -> None:
    """Raise ValueError where the step number or the data of a snapshot is not of this circuit."""
    if not 0 <= step < MOST_STEPS or (data is not None and data.batch < 1):
        raise ValueError("its step number or batch size is out of range")
    if data is None:
        return
    of_vertices = {*data.clamped, *data.initial, *data.currents} <= {*circuit.vertices}
    if data.inputs.keys() != circuit.graph.inputs.keys() or not of_vertices or not data.targets <= {*data.clamped}:
        raise ValueError("its data has other names")
    for name, array in (pair for kind in GROUPS for pair in getattr(data, kind).items()):
        if array.shape != (data.batch, *circuit.graph.nodes[name].shape) or array.dtype.kind != "f":
            raise ValueError(f"its data of {name!r} has another shape or type")
