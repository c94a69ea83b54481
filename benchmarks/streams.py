"""Streams: what an input that changes in each step costs, beside the same input held, in turns in one process.

    python benchmarks/streams.py [--turns 15] [--steps 40] [--batch 64] [--threads 1] [--out results/benchmarks]

A multi-layer perceptron 784-256-256-10 under strict dynamics. Held, its first layer's product is computed once and
passed over from then on: that is most of what a stream costs, and no stream could do without. So beside it stands an
input whose two rows of numbers, a bit apart, take turns: nothing is read of a movie, and nothing is passed over. The
ratios are those of the median times; ``products / held`` is what the multiplications alone would give; ``correct`` says
that gradients are bit for bit those of one run for each step.
"""

from __future__ import annotations

import argparse
import statistics
from typing import Any

import numpy as np
from machine import report
from perceptron import DTYPES, Products, data_of, from_sweep, in_turns, options_of, output_of, perceptron, taking_turns

import pcneuro as pcn

CHECKED = 6
"""Steps that are done one run after the other, too."""
HELD, UNSKIPPED, STREAM = "held", "held, nothing passed over", "stream"


def stimuli(options: argparse.Namespace, dtype: np.dtype) -> dict[str, Any]:
    """Name -> what x is given: held; held, and nothing passed over; another picture in each step."""
    x = data_of(options.layers, options.batch)["inputs"]["x"].astype(dtype)
    movie = np.random.default_rng(2).normal(size=(options.steps + 1, *x.shape)).astype(dtype)
    return {HELD: x, UNSKIPPED: taking_turns(x), STREAM: pcn.TimedArray(movie, 1.0, periodic=True)}


def simulator(dtype: np.dtype, options: argparse.Namespace) -> pcn.Simulator:
    """Of strict dynamics."""
    engine = pcn.Kernel(threads=options.threads)
    return pcn.Simulator(
        pcn.build_circuit(perceptron(options.layers)), dynamics=pcn.Strict(), dtype=dtype, engine=engine
    )


def is_right(given: Any, dtype: np.dtype, options: argparse.Namespace) -> bool:
    """Whether some steps of it are the runs in a row, bit for bit."""
    targets = data_of(options.layers, options.batch)["targets"]
    whole, row = simulator(dtype, options), simulator(dtype, options)
    result = whole.run(float(CHECKED), inputs={"x": given}, targets=targets)
    for step in range(CHECKED):
        now = given.read(step, 1)[0] if isinstance(given, pcn.TimedArray) else given
        last = row.run(1.0, inputs={"x": now}, targets=targets)
    return all(np.array_equal(result.gradients[name], each) for name, each in last.gradients.items())


def main() -> None:
    """Measure and report."""
    options = options_of(__doc__ or "", 15).parse_args()
    options.layers = tuple(options.layers)
    products, output = Products.of(options.layers), output_of(options.layers)
    wanted = {HELD: products.held, UNSKIPPED: products.streamed, STREAM: products.streamed}
    targets = data_of(options.layers, options.batch)["targets"][output]
    rows: list[list[object]] = []
    for dtype in DTYPES:
        given = stimuli(options, dtype)
        simulators = {name: simulator(dtype, options) for name in given}
        for name, sim in simulators.items():
            sim.run(1.0, inputs={"x": given[name]}, targets={output: targets})
        runs = {name: from_sweep(each, options.steps) for name, each in simulators.items()}
        times = in_turns(runs, options.turns, options.steps)
        medians = {name: statistics.median(each) for name, each in times.items()}
        for name, each in times.items():
            ratios = [f"{medians[name] / medians[other]:.2f}" for other in (HELD, UNSKIPPED)]
            alone, right = f"{wanted[name] / products.held:.2f}", is_right(given[name], dtype, options)
            rows.append([dtype.name, name, f"{medians[name]:.4f}", f"{min(each):.4f}", *ratios, alone, right])
    header = ["dtype", "input", "median, ms a step", "least, ms a step"]
    ratios = ["median / held", "median / nothing passed over", "products / held", "correct"]
    title = f"Streams, batch {options.batch}, {options.threads} threads"
    report(title, [*header, *ratios], rows, options.out / "streams.json")


if __name__ == "__main__":
    main()
