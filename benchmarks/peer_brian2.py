"""Worker of compare.py: Brian2's cpp_standalone, strict dynamics of a layered problem, one sample, written out by hand.

A group of neurons for each population of values, one for each of errors; a projection W_i is a Synapses object that
carries predictions from values to errors, and another that carries errors back, as summed variables. Predictions are
ordered before feedback, else feedback lags a step behind. Brian2 sums the clamped input's projection in
every step, too, since it cannot know that its values stay. float32, Euler's method, its default compiler flags. The
program is compiled in set-up; a step of this worker is a run of it, which begins from the feedforward sweep.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping

import brian2 as b2
import numpy as np
from peer import Problem, Step, main

TAU = 10.0
"""ms"""


def sweep(problem: Problem) -> list[np.ndarray]:
    """Values of the feedforward sweep, and the target in the place of the output's."""
    values = [problem.x[0]]
    for i in range(1, problem.layers):
        values.append(np.tanh(values[-1] @ problem.theta[f"W{i}"] + problem.theta[f"b{i}"]))
    return [*values, problem.y[0]]


def populations(problem: Problem) -> tuple[list[b2.NeuronGroup], list[b2.NeuronGroup | None]]:
    """Values, and errors with ``sent`` = f'(a) err, what they send back, at each depth."""
    values: list[b2.NeuronGroup] = []
    errors: list[b2.NeuronGroup | None] = []
    for i, start in enumerate(sweep(problem)):
        inside = 0 < i < problem.layers
        equations = "dv/dt = (back - err) / tau : 1\nback : 1\nerr : 1 (linked)" if inside else "v : 1"
        group = b2.NeuronGroup(len(start), equations, method="euler", name=f"value{i}", namespace={"tau": TAU * b2.ms})
        group.v = start
        values.append(group)
        if i == 0:
            errors.append(None)
            continue
        f = "tanh(drive + bias)" if i < problem.layers else "drive + bias"
        gain = "err * (1 - guess**2)" if i < problem.layers else "err"
        equations = f"drive : 1\nbias : 1\nguess = {f} : 1\nv : 1 (linked)\nerr = v - guess : 1\nsent = {gain} : 1"
        error = b2.NeuronGroup(len(start), equations, name=f"error{i}")
        error.bias = problem.theta[f"b{i}"]
        error.v = b2.linked_var(group, "v")
        if inside:
            group.err = b2.linked_var(error, "err")
        errors.append(error)
    return values, errors


def projections(
    problem: Problem, values: list[b2.NeuronGroup], errors: list[b2.NeuronGroup | None]
) -> list[b2.Synapses]:
    """Of each W_i one that predicts, and, where what it comes from is free, one that carries back."""
    made = []
    for i in range(1, problem.layers + 1):
        W = problem.theta[f"W{i}"].ravel()
        ways = [(values[i - 1], errors[i], "drive_post = w * v_pre : 1 (summed)", -2)]
        if i > 1:
            ways.append((errors[i], values[i - 1], "back_post = w * sent_pre : 1 (summed)", -1))
        for source, target, equation, order in ways:
            forward = order == -2
            synapses = b2.Synapses(source, target, "w : 1\n" + equation, name=f"{'down' if forward else 'up'}{i}")
            synapses.connect()
            synapses.w = W if forward else problem.theta[f"W{i}"].T.ravel()
            for updater in synapses.summed_updaters.values():
                updater.order = order
            made.append(synapses)
    return made


def gradients(problem: Problem, values: list[np.ndarray]) -> dict[str, np.ndarray]:
    """From the values at the end."""
    gradients = {}
    for i in range(1, problem.layers + 1):
        drive = values[i - 1] @ problem.theta[f"W{i}"] + problem.theta[f"b{i}"]
        guess = np.tanh(drive) if i < problem.layers else drive
        sent = (values[i] - guess) * (1 - guess**2 if i < problem.layers else 1)
        gradients |= {f"W{i}": -np.outer(values[i - 1], sent), f"b{i}": -sent}
    return gradients


def make(method: str, problem: Problem, threads: int) -> Step:
    """``strict``."""
    if method != "strict" or len(problem.x) != 1:
        raise SystemExit(f"{method}, {len(problem.x)} samples: strict dynamics of one sample are written for Brian2")
    logging.getLogger("brian2").setLevel(logging.ERROR)
    folder = tempfile.TemporaryDirectory()
    b2.prefs.core.default_float_dtype = np.float32
    b2.prefs.devices.cpp_standalone.openmp_threads = threads if threads > 1 else 0
    b2.set_device("cpp_standalone", directory=folder.name, build_on_run=False)
    b2.defaultclock.dt = TAU * problem.rate * b2.ms
    values, errors = populations(problem)
    network = b2.Network(*values, *errors[1:], *projections(problem, values, errors))
    network.run(problem.steps * TAU * problem.rate * b2.ms)
    b2.device.build(directory=folder.name, compile=True, run=False, debug=False)

    def step(folder: tempfile.TemporaryDirectory[str] = folder) -> Mapping[str, np.ndarray]:
        b2.device.run()
        return gradients(problem, [np.array(group.v) for group in values])

    return step


if __name__ == "__main__":
    main(make, b2.__version__)
