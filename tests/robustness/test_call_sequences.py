"""All engines through random sequences of calls, held against the reference: changes of data and parameters, pauses.

With conduction delays, too: what is on its way when something changes goes on its way.
"""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from circuits.lstm import lstm
from tests.circuits_for_tests import data_for, every_dynamics, mlp, random_dag
from tests.engines.reference.test_delayed import derived

BATCH = 2
RUNAWAY = 1e6
"""Of circuits that have grown so large rounding errors have, too."""


def roots() -> pcn.Circuit:
    """Two latents, and an output that is compared by its logits."""

    def function(z, y, W):
        h = pcn.vertex(np.tanh(z @ W) + y, "h")
        return pcn.vertex(h @ W.T, "out")

    W = pcn.Parameter(np.random.default_rng(0).normal(size=(3, 3)))
    graph = pcn.trace(function, z=pcn.Latent((3,), prior=0.4), y=pcn.Latent((3,), prior=0.0), W=W)
    return pcn.build_circuit(graph, energies={"out": pcn.SoftmaxCrossEntropy()})


ENGINES = {"kernel": pcn.Kernel(), "events": pcn.EventDriven(threshold=0.0)}
CIRCUITS = {
    "mlp": lambda: pcn.build_circuit(mlp((4, 5, 6, 3)), precision={"h1": 1.5}, tau={"h2": 7.0}),
    "lstm": lambda: lstm(length=2, vocabulary=4, hidden=3),
    "roots": roots,
    "derived": derived,
    "dag": lambda: pcn.build_circuit(random_dag(3), vertices="all"),
}
DELAYS = {"none": 0.0, "constant": 2.0, "drawn": pcn.UniformDelay(1.0, 5.0, seed=2)}


class Caller:
    """Calls that fit a circuit, drawn from a generator."""

    def __init__(self, circuit: pcn.Circuit, seed: int) -> None:
        self.circuit, self.rng = circuit, np.random.default_rng(seed)
        self.time = 0.0

    def call(self) -> str:
        kinds = ["run", "inputs", "targets", "parameters", "clamp", "unclamp", "same", "store", "restore", "reset"]
        chance = [4, 2, 2, 2, 2, 1, 1, 1, 1, 0.3]
        return str(self.rng.choice(kinds, p=np.array(chance) / sum(chance)))

    def inputs(self) -> dict:
        return data_for(self.circuit.graph, BATCH, scale=0.5, seed=int(self.rng.integers(1000)))[0]

    def targets(self) -> dict:
        targets = data_for(self.circuit.graph, BATCH, scale=0.5, seed=int(self.rng.integers(1000)))[1]
        for output, node in self.circuit.graph.outputs.items():
            if isinstance(self.circuit.energies[node.name], pcn.SoftmaxCrossEntropy):
                classes = np.eye(node.shape[-1])[self.rng.integers(node.shape[-1])]
                targets[output] = np.broadcast_to(classes, (BATCH, *node.shape))
        return targets

    def parameters(self) -> dict:
        return {n: a + 0.1 * self.rng.normal(size=a.shape) for n, a in self.circuit.parameters.items()}

    def clamp(self) -> dict:
        hidden = [v for v in self.circuit.vertices if v not in self.circuit.energies]
        if not hidden:
            return {}
        name = str(self.rng.choice(hidden))
        return {name: 0.3 * self.rng.normal(size=(BATCH, *self.circuit.graph.nodes[name].shape))}

    def duration(self) -> float:
        return float(self.rng.integers(1, 9))


def largest(result: pcn.Result) -> float:
    parts = (result.values, result.errors, result.predictions, result.gradients)
    return max(1.0, *(float(np.abs(array).max(initial=0.0)) for part in parts for array in part.values()))


def agree(a: pcn.Result, b: pcn.Result, calls: list[str]) -> None:
    """Within rounding of the largest number of the circuit."""
    parts = ("values", "errors", "predictions", "gradients")
    scale = largest(b)
    for part in parts:
        for name, array in getattr(b, part).items():
            np.testing.assert_allclose(
                getattr(a, part)[name], array, rtol=0, atol=1e-10 * scale, err_msg=f"{part} of {name} after {calls}"
            )
    assert a.time == b.time


def call_both(name: str, delays: str, engine: str, dynamics, seed: int, folder, length: int) -> None:
    """Make the same calls of a simulator with an engine and of one with the reference; compare them after each run."""
    circuit = CIRCUITS[name]().with_delays(DELAYS[delays])
    caller = Caller(circuit, seed)
    pair = [pcn.Simulator(circuit, dynamics=dynamics, engine=e) for e in (ENGINES[engine], pcn.Reference())]
    data = {"inputs": caller.inputs(), "targets": caller.targets()}
    calls, stored = ["run"], False
    agree(*(sim.run(5.0, **data) for sim in pair), calls)
    for _ in range(length):
        call = caller.call()
        calls.append(call)
        more = {}
        if call in ("inputs", "targets", "clamp"):
            more = {call: getattr(caller, call)()}
        elif call == "unclamp":
            more = {"clamp": {}}
        elif call in ("parameters", "same"):
            values = caller.parameters() if call == "parameters" else pair[0].parameters
            for sim in pair:
                sim.set_parameters(values)
        elif call == "store" or (call == "restore" and stored):
            for number, sim in enumerate(pair):
                path = folder / f"{seed}-{number}.pcn"
                sim.store(path, overwrite=True) if call == "store" else sim.restore(path)
            stored = True
        elif call == "reset":
            for sim in pair:
                sim.reset()
        duration = caller.duration()
        results = [sim.run(duration, **more) for sim in pair]
        if largest(results[1]) > RUNAWAY:
            return
        agree(*results, calls)


everywhere = [
    every_dynamics,
    pytest.mark.parametrize("engine", ENGINES),
    pytest.mark.parametrize("delays", DELAYS),
    pytest.mark.parametrize("name", CIRCUITS),
]


def with_all(function):
    for mark in everywhere:
        function = mark(function)
    return function


# Latents that held predictions do not infer move all the same.
@pytest.mark.halved
@pytest.mark.filterwarnings("ignore:FixedPrediction does not infer")
@with_all
def test_any_sequence_of_calls_is_the_references(name, delays, engine, dynamics, tmp_path):
    call_both(name, delays, engine, dynamics, 1, tmp_path, 8)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:FixedPrediction does not infer")
@with_all
def test_many_sequences_of_calls_are_the_references(name, delays, engine, dynamics, tmp_path):
    for seed in range(2, 40):
        call_both(name, delays, engine, dynamics, seed, tmp_path, 25)
