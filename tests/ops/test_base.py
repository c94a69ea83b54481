"""What all operators have in common."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.kernels.dispatch import IDENTITY, SCALAR
from pcneuro.ops.base import OPERATORS, AbstractOperator, apply, size, unit_indices
from pcneuro.ops.maps import Map
from pcneuro.program.lowering import Lowering


def test_operators_are_found_by_their_kind():
    assert {"map", "contract", "take", "sum", "prod", "softmax"} <= OPERATORS.keys()
    assert all(cls.kind == kind for kind, cls in OPERATORS.items())
    with pytest.raises(ValueError, match="two operators are of kind 'map'"):
        type("Other", (AbstractOperator,), {"kind": "map"})
    assert OPERATORS["map"] is Map


def test_an_operator_is_made_again_from_its_attributes():
    operator = Map("x*y", ("x", "y"))
    assert operator.attributes() == {"function": "x*y", "variables": ("x", "y")}
    assert OPERATORS[operator.kind](**operator.attributes()) == operator


def test_plain_arrays_lists_and_numbers_of_any_kind():
    for x in ([1, -2], np.array([1, -2], np.int8), np.array([1.0, -2.0], np.float32)):
        assert pcn.ops.relu(x).tolist() == [1.0, 0.0]
    assert pcn.ops.relu(np.float32([1, -2])).dtype == np.float32
    assert pcn.ops.sigmoid(0) == 0.5
    with pytest.raises(pcn.PcneuroError, match=r"shapes \(2,\) and \(3,\) do not broadcast"):
        apply(Map("add"), np.ones(2), np.ones(3))
    with pytest.raises(pcn.PcneuroError, match="takes 1 operand"):
        pcn.ops.relu(1.0, 2.0)


def test_unit_numbers():
    assert size(()) == 1
    assert size((2, 3)) == 6
    assert unit_indices((2, 2)).tolist() == [[0, 1], [2, 3]]


def test_index_arguments():
    low = Lowering()
    assert low.index(np.arange(4), 4) == IDENTITY
    assert low.index(np.zeros(4, int), 1) == SCALAR
    assert low.index(np.zeros(1, int), 1) == IDENTITY
    first = low.index(np.array([1, 0]), 2)
    assert first >= 0
    assert low.index(np.array([1, 0]), 2) == first
    assert low.index(np.array([0, 1]), 3) >= 0
    assert low.index(np.array([0, 0]), 2) >= 0
