"""The page of a simulation: what was run, how it ended, its numbers, pictures, circuit, and how to repeat it."""

from __future__ import annotations

import hashlib
import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from pcneuro.reports import (
    Course,
    circuit_part,
    courses_part,
    document,
    facts,
    heading,
    lines,
    note,
    picture,
    table,
    tiles,
)
from pcneuro.simulator.result import Status
from pcneuro.studies.file import Plan
from pcneuro.studies.many import flat_numbers, tables_of
from pcneuro.studies.task import FinishedRun

REPORT = "report.html"
MOST_TILES = 6
MOST_NUMBERS = 200
"""Numbers that are listed, and runs that have a row."""
MOST_RUNS = 4
"""Runs of a sweep whose time courses are shown, the first ones."""


def page(plan: Plan, runs: Sequence[FinishedRun], summary: Mapping[str, Any], pictures: Mapping[str, str]) -> str:
    """The page as HTML. ``pictures`` are figures by name, as elements of it."""
    task = type(runs[0].task)
    own = task.parts(runs[0], pictures) if len(runs) == 1 else None
    parts = [
        heading(plan.name, str(summary["description"]), _ending(summary)),
        "" if summary["status"] == Status.COMPLETED else note(f"{summary['status']}: {summary['message']}"),
        tiles(_main(runs)),
    ]
    if own is None:
        parts += [_figure(name, drawn) for name, drawn in pictures.items() if name != "circuit"]
        parts += _tables(runs)
    else:
        parts += own
    parts += [
        "<h2>The circuit</h2>",
        circuit_part(runs[0].outcome.circuit),
        courses_part([course for run in runs[:MOST_RUNS] for course in Course.of(run.outcome.records, run.label)]),
        *_numbers(runs),
        *repeating(plan, summary),
    ]
    return document(f"{plan.name}: pcneuro", parts)


def _ending(summary: Mapping[str, Any]) -> str:
    return f"{summary['status']}, {summary['seconds']:.1f} s, begun {summary['started']}; task {summary['task']}"


def _main(runs: Sequence[FinishedRun]) -> list[tuple[str, str]]:
    """The first numbers of a run, or of how many runs there are."""
    if len(runs) > 1:
        ended = [str(run.outcome.status) for run in runs]
        return [(f"{ended.count(status):,}", f"runs {status}") for status in dict.fromkeys(ended)]
    known = {name: value for name, value in flat_numbers(runs[0].outcome.numbers) if np.isfinite(value)}
    main = [name for pattern in type(runs[0].task).main for name in known if fnmatchcase(name, pattern)]
    return [(f"{known[name]:.5g}", _words(name)) for name in list(dict.fromkeys([*main, *known]))[:MOST_TILES]]


def _words(name: str) -> str:
    """The name of a number as words: its tables from the outside in."""
    return ", ".join(part.replace("_", " ") for part in name.split("."))


def _figure(name: str, drawn: str) -> str:
    return picture(drawn, f"{name}.png beside this page has the same.", name)


def _tables(runs: Sequence[FinishedRun]) -> list[str]:
    made = []
    for each in tables_of(runs):
        rows = list(each.rows[:MOST_NUMBERS])
        more = (
            f"<p>{len(each.rows) - len(rows):,} rows more are in summary.json.</p>"
            if len(rows) < len(each.rows)
            else ""
        )
        title = each.title or "Numbers"
        made.append(f"<h2>{escape(title)}</h2>{table(each.columns, rows, title)}{more}")
    return made


def _numbers(runs: Sequence[FinishedRun]) -> list[str]:
    """All numbers of a single run."""
    known = list(flat_numbers(runs[0].outcome.numbers))
    if len(runs) > 1 or not known:
        return []
    rows = [(name, f"{value:.8g}") for name, value in known[:MOST_NUMBERS]]
    more = f"<p>{len(known) - len(rows):,} more are in summary.json.</p>" if len(known) > len(rows) else ""
    listed = table(("number", "value"), rows, "all numbers", "lr")
    return [f"<details><summary>All numbers ({len(known):,})</summary>{listed}{more}</details>"]


def repeating(plan: Plan, summary: Mapping[str, Any]) -> list[str]:
    """Settings, what it was made with, and the command that does it again."""
    known = {"versions": summary["versions"], "machine": summary["machine"], "files (SHA-256)": files_of(plan)}
    return [
        "<h2>How to repeat it</h2>",
        lines(command(plan), "command"),
        "<h2>Settings</h2>",
        facts(summary["settings"], "settings"),
        "<h2>Made with</h2>",
        facts(known, "versions and machine"),
    ]


def command(plan: Plan) -> str:
    """The command that carries out a plan once more, in the folder where it was."""
    return shlex.join(["pcneuro", *plan.words]) if plan.words else run_command(str(plan.path), plan.sets)


def run_command(path: str, sets: Iterable[str]) -> str:
    """The command that runs a file, with texts such as ``integrator.dt=0.5`` on top."""
    return shlex.join(["pcneuro", "run", named_from_here(path), *(word for text in sets for word in ("--set", text))])


def named_from_here(path: str) -> str:
    """A path as it was named; of an absolute one within this folder the rest."""
    try:
        return os.path.relpath(path) if os.path.isabs(path) and Path(path).is_relative_to(Path.cwd()) else path
    except OSError:  # of a working folder that is gone
        return path


def files_of(plan: Plan) -> dict[str, str]:
    """SHA-256 of the simulation file and of the file that its circuit is in."""
    circuit = str(plan.raw.get("circuit", "")).rpartition(":")[0] or str(plan.raw.get("circuit", ""))
    found = {}
    for name, folders in ((str(plan.path), (Path(),)), (circuit, plan.folders)):
        path = next((folder / name for folder in folders if name and (folder / name).is_file()), None)
        if path is not None:
            with path.open("rb") as file:
                found[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found
