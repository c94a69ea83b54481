"""Structures: kernels and Python see the same arrays and numbers, and nothing else can be put into one."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from pcneuro.kernels.structures import AbstractStructure, Integers, Integers32, Reals, Times

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


class Inner(AbstractStructure):
    """A structure in another."""

    count: int
    time: Times


class Outer(AbstractStructure):
    """Of all kinds of fields."""

    number: int
    x: Reals
    inner: Inner
    place: Integers
    target: Integers32


@njit(nogil=True)
def use(structure, inner):
    """Change numbers and arrays."""
    structure.number += 2
    inner.count = structure.x.size
    inner.time[0] += structure.inner.time[1]
    x = structure.x
    for k in range(structure.target.size):
        x[structure.target[k]] += structure.place[-1]
    return structure.number + x[0]


def made(dtype=np.float64):
    inner = Inner(np.dtype(dtype), count=1, time=[0.5, 2.0])
    return Outer(np.dtype(dtype), number=-7, x=np.arange(3), inner=inner, place=[4, 5], target=[0, 2])


@DTYPES
@pytest.mark.parametrize("function", [use, getattr(use, "py_func", use)], ids=["compiled", "plain"])
def test_kernels_read_and_write_fields(dtype, function):
    one = made(dtype)
    assert function(one, one.inner) == 0
    assert (one.number, one.inner.count) == (-5, 3)
    assert one.x.tolist() == [5, 1, 7]
    assert one.inner.time.tolist() == [2.5, 2]
    assert {k: v.dtype for k, v in one.values().items() if isinstance(v, np.ndarray)} == {
        "x": dtype,
        "place": np.int64,
        "target": np.int32,
    }


def test_a_copy_has_arrays_of_its_own_and_a_replaced_one_the_same():
    one = made()
    copy, other = one.copied(), one.replaced(number=3, place=np.zeros(9))
    use(copy, copy.inner)
    assert one.x.tolist() == [0, 1, 2]
    assert (one.number, one.inner.count, other.number) == (-7, 1, 3)
    assert other.x is one.x
    assert other.inner is one.inner
    assert other.place.size == 9
    assert one.nbytes == 8 * (8 + 3) + 3 * 8 + 2 * 8 + 2 * 8 + 2 * 4


def test_fields_are_what_its_annotations_say():
    with pytest.raises(TypeError, match="Inner takes count, time: odd, time is missing or odd"):
        Inner(np.dtype(float), count=1, odd=2)
    one = made()
    with pytest.raises(AttributeError, match=r"Outer\.x stays"):
        one.x = np.zeros(3)
    with pytest.raises(AttributeError, match=r"Outer\.y stays"):
        one.y = 1
