"""How long a user of each waits, from the start of a process: imports and set-up, first gradients, all of it.

The first row of pcneuro is with its kernels compiled on an earlier day (as at all times but the first), the last one
without.
"""

from __future__ import annotations

import statistics
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import startup
from compare_turns import Peer, Setting, difference, interpreter, references, start, surroundings, worst
from compare_workloads import BACKPROP, STRICT, mlp_problem, say, write
from environments import EnvironmentFault
from machine import median_and_spread
from worker import WorkerEnded

HEADER = [
    "what",
    "s to import",
    "s until ready",
    "s of the first run",
    "s in all, median (range)",
    "gradient error",
    "runs",
]
MODULES = {"peer_pcneuro.py": "pcneuro", "peer_numpy.py": "numpy"}
"""What is imported in the environment that this runs in."""


@dataclass
class Wait:
    """Seconds of each process."""

    imports: list[float]
    ready: list[float]
    first: list[float]


def imported(peer: Peer, setting: Setting) -> float:
    """Seconds of an import in a new process."""
    module = peer.environment or MODULES[peer.script]
    line = f"import time; begun = time.perf_counter(); import {module}; print(time.perf_counter() - begun)"
    command = [interpreter(peer.environment, setting.environments), "-c", line]
    environment, _ = surroundings(setting.threads[-1])
    return float(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


def fresh(peer: Peer, runs: int, folder: Path, setting: Setting, **more: str) -> Wait:
    """New processes, with one run each."""
    wait = Wait([], [], [])
    for _ in range(runs):
        with start(peer, setting.threads[-1], folder / "problem.npz", folder / "out.npz", setting, **more) as worker:
            worker.step()
            worker.end()
        wait.imports.append(imported(peer, setting))
        wait.ready.append(worker.ready)
        wait.first.append(worker.seconds[0])
    return wait


def row(name: str, wait: Wait, error: str) -> list[object]:
    """A line of the table."""
    sums = [ready + first for ready, first in zip(wait.ready, wait.first, strict=True)]
    medians = (f"{statistics.median(values):.3f}" for values in (wait.imports, wait.ready, wait.first))
    return [name, *medians, median_and_spread(sums), error, len(sums)]


def begin(setting: Setting, out: Path) -> None:
    """The MLP of the workload mlp, strict; PyTorch's backprop beside it."""
    table: list[list[object]] = []
    notes: list[str] = []
    with tempfile.TemporaryDirectory() as temporary, tempfile.TemporaryDirectory() as cache:
        folder = Path(temporary)
        mlp_problem(setting).save(folder / "problem.npz")
        made = references({"strict"}, folder / "problem.npz", folder, setting)
        cold = ("pcneuro, kernels not compiled", STRICT[0], 1, {"NUMBA_CACHE_DIR": cache})
        fresh(STRICT[0], 1, folder, setting)
        for name, peer, runs, more in [*((p.name, p, setting.runs, {}) for p in (*STRICT, BACKPROP)), cold]:
            if peer.environment is not None and peer.environment not in setting.names:
                continue
            try:
                wait = fresh(peer, runs, folder, setting, **more)
            except (WorkerEnded, EnvironmentFault) as fault:
                notes.append(f"{name}: {getattr(fault, 'last', fault)}")
                continue
            table.append(row(name, wait, worst(difference(folder / "out.npz", made[peer.dynamics]))))
    startup.in_process(None)
    warm = [startup.in_process(None) for _ in range(setting.runs)]
    for name in ("import", "first result", "second graph"):
        values = median_and_spread([one[name] for one in warm])
        error = f"{max(one['error'] for one in warm):.1e}"
        table.append([f"pcneuro, startup.py: {name}", "-", "-", "-", values, error, setting.runs])
    write("start", "From the start of a process to the first gradients of the MLP", HEADER, table, out, notes=notes)
    say(notes)
