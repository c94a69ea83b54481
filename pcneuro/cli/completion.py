"""What a shell completes: simulation files and examples, circuits, and the keys of ``--set``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

from pcneuro.errors import PcneuroError


def simulation_files(incomplete: str) -> list[str]:
    """TOML files and folders of that beginning, and examples by name."""
    from pcneuro.studies.examples import simulations

    return _beginning(incomplete, [*_paths(incomplete, {".toml"}), *simulations()])


def circuits(incomplete: str) -> list[str]:
    """Whatever a circuit can be: saved ones, simulation files, Python files, and examples by name."""
    from pcneuro.studies.examples import names, simulations

    files = _paths(incomplete, {".npz", ".py", ".toml"})
    return _beginning(incomplete, [*files, *simulations(), *names()])


def keys(context: typer.Context, incomplete: str) -> list[str]:
    """Keys of the file that the command is given: those of its task, and the dotted ones that it has."""
    from pcneuro.files.toml import Problem, read_toml
    from pcneuro.studies.examples import simulation_file
    from pcneuro.studies.file import task_of

    # Before an option that lacks its value, arguments have not been taken yet.
    given = next(iter(context.args), context.params.get("file") or context.params.get("circuit"))
    try:
        raw = read_toml(simulation_file(str(given)))
        known = [*task_of(raw).model_fields, *_dotted(raw)]
    except (PcneuroError, Problem):
        return []
    return _beginning(incomplete, [f"{key}=" for key in known])


def _dotted(table: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _dotted(value, f"{prefix}{key}.")
        elif prefix:
            yield f"{prefix}{key}"


def _paths(incomplete: str, suffixes: set[str]) -> Iterator[str]:
    """Files with one of these suffixes, and folders, where what is there of a path ends."""
    folder = incomplete.rpartition("/")[0] + "/" if "/" in incomplete else ""
    place = Path(folder or ".")
    for path in sorted(place.iterdir()) if place.is_dir() else ():
        if path.is_dir() and not path.name.startswith("."):
            yield f"{folder}{path.name}/"
        elif path.suffix in suffixes:
            yield f"{folder}{path.name}"


def _beginning(incomplete: str, known: list[str]) -> list[str]:
    return [name for name in dict.fromkeys(known) if name.startswith(incomplete)]
