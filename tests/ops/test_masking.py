"""Dropout by a mask that is given."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import ParameterError, ShapeError
from tests.helpers import case, check_case, check_engines, check_file, every_case, every_variant, targets_near

CASES = [
    case("dropout", lambda np, a, b: np.dropout(np.tanh(a), b, 0.25), (2, 3), (2, 3), by_autograd=False),
    case("whole rows", lambda np, a, b: np.dropout(a, b, 0.5), (2, 3), (2, 1), by_autograd=False),
    case("none", lambda np, a: np.dropout(a, [1.0, 0.0, 1.0], 0), (2, 3), by_autograd=False),
]


@every_case(CASES)
def test_forward_and_gradients(each):
    check_case(each)


@every_variant(CASES)
def test_kernel_is_the_reference(v):
    check_engines(v)


def test_the_mean_over_masks_is_x():
    x, rate = np.array([1.0, -2.0]), 0.2
    kept, dropped = pcn.ops.dropout(x, np.ones(2), rate), pcn.ops.dropout(x, np.zeros(2), rate)
    np.testing.assert_allclose((1 - rate) * kept + rate * dropped, x)
    np.testing.assert_allclose(pcn.ops.dropout(x, np.full(2, 1 - rate), rate), x)


def test_what_is_silenced_has_no_gradient_and_a_file_keeps_the_rate(tmp_path):
    graph = pcn.trace(
        lambda x, mask, w: pcn.ops.dropout(x * w, mask, 0.75),
        x=pcn.Input((3,)),
        mask=pcn.Input((3,)),
        w=pcn.Parameter(np.ones(3)),
    )
    inputs = {"x": np.ones((2, 3)), "mask": np.array([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0]])}
    gradient = pcn.backprop(graph, inputs, {"out": np.zeros((2, 3))}).gradients["w"]
    assert gradient.tolist() == [32.0, 16.0, 0.0]
    check_file(graph, inputs, targets_near(graph, inputs, 2, 0.1), tmp_path / "c")


@pytest.mark.parametrize("rate", [1, 1.0, -0.1, np.nan, "half", None])
def test_rates_outside_the_range(rate):
    with pytest.raises(ParameterError, match=r"dropout: rate is .*; give a number from 0 to below 1"):
        pcn.ops.dropout(np.ones(3), np.ones(3), rate)


@pytest.mark.parametrize("shape", [(2,), (1, 3), (2, 2, 3)])
def test_masks_that_do_not_fit(shape):
    with pytest.raises(ShapeError, match=r"dropout of shape \(3,\): mask has shape .*, which does not broadcast to it"):
        pcn.ops.dropout(np.ones(3), np.ones(shape), 0.5)
