"""Circuits that several tests use."""

from __future__ import annotations

import copy
from itertools import pairwise

import numpy as np
import pytest

import pcneuro as pcn

ENGINES = [pcn.Reference(), pcn.Kernel()]
engines = pytest.mark.parametrize("engine", ENGINES, ids=lambda e: type(e).__name__)
DYNAMICS = [pcn.FixedPrediction(), pcn.Strict()]
every_dynamics = pytest.mark.parametrize("dynamics", DYNAMICS, ids=lambda d: type(d).__name__)
diverges = pytest.mark.filterwarnings("ignore:.* finite:pcneuro.PcneuroWarning")
"""Of a test whose simulation diverges, and which is about something else than the warning of it."""
not_inferred = pytest.mark.filterwarnings("ignore:.* does not infer the free latent:pcneuro.PcneuroWarning")
"""Of a test that holds simulators of fixed prediction against each other, latents or none."""


def same(a: dict, b: dict) -> bool:
    """Whether two dicts of arrays are equal to the last bit."""
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


def three_layers() -> pcn.Circuit:
    """Two hidden layers, with a precision and a time constant of their own."""
    return pcn.build_circuit(mlp((5, 7, 6, 3)), precision={"h1": 1.5}, tau={"h2": 7.0})


def scalar_graph() -> pcn.Graph:
    """The scalar graph of Millidge et al. (2020), section 5.1, with both of its numbers as parameters."""

    def scalar(v0, theta):
        v1 = pcn.vertex(theta * v0, "v1")
        v2 = pcn.vertex(np.sqrt(v1), "v2")
        v3 = pcn.vertex(v0**2, "v3")
        return pcn.vertex(np.tan(v2) + np.sin(v3), "v4")

    return pcn.trace(scalar, v0=pcn.Parameter(5.0), theta=pcn.Parameter(2.0))


def chain(length: int, weight: float = 1.0) -> pcn.Graph:
    """x -> v1 -> ... -> v<length>, each weight times the one before; the last is the output."""

    def line(x, w):
        h = x
        for k in range(1, length + 1):
            h = pcn.vertex(w * h, f"v{k}")
        return h

    return pcn.trace(line, x=pcn.Input(()), w=pcn.Parameter(weight))


def mlp(sizes: tuple[int, ...], seed: int = 0, scale: float = 1.0, dtype=np.float64) -> pcn.Graph:
    """Layers of tanh units, and a linear readout called ``out``."""
    rng = np.random.default_rng(seed)
    leaves: dict = {"x": pcn.Input((sizes[0],))}
    for k, (n, m) in enumerate(pairwise(sizes), 1):
        leaves[f"W{k}"] = pcn.Parameter((scale * rng.normal(size=(n, m)) / np.sqrt(n)).astype(dtype))
        leaves[f"b{k}"] = pcn.Parameter((0.1 * rng.normal(size=m)).astype(dtype))

    def network(x, **p):
        h = x
        last = len(sizes) - 1
        for k in range(1, last + 1):
            h = h @ p[f"W{k}"] + p[f"b{k}"]
            h = pcn.vertex(h if k == last else np.tanh(h), "out" if k == last else f"h{k}")
        return h

    return pcn.trace(network, **leaves)


def random_dag(seed: int) -> pcn.Graph:
    """A random graph with fan-out, diamonds, several path lengths, shared parameters and products."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 5))
    unary = [np.tanh, np.sin, pcn.ops.sigmoid, pcn.ops.softplus, lambda a: a**2, lambda a: 0.5 * a]

    def function(x, y, W, U, b, s):
        draw = copy.deepcopy(rng)
        pool = [x, np.tanh(y), x @ W + b]
        for k in range(int(draw.integers(3, 9))):
            i, j = draw.integers(len(pool), size=2)
            kind = int(draw.integers(7))
            if kind == 0:
                h = pool[i] @ (W if draw.integers(2) else U) + b
            elif kind == 1:
                h = pool[i] * pool[j]
            elif kind == 2:
                h = pool[i] + s * pool[j]
            elif kind == 3:
                h = pcn.ops.softmax(pool[i])
            elif kind == 4:
                h = np.concatenate([pool[i][: n // 2], pool[j][n // 2 :]])
            elif kind == 5:
                h = pool[i] - np.mean(pool[j])
            else:
                h = unary[int(draw.integers(len(unary)))](pool[i])
            if draw.integers(2):
                h = pcn.vertex(h, f"n{k}")
            pool.append(h)
        out = np.tanh(pool[-1] + pool[-2] @ U.T)
        return {"a": out, "b": np.sum(pool[-3] * pool[-1])}

    return pcn.trace(
        function,
        x=pcn.Input((n,)),
        y=pcn.Input((n,)),
        W=pcn.Parameter(rng.normal(size=(n, n)) / np.sqrt(n)),
        U=pcn.Parameter(rng.normal(size=(n, n)) / np.sqrt(n)),
        b=pcn.Parameter(rng.normal(size=n)),
        s=pcn.Parameter(0.7),
    )


def data_for(graph: pcn.Graph, batch: int, seed: int = 0, scale: float = 1.0) -> tuple[dict, dict]:
    """Random inputs and targets for all inputs and outputs."""
    rng = np.random.default_rng(seed)
    inputs = {n: scale * rng.normal(size=(batch, *node.shape)) for n, node in graph.inputs.items()}
    targets = {n: scale * rng.normal(size=(batch, *node.shape)) for n, node in graph.outputs.items()}
    return inputs, targets


def equilibrium(circuit: pcn.Circuit, inputs: dict, targets: dict, **settings) -> pcn.Result:
    """Fixed prediction at equilibrium: with dt = tau Euler's method is there after as many steps as there are hops."""
    sim = pcn.Simulator(circuit, integrator=pcn.Euler(10.0), **settings)
    return sim.run(10.0 * (len(circuit.vertices) + 1), inputs=inputs, targets=targets)
