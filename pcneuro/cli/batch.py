"""The commands ``pcneuro batch ...``."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from pcneuro.batch import Store
from pcneuro.batch.runners import AbstractJobs
from pcneuro.batch.script import array_script
from pcneuro.batch.store import Progress
from pcneuro.batch.table import batch_table
from pcneuro.cli.codes import SUCCESS
from pcneuro.cli.terminal import print_tables
from pcneuro.errors import ConfigurationError
from pcneuro.studies.file import opened
from pcneuro.studies.output import RESULTS
from pcneuro.studies.task import TextTable


def status(folder: Path, as_json: bool) -> int:
    """Print how far a batch is; returns the exit code."""
    known = Store.open(folder).status()
    if as_json:
        print(json.dumps(known.as_dict()))
        return SUCCESS
    print_tables(tables(known), "pcneuro batch export")
    print(f"{folder}: {known.runs} runs, {_speed(known)}")
    for each in known.working:
        print(f"worked on by {each}")
    return SUCCESS


def tables(known: Progress) -> list[TextTable]:
    """How far a batch is, and why runs failed."""
    counts = {
        "done": known.done,
        "failed": known.failed,
        "diverged": known.diverged,
        "unsettled": known.unsettled,
        "to do": known.runs - known.ended,
    }
    rows = [[what, str(count), f"{count / known.runs:.1%}"] for what, count in counts.items()]
    made = [TextTable("Runs", ["status", "runs", "share"], rows)]
    if known.failures:
        kinds = [[each.status, str(each.count), str(each.run), each.message] for each in known.failures]
        made.append(TextTable("Why", ["status", "runs", "first", "its message"], kinds))
    return made


def _speed(known: Progress) -> str:
    if known.ended == known.runs:
        return "all of which have ended"
    if known.per_second is None or known.seconds_left is None:
        return f"{known.ended} of which have ended"
    left = timedelta(seconds=round(known.seconds_left))
    return f"{known.ended} of which have ended; {known.per_second:.3g} in a second of late: {left} left"


def retry(folder: Path) -> int:
    """Have what failed done again; returns the exit code."""
    count = Store.open(folder).retry()
    if count:
        print(f"{count} runs are to be done again: pcneuro batch resume {folder}")
    else:
        print("no run failed or diverged: nothing is to be done again")
    return SUCCESS


def merge(folders: Sequence[Path], out: Path) -> int:
    """Merge stores; returns the exit code."""
    known = Store.merge(folders, out).status()
    rest = "" if known.ended == known.runs else f"; for the others: pcneuro batch resume {out}"
    print(f"{out}: {known.ended} of {known.runs} runs{rest}")
    return SUCCESS


def export(folder: Path, file: Path, overwrite: bool) -> int:
    """Write a netCDF file; returns the exit code."""
    print(Store.open(folder).export(file, overwrite=overwrite))
    return SUCCESS


def figures(folder: Path, numbers: Sequence[str]) -> int:
    """Draw figures; returns the exit code."""
    from pcneuro.batch.figures import write

    for path in write(folder, numbers):
        print(path)
    return SUCCESS


def script(file: Path, shards: int | None, out: Path | None, sets: Sequence[str]) -> int:
    """Print the script of a cluster's jobs; returns the exit code."""
    plan = opened(file, sets)
    if shards is not None:
        plan.run(0)
        name = f"{plan.name}.sh"
        print(array_script(file, out or Path(RESULTS) / plan.name, shards, name, sets), end="")
        print(f"pcneuro: to submit it: write it to {name} (with > {name}), then: sbatch {name}", file=sys.stderr)
        return SUCCESS
    runner = batch_table(plan).runner
    if not isinstance(runner, AbstractJobs):
        raise ConfigurationError(
            f"{file}: [batch.runner] kind = {runner.kind!r} has no jobs: name one that has, such as slurm, "
            "or pass --shards 16 for an array of SLURM jobs"
        )
    print(runner.script(), end="")
    return SUCCESS
