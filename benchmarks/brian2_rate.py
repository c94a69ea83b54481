"""An exported Brian2 network beside one that is written out by hand for the same synapses: time to build, time a step.

    python benchmarks/brian2_rate.py [--sizes 784 300 10] [--seconds 2] [--runs 7] [--targets cython numpy]
                                     [--out results/benchmarks]

A layered network with tanh units and a linear readout, a batch of one, float64, strict dynamics and fixed prediction.
Both live in one process and take turns, round by round, each beginning in every other one. A round makes both networks,
and runs both for a few steps and for more, some ``--seconds`` of them. A step's time is that of the second run less
that of the first, by the steps that they differ in: what Brian2 does before and behind the steps of a run falls out of
it, and is told as ``ms a run``. One round comes first and does not count; in it Brian2 compiles what is not in its
cache yet.

By hand there is one Synapses object a projection, which sums predictions forward and errors backward. Under fixed
prediction predictions are numbers of the feedforward sweep, and nothing goes forward. Both have all weights as
synapses.

Correctness: the largest difference of the hidden populations' values and errors after the first run, relative to the
largest of them, between the two, and between each and pcneuro's kernel.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from machine import median_and_spread, report, seconds

import pcneuro as pcn
from pcneuro.export import brian2 as exporter
from pcneuro.export.brian2.library import library

ROOT = Path(__file__).parent.parent
TAU = 10.0
"""ms"""
DT = 1.0
"""ms"""
FEW = 20
"""Steps of the shorter run, far from equilibrium still."""
LIMIT = 3.0
"""What the ratio of the times of a step is to stay under."""
Activities = dict[str, np.ndarray]


@dataclass(frozen=True)
class Problem:
    """A layered network: ``W`` (units before, units behind) and ``b`` of each layer, one input and one target."""

    W: list[np.ndarray]
    b: list[np.ndarray]
    x: np.ndarray
    y: np.ndarray

    @property
    def hidden(self) -> list[str]:
        """Populations between input and output."""
        return [f"h{k}" for k in range(1, len(self.W))]


@dataclass
class Measured:
    """A network's times in all rounds that count, in s, and hidden values and errors after the first run."""

    build: list[float] = field(default_factory=list)
    step: list[float] = field(default_factory=list)
    run: list[float] = field(default_factory=list)
    """Of a run without its steps."""
    steps: int = 0
    """By which its runs differ."""
    activities: Activities = field(default_factory=dict)


@dataclass(frozen=True)
class Network:
    """A network that can ``run`` for so many steps, and ``read`` hidden values and errors as the last run left them."""

    run: Callable[[int], object]
    read: Callable[[], Activities]


def problem_of(sizes: list[int]) -> Problem:
    """Random weights of variance 1 / units before."""
    rng = np.random.default_rng(0)
    W = [rng.normal(size=(n, m)) / np.sqrt(n) for n, m in pairwise(sizes)]
    return Problem(
        W, [0.1 * rng.normal(size=m) for m in sizes[1:]], rng.normal(size=sizes[0]), rng.normal(size=sizes[-1])
    )


def circuit_of(problem: Problem) -> pcn.Circuit:
    """The same as a circuit."""

    def network(x, **theta):
        for k, name in enumerate([*problem.hidden, "out"], 1):
            x = x @ theta[f"W{k}"] + theta[f"b{k}"]
            x = pcn.vertex(x if name == "out" else np.tanh(x), name)
        return x

    theta = {f"W{k}": pcn.Parameter(W) for k, W in enumerate(problem.W, 1)}
    theta |= {f"b{k}": pcn.Parameter(b) for k, b in enumerate(problem.b, 1)}
    return pcn.build_circuit(pcn.trace(network, x=pcn.Input(problem.x.shape), **theta), tau=TAU)


def exported(problem: Problem, circuit: pcn.Circuit, dynamics: pcn.AbstractDynamics, target: str) -> Network:
    """By pcneuro.export.brian2."""
    data = {"inputs": {"x": problem.x}, "targets": {"out": problem.y}}
    made = exporter.rate(circuit, **data, dynamics=dynamics, integrator=pcn.Euler(DT), target=target)
    last: list[Any] = []

    def run(steps: int) -> None:
        last[:] = [made.run(steps * DT)]

    def read() -> Activities:
        values = {f"{name}.value": last[0].values[name].ravel() for name in problem.hidden}
        return values | {f"{name}.error": last[0].errors[name].ravel() for name in problem.hidden}

    return Network(run, read)


def sweep(problem: Problem) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Of the feedforward sweep, at each depth: values, with the target in the output's place, and predictions."""
    values = [problem.x]
    for W, b in zip(problem.W[:-1], problem.b[:-1], strict=True):
        values.append(np.tanh(values[-1] @ W + b))
    return [*values, problem.y], [*values, values[-1] @ problem.W[-1] + problem.b[-1]]


def populations(problem: Problem, held: bool) -> list[Any]:
    """A group for each depth. ``sent`` = f'(a) err is what it sends back, ``held`` whether predictions stay."""
    import brian2 as b2

    values, predictions = sweep(problem)
    groups = []
    for k, name in enumerate(["x", *problem.hidden, "out"]):
        hidden = name in problem.hidden
        lines = ["dv/dt = (back - err) / tau : 1\nback : 1" if hidden else "v : 1"]
        if k:
            drive = "tanh(drive + bias)" if hidden else "drive + bias"
            lines.append("prediction : 1" if held else f"drive : 1\nbias : 1 (constant)\nprediction = {drive} : 1")
            lines.append("err = v - prediction : 1")
            lines.append(f"sent = err{' * (1 - prediction**2)' if hidden else ''} : 1")
        group = b2.NeuronGroup(
            len(values[k]), "\n".join(lines), method="euler", name=f"hand_{name}", namespace={"tau": TAU * b2.ms}
        )
        group.v = values[k]
        if k and held:
            group.prediction = predictions[k]
        elif k:
            group.bias = problem.b[k - 1]
        groups.append(group)
    return groups


def written(problem: Problem, circuit: pcn.Circuit, dynamics: pcn.AbstractDynamics, target: str) -> Network:
    """By hand."""
    import brian2 as b2

    held = isinstance(dynamics, pcn.FixedPrediction)
    b2.prefs.codegen.target = target
    b2.defaultclock.dt = DT * b2.ms
    groups = populations(problem, held)
    projections = []
    for k, W in enumerate(problem.W):
        equations = "w : 1"
        if not held:
            equations += "\ndrive_post = w * v_pre : 1 (summed)"
        if k:
            equations += "\nback_pre = w * sent_post : 1 (summed)"
        synapses = b2.Synapses(groups[k], groups[k + 1], equations, name=f"hand_{k}_to_{k + 1}")
        synapses.connect()
        synapses.w = W.ravel()
        # Predictions before feedback, which else lags a step behind.
        for name, updater in synapses.summed_updaters.items():
            updater.order = -2 if name == "drive_post" else -1
        projections.append(synapses)
    network = b2.Network(*groups, *projections)
    sums = sorted((u for s in projections for u in s.summed_updaters.values()), key=lambda updater: updater.order)

    def run(steps: int) -> None:
        network.run(steps * DT * b2.ms)

    def read() -> Activities:
        # Sums are those of the last step's beginning.
        for updater in sums:
            updater.run()
        named = dict(zip(problem.hidden, groups[1:-1], strict=True))
        values = {f"{name}.value": np.array(group.v) for name, group in named.items()}
        return values | {f"{name}.error": np.array(group.err[:]) for name, group in named.items()}

    return Network(run, read)


def apart(activities: Activities, wanted: Activities) -> float:
    """The largest difference, relative to the largest of each."""
    return max(float(np.abs(activities[name] - array).max() / np.abs(array).max()) for name, array in wanted.items())


def by_kernel(problem: Problem, circuit: pcn.Circuit, dynamics: pcn.AbstractDynamics, steps: int) -> Activities:
    """The same run by the simulator."""
    sim = pcn.Simulator(circuit, dynamics=dynamics, integrator=pcn.Euler(DT), dtype=np.float64)
    result = sim.run(steps * DT, inputs={"x": problem.x}, targets={"out": problem.y})
    values = {f"{name}.value": result.values[name].ravel() for name in problem.hidden}
    return values | {f"{name}.error": result.errors[name].ravel() for name in problem.hidden}


MAKERS = {"exported": exported, "by hand": written}


def enough(network: Network, least: float) -> int:
    """A number of steps that take ``least`` seconds at least, Brian2's work before and behind them left out."""
    steps, empty = FEW, seconds(partial(network.run, 0))
    while seconds(partial(network.run, steps)) < empty + least:
        steps *= 2
    return steps


def measure(
    problem: Problem, circuit: pcn.Circuit, dynamics: pcn.AbstractDynamics, target: str, least: float, runs: int
) -> dict[str, Measured]:
    """Both networks, in turns."""
    measured = {name: Measured() for name in MAKERS}
    steps = 0
    for turn in range(runs + 1):
        for name in list(MAKERS)[:: 1 if turn % 2 else -1]:
            begun = time.perf_counter()
            network = MAKERS[name](problem, circuit, dynamics, target)
            build = time.perf_counter() - begun
            network.run(0)  # compiles, or takes from the cache
            fewer = seconds(partial(network.run, FEW))
            times = measured[name]
            times.activities = network.read()
            steps = steps or FEW + enough(network, least)
            more = seconds(partial(network.run, steps))
            if turn:
                times.steps = steps - FEW
                times.build.append(build)
                times.step.append((more - fewer) / times.steps)
                times.run.append(fewer - FEW * times.step[-1])
            # The next one finds as much memory.
            del network
            gc.collect()
    return measured


def rows(measured: dict[str, Measured], kernel: Activities, target: str, dynamics: str) -> list[list[object]]:
    """Lines of the table."""
    hand = measured["by hand"]
    table: list[list[object]] = []
    for name, times in measured.items():
        ratios = [
            statistics.median(a) / statistics.median(b) for a, b in ((times.step, hand.step), (times.build, hand.build))
        ]
        table.append(
            [
                f"{name}, {dynamics}, {target}",
                median_and_spread([1e3 * s for s in times.step]),
                f"{ratios[0]:.2f}",
                f"{LIMIT:g}" if name == "exported" else "-",
                median_and_spread([1e3 * s for s in times.run]),
                median_and_spread(times.build),
                f"{ratios[1]:.2f}",
                f"{apart(times.activities, hand.activities):.1e}",
                f"{apart(times.activities, kernel):.1e}",
                times.steps,
                len(times.step),
            ]
        )
    return table


HEADER = [
    "network",
    "ms a step, median (range)",
    "to by hand",
    "to stay under",
    "ms a run",
    "build s",
    "to by hand, build",
    "from by hand",
    "from the kernel",
    "steps",
    "runs",
]


def main() -> None:
    """Measure, compare, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[784, 300, 10])
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--targets", nargs="+", choices=["cython", "numpy"], default=["cython", "numpy"])
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "benchmarks")
    options = parser.parse_args()
    if len(options.sizes) < 3 or options.runs < 1 or options.seconds <= 0:
        parser.error("--sizes of an input, a hidden layer and an output at least; --runs from 1 on; --seconds above 0")
    b2 = library()
    problem = problem_of(options.sizes)
    circuit = circuit_of(problem)
    table: list[list[object]] = []
    raw: list[dict[str, object]] = []
    for target in options.targets:
        for dynamics in (pcn.Strict(), pcn.FixedPrediction()):
            measured = measure(problem, circuit, dynamics, target, options.seconds, options.runs)
            kernel = by_kernel(problem, circuit, dynamics, FEW)
            name = type(dynamics).__name__
            table += rows(measured, kernel, target, name)
            raw += [
                {"network": n, "dynamics": name, "target": target, "build": m.build, "step": m.step, "run": m.run}
                for n, m in measured.items()
            ]
    title = f"{'-'.join(map(str, options.sizes))} in Brian2 {b2.__version__}"
    report(title, HEADER, table, options.out / "brian2_rate.json", raw=raw)


if __name__ == "__main__":
    main()
