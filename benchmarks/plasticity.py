"""Plasticity: what weights that change in each step cost, and Brian2 on the same job of learning online.

    python benchmarks/plasticity.py [--turns 9] [--steps 40] [--batch 64] [--targets cython] [--out results/benchmarks]

First a multi-layer perceptron under strict dynamics, in turns with the same run whose weights are held: ``ratio`` is
that of the median times of a step, and ``correct`` says that the weights after a step are those of gradient descent,
bit for bit. Then 784-300-10, one sample, beside Brian2 as ``pcneuro.export.brian2.rate`` writes it, compiled before;
``weights off by`` is the largest distance from the kernel's.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
from machine import report

import pcneuro as pcn

ROOT = Path(__file__).parent.parent
LAYERS = (784, 256, 256, 10)
ONLINE = (784, 300, 10)
WARM = 2
"""Turns before those that count."""
TAU = 1e5
"""Time constant of weights in ms: they change in each step, and not by much."""


def perceptron(sizes: tuple[int, ...], plasticity: object) -> pcn.Circuit:
    """Layers of tanh, and a linear one."""
    rng = np.random.default_rng(0)
    weights = {f"W{k}": rng.normal(size=p) / np.sqrt(p[0]) for k, p in enumerate(pairwise(sizes), start=1)}

    def layers(x, **W):  # type: ignore[no-untyped-def]
        for k, name in enumerate(W, start=1):
            x = pcn.vertex(x @ W[name] if k == len(W) else np.tanh(x @ W[name]), f"v{k}")
        return x

    graph = pcn.trace(layers, x=pcn.Input((sizes[0],)), **{name: pcn.Parameter(w) for name, w in weights.items()})
    return pcn.build_circuit(graph, plasticity=plasticity)


def data_of(sizes: tuple[int, ...], batch: int) -> dict[str, dict[str, np.ndarray]]:
    """Inputs and targets."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(batch, sizes[0])), rng.normal(size=(batch, sizes[-1]))
    return {"inputs": {"x": x}, "targets": {f"v{len(sizes) - 1}": y}}


def in_turns(runs: dict[str, Callable[[], object]], options: argparse.Namespace) -> dict[str, float]:
    """Milliseconds of a step, the median of all turns."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(WARM + options.turns):
        for name, run in runs.items():
            begun = time.perf_counter()
            run()
            if turn >= WARM:
                times[name].append((time.perf_counter() - begun) * 1e3 / options.steps)
    return {name: statistics.median(each) for name, each in times.items()}


def is_a_step_of_descent(sizes: tuple[int, ...], dtype: np.dtype, batch: int) -> bool:
    """Whether one change of weights is one of ``SGD``, bit for bit."""
    settings, data = {"dynamics": pcn.Strict(), "dtype": dtype}, data_of(sizes, batch)
    learned = pcn.Simulator(perceptron(sizes, pcn.Hebbian(tau=TAU, every=5.0)), **settings).run(5.0, **data)
    still = pcn.Simulator(perceptron(sizes, None), **settings)
    gradients, rate = still.run(5.0, **data).gradients, 5.0 / TAU
    return all(np.array_equal(w - rate * gradients[n], learned.parameters[n]) for n, w in still.parameters.items())


def beside_held(options: argparse.Namespace) -> None:
    """Weights that change in each step beside weights that are held."""
    rows: list[list[object]] = []
    for sizes, batch in ((options.layers, options.batch), (options.online, 1)):
        for dtype in (np.dtype(np.float64), np.dtype(np.float32)):
            engine = pcn.Kernel(threads=options.threads)
            circuit = perceptron(sizes, pcn.Hebbian(tau=TAU))
            simulator = pcn.Simulator(circuit, dynamics=pcn.Strict(), dtype=dtype, engine=engine)
            simulator.run(1.0, **data_of(sizes, batch))
            runs = {
                what: lambda learn=learn, s=simulator: (s.reset(), s.run(float(options.steps), learn=learn))
                for what, learn in (("held", False), ("plastic", True))
            }
            medians = in_turns(runs, options)
            ratio = medians["plastic"] / medians["held"]
            right = is_a_step_of_descent(sizes, dtype, batch)
            shape = "-".join(map(str, sizes))
            milliseconds = [f"{medians[what]:.4f}" for what in runs]
            rows.append([shape, batch, dtype.name, *milliseconds, f"{ratio:.2f}", right])
    header = ["layers", "batch", "dtype", "held, ms a step", "plastic, ms a step", "ratio", "correct"]
    report("Plasticity in each step", header, rows, options.out / "plasticity.json")


def beside_brian2(options: argparse.Namespace) -> None:
    """Learning online, one sample, beside Brian2."""
    from pcneuro.export import brian2

    circuit, data = perceptron(options.online, pcn.Hebbian(tau=TAU)), data_of(options.online, 1)
    duration = float(options.steps)
    simulator = pcn.Simulator(circuit, dynamics=pcn.Strict(), engine=pcn.Kernel(threads=1))
    simulator.run(1.0, **data)
    networks = {
        target: brian2.rate(circuit, dynamics=pcn.Strict(), target=target, **data) for target in options.targets
    }

    def again() -> object:
        simulator.set_parameters(circuit.parameters)
        simulator.reset()
        return simulator.run(duration)

    def of(network: object) -> Callable[[], object]:
        def run() -> object:
            network.reset()  # type: ignore[attr-defined]
            return network.run(duration)  # type: ignore[attr-defined]

        return run

    medians = in_turns({"pcneuro": again, **{name: of(network) for name, network in networks.items()}}, options)
    rows: list[list[object]] = [["pcneuro", f"{medians['pcneuro']:.4f}", "1", "0"]]
    weights = simulator.parameters
    for name, network in networks.items():
        off = max(float(np.abs(network.parameters[each] - weights[each]).max()) for each in weights)
        rows.append(
            [f"Brian2, {name}", f"{medians[name]:.4f}", f"{medians['pcneuro'] / medians[name]:.4f}", f"{off:.1e}"]
        )
    header = ["simulator", "median, ms a step", "pcneuro / it", "weights off by"]
    report("Learning online, one sample", header, rows, options.out / "plasticity_brian2.json")


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--layers", type=int, nargs="+", default=LAYERS)
    parser.add_argument("--online", type=int, nargs="+", default=ONLINE)
    parser.add_argument("--targets", nargs="*", default=["numpy", "cython"], help="of Brian2; none: without it")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "benchmarks")
    options = parser.parse_args()
    options.layers, options.online = tuple(options.layers), tuple(options.online)
    beside_held(options)
    if options.targets:
        beside_brian2(options)


if __name__ == "__main__":
    main()
