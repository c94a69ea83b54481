"""Worker of compare.py: pcneuro's circuit of a problem, by its kernel, its reference simulator, or reverse mode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from peer import Problem, Step, main

import pcneuro as pcn
from circuits.cnn import cnn
from circuits.rnn import rnn

TAU = 10.0
"""ms"""


def layered(problem: Problem) -> pcn.Circuit:
    """Hidden layers of tanh units and linear outputs, with squared error."""
    layers = range(1, problem.layers + 1)

    def forward(x, **theta):
        for i in layers:
            x = x @ theta[f"W{i}"] + theta[f"b{i}"]
            x = pcn.vertex(np.tanh(x), f"h{i}") if i < problem.layers else pcn.vertex(x, "out")
        return x

    theta = {name: pcn.Parameter(value) for name, value in problem.theta.items()}
    return pcn.build_circuit(pcn.trace(forward, x=pcn.Input((problem.x.shape[1],)), **theta), tau=TAU)


def recurrent(problem: Problem) -> pcn.Circuit:
    """That of circuits/rnn.py, which reads rows of numbers."""
    _, length, vocabulary = problem.x.shape
    return rnn(length, vocabulary, *problem.theta["V"].shape, tau=TAU)


KINDS = {"layered": layered, "cnn": lambda problem: cnn(tau=TAU), "rnn": recurrent}


def simulator(method: str, circuit: pcn.Circuit, problem: Problem, threads: int) -> pcn.Simulator:
    """A simulator for a method: ``[reference-]strict|fixed``, ``fast-forward``, ``tolerance`` (fixed prediction)."""
    exact = method.startswith("reference-")
    schedule: dict[str, Any] = {}
    if method == "fast-forward":
        if not hasattr(pcn, "FastForward"):
            raise SystemExit("this version of pcneuro has no FastForward")
        schedule = {"schedule": pcn.FastForward()}
    tolerance = 1e-3 if method == "tolerance" else 0.0
    return pcn.Simulator(
        circuit,
        dynamics=pcn.Strict() if method.endswith("strict") else pcn.FixedPrediction(),
        integrator=pcn.Euler(dt=TAU * problem.rate),
        dtype=np.float64 if exact else np.float32,
        engine=pcn.Reference() if exact else pcn.Kernel(threads=threads, tolerance=tolerance),
        **schedule,
    )


def make(method: str, problem: Problem, threads: int) -> Step:
    """The methods of ``simulator``, or ``exact``: reverse mode in float64."""
    circuit = KINDS[problem.kind](problem)
    data: dict[str, Any] = {"inputs": {"x": problem.x}, "targets": {"out": problem.y}}
    if method == "exact":
        return lambda: pcn.backprop(circuit, **data, parameters=dict(problem.theta)).gradients
    sim = simulator(method, circuit, problem, threads)
    duration = problem.steps * TAU * problem.rate

    def step() -> Mapping[str, np.ndarray]:
        sim.reset()
        sim.set_parameters(problem.theta)
        return sim.run(duration, **data).gradients

    return step


if __name__ == "__main__":
    main(make, pcn.__version__)
