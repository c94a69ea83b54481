"""Gathers: whatever only moves, copies or joins units."""

from __future__ import annotations

import numpy as np
import pytest

from pcneuro.errors import ShapeError
from pcneuro.ops.gather import Take
from tests.helpers import case, check_case, check_engines, every_case, every_variant

MASK = np.array([[True, False, True], [False, False, True]])
FORMS = [
    case("in another order", lambda np, a: np.transpose(a, (2, 0, 1)), (2, 3, 2)),
    case("backwards", lambda np, a: a[::-1], (4,)),
    case("some", lambda np, a: a[[2, 0]], (3, 2)),
    case("one many times", lambda np, a: np.broadcast_to(a, (2, 3)), (), by_autograd=False),
    case("some twice", lambda np, a: a[[1, 2, 2, 1]] * a[0], (3, 2), by_autograd=False),
    case("neighbours", lambda np, a: a[1:] - a[:-1], (5,)),
    case("joined", lambda np, a, b: np.concatenate([a, b, a]), (2, 3), (1, 3), by_autograd=False),
    case("between", lambda np, a, b: np.where(MASK, a, b), (2, 3), (3,), by_autograd=False),
    case("joined with constants", lambda np, a, b: np.stack([a[0], 1.0, b, 3.0]), (2,), (), by_autograd=False),
]


@every_case(FORMS)
def test_forward_and_gradients(each):
    check_case(each)


@every_variant(FORMS)
def test_kernel_is_the_reference(v):
    check_engines(v)


def test_indices_are_within_the_operands():
    with pytest.raises(ShapeError, match="indices run"):
        Take("index", np.array([3])).shape((3,))
    with pytest.raises(ShapeError, match="indices run"):
        Take("index", np.array([-1])).shape((3,))
    assert Take("join", np.array([[0, 3]])).shape((3,), ()) == (1, 2)


def test_a_hand_made_gather_of_one_unit_many_times():
    """The derivative adds what came from one unit."""
    operator = Take("copies", np.array([1, 1, 1, 0]))
    x, gradient = np.array([[2.0, 3.0]]), np.array([[1.0, 10.0, 100.0, 1000.0]])
    assert operator.forward(x).tolist() == [[3.0, 3.0, 3.0, 2.0]]
    assert operator.vjp(0, gradient, operator.forward(x), x).tolist() == [[1000.0, 111.0]]
    assert operator.connections(0, (2,), (4,)) == 4
