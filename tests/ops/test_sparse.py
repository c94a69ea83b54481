"""Sparse projections are the dense ones with the same weights, on their pattern only."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

import pcneuro as pcn
from pcneuro.errors import DataError, ShapeError, TraceError
from tests.circuits_for_tests import data_for, equilibrium

RNG = np.random.default_rng(0)


def matrix(n, m, density=0.3, dtype=np.float64):
    values = sparse.random_array((n, m), density=density, rng=np.random.default_rng(1), format="csr", dtype=dtype)
    values.data -= 0.5
    return values


def network(x, W, U, b):
    h = pcn.vertex(np.tanh(x @ W + b), "h")
    back = np.tanh(W @ h)  # over the same synapses, the other way
    rows = np.stack([h, 2 * h]) @ W.T @ W  # two rows at a time, there and back
    return pcn.vertex(np.tanh(U @ back) + np.sum(rows) + np.sum(b @ U), "out")


def circuits(dtype=np.float64, vertices="marked"):
    """The network over sparse parameters and over dense ones of the same values."""
    W, U = matrix(6, 5, dtype=dtype), matrix(5, 6, 0.5, dtype)
    b = RNG.normal(size=5).astype(dtype)
    actual = []
    for form in (lambda m: m, lambda m: m.toarray()):
        leaves = {"W": pcn.Parameter(form(W)), "U": pcn.Parameter(form(U)), "b": pcn.Parameter(b)}
        graph = pcn.trace(network, x=pcn.Input((6,)), **leaves)
        actual.append(pcn.build_circuit(graph, vertices=vertices))
    return actual, {"W": W, "U": U}


@pytest.mark.parametrize("vertices", ["marked", "all"])
@pytest.mark.parametrize("batch", [1, 3, 33])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_gradients_are_those_of_the_dense_circuit_on_the_pattern(vertices, batch, dtype):
    (thin, thick), weights = circuits(dtype, vertices)
    inputs, targets = data_for(thin.graph, batch)
    expected = pcn.backprop(thick, inputs, targets).gradients
    tolerance = 1e-12 if dtype == np.float64 else 1e-4
    runs = [equilibrium(thin, inputs, targets, engine=e, dtype=dtype) for e in (pcn.Kernel(), pcn.Reference())]
    for actual in (pcn.backprop(thin, inputs, targets), *runs):
        for name, w in weights.items():
            rows = np.repeat(np.arange(w.shape[0]), np.diff(w.indptr))
            assert actual.gradients[name].shape == (w.nnz,)
            scale = np.abs(expected[name]).max()
            np.testing.assert_allclose(
                actual.gradients[name], expected[name][rows, w.indices], rtol=tolerance, atol=tolerance * scale
            )
        np.testing.assert_allclose(actual.gradients["b"], expected["b"], rtol=tolerance, atol=tolerance * 10)


def test_strict_dynamics_and_threads():
    (thin, thick), _ = circuits()
    inputs, targets = data_for(thin.graph, 40)
    run = {"duration": 20.0, "inputs": inputs, "targets": targets}
    dense = pcn.Simulator(thick, dynamics=pcn.Strict(), integrator=pcn.Euler(0.2)).run(**run)
    actual = [
        pcn.Simulator(thin, dynamics=pcn.Strict(), integrator=pcn.Euler(0.2), engine=pcn.Kernel(n)).run(**run)
        for n in (1, 2, 4)
    ]
    np.testing.assert_allclose(actual[0].values["h"], dense.values["h"], rtol=1e-11)
    for other in actual[1:]:
        np.testing.assert_array_equal(actual[0].gradients["W"], other.gradients["W"])


def test_a_file_keeps_the_pattern(tmp_path):
    (thin, _), _ = circuits()
    thin.save(tmp_path / "c")
    loaded = pcn.load_circuit(tmp_path / "c")
    inputs, targets = data_for(thin.graph, 2)
    for name, gradient in pcn.backprop(thin, inputs, targets).gradients.items():
        np.testing.assert_array_equal(gradient, pcn.backprop(loaded, inputs, targets).gradients[name])


def test_duplicates_add_up_and_every_format_will_do():
    entries = (np.array([1.0, 2.0, 5.0]), (np.array([0, 0, 1]), np.array([1, 1, 0])))
    for form in (sparse.coo_array(entries, shape=(2, 3)), sparse.csc_array(entries, shape=(2, 3))):
        parameter = pcn.Parameter(form)
        np.testing.assert_array_equal(parameter.value, [3.0, 5.0])
        np.testing.assert_array_equal(parameter.pattern.columns, [1, 0])


def test_synapses_are_counted():
    (thin, _), weights = circuits()
    edge = thin.nx["x.value"]["h.error"]["prediction"]
    assert edge["synapses"] == weights["W"].nnz
    assert edge["parameters"] == ("W",)


def test_what_a_sparse_parameter_cannot_do():
    W = pcn.Parameter(matrix(4, 3))
    for wrong, text in (
        (lambda x, W: x @ (W * 2), "product with a sparse parameter"),
        (lambda x, W: x @ W[0], "product with a sparse parameter"),
        (lambda x, W: x @ W.sum(0), "sum of a sparse parameter"),
        (lambda x, W: W @ np.outer(x, x), "units last"),
        (lambda x, W: x @ np.tanh(W), "sparse"),
    ):
        with pytest.raises((TraceError, TypeError), match=text):
            pcn.trace(wrong, x=pcn.Input((4,)), W=W)
    with pytest.raises(ShapeError, match="inner axes do not fit"):
        pcn.trace(lambda x, W: x @ W, x=pcn.Input((3,)), W=W)
    with pytest.raises(ShapeError, match="give one that has some"):
        pcn.Parameter(sparse.csr_array((3, 3)))
    broken = matrix(4, 3)
    broken.data[1] = np.nan
    with pytest.raises(DataError, match="parameter 'W' has 1 of"):
        pcn.trace(lambda x, W: x @ W, x=pcn.Input((4,)), W=pcn.Parameter(broken))
