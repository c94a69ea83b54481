"""Layer normalisation over any axes, with and without gain and bias."""

from __future__ import annotations

from typing import Any

import autograd.numpy as anp
import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import ParameterError, ShapeError
from tests.function_libraries import written_out
from tests.helpers import (
    assert_close,
    case,
    check_case,
    check_engines,
    check_file,
    every_case,
    every_variant,
    targets_near,
)


@written_out
def layer_norm(x: Any, gain: Any = 1.0, bias: Any = 0.0, axis: Any = -1, epsilon: float = 1e-5) -> Any:
    centred = x - anp.mean(x, axis=axis, keepdims=True)
    return gain * centred / anp.sqrt(anp.var(x, axis=axis, keepdims=True) + epsilon) + bias


RNG = np.random.default_rng(0)
CASES = [
    case("vector", lambda np, a: np.layer_norm(a), (5,)),
    case("rows", lambda np, a: np.layer_norm(a), (3, 4)),
    case("first axis", lambda np, a: np.layer_norm(a, axis=0), (3, 4)),
    case("two axes", lambda np, a: np.layer_norm(a, axis=(0, -1), epsilon=0.1), (3, 2, 2)),
    case("one unit", lambda np, a: np.layer_norm(a) + a, (2, 1)),
    case("with gain and bias", lambda np, a, b, c: np.layer_norm(a, b, c), (3, 4), (4,), (4,)),
    case("with a gain of its own for each row", lambda np, a, b: np.layer_norm(a, gain=b), (3, 4), (3, 1)),
    case("with a bias for all", lambda np, a, b: np.layer_norm(a, bias=b, axis=(0, 1)), (3, 4), ()),
    case("twice", lambda np, a: np.layer_norm(np.tanh(np.layer_norm(a))) * a, (4,)),
]


@every_case(CASES)
def test_forward_and_gradients(each):
    check_case(each)


@every_variant(CASES)
def test_kernel_is_the_reference(v):
    check_engines(v)


@pytest.mark.parametrize("axis", [0, 1, 2, -1, (0, 2), (2, 1), [0, 1, 2]])
def test_mean_and_variance_are_those_that_it_promises(axis):
    x, epsilon = RNG.normal(size=(3, 4, 5)) + 7, 0.01
    axes = tuple(axis) if isinstance(axis, list) else axis
    y = pcn.ops.layer_norm(x, axis=axis, epsilon=epsilon)
    variance = x.var(axis=axes)
    assert_close(y.mean(axis=axes), np.zeros_like(variance), 1e-14)
    assert_close(y.var(axis=axes), variance / (variance + epsilon), 1e-14)
    gain, bias = RNG.normal(size=(2, 5))
    assert_close(pcn.ops.layer_norm(x, gain, bias, axis, epsilon), gain * y + bias, 1e-15)


def test_nothing_depends_on_a_shift():
    """Nor, but for epsilon, on a scale; and the feedback is orthogonal to both."""
    x = RNG.normal(size=(6,))
    y = pcn.ops.layer_norm(x, epsilon=1e-30)
    assert_close(pcn.ops.layer_norm(3 * x - 100, epsilon=1e-30), y, 1e-12)
    graph = pcn.trace(lambda w: pcn.ops.layer_norm(w, epsilon=1e-30), w=pcn.Parameter(x))
    gradient = pcn.backprop(graph, {}, {"out": RNG.normal(size=6)}).gradients["w"]
    assert abs(gradient.sum()) < 1e-13
    assert abs(gradient @ x) < 1e-13


def test_units_of_equal_activity_are_silent():
    graph = pcn.trace(lambda x, w: pcn.ops.layer_norm(x * w), x=pcn.Input((4,)), w=pcn.Parameter(np.ones(4)))
    for dtype in (np.float64, np.float32):
        sim = pcn.Simulator(pcn.build_circuit(graph), dtype=dtype)
        result = sim.run(0.0, inputs={"x": np.full(4, 0.5)}, targets={"out": np.ones(4)})
        assert result.values["multiply"].tolist() == [[0.5] * 4]
        assert result.predictions["out"].tolist() == [[0.0] * 4]
        # All ask for the same, and nothing that x does alike changes y.
        assert_close(result.gradients["w"], np.zeros(4), 1e-6)


def test_a_file_keeps_axes_and_epsilon(tmp_path):
    graph = pcn.trace(
        lambda x, g: pcn.ops.layer_norm(x * g, g, axis=(0, 2), epsilon=0.3),
        x=pcn.Input((2, 3, 4)),
        g=pcn.Parameter(RNG.normal(size=(3, 1))),
    )
    inputs = {"x": RNG.normal(size=(3, 2, 3, 4))}
    check_file(graph, inputs, targets_near(graph, inputs, 3, 0.1), tmp_path / "c")


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"axis": 2}, ShapeError, r"layer_norm over axis 2 of an array of shape \(3, 4\)"),
        ({"axis": (0, -2)}, ShapeError, r"layer_norm over axis \(0, -2\)"),
        ({"axis": ()}, ShapeError, r"layer_norm over axis \(\)"),
        ({"axis": 0.5}, ShapeError, "layer_norm over axis 0.5"),
        ({"gain": np.ones(3)}, ShapeError, r"gain has shape \(3,\), which does not broadcast"),
        ({"bias": np.ones((2, 3, 4))}, ShapeError, r"bias has shape \(2, 3, 4\), which does not broadcast"),
        ({"epsilon": 0.0}, ParameterError, "epsilon is 0.0; give a positive, finite number"),
        ({"epsilon": -1e-5}, ParameterError, "epsilon is -1e-05"),
        ({"epsilon": np.nan}, ParameterError, "epsilon is nan"),
        ({"epsilon": "small"}, ParameterError, "epsilon is 'small'"),
    ],
)
def test_what_does_not_fit_is_named(arguments, error, text):
    for call in (
        lambda: pcn.ops.layer_norm(np.zeros((3, 4)), **arguments),
        lambda: pcn.trace(lambda x: pcn.ops.layer_norm(x, **arguments), x=pcn.Input((3, 4))),
    ):
        with pytest.raises(error, match=text) as caught:
            call()
        assert "\n" not in str(caught.value)
