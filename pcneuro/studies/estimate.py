"""What a simulation file would do: how much, for how long and how large, by a first piece of its first run."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pcneuro.circuit.circuit import Circuit
from pcneuro.kernels.progress import AbstractReport, compilation
from pcneuro.simulator.result import Status
from pcneuro.studies.file import Plan, PlannedRun
from pcneuro.studies.observer import AbstractObserver
from pcneuro.studies.performing import Performer

PIECE = 3.0
"""Seconds of the first run that are done, from its first sign of progress on."""


@dataclass
class _Clock(AbstractReport):
    """Seconds without those of compiling, which a machine does once and not for each run."""

    shown: AbstractReport
    compiled: float = 0.0
    since: float | None = None

    def show(self, share: float, name: str) -> None:
        if self.since is None:
            self.since = time.perf_counter()
        self.shown.show(share, name)

    def pause(self, share: float) -> None:
        if self.since is not None:
            self.compiled += time.perf_counter() - self.since
        self.since = None
        self.shown.pause(share)

    def now(self) -> float:
        return time.perf_counter() - self.compiled


@contextmanager
def _clock() -> Iterator[_Clock]:
    before = compilation.report
    clock = _Clock(before)
    compilation.report = clock
    try:
        yield clock
    finally:
        compilation.report = before


@dataclass
class _Piece(AbstractObserver):
    """Watches a run, and ends it after a piece: times and shares of the first and the last sign of progress."""

    clock: _Clock
    seen: list[tuple[float, float]] = field(default_factory=list)

    def say(self, text: str) -> None:
        return None

    def progress(self, share: float, note: str = "") -> None:
        if share > 0.0:
            self.seen = [*self.seen[:1], (self.clock.now(), share)]
            self.stopped = self.stopped or self.seen[-1][0] - self.seen[0][0] > PIECE


@dataclass(frozen=True)
class Estimate:
    """What a plan would do.

    Attributes
    ----------
    runs
        How many there are.
    circuit
        That of the first.
    steps
        Of the integrator in a run; None where the task does not say it.
    seconds
        Of a run whose kernels are compiled; None where nothing is known of it.
    share
        How much of the first run was done to know that.
    records
        Bytes of what a run records.
    """

    runs: int
    circuit: Circuit
    steps: int | None
    seconds: float | None
    share: float
    records: int


def estimate(plan: Plan) -> Estimate:
    """Do a piece of the first run of a plan, and say what all of it would be. Nothing of it stays.

    Raises PcneuroError for what cannot be run.
    """
    performer, run = Performer(plan), plan.run(0)
    circuit = performer.circuit(run)
    with tempfile.TemporaryDirectory(prefix="pcneuro-") as folder, _clock() as clock:
        place, piece = Path(folder), _Piece(clock)
        job = performer.job(run, circuit, piece, lambda name: place / f"{name}.npz", lambda name: place / name, False)
        begun = clock.now()
        outcome = run.task.perform(job)
        whole = clock.now() - begun
        streamed = sum(path.stat().st_size for path in place.iterdir())
    interrupted = outcome.status is Status.INTERRUPTED
    share = piece.seen[-1][1] if interrupted and piece.seen else 1.0
    seconds = _seconds(piece) if interrupted else whole
    size = int((outcome.records.nbytes + streamed) / share)
    return Estimate(len(plan), circuit, _steps(run), seconds, share, size)


def _seconds(piece: _Piece) -> float | None:
    """Of a run, by the pace at which it went on."""
    if len(piece.seen) < 2 or piece.seen[1][1] <= piece.seen[0][1]:
        return None
    (begun, low), (ended, high) = piece.seen
    return (ended - begun) / (high - low)


def _steps(run: PlannedRun) -> int | None:
    duration = getattr(run.task, "duration", None)
    dt = getattr(run.task.integrator, "dt", None)
    return round(duration / dt) if duration and dt else None
