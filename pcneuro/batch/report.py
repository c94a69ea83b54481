"""The page of a batch: how its runs ended, its main numbers, figures, settings, and how to go on or repeat it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pcneuro.analysis.plot.arranging import arrange
from pcneuro.batch.figures import draw, main_numbers
from pcneuro.batch.store import Store
from pcneuro.batch.store.checking import described
from pcneuro.errors import ParameterError, PcneuroError
from pcneuro.files import path_of
from pcneuro.reports import circuit_part, document, facts, heading, lines, note, picture, svg, table, tiles, write_page
from pcneuro.studies.figures.style import style
from pcneuro.studies.report import named_from_here, run_command

if TYPE_CHECKING:
    from pcneuro.batch.store import Progress
    from pcneuro.circuit.circuit import Circuit

REPORT = "report.html"
MOST = 8
"""Kinds of failures that are told."""
MOST_NUMBERS = 40
"""Numbers whose statistics are listed, the main ones first."""


def write_report(folder: str | os.PathLike[str], circuit: Circuit | None = None) -> Path:
    """Write ``report.html`` into the folder of a batch, as far as it is done, and return its path.

    ``circuit`` is that of a run, to be shown, too. Nothing is held of more than a block of runs. Raises StoreError
    where there is no batch, and OutputError.
    """
    place = path_of(folder, PcneuroError) / REPORT
    write_page(page(folder, circuit), place, overwrite=True)
    return place


def page(folder: str | os.PathLike[str], circuit: Circuit | None = None) -> str:
    """The page of the batch in a folder, as HTML. Raises StoreError."""
    store = Store.open(folder)
    known, status = described(store.folder), store.status()
    name = store.folder.name
    parts = [
        heading(name, f"A batch of {status.runs:,} runs.", _ending(status)),
        tiles(_counts(status)),
        *(
            note(f"{each.count:,} {each.status}, the first of them run {each.run}: {each.message}")
            for each in status.failures[:MOST]
        ),
        *_pictures(store.folder),
        "<h2>Numbers</h2>",
        _statistics(store, known),
        *(["<h2>The circuit of run 0</h2>", circuit_part(circuit)] if circuit is not None else []),
        "<h2>How to repeat it</h2>",
        lines(_commands(known, folder), "commands"),
        "<h2>Settings</h2>",
        facts(_settings(known), "settings"),
        "<h2>Made with</h2>",
        facts({"versions": known.get("versions", {}), "files (SHA-256)": known.get("files", {})}, "versions and files"),
    ]
    return document(f"{name}: pcneuro", parts)


def _ending(status: Progress) -> str:
    left = status.runs - status.ended
    return "all of them have ended" if not left else f"{left:,} are still to do: pcneuro batch resume"


def _counts(status: Progress) -> list[tuple[str, str]]:
    known = {"done": status.done, "failed": status.failed, "diverged": status.diverged, "unsettled": status.unsettled}
    known["to do"] = status.runs - status.ended
    return [(f"{count:,}", f"runs {what}") for what, count in known.items() if count]


def _pictures(folder: Path) -> list[str]:
    """The figures that ``pcneuro batch figures`` draws; none where no number is drawn."""
    try:
        figures = draw(folder)
    except ParameterError:
        return []
    made = []
    with style():
        for kind, figure in figures.items():
            arrange(figure)
            made.append((kind.replace("_", " "), svg(figure, kind, kind)))
    return [picture(drawn, f"{kind}; pcneuro batch figures draws other numbers.", kind) for kind, drawn in made]


def _statistics(store: Store, known: Mapping[str, Any]) -> str:
    names = store.contents().numbers
    main = [name for pattern in main_numbers(known) for name in names if fnmatchcase(name, pattern)]
    chosen = list(dict.fromkeys([*main, *names]))[:MOST_NUMBERS]
    if not chosen:
        return "<p>No run has a number yet.</p>"
    found = store.statistics(numbers=chosen)
    rows = []
    for name in chosen:
        values = np.asarray(found[name].values).reshape(-1)
        rows.append((name, *(f"{value:,.0f}" if k == 0 else f"{value:.6g}" for k, value in enumerate(values))))
    columns = ("number", "runs", "mean", "standard deviation", "smallest", "largest")
    more = len(names) - len(chosen)
    left = f"<p>{more:,} more are in the store.</p>" if more else ""
    return table(columns, rows, "statistics of numbers") + left


def _settings(known: Mapping[str, Any]) -> dict[str, Any]:
    return {key: known[key] for key in ("study", "space", "layout", "keep", "runner") if key in known}


def _commands(known: Mapping[str, Any], folder: str | os.PathLike[str]) -> str:
    """What does the batch once more, where it is of a file, and what asks for this one; from where it was run."""
    study = known.get("study")
    again = []
    if isinstance(study, Mapping) and "path" in study:
        again = [run_command(str(study["path"]), study["sets"])]
    name = named_from_here(os.fspath(folder))
    place, exported = shlex.quote(name), shlex.quote(f"{name}.nc")
    return "\n".join([*again, f"pcneuro batch status {place}", f"pcneuro batch export {place} {exported}"])
