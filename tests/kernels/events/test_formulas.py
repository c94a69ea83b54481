"""Formulas of single units against the NumPy twins of their primitives."""

from __future__ import annotations

import numpy as np
import pytest

from pcneuro.kernels.events.formulas import CODES, DEPTH, FIRST_TWO, NUMBER, OPERAND, OUT, evaluate, one, two
from pcneuro.kernels.primitives import PRIMITIVES

POINTS = [-2.5, -1.0, -0.4, -0.0, 0.0, 0.3, 0.5, 1.0, 1.7, 4.0, 30.0]


def run(codes, numbers, operands, out=0.0) -> float:
    arrays = np.array(codes, dtype=np.int64), np.array(numbers, dtype=np.float64)
    return evaluate(*arrays, 0, len(codes), np.array(operands, dtype=np.float64), out, np.zeros(DEPTH))


def test_every_primitive_has_a_code():
    assert CODES.keys() == PRIMITIVES.keys()
    assert all((code >= FIRST_TWO) == (PRIMITIVES[name].arity == 2) for name, code in CODES.items())


@pytest.mark.parametrize("name", sorted(CODES))
def test_primitives(name):
    twin = PRIMITIVES[name]
    checked = 0
    with np.errstate(all="ignore"):
        for x in POINTS:
            for y in POINTS if twin.arity == 2 else [0.0]:
                if name == "polygamma" and y < 0.0:
                    # Large terms of both signs cancel, in the twin, too.
                    continue
                operands = [x, y][: twin.arity]
                codes = [*(c for k in range(twin.arity) for c in (OPERAND, k)), CODES[name]]
                wanted = float(twin.array(*(np.float64(z) for z in operands)))
                tolerance = 4e-15 if twin.lane is None else 1e-12
                np.testing.assert_allclose(run(codes, [], operands), wanted, rtol=tolerance, atol=1e-300)
                checked += np.isfinite(wanted)
    # Some functions of single numbers are defined inside of (0, 1) only, where few points are.
    assert checked > (3 if twin.lane is None else 1)


def test_numbers_and_the_own_value():
    # 2*x - out
    codes = [NUMBER, 0, OPERAND, 0, CODES["multiply"], OUT, 0, CODES["subtract"]]
    assert run(codes, [2.0], [3.0], out=1.5) == 4.5


@pytest.mark.parametrize("made", [one, two])
def test_what_is_made_of_the_table_says_where_it_is(made):
    """Numba keeps compiled functions by their file, and finds what they refer to by their module."""
    function, written = (getattr(f, "py_func", f) for f in (made, evaluate))
    assert function.__module__ == written.__module__
    assert function.__code__.co_filename == written.__code__.co_filename
