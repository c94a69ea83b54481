"""Noise: what a run of strict dynamics costs with it, beside the same run without, in turns in one process.

    python benchmarks/noise.py [--turns 15] [--steps 40] [--batch 64] [--threads 1] [--out results/benchmarks]

A multi-layer perceptron 784-256-256-10 with noise of all its value neurons. The ratio is that of the median times.
"""

from __future__ import annotations

import statistics

from machine import report
from perceptron import DTYPES, data_of, from_sweep, in_turns, options_of, perceptron

import pcneuro as pcn

NOISES = {
    "none": None,
    "white": pcn.WhiteNoise(0.01),
    "Ornstein-Uhlenbeck": pcn.OrnsteinUhlenbeck(0.01, 20.0),
}


def main() -> None:
    """Measure and report."""
    options = options_of(__doc__ or "", 15).parse_args()
    sizes, graph = tuple(options.layers), perceptron(tuple(options.layers))
    rows: list[list[object]] = []
    for dtype in DTYPES:
        simulators = {}
        for name, noise in NOISES.items():
            circuit, engine = pcn.build_circuit(graph, noise=noise), pcn.Kernel(threads=options.threads)
            simulators[name] = pcn.Simulator(circuit, dynamics=pcn.Strict(), dtype=dtype, engine=engine, seed=1)
            simulators[name].run(1.0, **data_of(sizes, options.batch))
        runs = {name: from_sweep(each, options.steps) for name, each in simulators.items()}
        times = in_turns(runs, options.turns, options.steps)
        without = statistics.median(times["none"])
        for name, each in times.items():
            median = statistics.median(each)
            rows.append([dtype.name, name, f"{median:.4f}", f"{min(each):.4f}", f"{median / without:.2f}"])
    header = ["dtype", "noise", "median, ms a step", "least, ms a step", "median / without"]
    report(f"Noise, batch {options.batch}, {options.threads} threads", header, rows, options.out / "noise.json")


if __name__ == "__main__":
    main()
