"""The command ``pcneuro map``: a circuit on a neuromorphic chip."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pcneuro.cli.codes import SUCCESS
from pcneuro.cli.run import run_plan
from pcneuro.errors import ConfigurationError
from pcneuro.files.toml import Problem, read_toml
from pcneuro.mapping.chips import CHIPS, chip_of
from pcneuro.studies import Plan, read
from pcneuro.studies.file import parse_set, put

TASK = "mapping"
SUFFIX = ".toml"
STEPS = 1
"""Of a sample, where a rate is given without."""


def list_chips() -> int:
    """Print the chips that come with the package, a line each; returns the exit code."""
    rows = []
    for name in CHIPS:
        chip = chip_of(name)
        energies = "counts only" if chip.counts_only else "energies"
        cores = f"{chip.mesh.slots:,} core{'' if chip.mesh.slots == 1 else 's'}"
        rows.append((name, chip.title, f"{cores} of {chip.core.neurons:,} neurons", energies))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return SUCCESS


def map_it(
    reference: str,
    chip: str | None,
    rate: float | None,
    steps: int | None,
    seed: int | None,
    out: Path | None,
    sets: Sequence[str],
    overwrite: bool,
) -> int:
    """Map the circuit of a simulation file, or any other one with a rate that is assumed; returns the exit code."""
    given = {"chip": chip, "rate": rate, "steps": steps, "seed": seed}
    chosen = {key: value for key, value in given.items() if value is not None}
    options = [word for key, value in chosen.items() for word in (f"--{key}", str(value))]
    words = ("map", reference, *options, *(word for text in sets for word in ("--set", text)))
    if reference.endswith(SUFFIX):
        raw = read_toml(reference)
        if raw.get("task") == TASK:
            if rate is not None and "steps" not in raw:
                chosen = {"steps": STEPS, **chosen}
            texts = [f"{key}={json.dumps(value)}" for key, value in chosen.items()]
            return run_plan(read(reference, [*sets, *texts]), out, overwrite, False)[1]
        task = read(reference, sets).run(0).task
        plan = _of_circuit(reference, task.circuit, task.arguments, chosen, ())
    else:
        plan = _of_circuit(reference, reference, {}, chosen, sets)
    return run_plan(replace(plan, words=words), out, overwrite, False)[1]


def _of_circuit(
    reference: str, circuit: str, arguments: Mapping[str, Any], chosen: Mapping[str, Any], sets: Sequence[str]
) -> Plan:
    """A plan for a circuit alone, which needs a rate; ``sets`` are of the keys that a file of a mapping has.

    Of an option and a ``--set`` of the same key the option counts, as where there is a file.
    """
    if "rate" not in chosen:
        raise ConfigurationError(
            f"{reference} does not say how often neurons send: give --rate, in events a step, or a simulation file "
            f"whose task is {TASK!r}"
        )
    raw = {"task": TASK, "circuit": circuit, "arguments": dict(arguments), "steps": STEPS, **chosen}
    path, overrides = Path(reference), dict(parse_set(text) for text in sets)
    overrides = {keys: value for keys, value in overrides.items() if keys[0] not in chosen}
    try:
        for keys, value in overrides.items():
            put(raw, keys, value)
    except Problem as problem:
        raise Plan(path, raw, overrides).error(problem) from None
    plan = Plan(path, raw, overrides)
    plan.run(0)
    return plan
