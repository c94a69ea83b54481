"""Circuits that passes are held against: products in all orders, shared and computed weights, cycles, latents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse

import pcneuro as pcn
from tests.circuits.small import small
from tests.circuits_for_tests import data_for, random_dag
from tests.cycles_for_tests import linear, network, ring


def _built(function: Callable[..., Any], *, seed: int = 0, **leaves: Any) -> pcn.Circuit:
    """A circuit; tuples of sizes are drawn parameters."""
    rng = np.random.default_rng(seed)
    made = {n: pcn.Parameter(0.6 * rng.normal(size=x)) if isinstance(x, tuple) else x for n, x in leaves.items()}
    return pcn.build_circuit(pcn.trace(function, **made))


def perceptron(function: Callable[[Any], Any] = np.tanh) -> pcn.Circuit:
    """Two hidden layers, the first with a bias; hidden units f(v @ W), and a linear output."""

    def layers(x: Any, W1: Any, b1: Any, W2: Any, W3: Any) -> Any:
        h1 = pcn.vertex(function(x @ W1 + b1), "h1")
        h2 = pcn.vertex(function(h1 @ W2), "h2")
        return pcn.vertex(h2 @ W3, "out")

    return _built(layers, x=pcn.Input((6,)), W1=(6, 5), b1=(5,), W2=(5, 3), W3=(3, 4))


def skipping(function: Callable[[Any], Any] = np.tanh) -> pcn.Circuit:
    """A chain with an edge that skips a vertex, and is subtracted."""

    def layers(x: Any, W1: Any, W2: Any, W3: Any, W4: Any) -> Any:
        h1 = pcn.vertex(function(x @ W1), "h1")
        h2 = pcn.vertex(function(h1 @ W2), "h2")
        return pcn.vertex(function(h2 @ W3 - 0.3 * h1) @ W4, "out")

    return _built(layers, x=pcn.Input((4,)), W1=(4, 5), W2=(5, 3), W3=(3, 5), W4=(5, 2))


def _tree() -> pcn.Circuit:
    rng = np.random.default_rng(1)
    tree = {
        "first": {"W": pcn.Parameter(rng.normal(size=(4, 3)))},
        "rest": [pcn.Parameter(rng.normal(size=3)), pcn.Parameter(rng.normal(size=(3, 2)))],
    }

    def function(x: Any, p: Any) -> Any:
        return pcn.vertex(np.tanh(x @ p["first"]["W"] + p["rest"][0]), "h") @ p["rest"][1]

    return _built(function, x=pcn.Input((4,)), p=tree)


def _moved_weights() -> pcn.Circuit:
    def function(x: Any, W: Any, V: Any) -> Any:
        h = pcn.vertex(np.tanh(x @ W), "h")
        g = pcn.vertex(np.tanh(h @ W.T), "g")
        return g @ np.reshape(V, (4, 2))

    return _built(function, x=pcn.Input((4,)), W=(4, 3), V=(8,))


def _computed_weights() -> pcn.Circuit:
    mask = np.random.default_rng(2).random((4, 3)) < 0.6

    def function(x: Any, W: Any, V: Any) -> Any:
        h = pcn.vertex(np.tanh(x @ W), "h")
        return pcn.vertex(np.tanh(h @ (V * mask)), "g") @ pcn.ops.stop_feedback(0.5 * V.T)

    return _built(function, x=pcn.Input((3,)), W=(3, 4), V=(4, 3))


def _constant_weights() -> pcn.Circuit:
    fixed = np.random.default_rng(2).normal(size=(3, 3))

    def function(x: Any, W: Any) -> Any:
        h = pcn.vertex(x @ W, "h")
        return pcn.vertex(np.tanh(h @ fixed), "g") @ fixed

    return _built(function, x=pcn.Input((4,)), W=(4, 3))


def _sparse_weights() -> pcn.Circuit:
    rng = np.random.default_rng(3)
    W, V = (scipy.sparse.csr_matrix(rng.normal(size=s) * (rng.random(s) < 0.5)) for s in ((6, 5), (5, 4)))

    def function(x: Any, W: Any, V: Any) -> Any:
        return pcn.vertex(np.tanh(pcn.vertex(np.tanh(x @ W), "h") @ V), "g")

    return _built(function, x=pcn.Input((6,)), W=pcn.Parameter(W), V=pcn.Parameter(V))


def _einsums() -> pcn.Circuit:
    def function(x: Any, W: Any, V: Any, U: Any) -> Any:
        h = pcn.vertex(np.tanh(np.einsum("ij,ki->kj", x, W)), "h")
        g = pcn.vertex(np.tanh(np.einsum("jm,kj->km", V, h)), "g")
        k = pcn.vertex(np.tanh(U @ g), "k")
        return np.einsum("kj,kj->k", k, 0.5 * k)

    return _built(function, x=pcn.Input((3, 2)), W=(4, 3), V=(2, 3), U=(2, 4))


def _latents() -> pcn.Circuit:
    def function(z: Any, W: Any, V: Any) -> Any:
        h = pcn.vertex(np.tanh(z @ W), "h")
        return h @ V - 0.3 * h @ V + (-h) @ V

    return _built(function, z=pcn.Latent((3,), prior=np.zeros(3)), W=(3, 4), V=(4, 2))


def _shared_weights() -> pcn.Circuit:
    def function(x: Any, W: Any, gain: Any) -> Any:
        h = pcn.vertex(np.tanh(x @ W), "h")
        k = pcn.vertex(np.tanh(h @ W), "k")
        return pcn.vertex(k @ W * gain - h, "o")

    return _built(function, x=pcn.Input((3,)), W=(3, 3), gain=(3,))


def _outputs_inside() -> pcn.Circuit:
    def function(x: Any, W: Any, V: Any) -> Any:
        h = np.tanh(x @ W)
        return {"a": h, "b": h @ V, "c": (h @ V) @ V}

    return _built(function, x=pcn.Input((3,)), W=(3, 3), V=(3, 3))


ACYCLIC: dict[str, Callable[[], pcn.Circuit]] = {
    "perceptron": perceptron,
    "skipping": skipping,
    "a tree of parameters": _tree,
    "moved weights": _moved_weights,
    "computed weights": _computed_weights,
    "constant weights": _constant_weights,
    "sparse weights": _sparse_weights,
    "einsums": _einsums,
    "latents": _latents,
    "shared weights": _shared_weights,
    "outputs inside": _outputs_inside,
}
CYCLIC: dict[str, Callable[[], pcn.Circuit]] = {
    "network": lambda: network(np.random.default_rng(3)),
    "network, delayed": lambda: network(np.random.default_rng(3), delay=3.0),
    "linear": lambda: linear(np.random.default_rng(3)),
    "ring": ring,
}
SHIPPED = ("mlp", "cnn", "lstm", "transformer")
Data = dict[str, Any]


def given(circuit: pcn.Circuit) -> Data:
    """Three samples of all that a run of a circuit takes."""
    inputs, targets = data_for(circuit.graph, 3, scale=0.3)
    return {"inputs": inputs, "targets": targets if inputs or circuit.graph.latents else {}}


def shipped(name: str) -> tuple[pcn.Circuit, Data]:
    """A small instance of what is in circuits/, and its data."""
    made = small(name)
    return made.circuit, {"inputs": made.inputs, "targets": made.targets}


def dag(seed: int) -> pcn.Circuit:
    """A random graph as a circuit."""
    return pcn.build_circuit(random_dag(seed))


def strict(circuit: pcn.Circuit, data: Data, engine: Any = None, duration: float = 1.0, dt: float = 0.05) -> pcn.Result:
    """A run with strict dynamics, of the reference unless another engine is given."""
    simulator = pcn.Simulator(
        circuit, dynamics=pcn.Strict(), integrator=pcn.Euler(dt), engine=engine or pcn.Reference()
    )
    return simulator.run(duration, **data)


def furthest(one: pcn.Result, other: pcn.Result, vertices: Any) -> float:
    """How far apart activities of some vertices are at most."""
    return max(float(np.abs(one.values[v] - other.values[v]).max()) for v in vertices)


def feedback_of(circuit, data, engine=None, **more):
    """What comes back to each hidden vertex at the end of a step, the state at its begin, and gradients there."""
    records = [pcn.Record(v, kind) for v in ("h1", "h2", "out") for kind in ("value", "error", "feedback")]
    result = strict(circuit, {**data, "record": records}, engine, duration=0.5, **more)
    return {name: np.asarray(array)[-1] for name, array in result.records.data_vars.items()}, result


def three_layers(W1: np.ndarray, W2: np.ndarray, W3: np.ndarray, tau: float) -> pcn.Circuit:
    """Hidden units tanh(v @ W) and a linear output, with these weights."""
    graph = pcn.trace(
        lambda x, W1, W2, W3: pcn.vertex(np.tanh(pcn.vertex(np.tanh(x @ W1), "h1") @ W2), "h2") @ W3,
        x=pcn.Input(W1.shape[:1]),
        W1=pcn.Parameter(W1),
        W2=pcn.Parameter(W2),
        W3=pcn.Parameter(W3),
    )
    return pcn.build_circuit(graph, tau=tau)


def two_layers(W1: np.ndarray, W3: np.ndarray, tau: float) -> pcn.Circuit:
    """One hidden layer ``h`` of units tanh(v @ W), and a linear output, with these weights."""
    graph = pcn.trace(
        lambda x, W1, W3: pcn.vertex(np.tanh(x @ W1), "h") @ W3,
        x=pcn.Input(W1.shape[:1]),
        W1=pcn.Parameter(W1),
        W3=pcn.Parameter(W3),
    )
    return pcn.build_circuit(graph, tau=tau)
