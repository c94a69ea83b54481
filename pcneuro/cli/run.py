"""The command ``pcneuro run``: carries out a simulation file."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from pcneuro.cli.codes import DIVERGED, INTERRUPTED, SUCCESS, UNSETTLED
from pcneuro.cli.terminal import Terminal, print_tables
from pcneuro.errors import reporting_divergence
from pcneuro.simulator.result import Status
from pcneuro.studies import Plan, Report, simulate
from pcneuro.studies.file import BATCH, opened
from pcneuro.studies.output import SUMMARY

CODES = {
    Status.COMPLETED: SUCCESS,
    Status.DIVERGED: DIVERGED,
    Status.UNSETTLED: UNSETTLED,
    Status.INTERRUPTED: INTERRUPTED,
}


def run(
    file: Path,
    out: Path | None,
    sets: Sequence[str],
    overwrite: bool,
    resume: bool,
    shard: str | None = None,
    dry: bool = False,
) -> int:
    """Carry out a simulation file, as a batch where it has ``[batch]`` or is a shard; returns the exit code.

    With ``dry`` it only says what that would be.
    """
    plan = opened(file, sets)
    if dry:
        from pcneuro.cli.dry_run import dry_run

        return dry_run(plan.checked(), shard)
    if BATCH in plan.raw or shard is not None:
        from pcneuro.cli.batching import run_batch

        return run_batch(plan, out, overwrite, resume, shard)
    return run_plan(plan.checked(), out, overwrite, resume)[1]


def run_plan(plan: Plan, out: Path | None, overwrite: bool, resume: bool) -> tuple[Report, int]:
    """Carry out a plan and print what came of it: the report, and the exit code."""
    with Terminal(plan.name) as terminal, reporting_divergence():
        report = simulate(plan, out, overwrite=overwrite, resume=resume, observer=terminal)
    print_tables(report.tables, f"{report.folder}/{SUMMARY}")
    seconds = report.summary["seconds"]
    print(f"{report.folder}: {', '.join(report.summary['files'])} ({seconds:.1f} s)")
    if report.status is not Status.COMPLETED:
        print(f"pcneuro: {report.message}; the results so far are in {report.folder}", file=sys.stderr)
    return report, CODES[report.status]
