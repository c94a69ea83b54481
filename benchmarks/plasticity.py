"""Plasticity: what weights that change in each step cost, and Brian2 on the same job of learning online.

    python benchmarks/plasticity.py [--turns 9] [--steps 40] [--batch 64] [--targets cython cpp_standalone]

First a multi-layer perceptron under strict dynamics, in turns with the same run whose weights are held. There the
product of a held input and the first weights is computed once and passed over from then on, which no run can do whose
weights change: so beside it stands a run with held weights and an input whose two rows of numbers, a bit apart, take
turns, in which nothing is passed over. Ratios are those of the median times of a step; ``products / held`` is what the
multiplications alone would give; ``correct`` says that the weights after a step are those of gradient descent, bit for
bit. Then 784-300-10, one sample, beside Brian2 as ``pcneuro.export.brian2.rate`` writes it, compiled before;
``weights off by`` is the largest distance from the kernel's.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable

import numpy as np
from machine import report
from perceptron import DTYPES, Products, data_of, from_sweep, in_turns, options_of, perceptron, taking_turns

import pcneuro as pcn

ONLINE = (784, 300, 10)
TAU = 1e5
"""Time constant of weights in ms: they change in each step, and not by much."""
HELD, UNSKIPPED, PLASTIC = "held", "held, nothing passed over", "plastic"


def learner(sizes: tuple[int, ...], plasticity: object) -> pcn.Circuit:
    """The perceptron, and how its weights change."""
    return pcn.build_circuit(perceptron(sizes), plasticity=plasticity)


def is_a_step_of_descent(sizes: tuple[int, ...], dtype: np.dtype, batch: int) -> bool:
    """Whether one change of weights is one of ``SGD``, bit for bit."""
    settings, data = {"dynamics": pcn.Strict(), "dtype": dtype}, data_of(sizes, batch)
    learned = pcn.Simulator(learner(sizes, pcn.Hebbian(tau=TAU, every=5.0)), **settings).run(5.0, **data)
    still = pcn.Simulator(learner(sizes, None), **settings)
    gradients, rate = still.run(5.0, **data).gradients, 5.0 / TAU
    return all(np.array_equal(w - rate * gradients[n], learned.parameters[n]) for n, w in still.parameters.items())


def beside_held(options: argparse.Namespace) -> None:
    """Weights that change in each step beside weights that are held."""
    rows: list[list[object]] = []
    for sizes, batch in ((options.layers, options.batch), (options.online, 1)):
        products, data = Products.of(sizes), data_of(sizes, batch)
        wanted = {HELD: products.held, UNSKIPPED: products.streamed, PLASTIC: products.learned}
        given = dict.fromkeys(wanted, data["inputs"]["x"]) | {UNSKIPPED: taking_turns(data["inputs"]["x"])}
        for dtype in DTYPES:
            simulators = {}
            for name, x in given.items():
                circuit, engine = learner(sizes, pcn.Hebbian(tau=TAU)), pcn.Kernel(threads=options.threads)
                simulators[name] = pcn.Simulator(circuit, dynamics=pcn.Strict(), dtype=dtype, engine=engine)
                simulators[name].run(1.0, inputs={"x": x}, targets=data["targets"])
            runs = {name: from_sweep(s, options.steps, learn=name == PLASTIC) for name, s in simulators.items()}
            times = in_turns(runs, options.turns, options.steps)
            medians = {name: statistics.median(each) for name, each in times.items()}
            right = is_a_step_of_descent(sizes, dtype, batch)
            for name, median in medians.items():
                ratios = [f"{median / medians[other]:.2f}" for other in (HELD, UNSKIPPED)]
                alone = f"{wanted[name] / products.held:.2f}"
                shape = "-".join(map(str, sizes))
                rows.append([shape, batch, dtype.name, name, f"{median:.4f}", *ratios, alone, right])
    header = ["layers", "batch", "dtype", "weights", "median, ms a step"]
    ratios = ["median / held", "median / nothing passed over", "products / held", "correct"]
    title = f"Plasticity in each step, {options.threads} threads"
    report(title, [*header, *ratios], rows, options.out / "plasticity.json")


def beside_brian2(options: argparse.Namespace) -> None:
    """Learning online, one sample, beside Brian2."""
    from pcneuro.export import brian2

    circuit, data = learner(options.online, pcn.Hebbian(tau=TAU)), data_of(options.online, 1)
    duration = float(options.steps)
    simulator = pcn.Simulator(circuit, dynamics=pcn.Strict(), engine=pcn.Kernel(threads=1))
    simulator.run(1.0, **data)
    networks = {
        target: brian2.rate(circuit, dynamics=pcn.Strict(), target=target, **data) for target in options.targets
    }

    def again() -> None:
        simulator.set_parameters(circuit.parameters)
        simulator.reset()

    runs: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "pcneuro": (again, lambda: simulator.run(duration))
    }
    for name, network in networks.items():
        runs[name] = network.reset, lambda network=network: network.run(duration)
    times = in_turns(runs, options.turns, options.steps)
    medians = {name: statistics.median(each) for name, each in times.items()}
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
    parser = options_of(__doc__ or "", 9)
    parser.add_argument("--online", type=int, nargs="+", default=ONLINE)
    known = "of Brian2: numpy, cython, cpp_standalone; none: without it"
    parser.add_argument("--targets", nargs="*", default=["cython", "cpp_standalone"], help=known)
    options = parser.parse_args()
    options.layers, options.online = tuple(options.layers), tuple(options.online)
    beside_held(options)
    if options.targets:
        beside_brian2(options)


if __name__ == "__main__":
    main()
