"""Trials: what they cost in a run of a million steps, and that no step is taken by Python.

    python benchmarks/protocol.py [--turns 5] [--steps 1000000] [--trials 10000] [--out results/benchmarks]

A small circuit, one sample, strict dynamics, another stimulus in each trial. In turns with it run the same circuit with
a held input, for as many steps, and half as many trials, each twice as long. ``us a trial`` is what a run takes longer
than the held one, over its trials: restart and sweep, and the steps that are passed over where an input is held for
long. ``calls`` counts the functions of Python that one run calls; those for each step are what it calls less in half
the steps, over these. ``MB`` is the most memory that the process has had until then.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from machine import report, seconds
from worker import peak

import pcneuro as pcn

ROOT = Path(__file__).parent.parent
SIZES = 8, 16, 4
STIMULI = 20
"""Different ones, which trials draw from."""
GAP = 0.1
"""Share of a trial's time that passes between trials."""


def circuit() -> pcn.Circuit:
    """One layer of tanh and a linear one."""
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=SIZES[:2]) / 3, rng.normal(size=SIZES[1:]) / 4
    graph = pcn.trace(
        lambda x, W, V: pcn.vertex(pcn.vertex(np.tanh(x @ W), "h") @ V, "y"),
        x=pcn.Input(SIZES[:1]),
        W=pcn.Parameter(first),
        V=pcn.Parameter(second),
    )
    return pcn.build_circuit(graph)


def protocol(steps: int, trials: int) -> pcn.Protocol:
    """So many trials that take so many steps of 1 ms in all."""
    rng = np.random.default_rng(1)
    whole = steps // trials
    gap = int(GAP * whole)
    table = {"x": rng.integers(STIMULI, size=trials), "duration": np.full(trials, float(whole - gap))}
    bank = rng.normal(size=(STIMULI, SIZES[0]))
    return pcn.Protocol(table, values={"x": bank}, interval=float(gap))


def simulator() -> pcn.Simulator:
    """Of one thread: there is one sample."""
    return pcn.Simulator(circuit(), dynamics=pcn.Strict(), engine=pcn.Kernel(threads=1))


def calls(function: Callable[[], object]) -> int:
    """How many functions of Python are called."""
    count = 0

    def counting(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(counting)
    try:
        function()
    finally:
        sys.setprofile(None)
    return count


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "benchmarks")
    options = parser.parse_args()
    x = np.random.default_rng(2).normal(size=(1, SIZES[0]))

    def held(steps: int) -> object:
        return simulator().run(float(steps), inputs={"x": x})

    def run(trials: int, steps: int) -> object:
        return protocol(steps, trials).run(simulator())

    counts = {"held": 0, "half the trials": options.trials // 2, "trials": options.trials}
    runs: dict[str, Callable[[int], object]] = {name: partial(run, n) if n else held for name, n in counts.items()}
    times: dict[str, list[float]] = {name: [] for name in runs}
    for each in runs.values():
        each(options.steps // 2)
    for _ in range(options.turns):
        for name, each in runs.items():
            times[name].append(seconds(partial(each, options.steps)))
    medians = {name: statistics.median(each) for name, each in times.items()}
    rows: list[list[object]] = []
    for name, trials in counts.items():
        whole, half = (calls(partial(runs[name], steps)) for steps in (options.steps, options.steps // 2))
        more = f"{(medians[name] - medians['held']) / trials * 1e6:.2f}" if trials else ""
        step = medians[name] / options.steps * 1e6
        per_step = (whole - half) / (options.steps - options.steps // 2)
        rows.append([name, trials, f"{step:.4f}", more, whole, f"{per_step:.5f}", f"{peak() / 1e6:.0f}"])
    header = ["run", "trials", "us a step", "us a trial", "calls", "calls a step", "MB"]
    report(f"Trials, {options.steps} steps", header, rows, options.out / "protocol.json")


if __name__ == "__main__":
    main()
