"""The arguments of NumPy's sums, means, products and truths."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import ShapeError, TraceError
from tests.helpers import case, check_case, every_case

MASK = np.array([[True, False, True], [False, False, True]])
CASES = [
    case("sum", lambda np, a: np.sum(a, axis=1, where=MASK, initial=2.0) * a[:, 0], (2, 3)),
    case("sum of one row's mask", lambda np, a: np.sum(a, where=[True, False, True], keepdims=True), (2, 3)),
    case("prod", lambda np, a: np.prod(a, axis=0, where=MASK, initial=0.5), (2, 3)),
    case("mean", lambda np, a: np.mean(a**2, axis=1, where=MASK), (2, 3)),
    case("mean of all", lambda np, a: np.mean(a**2, where=MASK, keepdims=True), (2, 3)),
    case("sum, initial of the data", lambda np, a: np.sum(a, initial=a[0, 0] ** 2), (2, 3)),
    case("without NaN", lambda np, a: np.nansum(a, axis=0) + np.nanmean(a, axis=0) * np.nanprod(a, 0), (2, 3)),
    case("of places", lambda np, a: np.sum(a) * 0.1 + np.sum(np.argsort(a), axis=1), (2, 3)),
]
CASES = [case(each.name, each.function, *each.operands.values(), by_autograd=False) for each in CASES]


@every_case(CASES)
def test_forward_and_gradients(each):
    check_case(each)


OUTSIDE = np.zeros(())


def test_dtypes_are_numpys():
    seen = []

    def function(x):
        order = np.argsort(x)
        seen.append([np.sum(order).dtype, np.prod(order).dtype, np.mean(order).dtype, np.max(order).dtype])
        return x

    pcn.trace(function, x=pcn.Input((3,)))
    assert seen[0] == [np.int64, np.int64, np.float64, np.int64]


@pytest.mark.parametrize(
    ("function", "error", "text"),
    [
        (lambda x: np.sum(x, dtype=np.float32), TraceError, r"np\.sum with dtype=float32"),
        (lambda x: np.mean(x, out=OUTSIDE), TraceError, r"np\.mean with out="),
        (lambda x: np.sum(x, where=np.ones((4, 2, 3), bool)), ShapeError, r"where= of shape \(4, 2, 3\) does not fit"),
    ],
)
def test_what_cannot_be_is_named(function, error, text):
    with pytest.raises(error, match=text):
        pcn.trace(function, x=pcn.Input((2, 3)))
