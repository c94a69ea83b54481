"""A training step of the paper's LSTM, by its circuit and by backprop in PyTorch: how long, in how much memory.

    python benchmarks/lstm.py [--length 50] [--hidden 1056] [--batch 64] [--steps 200] [--runs 5] [--threads 2]
                              [--environments results/environments] [--out results/benchmarks]

The step of Millidge, Tschantz & Buckley (2020): 50 characters of a vocabulary of 65, 64 samples, float32, each
population for 200 steps of 1 ms (tau = 10 ms), those downstream first. It goes from weights and data to the gradients
of all weights. Both compute from the same numbers with as many threads, each in a process of its own, in turns.
Correctness: each parameter's gradient beside that of exact reverse mode in float64.

PyTorch gets an environment of its own, made at the first time (environments.py). On a cold cache the circuit's set-up
compiles the kernels.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from environments import environment
from machine import median_and_spread, report
from worker import Worker

HERE = Path(__file__).parent
ROOT = HERE.parent
LIMIT = 3.0
"""GB that the circuit's step is to stay under."""


def measure(options: argparse.Namespace, python: Path, folder: Path) -> tuple[Worker, Worker]:
    """Steps in turns; each worker's gradients, and the exact ones, are files in ``folder`` then."""
    names = ("length", "hidden", "batch", "steps", "threads")
    sizes = [word for name in names for word in (f"--{name}", getattr(options, name))]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(options.threads)}
    ours = [sys.executable, HERE / "lstm_circuit.py", *sizes, folder]
    other = [python, HERE / "lstm_torch.py", "--threads", options.threads, folder]
    with Worker(ours, environment) as circuit, Worker(other, environment) as torch:
        for _ in range(options.runs + 1):
            circuit.step()
            torch.step()
        circuit.end()
        torch.end()
    with Worker([*ours, "--exact"], os.environ | {"PYTHONPATH": str(ROOT)}) as exact:
        exact.step()
        exact.end()
    return circuit, torch


def errors(ours: Path, exact: Path) -> dict[str, float]:
    """Relative error of each parameter's gradient."""
    with np.load(ours) as got, np.load(exact) as wanted:
        if set(got) != set(wanted):
            raise SystemExit(f"parameters differ: {', '.join(sorted(got))}; {', '.join(sorted(wanted))}")
        return {name: float(np.linalg.norm(got[name] - wanted[name]) / np.linalg.norm(wanted[name])) for name in wanted}


def row(name: str, worker: Worker, wrong: Mapping[str, float], limit: float | None) -> list[object]:
    """A line of the table. The first step stands apart: whatever is made once is made then."""
    first, *rest = worker.seconds
    worst = max(wrong, key=lambda parameter: wrong[parameter])
    peak = worker.peak / 1e9
    return [
        f"{name} {worker.facts['version']}",
        f"{worker.facts['setup']:.2f}",
        f"{first:.3f}",
        median_and_spread(rest),
        f"{peak:.2f}",
        "-" if limit is None else f"{limit:g}: {'yes' if peak < limit else 'NO'}",
        f"{wrong[worst]:.1e} ({worst})",
        len(rest),
    ]


def main() -> None:
    """Measure, compare, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    sizes = {"length": 50, "hidden": 1056, "batch": 64, "steps": 200, "runs": 5, "threads": cores}
    for name, default in sizes.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--environments", type=Path, default=ROOT / "results" / "environments")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "benchmarks")
    options = parser.parse_args()
    for name in sizes:
        # At the first time nothing recurs yet: the gradient of the recurrent weights would be zero.
        least = 2 if name == "length" else 1
        if getattr(options, name) < least:
            parser.error(f"--{name} {getattr(options, name)}: give a whole number from {least} on")
    python = environment("torch", options.environments)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        circuit, torch = measure(options, python, folder)
        wrong = {name: errors(folder / f"{name}.npz", folder / "exact.npz") for name in ("circuit", "torch")}
    header = [
        "step by",
        "set-up s",
        "first step s",
        "seconds, median (range)",
        "peak GB",
        "under GB",
        "worst gradient error",
        "runs",
    ]
    rows = [
        row("pcneuro", circuit, wrong["circuit"], LIMIT),
        row("PyTorch", torch, wrong["torch"], None),
    ]
    settings = {name: getattr(options, name) for name in sizes}
    title = "LSTM, a training step: " + ", ".join(f"{name} {value}" for name, value in settings.items())
    times = {name: worker.seconds for name, worker in (("circuit", circuit), ("torch", torch))}
    ratio = statistics.median(times["circuit"][1:]) / statistics.median(times["torch"][1:])
    more = {"settings": settings, "seconds": times, "ratio of medians": ratio, "gradient errors": wrong}
    report(title, header, rows, options.out / "lstm.json", **more)


if __name__ == "__main__":
    main()
