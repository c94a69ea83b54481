"""Carrying out a simulation file: every run that it asks for, then the summary, the records and the figures."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pcneuro.circuit.circuit import Circuit
from pcneuro.errors import PcneuroError, warn
from pcneuro.files import writing
from pcneuro.simulator.result import Status
from pcneuro.studies.file import Plan
from pcneuro.studies.many import tables_of
from pcneuro.studies.observer import AbstractObserver, PartObserver, Silent, interruptible
from pcneuro.studies.output import SUMMARY, Output, write_json
from pcneuro.studies.performing import Performer
from pcneuro.studies.seeds import SEED, not_swept
from pcneuro.studies.surroundings import machine, versions
from pcneuro.studies.task import FinishedRun, Job, TextTable

RECORDS = "records.nc"


@dataclass(frozen=True)
class Report:
    """What was done: the folder that was written, how it ended, the summary, and tables to print."""

    folder: Path
    status: Status
    message: str
    summary: Mapping[str, Any]
    tables: Sequence[TextTable]


def simulate(
    plan: Plan,
    out: str | os.PathLike[str] | None = None,
    *,
    overwrite: bool = False,
    resume: bool = False,
    observer: AbstractObserver | None = None,
) -> Report:
    """Carry out a plan, and write its results to ``out``, or to the next free folder in ``results/``.

    With ``resume`` learning goes on from the checkpoints in ``out``, or in the unfinished folder last written.

    Ctrl-C and, behind the first run of a sweep, an error end it early: what was finished until then is written all the
    same. Raises PcneuroError for what cannot be run or written.
    """
    observer = observer or Silent()
    begun, started = time.perf_counter(), datetime.now(UTC)
    place = None if out is None else Path(out)
    with Output(place, plan.name, overwrite=overwrite, resume=resume) as output, interruptible(observer):
        performer = Performer(plan)
        circuits = [performer.circuit(run) for run in plan.runs]
        _warn_of_seeds(performer, circuits)
        _check(performer, circuits)
        runs, failure = _runs(performer, circuits, output, observer)
        status, message = _ending(runs, len(plan.runs), failure)
        summary = _summary(plan, runs, status, message, started, time.perf_counter() - begun)
        broken = _write(plan, output, runs, summary)
        folder = output.commit()
    if broken is not None:
        raise broken
    if failure is not None:
        raise type(failure)(f"{failure}; the runs before it are in {folder}") from failure.__cause__
    return Report(folder, status, message, summary, tables_of(runs))


def _warn_of_seeds(performer: Performer, circuits: Sequence[Circuit]) -> None:
    """Say what a sweep over the seed does not draw anew."""
    plan, sources = performer.plan, performer.sources
    swept = [run.swept for run in plan.runs]
    kept = not_swept(plan.raw, swept)
    if kept:
        warn(
            f"{plan.path}: the sweep over seed leaves {', '.join(kept)} as given: leave {kept[0]} out to have it from "
            "seed, or sweep it, too"
        )
    if len({values.get(SEED) for values in swept}) < 2:
        return
    # Noise, and what a task draws, are drawn anew for each seed, and may be all that is to be.
    still = {
        run.task.circuit
        for run, circuit in zip(plan.runs, circuits, strict=True)
        if SEED in run.swept and SEED not in run.task.arguments and not circuit.noise and not run.task.draws
    }
    for name in sorted(still):
        if SEED not in sources.parameters(name):
            warn(f"{plan.path}: the sweep over seed does not draw the weights of {name}: it has no argument seed")


def _job(performer: Performer, number: int, circuit: Circuit, output: Output, observer: AbstractObserver) -> Job:
    plan = performer.plan
    count = len(plan)
    prefix = f"run{number}-" if count > 1 else ""
    return performer.job(
        plan.runs[number],
        circuit,
        PartObserver(observer, number / count, 1 / count),
        lambda name: output.checkpoint(prefix + name),
        lambda name: output.stream(prefix + name),
        output.resume,
    )


def _check(performer: Performer, circuits: Sequence[Circuit]) -> None:
    """Of several runs, try the settings of all before the first begins."""
    if len(circuits) > 1:
        for run, circuit in zip(performer.plan.runs, circuits, strict=True):
            try:
                run.task.check(circuit)
            except PcneuroError as error:
                raise performer.placed(run, error) from error


def _runs(
    performer: Performer, circuits: Sequence[Circuit], output: Output, observer: AbstractObserver
) -> tuple[list[FinishedRun], PcneuroError | None]:
    """The runs that were finished, and the error that ended them."""
    plan, finished = performer.plan, list[FinishedRun]()
    for number, (run, circuit) in enumerate(zip(plan.runs, circuits, strict=True)):
        if observer.stopped and finished:
            break
        try:
            outcome = run.task.perform(_job(performer, number, circuit, output, observer))
        except PcneuroError as error:
            placed = performer.placed(run, error)
            if not finished:
                raise placed from error
            placed.__cause__ = error
            return finished, placed
        finished.append(FinishedRun(run.task, outcome, run.swept))
        if len(plan.runs) > 1:
            _write_early(output, number, finished[-1])
        if outcome.status is Status.INTERRUPTED:
            break
    return finished, None


def _ending(runs: Sequence[FinishedRun], planned: int, failure: PcneuroError | None) -> tuple[Status, str]:
    if failure is not None:
        return Status.INTERRUPTED, str(failure)
    ended = [run.outcome.status for run in runs]
    for status in (Status.INTERRUPTED, Status.DIVERGED, Status.UNSETTLED):
        if status in ended:
            first = runs[ended.index(status)]
            return status, f"{first.label}: {first.outcome.message}" if first.label else first.outcome.message
    if len(runs) < planned:
        return Status.INTERRUPTED, f"interrupted after {len(runs)} of {planned} runs"
    return Status.COMPLETED, f"completed {planned} runs" if planned > 1 else runs[0].outcome.message


def _summary(
    plan: Plan, runs: Sequence[FinishedRun], status: Status, message: str, started: datetime, seconds: float
) -> dict[str, Any]:
    task = plan.runs[0].task
    return {
        "name": plan.name,
        "description": task.description,
        "task": task.task,
        "file": str(plan.path),
        "status": status,
        "message": message,
        "started": started.isoformat(timespec="seconds"),
        "seconds": seconds,
        "versions": versions(),
        "machine": machine(),
        "settings": plan.raw,
        "runs": [_facts(run) for run in runs],
    }


def _facts(run: FinishedRun) -> dict[str, Any]:
    outcome = run.outcome
    return {"set": run.swept, "status": outcome.status, "message": outcome.message, **outcome.numbers}


def _write_early(output: Output, number: int, run: FinishedRun) -> None:
    """Write what one run of a sweep has brought: a kill, or an error later on, does not take it away."""
    from pcneuro.studies.records import write_records

    path = output.early(f"run{number}.json")
    with writing(path):
        write_records(path.with_suffix(".nc"), run.outcome.records)
        write_json(path, _facts(run))


def _write(plan: Plan, output: Output, runs: Sequence[FinishedRun], summary: dict[str, Any]) -> Exception | None:
    """Write all of it; where a figure or the report cannot be made all else, and the error."""
    from pcneuro.reports import svg
    from pcneuro.studies.figures.style import save, style
    from pcneuro.studies.records import stack, write_records
    from pcneuro.studies.report import REPORT, page

    files = [RECORDS, *output.streamed()]
    datasets = [run.outcome.records for run in runs]
    records = stack(datasets, [run.swept for run in runs]) if runs[0].swept else datasets[0]
    records = records.assign_attrs(status=str(summary["status"]), file=summary["file"], task=summary["task"])
    output.write(RECORDS, lambda path: write_records(path, records))
    broken, pictures = None, dict[str, str]()
    try:
        with style():
            for name, figure in type(runs[0].task).figures(runs).items():
                output.write(f"{name}.png", lambda path, figure=figure: save(figure, path))  # type: ignore[misc]
                files.append(f"{name}.png")
                pictures[name] = svg(figure, name, name)
    except PcneuroError:
        raise
    except Exception as error:
        broken = error
    for number, run in enumerate(runs):
        for name, text in run.outcome.texts.items():
            file = f"run{number}-{name}" if len(runs) > 1 else name
            output.write(file, lambda path, text=text: path.write_text(text, encoding="utf-8"))  # type: ignore[misc]
            files.append(file)
    try:
        with style():
            content = page(plan, runs, summary, pictures).encode()
        output.write(REPORT, lambda path: path.write_bytes(content))
        files.insert(0, REPORT)
    except PcneuroError:
        raise
    except Exception as error:  # of a page, for which no results are to be lost
        broken = broken or error
    summary["files"] = [SUMMARY, *files]
    output.write(SUMMARY, lambda path: write_json(path, summary))
    return broken
