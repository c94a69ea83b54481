"""Carrying out a simulation file as a batch: ``pcneuro run`` of one with ``[batch]``, and ``pcneuro batch resume``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from pcneuro.batch import Batch, Store, locks, resume
from pcneuro.batch.layout import OLD, SETTINGS
from pcneuro.batch.runners import AbstractRunner, Here, Processes, Shard
from pcneuro.batch.store import Progress
from pcneuro.batch.table import batch_table, runner_of
from pcneuro.circuit.circuit import Circuit
from pcneuro.cli.codes import BAD_INPUT, INTERRUPTED, SUCCESS
from pcneuro.cli.terminal import Terminal
from pcneuro.errors import OutputError, PcneuroError, StoreError, reporting_divergence
from pcneuro.files import finished, unfinished
from pcneuro.studies import Plan
from pcneuro.studies.observer import AbstractObserver
from pcneuro.studies.output import RESULTS, next_free
from pcneuro.studies.performing import Performer

MOST_KINDS = 5
"""Kinds of failures that are printed; ``pcneuro batch status`` has all."""


def run_batch(plan: Plan, out: Path | None, overwrite: bool, going_on: bool, shard: str | None) -> int:
    """Do the runs of a file as a batch, or a shard of them, and print what came of them; returns the exit code."""
    table = batch_table(plan)
    runner: AbstractRunner = table.runner
    if shard is not None:
        runner = Shard.from_text(shard, Here() if isinstance(runner, Processes) else runner)
    batch = Batch(plan, replicates=table.replicates, block=table.block, pack=table.pack, keep=table.keep)
    folder = _folder(plan.name, out, overwrite, going_on, shared=shard is not None)

    def carry_out(observer: AbstractObserver) -> Store:
        return batch.run(folder, runner, observer=observer)

    return _shown(plan.name, carry_out, folder, shard, lambda: _circuit_of(plan))


def resume_batch(folder: Path, processes: int | None) -> int:
    """Go on with the batch in a folder; returns the exit code."""
    runner = runner_of(folder) if processes is None else Processes(processes) if processes > 1 else Here()
    return _shown(folder.name, lambda observer: resume(folder, runner, observer=observer), folder, None, lambda: None)


def _circuit_of(plan: Plan) -> Circuit | None:
    """The circuit of the first run, for the report; none where it cannot be made."""
    with suppress(PcneuroError):
        return Performer(plan).circuit(plan.run(0))
    return None


def _shown(
    name: str,
    carry_out: Callable[[AbstractObserver], Store],
    folder: Path,
    shard: str | None,
    circuit: Callable[[], Circuit | None],
) -> int:
    """Do it with a bar, write the report, and print a summary."""
    with Terminal(name) as terminal, reporting_divergence():
        known = carry_out(terminal).status()
    print(f"{folder}: {_summary(known)}")
    for kind in known.failures[:MOST_KINDS]:
        print(f"  {kind.count:,} {kind.status}, the first of them run {kind.run}: {kind.message}")
    if len(known.failures) > MOST_KINDS:
        print(f"  and {len(known.failures) - MOST_KINDS} kinds more: pcneuro batch status {folder}")
    if terminal.stopped:
        print(f"pcneuro: interrupted; to go on: pcneuro batch resume {folder}", file=sys.stderr)
        return INTERRUPTED
    if known.done and known.ended == known.runs:
        from pcneuro.batch.figures import write

        print(f"figures: {', '.join(str(path) for path in write(folder))}")
    from pcneuro.batch.report import write_report

    print(f"report: {write_report(folder, circuit())}")
    return SUCCESS if known.done + known.unsettled or shard is not None else BAD_INPUT


def _summary(known: Progress) -> str:
    counts = {"done": known.done, "failed": known.failed, "diverged": known.diverged, "unsettled": known.unsettled}
    counts["to do"] = known.runs - known.ended
    told = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
    return f"{told} of {known.runs:,} runs"


def _folder(name: str, out: Path | None, overwrite: bool, going_on: bool, *, shared: bool) -> Path:
    """Where the batch is, or will be. Shards share one, which any of them may have begun. Raises OutputError."""
    if overwrite and (going_on or shared):
        other = "--resume" if going_on else "--shard"
        raise OutputError(f"{other} goes on with what is there, --overwrite starts anew: pass one of them")
    if out is None and shared:
        return Path(RESULTS) / name
    if out is None:
        return _last_unfinished(name) if going_on else next_free(Path(RESULTS), name)
    if not (out / SETTINGS).exists() or going_on or shared:
        return out
    if not overwrite:
        raise OutputError(
            f"{out} has a batch already: choose another --out, or pass --resume to go on with it, or --overwrite"
        )
    with locks.client(out):
        old = unfinished(out.parent, f".{out.name}.", OLD)
        os.rename(out, old)
    finished(old)
    return out


def _last_unfinished(name: str) -> Path:
    """Of ``results/name``, ``results/name-2``, ... the batch last begun of which runs are to do. Raises OutputError."""
    folders = []
    for path in (Path(RESULTS) / name, *Path(RESULTS).glob(f"{name}-*")):
        if path.name == name or path.name[len(name) + 1 :].isdigit():
            try:
                known = Store.open(path)
            except StoreError:
                continue
            if known.rest():
                folders.append(path)
    if not folders:
        raise OutputError(f"{Path(RESULTS) / name} is no batch of which runs are to do: there is nothing to resume")
    return max(folders, key=lambda path: (path / SETTINGS).stat().st_mtime)
