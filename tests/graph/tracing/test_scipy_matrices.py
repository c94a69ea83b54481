"""Matrices that scipy.linalg makes of vectors and of smaller ones, by SciPy itself."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg

import pcneuro as pcn
from pcneuro.errors import ShapeError
from tests.helpers import assert_close

X = np.array([0.5, -1.25, 2.0])
FUNCTIONS = {
    "toeplitz": lambda x: scipy.linalg.toeplitz(x) @ scipy.linalg.toeplitz(x, [9.0, x[0], 2.0, x[1]]),
    "toeplitz of a row": lambda x: scipy.linalg.toeplitz([1.0, 2.0], x),
    "hankel": lambda x: scipy.linalg.hankel(x) @ scipy.linalg.hankel(x, 2 * x[:2]),
    "circulant": lambda x: scipy.linalg.circulant(x),
    "block_diag": lambda x: scipy.linalg.block_diag(np.outer(x, x[:2]), x, 1.0, [[1.0, 2.0]]),
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_values_are_scipys(function):
    graph = pcn.trace(function, x=pcn.Parameter(X))
    assert_close(pcn.backprop(graph).values["out"][0], function(X), 1e-14)


def test_a_matrix_is_no_vector():
    with pytest.raises(ShapeError, match=r"scipy.linalg.circulant of shape \(3, 3\): give one axis"):
        pcn.trace(lambda x: scipy.linalg.circulant(np.outer(x, x)), x=pcn.Input((3,)))
