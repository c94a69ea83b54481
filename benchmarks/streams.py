"""Streams: what an input that changes in each step costs, beside the same input held, in turns in one process.

    python benchmarks/streams.py [--turns 15] [--steps 40] [--batch 64] [--threads 1] [--out results/benchmarks]

A multi-layer perceptron 784-256-256-10 under strict dynamics. Held, its first layer's product is computed once and
passed over from then on: that is most of what a stream costs, and no stream could do without. So beside it stands an
input whose two rows of numbers, a bit apart, take turns: nothing is read of a movie, and nothing is passed over. The
ratios are those of the median times; ``correct`` says that gradients are bit for bit those of one run for each step.
"""

from __future__ import annotations

import argparse
import statistics
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from machine import report

import pcneuro as pcn

ROOT = Path(__file__).parent.parent
SIZES = (784, 256, 256, 10)
WARM = 2
"""Turns before those that count."""
CHECKED = 6
"""Steps that are done one run after the other, too."""
APART = 2.0**-20
"""Share by which two rows that take turns differ."""


def perceptron() -> pcn.Graph:
    """Layers of tanh, and a linear one."""
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=pair) / np.sqrt(pair[0]) for pair in pairwise(SIZES)]

    def layers(x, W1, W2, W3):  # type: ignore[no-untyped-def]
        h1 = pcn.vertex(np.tanh(x @ W1), "h1")
        return pcn.vertex(pcn.vertex(np.tanh(h1 @ W2), "h2") @ W3, "out")

    named = {f"W{k}": pcn.Parameter(w) for k, w in enumerate(weights, start=1)}
    return pcn.trace(layers, x=pcn.Input((SIZES[0],)), **named)


def stimuli(options: argparse.Namespace, dtype: np.dtype) -> dict[str, Any]:
    """Name -> what x is given: held; held, and nothing passed over; another picture in each step."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(options.batch, SIZES[0])).astype(dtype)
    movie = rng.normal(size=(options.steps + 1, options.batch, SIZES[0])).astype(dtype)
    turns = np.stack([x, x * dtype.type(1 + APART)])
    return {
        "held": x,
        "held, nothing passed over": pcn.TimedArray(turns, 1.0, periodic=True),
        "stream": pcn.TimedArray(movie, 1.0, periodic=True),
    }


def simulator(dtype: np.dtype, options: argparse.Namespace) -> pcn.Simulator:
    """Of strict dynamics."""
    engine = pcn.Kernel(threads=options.threads)
    return pcn.Simulator(pcn.build_circuit(perceptron()), dynamics=pcn.Strict(), dtype=dtype, engine=engine)


def is_right(given: Any, targets: np.ndarray, dtype: np.dtype, options: argparse.Namespace) -> bool:
    """Whether some steps of it are the runs in a row, bit for bit."""
    whole, row = simulator(dtype, options), simulator(dtype, options)
    result = whole.run(float(CHECKED), inputs={"x": given}, targets={"out": targets})
    for step in range(CHECKED):
        now = given.read(step, 1)[0] if isinstance(given, pcn.TimedArray) else given
        last = row.run(1.0, inputs={"x": now}, targets={"out": targets})
    return all(np.array_equal(result.gradients[name], each) for name, each in last.gradients.items())


def measured(dtype: np.dtype, options: argparse.Namespace) -> dict[str, tuple[list[float], bool]]:
    """Milliseconds of a step, turn by turn, and whether results are right."""
    targets = np.random.default_rng(2).normal(size=(options.batch, SIZES[-1]))
    given = stimuli(options, dtype)
    simulators = {name: simulator(dtype, options) for name in given}
    for name, sim in simulators.items():
        sim.run(1.0, inputs={"x": given[name]}, targets={"out": targets})
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
    return {name: (times[name], is_right(given[name], targets, dtype, options)) for name in times}


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
        found = measured(dtype, options)
        medians = {name: statistics.median(times) for name, (times, _) in found.items()}
        held, unskipped = list(medians.values())[:2]
        for name, (times, right) in found.items():
            ratios = [f"{medians[name] / each:.2f}" for each in (held, unskipped)]
            rows.append([dtype.name, name, f"{medians[name]:.4f}", f"{min(times):.4f}", *ratios, right])
    header = [
        "dtype",
        "input",
        "median, ms a step",
        "least, ms a step",
        "median / held",
        "median / nothing passed over",
    ]
    title = f"Streams, batch {options.batch}, {options.threads} threads"
    report(title, [*header, "correct"], rows, options.out / "streams.json")


if __name__ == "__main__":
    main()
