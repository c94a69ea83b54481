"""Interpolation of scipy.interpolate of traced values: SciPy's values, and the gradients of a linear map."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import CubicSpline, interp1d

import pcneuro as pcn
from pcneuro.errors import TraceError
from tests.helpers import assert_close

KNOTS = np.array([0.0, 1.0, 2.5, 4.0])
PLACES = np.array([[0.3, 1.0, 2.2], [3.9, 0.0, 4.0]])
Y = np.random.default_rng(9).normal(size=(4, 3))

LINEAR = {
    "spline": lambda y: CubicSpline(KNOTS, y)(PLACES),
    "natural spline": lambda y: CubicSpline(KNOTS, y[:, 0], bc_type="natural")(1.3),
    "slope of a spline": lambda y: CubicSpline(KNOTS[:3], y, axis=1)(PLACES, 1),
    "linear": lambda y: interp1d(KNOTS[:3], y)(PLACES / 2),
    "cubic": lambda y: interp1d(KNOTS, y, axis=0, kind="cubic")(PLACES),
    "beyond the knots": lambda y: interp1d(KNOTS[:3], y, kind="quadratic", fill_value="extrapolate")(PLACES),
    "a fill value": lambda y: interp1d(KNOTS, y[:, 1], bounds_error=False, fill_value=2.5)(PLACES + 1),
}


@pytest.mark.parametrize("function", LINEAR.values(), ids=LINEAR)
def test_values_and_gradients_are_those_of_the_linear_map(function):
    graph = pcn.trace(lambda y: function(y) * 1.0, y=pcn.Parameter(Y))
    expected, base = function(Y), function(np.zeros(Y.shape))
    got = pcn.backprop(graph, targets={"out": np.zeros(expected.shape)})
    assert_close(got.values["out"][0], expected, 1e-13)
    columns = [np.sum((function(e.reshape(Y.shape)) - base) * expected) for e in np.eye(Y.size)]
    assert_close(got.gradients["y"], np.reshape(columns, Y.shape), 1e-12)


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda x: CubicSpline(x, np.arange(3.0))(0.5), "CubicSpline with knots that are traced"),
        (lambda x: CubicSpline([0.0, 1.0, 2.0], x)(x[0]), "CubicSpline at traced places .*np.interp"),
        (lambda x: interp1d([0.0, 1.0, 2.0], x, "cubic")(0.5), "interp1d with further arguments by place"),
    ],
)
def test_what_is_not_linear_in_the_values_is_refused(function, text):
    with pytest.raises(TraceError, match=text):
        pcn.trace(function, x=pcn.Input((3,)))
