"""The command ``pcneuro check``: the kernel against another simulator."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from pcneuro.cli.codes import DISAGREES
from pcneuro.cli.run import run_plan
from pcneuro.files.toml import read_toml
from pcneuro.studies import read
from pcneuro.studies.task import TASKS, AbstractTask


def check(
    file: Path, against: str, tolerance: float | None, out: Path | None, sets: Sequence[str], overwrite: bool
) -> int:
    """Run a simulation file by the kernel and by another simulator; returns the exit code."""
    task = TASKS.get(str(read_toml(file).get("task")), AbstractTask)
    plan = read(file, [*sets, *task.set_to_check(against, tolerance)])
    report, code = run_plan(plan, out, overwrite, False)
    differing = [run for run in report.summary["runs"] if "tolerance" in run and not run["agrees"]]
    if code == 0 and differing:
        worst = max(run["worst"] for run in differing)
        most = differing[0]["tolerance"]
        print(f"pcneuro: {against} is {worst:.3g} away, more than the tolerance {most:g}", file=sys.stderr)
        return DISAGREES
    return code
