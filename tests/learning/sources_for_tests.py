"""Sources of gradients of all kinds, with examples: what circuits, dynamics, engines and numbers there are."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import pcneuro as pcn
from pcneuro.learning.sources import AbstractSource
from tests.learning.small import classifier, clusters

SAMPLES = 40
"""Of all of them: more than a block, and no multiple of the pieces that tests make."""


def relaxing(circuit: pcn.Circuit | None = None, **settings: Any) -> tuple[AbstractSource, pcn.Examples]:
    simulator = pcn.Simulator(classifier() if circuit is None else circuit, **settings)
    return pcn.PredictiveCoding(simulator, 30.0), clusters(SAMPLES)


def with_noise(**settings: Any) -> tuple[AbstractSource, pcn.Examples]:
    circuit = classifier()
    noise = {"h": pcn.WhiteNoise(0.2), "out.error": pcn.OrnsteinUhlenbeck(0.1, 5.0)}
    noisy = pcn.build_circuit(circuit.graph, error_tau={"out": 3.0}, noise=noise)
    return relaxing(noisy, seed=4, **settings)


def with_messages() -> tuple[AbstractSource, pcn.Examples]:
    rounding = pcn.passes.QuantizeErrors(6, {"h": 1.0, "out": 2.0}, rounding=pcn.passes.Stochastic(3))
    return relaxing(pcn.passes.apply(classifier(), [rounding]))


def in_reverse() -> tuple[AbstractSource, pcn.Examples]:
    return pcn.Backprop(classifier()), clusters(SAMPLES)


def with_learned_variances() -> tuple[AbstractSource, pcn.Examples]:
    """A simulator whose variances are no longer those of its circuit."""
    rules = {"h": pcn.LearnedVariance(tau=50.0)}
    learns = pcn.build_circuit(classifier().graph, plasticity=rules)
    simulator, examples = pcn.Simulator(learns, dynamics=pcn.Strict()), clusters(SAMPLES)
    simulator.run(20.0, inputs=examples.inputs, targets=examples.targets)
    return pcn.PredictiveCoding(simulator, 30.0), examples


def with_latents() -> tuple[AbstractSource, pcn.Examples]:
    def network(z: Any, W: Any) -> Any:
        return pcn.vertex(np.tanh(z @ W), "x")

    weights = np.random.default_rng(5).normal(size=(2, 4)) / 2
    graph = pcn.trace(network, z=pcn.Latent((2,)), W=pcn.Parameter(weights))
    source = pcn.PredictiveCoding(pcn.Simulator(pcn.build_circuit(graph), dynamics=pcn.Strict()), 30.0)
    return source, pcn.Examples({}, {"x": clusters(SAMPLES).inputs["x"]})


SOURCES: dict[str, Callable[[], tuple[AbstractSource, pcn.Examples]]] = {
    "fixed prediction": relaxing,
    "strict": partial(relaxing, dynamics=pcn.Strict()),
    "float32": partial(relaxing, dtype=np.float32),
    "Runge-Kutta": partial(relaxing, dynamics=pcn.Strict(), integrator=pcn.RungeKutta4(0.5)),
    "fast forward": partial(relaxing, schedule=pcn.FastForward()),
    "delays": lambda: relaxing(classifier().with_delays(2.0)),
    "noise": partial(with_noise, dynamics=pcn.Strict()),
    "noise of the reference": partial(with_noise, engine=pcn.Reference()),
    "drawn messages": with_messages,
    "events": partial(relaxing, engine=pcn.EventDriven(pcn.Absolute(0.01))),
    "learned variances": with_learned_variances,
    "latents": with_latents,
    "backprop": in_reverse,
}
