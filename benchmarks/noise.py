"""Noise: what a run of strict dynamics costs with it, beside the same run without, in turns in one process.

    python benchmarks/noise.py [--turns 15] [--steps 40] [--batch 64] [--threads 1] [--out results/benchmarks]

A multi-layer perceptron 784-256-256-10 with noise of all its value neurons. The ratio is that of the median times.
"""

from __future__ import annotations

import argparse
import statistics
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
from machine import report

import pcneuro as pcn

ROOT = Path(__file__).parent.parent
SIZES = (784, 256, 256, 10)
NOISES = {
    "none": None,
    "white": pcn.WhiteNoise(0.01),
    "Ornstein-Uhlenbeck": pcn.OrnsteinUhlenbeck(0.01, 20.0),
}
WARM = 2
"""Turns before those that count."""


def perceptron() -> pcn.Graph:
    """Layers of tanh, and a linear one."""
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=pair) / np.sqrt(pair[0]) for pair in pairwise(SIZES)]

    def layers(x, W1, W2, W3):  # type: ignore[no-untyped-def]
        h1 = pcn.vertex(np.tanh(x @ W1), "h1")
        return pcn.vertex(pcn.vertex(np.tanh(h1 @ W2), "h2") @ W3, "out")

    named = {f"W{k}": pcn.Parameter(w) for k, w in enumerate(weights, start=1)}
    return pcn.trace(layers, x=pcn.Input((SIZES[0],)), **named)


def measured(dtype: np.dtype, options: argparse.Namespace) -> dict[str, list[float]]:
    """Milliseconds of a step, turn by turn."""
    rng, graph = np.random.default_rng(1), perceptron()
    data = {
        "inputs": {"x": rng.normal(size=(options.batch, SIZES[0]))},
        "targets": {"out": rng.normal(size=(options.batch, SIZES[-1]))},
    }
    engine = pcn.Kernel(threads=options.threads)
    simulators = {
        name: pcn.Simulator(
            pcn.build_circuit(graph, noise=noise), dynamics=pcn.Strict(), dtype=dtype, engine=engine, seed=1
        )
        for name, noise in NOISES.items()
    }
    for sim in simulators.values():
        sim.run(1.0, **data)
    times: dict[str, list[float]] = {name: [] for name in simulators}
    for turn in range(WARM + options.turns):
        for name, sim in simulators.items():
            # From the sweep: near equilibrium, what moves no more is passed over.
            sim.reset()
            sim.run(1.0)
            begun = time.perf_counter()
            sim.run(float(options.steps))
            if turn >= WARM:
                times[name].append((time.perf_counter() - begun) * 1e3 / options.steps)
    return times


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "benchmarks")
    options = parser.parse_args()
    rows: list[list[object]] = []
    for dtype in (np.dtype(np.float64), np.dtype(np.float32)):
        times = measured(dtype, options)
        without = statistics.median(times["none"])
        for name, each in times.items():
            median = statistics.median(each)
            rows.append([dtype.name, name, f"{median:.4f}", f"{min(each):.4f}", f"{median / without:.2f}"])
    header = ["dtype", "noise", "median, ms a step", "least, ms a step", "median / without"]
    report(f"Noise, batch {options.batch}, {options.threads} threads", header, rows, options.out / "noise.json")


if __name__ == "__main__":
    main()
