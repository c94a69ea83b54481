"""Softmax over any axis, and its logarithm."""

from __future__ import annotations

from typing import Any

import autograd.numpy as anp
import numpy as np
import pytest
import scipy.special

import pcneuro as pcn
from pcneuro.errors import ShapeError
from tests.function_libraries import written_out
from tests.helpers import (
    assert_close,
    case,
    check_case,
    check_engines,
    check_file,
    every_case,
    every_variant,
    run_kernel,
    targets_near,
)


@written_out
def softmax(x: Any, axis: int = -1) -> Any:
    return anp.exp(x) / anp.sum(anp.exp(x), axis=axis, keepdims=True)


@written_out
def log_softmax(x: Any, axis: int = -1) -> Any:
    return x - anp.log(anp.sum(anp.exp(x), axis=axis, keepdims=True))


CASES = [
    case("last axis", lambda np, a: np.softmax(a), (5,), analytic=False),
    case("first axis", lambda np, a: np.softmax(a, axis=0), (3, 2), analytic=False),
    case("middle axis", lambda np, a: np.softmax(a, axis=-2), (2, 3, 2), analytic=False),
    case("one class", lambda np, a: np.softmax(a) * a, (2, 1), analytic=False),
    case("log, last axis", lambda np, a: np.log_softmax(a), (5,), analytic=False),
    case("log, first axis", lambda np, a: np.log_softmax(a, axis=0), (3, 2), analytic=False),
    case("log, middle axis", lambda np, a: np.log_softmax(a, axis=-2), (2, 3, 2), analytic=False),
    case("log of one class", lambda np, a: np.log_softmax(a) + a, (2, 1), analytic=False),
    case("cross-entropy", lambda np, a, b: -np.sum(b * np.log_softmax(a)), (4,), (4,), analytic=False),
    case("attention", lambda np, a, b: np.softmax(a @ b.T / 2) @ b, (3, 2), (4, 2), analytic=False),
]


@every_case(CASES)
def test_forward_and_gradients(each):
    check_case(each)


@every_variant(CASES)
def test_kernel_is_the_reference(v):
    check_engines(v)


def test_large_values_do_not_overflow():
    x = np.array([1000.0, 999.0, -1e300])
    assert_close(pcn.ops.softmax(x), scipy.special.softmax(x), 1e-15)
    graph = pcn.trace(lambda x, w: pcn.ops.softmax(x + w), x=pcn.Input((3,)), w=pcn.Parameter(np.zeros(3)))
    result = pcn.Simulator(pcn.build_circuit(graph)).run(0.0, inputs={"x": x})
    assert_close(result.values["out"][0], scipy.special.softmax(x), 1e-15)


def test_logarithms_of_what_is_no_number_any_more():
    """Probabilities of exp(-2000) are zero; their logarithms are not."""
    x = np.array([1000.0, 999.0, -1000.0])
    expected = scipy.special.log_softmax(x)
    assert_close(pcn.ops.log_softmax(x), expected, 1e-15)
    graph = pcn.trace(lambda x, w: pcn.ops.log_softmax(x + w), x=pcn.Input((3,)), w=pcn.Parameter(np.zeros(3)))
    targets = {"out": expected + np.array([1.0, 0.0, 2.0])}
    reference = pcn.backprop(graph, {"x": x}, targets)
    p = scipy.special.softmax(x)
    assert_close(reference.gradients["w"], 3 * p - [1.0, 0.0, 2.0], 1e-14)
    for dtype, tolerance in ((np.float64, 1e-14), (np.float32, 1e-4)):
        sim = pcn.Simulator(pcn.build_circuit(graph), integrator=pcn.Euler(10.0), dtype=dtype)
        result = sim.run(30.0, inputs={"x": x}, targets=targets)
        assert_close(result.predictions["out"][0], expected, tolerance)
        assert_close(result.gradients["w"], reference.gradients["w"], tolerance)


def test_a_file_keeps_the_axis(tmp_path):
    graph = pcn.trace(
        lambda x, w: {"p": pcn.ops.softmax(x * w, axis=0), "log": pcn.ops.log_softmax(x * w, axis=1)},
        x=pcn.Input((3, 2)),
        w=pcn.Parameter(np.ones((3, 2))),
    )
    inputs = {"x": np.random.default_rng(0).normal(size=(2, 3, 2))}
    check_file(graph, inputs, targets_near(graph, inputs, 2, 0.1), tmp_path / "c")


def test_masked_classes_have_no_probability_and_no_gradient():
    mask = np.array([True, True, False])
    graph = pcn.trace(
        lambda x, w: pcn.ops.softmax(np.where(mask, x * w, -np.inf)), x=pcn.Input((3,)), w=pcn.Parameter(np.ones(3))
    )
    x, target = np.array([[0.1, 0.4, 7.0]]), np.array([[1.0, 0.0, 0.0]])
    reference = pcn.backprop(graph, {"x": x}, {"out": target})
    p = scipy.special.softmax(x[0, :2])
    gradient = p - target[0, :2]
    assert_close(reference.values["out"], [[*p, 0.0]], 1e-15)
    assert_close(reference.gradients["w"], [*(p * (gradient - p @ gradient) * x[0, :2]), 0.0], 1e-15)
    # The mask is in the dendrite: no neuron could have infinite activity.
    circuit = pcn.build_circuit(graph, vertices="marked")
    result = pcn.Simulator(circuit, integrator=pcn.Euler(10.0)).run(50.0, inputs={"x": x}, targets={"out": target})
    assert_close(result.gradients["w"], reference.gradients["w"], 1e-14)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_kernels_are_their_twins_and_keep_samples_apart(dtype):
    rng = np.random.default_rng(0)
    groups, length, lanes = 2, 3, 4
    x = rng.normal(size=(6, lanes)).astype(dtype)
    x[0, 1] = np.nan
    members = rng.permutation(6)
    # x, y, g, target, and two rows of scratch
    buf = np.concatenate([x, np.zeros_like(x), x[::-1], np.ones((8, lanes), dtype)]).ravel()
    shared = np.zeros(1, dtype)
    assert run_kernel("softmax", [6, 0, 24, 6, groups, length], [members], buf, shared, lanes, lanes) == 1
    y = scipy.special.softmax(x[members].reshape(groups, length, lanes), axis=1)
    rows = buf.reshape(-1, lanes)
    tolerance = 8 * np.finfo(dtype).eps
    np.testing.assert_allclose(rows[6:12][members], y.reshape(6, lanes), rtol=tolerance)
    assert np.isfinite(rows[6:12, [0, 2, 3]]).all()
    for accumulate, before in ((0, 0.0), (1, 1.0)):
        rows[18:24] = 1.0
        arguments = [18, 12, 6, 24, accumulate, 8, groups, length]
        assert run_kernel("softmax_vjp", arguments, [members], buf, shared, lanes, lanes) == 1
        g = rows[12:18][members].reshape(groups, length, lanes)
        expected = y * (g - (g * y).sum(axis=1, keepdims=True)) + before
        np.testing.assert_allclose(
            rows[18:24][members], expected.reshape(6, lanes), rtol=10 * tolerance, atol=tolerance
        )


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_kernels_of_the_logarithm_are_their_twins(dtype):
    rng = np.random.default_rng(0)
    groups, length, lanes = 2, 3, 4
    x, g = rng.normal(size=(2, 6, lanes)).astype(dtype)
    members = rng.permutation(6)
    # x, y and then p, g, target, and two rows of scratch
    buf = np.concatenate([x, np.zeros_like(x), g, np.ones((8, lanes), dtype)]).ravel()
    shared = np.zeros(1, dtype)
    assert run_kernel("log_softmax", [6, 0, 24, 6, groups, length], [members], buf, shared, lanes, lanes) == 1
    rows = buf.reshape(-1, lanes)
    y = scipy.special.log_softmax(x[members].reshape(groups, length, lanes), axis=1)
    tolerance = 20 * np.finfo(dtype).eps
    np.testing.assert_allclose(rows[6:12][members], y.reshape(6, lanes), rtol=tolerance, atol=tolerance)
    np.exp(rows[6:12], out=rows[6:12])
    for accumulate, before in ((0, 0.0), (1, 1.0)):
        rows[18:24] = 1.0
        arguments = [18, 12, 6, 24, accumulate, 8, groups, length]
        assert run_kernel("log_softmax_vjp", arguments, [members], buf, shared, lanes, lanes) == 1
        gradient = g[members].reshape(groups, length, lanes)
        expected = gradient - np.exp(y) * gradient.sum(axis=1, keepdims=True) + before
        np.testing.assert_allclose(rows[18:24][members], expected.reshape(6, lanes), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("function", [pcn.ops.softmax, pcn.ops.log_softmax])
@pytest.mark.parametrize("axis", [2, -3, (0, 1), "x"])
def test_an_axis_that_is_not_there(function, axis):
    with pytest.raises(ShapeError, match=r"^(log_)?softmax over axis .* of an array of shape \(2, 3\)"):
        function(np.zeros((2, 3)), axis=axis)
    with pytest.raises(ShapeError, match=r"softmax over axis"):
        pcn.trace(lambda x: function(x, axis=axis), x=pcn.Input((2, 3)))
