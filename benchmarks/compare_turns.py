"""Turns of compare.py: every peer is a process with an environment and threads of its own, and they go in turns."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from compare_problem import needed
from environments import EnvironmentFault, environment, versions
from machine import median_and_spread
from peer import Problem
from worker import Worker, WorkerEnded

HERE = Path(__file__).parent
ROOT = HERE.parent
WARM = 2
"""Runs before those that count: the first compiles, and PCX compiles once more in the second."""
SETTLE = 0.1
"""Seconds of runs at the beginning of a turn that do not count."""
PAUSE = 0.1
"""Seconds between turns, so that the threads of the last one have gone to sleep."""


@dataclass(frozen=True)
class Peer:
    """A method of computing a problem's gradients; ``dynamics`` is what it is to agree with."""

    name: str
    script: str
    method: str
    dynamics: str
    environment: str | None = None


@dataclass(frozen=True)
class Setting:
    """What all workloads share."""

    runs: int
    threads: Sequence[int]
    environments: Path
    names: Sequence[str]
    """Of environments; others are left out."""
    quick: bool


@dataclass
class Outcome:
    """What a peer did with so many threads."""

    peer: Peer
    threads: int
    version: str = ""
    ready: float = 0.0
    seconds: list[float] = field(default_factory=list)
    base: int = 0
    peak: int = 0
    errors: dict[str, float] = field(default_factory=dict)
    """Relative error of each parameter's gradient, against the same dynamics in float64."""
    exact: dict[str, float] = field(default_factory=dict)
    """Against the gradient of the loss."""

    @property
    def median(self) -> float:
        """Seconds of a run, once warm."""
        return statistics.median(self.seconds[WARM:])


PINNED: dict[str, dict[str, str]] = {}
"""Versions found in the environments used so far."""
FAULTS: dict[str, str] = {}
"""Environments that could not be made."""


def interpreter(name: str | None, folder: Path) -> str:
    """The Python of a peer."""
    if name is None:
        return sys.executable
    if name in FAULTS:
        raise EnvironmentFault(FAULTS[name])
    if name not in PINNED:
        try:
            python = environment(name, folder)
        except EnvironmentFault as fault:
            FAULTS[name] = str(fault)
            raise
        PINNED[name] = versions(python, name) or {}
    return str(folder.resolve() / name / "bin" / "python")


def surroundings(threads: int) -> tuple[dict[str, str], set[int] | None]:
    """Environment variables and processors of a worker with so many threads."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}
    environment |= {f"{name}_NUM_THREADS": str(threads) for name in ("OMP", "OPENBLAS", "MKL", "NUMBA")}
    if threads == 1:
        environment["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    if not hasattr(os, "sched_getaffinity"):
        return environment, None
    return environment, set(sorted(os.sched_getaffinity(0))[:threads])


def start(peer: Peer, threads: int, problem: Path, out: Path, setting: Setting, **more: str) -> Worker:
    """A worker that waits for its first turn; ``more`` environment variables."""
    command = [interpreter(peer.environment, setting.environments), HERE / peer.script, peer.method]
    environment, processors = surroundings(threads)
    return Worker([*command, "--threads", threads, "--out", out, problem], environment | more, processors)


def difference(path: Path, wanted: Path) -> dict[str, float]:
    """Relative error of each parameter's gradient."""
    with np.load(path) as got, np.load(wanted) as exact:
        if set(got) != set(exact):
            raise WorkerEnded(str(path), 0, f"parameters differ: {', '.join(sorted(got))}; {', '.join(sorted(exact))}")
        return {
            name: float(np.linalg.norm(got[name].astype(float) - exact[name]) / (np.linalg.norm(exact[name]) or 1.0))
            for name in exact
        }


def references(dynamics: set[str], problem: Path, folder: Path, setting: Setting) -> dict[str, Path]:
    """Gradients in float64: of each dynamics by the reference simulator, and exact ones."""
    made = {}
    for name in sorted(dynamics | {"exact"}):
        method = name if name == "exact" else f"reference-{name}"
        made[name] = folder / f"{method}.npz"
        with start(Peer("", "peer_pcneuro.py", method, name), 1, problem, made[name], setting) as worker:
            worker.step()
            worker.end()
    return made


def take_turns(
    problem: Problem, peers: Sequence[Peer], setting: Setting, *, check: bool = True
) -> tuple[list[Outcome], list[str]]:
    """Runs of all peers with all numbers of threads, in turns, and a note on each that failed."""
    outcomes: list[tuple[Outcome, Worker, Path]] = []
    notes: list[str] = []
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        folder = Path(temporary)
        place = folder / "problem.npz"
        problem.save(place)
        for peer in peers:
            if peer.environment is not None and peer.environment not in setting.names:
                continue
            for threads in setting.threads:
                out = folder / f"{len(outcomes)}.npz"
                try:
                    worker = stack.enter_context(start(peer, threads, place, out, setting))
                except EnvironmentFault as fault:
                    notes.append(f"{peer.name}: {fault}")
                    break
                except WorkerEnded as fault:
                    notes.append(f"{peer.name}: {fault.last}")
                    break
                facts = worker.facts
                outcome = Outcome(peer, threads, facts["version"], worker.ready, worker.seconds, facts["base"])
                outcomes.append((outcome, worker, out))
        done = _run(outcomes, setting.runs, notes)
        if check:
            dynamics = {outcome.peer.dynamics for outcome, _, _ in done} - {"exact", "none"}
            made = references(dynamics, place, folder, setting)
        for outcome, worker, out in done:
            outcome.peak = worker.peak
            if check and outcome.peer.dynamics in made:
                try:
                    outcome.errors = difference(out, made[outcome.peer.dynamics])
                    outcome.exact = difference(out, made["exact"])
                except WorkerEnded as fault:
                    notes.append(f"{outcome.peer.name}: {fault.last}")
        return [outcome for outcome, _, _ in done], notes


def _run(
    outcomes: list[tuple[Outcome, Worker, Path]], runs: int, notes: list[str]
) -> list[tuple[Outcome, Worker, Path]]:
    """Runs to get warm, then ``runs`` rounds; who fails is left out from then on."""
    for turn in range(WARM + runs + 1):
        left = []
        for outcome, worker, out in outcomes:
            try:
                if turn < WARM + runs:
                    if turn >= WARM:
                        # Caches, threads and the clock are as the others have left them.
                        for _ in range(int(SETTLE / worker.seconds[-1])):
                            worker.step(counts=False)
                    worker.step()
                    time.sleep(PAUSE)
                else:
                    worker.end()
            except WorkerEnded as fault:
                notes.append(f"{outcome.peer.name}, {outcome.threads} threads: {fault.last}")
            else:
                left.append((outcome, worker, out))
        outcomes = left
    return outcomes


def milliseconds(seconds: Sequence[float]) -> str:
    """Median with range."""
    return median_and_spread([1e3 * value for value in seconds])


def worst(errors: Mapping[str, float]) -> str:
    """The largest, with its parameter."""
    name = max(errors, key=lambda name: errors[name], default=None)
    return "-" if name is None else f"{errors[name]:.1e} ({name})"


HEADER = [
    "method",
    "threads",
    "first s",
    "ms, median (range)",
    "GFLOP/s",
    "of peak",
    "gradient error",
    "from backprop",
    "pcneuro / this",
    "peak MB",
    "runs",
]


def rows(outcomes: Sequence[Outcome], problem: Problem, peak: Mapping[int, float]) -> list[list[object]]:
    """Lines of the table. Ratios are to the first of them with as many threads, ``pcneuro`` itself."""
    table: list[list[object]] = []
    for outcome in outcomes:
        ours = [o for o in outcomes if o.peer.name.startswith("pcneuro") and o.threads == outcome.threads]
        operations = None if outcome.peer.method == "fast-forward" else needed(problem, outcome.peer.dynamics)
        speed = None if operations is None else operations / outcome.median
        share = peak.get(outcome.threads)
        table.append(
            [
                f"{outcome.peer.name} ({outcome.version})",
                outcome.threads,
                f"{outcome.seconds[0]:.3f}",
                milliseconds(outcome.seconds[WARM:]),
                "-" if speed is None else f"{speed / 1e9:.1f}",
                "-" if speed is None or share is None else f"{speed / share:.0%}",
                worst(outcome.errors),
                worst(outcome.exact),
                f"{ours[0].median / outcome.median:.2f}" if ours else "-",
                f"{outcome.peak / 1e6:.0f}",
                len(outcome.seconds) - WARM,
            ]
        )
    return table


def raw(outcomes: Sequence[Outcome]) -> list[dict[str, object]]:
    """All numbers, for the JSON."""
    return [
        {
            "method": o.peer.name,
            "version": o.version,
            "threads": o.threads,
            "ready": o.ready,
            "seconds": o.seconds,
            "base": o.base,
            "peak": o.peak,
            "gradient errors": o.errors,
            "from backprop": o.exact,
        }
        for o in outcomes
    ]
