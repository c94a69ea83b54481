"""A connectome as a rate network: how long a table of synapses takes to become a circuit, and how fast it steps.

    python benchmarks/connectome.py [--neurons 100000] [--fan-out 100] [--steps 40] [--runs 5] [--without nest brian2]
                                    [--out results/benchmarks]

``neurons`` rate neurons, tau dv/dt = -v + tanh(sum of w u + b), with ``fan-out`` random synapses each, one sample. The
same tables are given to pcneuro (float32 and float64), Brian2 (cython, float64) and NEST (float64), all of which step
by the exponential Euler method; those that are not installed are left out. They live in one process and take turns,
round by round, after one round that does not count, in which things are compiled. A step's time is that of a longer run
less that of a shorter one, by the steps that they differ in; in small networks, whose steps are short next to what
begins a run, it means nothing. ``--neurons 2000`` is to see that all is there.

Correctness: the largest difference of the first run's activity from a float64 computation by SciPy, relative to the
largest activity. Weights are float32; where two neurons have several synapses, pcneuro adds these up in that type.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas
from machine import median_and_spread, report, seconds
from scipy.sparse import csr_array
from worker import peak

import pcneuro as pcn

ROOT = Path(__file__).parent.parent
TAU = 10.0
"""ms"""
DT = 1.0
"""ms"""
FEW = 5
"""Steps of the shorter run."""
AIM = 5e8
"""Synapses a second that are asked for."""


@dataclass(frozen=True)
class Problem:
    """Tables of neurons and synapses."""

    nodes: pandas.DataFrame
    edges: pandas.DataFrame

    @property
    def bias(self) -> np.ndarray:
        """Of each neuron."""
        return self.nodes["bias"].to_numpy()

    @property
    def synapses(self) -> int:
        """How many there are."""
        return len(self.edges)


@dataclass
class Measured:
    """Seconds that making it took, those of a step in all rounds, and the activity after ``FEW`` steps."""

    name: str
    make: list[float] = field(default_factory=list)
    step: list[float] = field(default_factory=list)
    activity: np.ndarray | None = None


@dataclass(frozen=True)
class Network:
    """``run(steps)``, and what the activity is then."""

    run: Callable[[int], object]
    read: Callable[[], np.ndarray]


def problem_of(neurons: int, fan_out: int) -> Problem:
    """Random targets, weights of variance 1 / fan-out, and biases."""
    rng = np.random.default_rng(0)
    pre = np.repeat(np.arange(neurons, dtype=np.int32), fan_out)
    post = rng.integers(neurons, size=pre.size, dtype=np.int32)
    weights = rng.standard_normal(pre.size, dtype=np.float32) / np.float32(fan_out**0.5)
    bias = rng.standard_normal(neurons)
    nodes = pandas.DataFrame({"population": "cells", "transfer": "tanh", "tau": TAU, "bias": bias})
    nodes["population"] = nodes["population"].astype("category")
    return Problem(nodes, pandas.DataFrame({"source": pre, "target": post, "weight": weights}))


def of_pcneuro(problem: Problem, dtype: Any) -> Network:
    """A circuit of the tables."""
    circuit = pcn.from_tables(problem.nodes, problem.edges)
    integrator = pcn.ExponentialEuler(DT)
    sim = pcn.Simulator(circuit, dynamics=pcn.Strict(), integrator=integrator, dtype=dtype)
    sim.run(0.0, inputs={}, initial={"cells": np.zeros(len(problem.nodes))})
    return Network(lambda steps: sim.run(steps * DT), lambda: np.asarray(sim.run(0.0).values["cells"][0]))


def of_brian2(problem: Problem, _: Any) -> Network:
    """A group, and synapses that sum."""
    import brian2 as b2

    b2.prefs.codegen.target = "cython"
    b2.defaultclock.dt = DT * b2.ms
    lines = "dv/dt = (-v + tanh(drive + bias)) / tau : 1\ndrive : 1\nbias : 1 (constant)"
    group = b2.NeuronGroup(len(problem.nodes), lines, method="exponential_euler", namespace={"tau": TAU * b2.ms})
    group.bias = problem.bias
    synapses = b2.Synapses(group, group, "w : 1 (constant)\ndrive_post = w * v_pre : 1 (summed)")
    synapses.connect(i=problem.edges["source"].to_numpy(), j=problem.edges["target"].to_numpy())
    synapses.w = problem.edges["weight"].to_numpy()
    network = b2.Network(group, synapses)
    return Network(lambda steps: network.run(steps * DT * b2.ms), lambda: np.array(group.v))


def of_nest(problem: Problem, _: Any) -> Network:
    """Rate neurons whose sums pass through tanh, and connections that take none."""
    import nest

    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.ResetKernel()
    nest.set(resolution=DT, use_wfr=False)
    cells = nest.Create("tanh_rate_ipn", len(problem.nodes), {"tau": TAU, "lambda": 1.0, "sigma": 0.0, "rate": 0.0})
    cells.theta = -problem.bias
    first = int(cells[0].global_id)
    pre, post = (problem.edges[end].to_numpy() + first for end in ("source", "target"))
    settings = {"synapse_model": "rate_connection_instantaneous", "weight": problem.edges["weight"].to_numpy(float)}
    nest.Connect(pre, post, "one_to_one", settings)
    return Network(lambda steps: nest.Simulate(steps * DT), lambda: np.array(cells.rate))


MAKERS: dict[str, tuple[Callable[[Problem, Any], Network], Any, str]] = {
    "pcneuro, float32": (of_pcneuro, np.float32, "pcneuro"),
    "pcneuro, float64": (of_pcneuro, np.float64, "pcneuro"),
    "Brian2, cython": (of_brian2, None, "brian2"),
    "NEST": (of_nest, None, "nest"),
}


def expected(problem: Problem) -> np.ndarray:
    """The activity after ``FEW`` steps."""
    n = len(problem.nodes)
    ends = problem.edges["target"].to_numpy(), problem.edges["source"].to_numpy()
    W = csr_array((problem.edges["weight"].to_numpy(float), ends), shape=(n, n))
    kept = np.exp(-DT / TAU)
    v = np.zeros(n)
    for _ in range(FEW):
        v = kept * v + (1 - kept) * np.tanh(W @ v + problem.bias)
    return v


def measure(problem: Problem, names: list[str], steps: int, runs: int) -> list[Measured]:
    """All of them, in turns."""
    measured = {name: Measured(name) for name in names}
    for turn in range(runs + 1):
        for name in names[:: 1 if turn % 2 else -1]:
            make, dtype, _ = MAKERS[name]
            times = measured[name]
            begun = time.perf_counter()
            network = make(problem, dtype)
            took = time.perf_counter() - begun
            network.run(FEW)
            if times.activity is None:
                times.activity = network.read()
            fewer = seconds(lambda network=network: network.run(FEW))
            more = seconds(lambda network=network: network.run(FEW + steps))
            if turn:
                times.make.append(took)
                times.step.append((more - fewer) / steps)
            del network
    return list(measured.values())


def rows_of(problem: Problem, measured: list[Measured]) -> list[list[object]]:
    """Lines of the table."""
    own, wanted = measured[0], expected(problem)
    table: list[list[object]] = []
    for times in measured:
        rates = problem.synapses / statistics.median(times.step)
        assert times.activity is not None
        apart = float(np.abs(times.activity - wanted).max() / np.abs(wanted).max())
        table.append(
            [
                times.name,
                median_and_spread(times.make),
                median_and_spread([1e3 * s for s in times.step]),
                f"{rates:.2e}",
                f"{AIM:.0e}" if times is own else "-",
                f"{statistics.median(times.step) / statistics.median(own.step):.2f}",
                f"{apart:.1e}",
            ]
        )
    return table


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--neurons", type=int, default=100_000)
    parser.add_argument("--fan-out", type=int, default=100)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--without", nargs="*", default=[], choices=("brian2", "nest"))
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "benchmarks")
    options = parser.parse_args()
    installed = {"pcneuro", *(name for name in ("brian2", "nest") if importlib.util.find_spec(name))}
    names = [name for name, (*_, library) in MAKERS.items() if library in installed - set(options.without)]
    problem = problem_of(options.neurons, options.fan_out)
    table = rows_of(problem, measure(problem, names, options.steps, options.runs))
    peak_bytes = peak()
    header = ["simulator", "s to make", "ms a step", "synapses/s", "aim", "time, pcneuro = 1", "difference"]
    title = (
        f"{options.neurons:,} rate neurons, {problem.synapses:,} synapses; peak {peak_bytes / 1e9:.1f} GB, all together"
    )
    report(title, header, table, options.out / "connectome.json", runs=options.runs)


if __name__ == "__main__":
    main()
