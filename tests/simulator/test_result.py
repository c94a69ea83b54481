"""How gradients are compared."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import ParameterError, ShapeError, UnknownNameError


def gradients(**arrays):
    return SimpleNamespace(gradients={k: np.asarray(v, dtype=float) for k, v in arrays.items()})


def test_a_shrunken_gradient_has_a_perfect_cosine_and_a_norm_ratio_that_tells():
    comparison = pcn.compare(gradients(w=[0.003, 0.004]), gradients(w=[3.0, 4.0]))
    row = comparison["w"]
    assert row.cosine == pytest.approx(1.0)
    assert row.norm_ratio == pytest.approx(0.001)
    assert row.relative_error == pytest.approx(0.999)
    assert comparison.worst == row.relative_error


def test_zeros():
    comparison = pcn.compare(gradients(a=[0, 0], b=[1, 0], c=[0, 0]), gradients(a=[0, 0], b=[0, 0], c=[0, 2]))
    assert np.isnan(comparison["a"].cosine)
    assert comparison["a"].relative_error == 0.0
    assert np.isinf(comparison["b"].relative_error)
    assert comparison["c"].relative_error == 1.0
    assert comparison["c"].norm_ratio == 0.0


def test_it_prints_as_an_aligned_table():
    comparison = pcn.compare(gradients(W=[1, 2], a_long_name=[1, 0]), gradients(W=[1, 2], a_long_name=[0, 1]))
    lines = str(comparison).splitlines()
    assert len(lines) == 3
    assert len({len(line) for line in lines}) == 1
    assert lines[0].split()[0] == "parameter"
    assert len(comparison) == 2
    assert comparison.as_dict()["a_long_name"]["cosine"] == 0.0
    with pytest.raises(UnknownNameError, match="did you mean 'W'"):
        comparison["w"]


@pytest.mark.parametrize(
    ("one", "other", "error", "text"),
    [
        (gradients(a=[1], b=[2]), gradients(a=[1]), ParameterError, "only the first has a parameter 'b'"),
        (gradients(a=[1]), gradients(a=[1], b=[2]), ParameterError, "only the second has a parameter 'b'"),
        (gradients(a=[1, 2]), gradients(a=[1]), ShapeError, r"'a' is of shape \(2,\) in the one, \(1,\) in the other"),
        (gradients(a=[[1, 2]]), gradients(a=[1, 2]), ShapeError, "two results of the same graph"),
        (gradients(a=[1]), {"a": [1]}, ParameterError, "the second is a dict, without gradients"),
        (None, gradients(a=[1]), ParameterError, "the first is None, without gradients"),
    ],
)
def test_what_cannot_be_compared_is_named(one, other, error, text):
    with pytest.raises(error, match=text) as caught:
        pcn.compare(one, other)
    assert "\n" not in str(caught.value)
