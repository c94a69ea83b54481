"""A circuit in single units computes what the reference simulator computes, forward and back."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from circuits.cnn import cnn
from circuits.lstm import lstm
from circuits.rnn import rnn
from circuits.transformer import transformer
from pcneuro.errors import ParameterError
from tests.circuits_for_tests import data_for, random_dag
from tests.single_units import check_units


@pytest.mark.parametrize("vertices", ["auto", "all", "marked"])
def test_random_graphs(vertices):
    for seed in range(25):
        circuit = pcn.build_circuit(random_dag(seed), vertices=vertices)
        check_units(circuit, *data_for(circuit.graph, 1))


READY = {
    "cnn": lambda: cnn(channels=2, size=8, kernel=3, features=(2, 3), hidden=(6, 5)),
    "rnn": lambda: rnn(length=4, vocabulary=5, hidden=4, classes=3),
    "lstm": lambda: lstm(length=2, vocabulary=4, hidden=3),
    "transformer": transformer,
}


@pytest.mark.parametrize("name", READY)
def test_ready_circuits(name):
    circuit = READY[name]()
    inputs, targets = data_for(circuit.graph, 1, scale=0.5)
    for output, node in circuit.graph.outputs.items():
        if isinstance(circuit.energies[node.name], pcn.SoftmaxCrossEntropy):
            targets[output] = np.broadcast_to(np.eye(node.shape[-1])[1], (1, *node.shape))
    check_units(circuit, inputs, targets)


def operators(x, image, w, K, S, tokens):
    """A circuit of theirs."""
    ops = pcn.ops
    a = pcn.vertex(ops.avg_pool2d(image, 3, 2, 1).reshape(-1), "pooled")
    b = pcn.vertex(ops.max_pool2d(image, 3, 2, 1).reshape(-1)[:6], "largest")
    c = pcn.vertex(ops.conv2d(image, K, stride=2, padding=1, groups=2).reshape(-1)[:6], "grouped")
    d = pcn.vertex(np.prod(x.reshape(3, 2), axis=0), "product")
    e = pcn.vertex(ops.log_softmax(x) + ops.gelu(x) * np.hypot(x, 2.0), "logs")
    f = pcn.vertex(ops.layer_norm(x), "normal")
    g = pcn.vertex(np.sum(ops.embedding(tokens, w), axis=0), "words")
    h = pcn.vertex(x @ S, "sparse")
    return pcn.vertex(a[:6] + b + c + np.concatenate([d, d, d]) + e + f + g + h, "out")


def test_operators_that_the_ready_circuits_do_not_have():
    """Each by itself goes through ``check_units`` in its own test; here they are together."""
    from scipy.sparse import random_array

    rng = np.random.default_rng(0)
    sparse = random_array((6, 6), density=0.4, rng=rng).tocsr()
    graph = pcn.trace(
        operators,
        x=pcn.Input((6,)),
        image=pcn.Input((2, 5, 5)),
        w=pcn.Parameter(rng.normal(size=(4, 6))),
        K=pcn.Parameter(rng.normal(size=(4, 1, 3, 3))),
        S=pcn.Parameter(sparse),
        tokens=pcn.Input((3,)),
    )
    circuit = pcn.build_circuit(graph)
    inputs, targets = data_for(graph, 1)
    inputs["tokens"] = np.array([[0.0, 3.0, 1.0]])
    check_units(circuit, inputs, targets)


def test_both_operands_are_activities():
    def function(x, y):
        k = pcn.vertex(np.tanh(y), "k")
        v = pcn.vertex(pcn.ops.conv1d(np.sin(x), k.reshape(2, 2, 1)), "v")
        return pcn.vertex(np.einsum("ij,kj->ik", v, v), "out")

    graph = pcn.trace(function, x=pcn.Input((2, 3)), y=pcn.Input((4,)))
    check_units(pcn.build_circuit(graph), *data_for(graph, 1))


def test_clamped_bernoulli_output():
    graph = pcn.trace(lambda x, W: pcn.vertex(np.tanh(x), "h") @ W, x=pcn.Input((3,)), W=pcn.Parameter(np.eye(3, 2)))
    circuit = pcn.build_circuit(graph, energies={"out": pcn.Bernoulli()})
    check_units(circuit, data_for(graph, 1)[0], {"out": np.array([[0.0, 1.0]])})


def test_all_operators_say_what_they_are():
    from pcneuro.ops.base import OPERATORS, AbstractOperator

    assert not [kind for kind, operator in OPERATORS.items() if operator.units is AbstractOperator.units]


def test_too_large_is_said_before_there_are_synapses(tmp_path):
    """Weights that are no more than a few numbers, and more synapses than any memory holds."""

    def function(x, K):
        return pcn.ops.conv2d(x, K)

    leaves = {"x": pcn.Input((64, 256, 256)), "K": pcn.Parameter(np.zeros((64, 64, 5, 5)))}
    circuit = pcn.build_circuit(pcn.trace(function, **leaves))
    from pcneuro.export import brian2, nir, sonata

    data = {"inputs": {"x": np.zeros((64, 256, 256))}, "targets": {"out": np.zeros((64, 252, 252))}}
    for make in (
        lambda: brian2.rate(circuit, **data),
        lambda: brian2.script(circuit, tmp_path / "x.py", 1.0, **data),
        lambda: nir.graph(circuit, **data),
        lambda: sonata.write(circuit, tmp_path / "x.h5"),
    ):
        with pytest.raises(ParameterError, match=r"6,\d+,\d+,\d+ synapses would take about .* GB"):
            make()
