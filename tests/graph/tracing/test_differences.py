"""NumPy's differences, integrals and interpolation, traced."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import ShapeError, TraceError
from tests.helpers import assert_close, case, check_case, every_case


def written(name, function, *shapes):
    """A case that autograd's own list of functions need not know: complex steps go through all of these."""
    return case(name, function, *shapes, by_autograd=False)


PLACES = np.array([0.0, 1.0, 3.0, 3.5])
KNOTS = np.array([-1.2, -0.5, 0.1, 1.0])

CASES = [
    case("diff", lambda np, a: np.diff(a, 2, axis=0), (4, 2)),
    written("diff between given ends", lambda np, a, b: np.diff(a, prepend=0.5, append=b), (2, 3), (2, 1)),
    written("ediff1d", lambda np, a: np.ediff1d(a, to_end=a[0], to_begin=[1.0]), (2, 2)),
    written("gradient", lambda np, a: np.gradient(a)[0] * np.gradient(a)[1], (3, 4)),
    written("gradient of second order", lambda np, a: np.gradient(a, 0.5, axis=1, edge_order=2), (2, 4)),
    written("gradient at places", lambda np, a: np.gradient(a, PLACES, axis=-1), (2, 4)),
    written("gradient of second order at places", lambda np, a: np.gradient(a, 2.0, PLACES, edge_order=2)[1], (3, 4)),
    written(
        "gradient at traced places", lambda np, a, b: np.gradient(a + 0 * b, PLACES + 0.1 * b, edge_order=2), (4,), (4,)
    ),
    written("trapezoid", lambda np, a: np.trapezoid(a, dx=0.5) + np.trapezoid(a.T, axis=0), (2, 4)),
    written("trapezoid at places", lambda np, a: np.trapezoid(a, PLACES), (2, 4)),
    written("trapezoid at traced places", lambda np, a, b: np.trapezoid(a, x=b, axis=0), (3, 2), (3, 2)),
]


@every_case(CASES)
def test_forward_and_gradients(each):
    check_case(each)


AT = np.array([-3.0, -0.7, 0.1, 0.4, 2.0])


def test_interpolation_is_linear_in_the_values():
    def f(y):
        return {
            "plain": np.interp(AT, KNOTS, y),
            "with_ends": np.interp(AT, KNOTS, y, left=2.0, right=y[0]),
            "periodic": np.interp(AT, KNOTS, y, period=1.7),
            "one_knot": np.interp(AT, [0.0], y[:1]),
        }

    y = np.array([0.3, -1.0, 2.0, 0.7])
    graph = pcn.trace(f, y=pcn.Parameter(y))
    values = pcn.backprop(graph).values
    for name, expected in f(y).items():
        assert_close(values[graph.outputs[name].name][0], expected, 1e-14, name)
        # The columns of the matrix are the interpolations of unit vectors; constants have no part in them.
        target = np.random.default_rng(3).normal(size=AT.shape)
        gradient = pcn.backprop(pcn.trace(lambda y, name=name: f(y)[name], y=pcn.Parameter(y)), {}, {"out": target})
        columns = [(f(y + e)[name] - f(y - e)[name]) / 2.0 for e in np.eye(4)]
        assert_close(gradient.gradients["y"], [(expected - target) @ column for column in columns], 1e-13, name)


def test_interpolation_at_traced_places():
    values = np.array([0.3, -1.0, 2.0, 0.7])

    def f(x, y):
        return np.interp(x, KNOTS, y)

    graph = pcn.trace(f, x=pcn.Parameter(AT), y=pcn.Parameter(values))
    got = pcn.backprop(graph, targets={"out": np.zeros(AT.shape)})
    out = f(AT, values)
    assert_close(got.values["out"][0], out, 1e-14)
    step = 1e-6
    # At a knot half of the slope on either side.
    slopes = (f(AT + step, values) - f(AT - step, values)) / (2 * step)
    assert_close(got.gradients["x"], out * slopes, 1e-8)
    columns = np.stack([f(AT, values + e) - out for e in np.eye(4)])
    assert_close(got.gradients["y"], columns @ out, 1e-13)


INFINITE = {
    "at the first knot": lambda x: np.interp(x, [1.0, 2.0, 3.0], [-np.inf, 0.0, 1.0]),
    "at the last knot": lambda x: np.interp(x, [1.0, 2.0, 3.0], [0.0, 1.0, np.inf], left=5.0),
    "inside": lambda x: np.interp(x, [1.0, 2.0, 3.0], [0.0, np.inf, 1.0]),
    "constant places": lambda x: np.interp([0.0, 1.0, 2.0], [0.0, 1.0, 2.0], np.log(np.abs(x[:3]))),
}


@pytest.mark.parametrize("function", INFINITE.values(), ids=INFINITE)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_interpolation_between_infinite_values(function):
    x = np.array([0.0, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0])
    graph = pcn.trace(function, x=pcn.Parameter(x))
    np.testing.assert_allclose(pcn.backprop(graph).values["out"][0], function(x), rtol=1e-14)


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda x: np.diff(x, axis=2), r"np\.diff over axis 2 of an array of shape \(2, 3\) \(test_differences"),
        (lambda x: np.diff(x, -1), r"np\.diff of order -1"),
        (lambda x: np.gradient(x, 1.0, 2.0, 3.0), r"over 2 axes with 3 spacings"),
        (lambda x: np.gradient(x, [1.0, 2.0], axis=1), r"places of shape \(2,\)"),
        (lambda x: np.gradient(x, edge_order=3)[0], r"edge_order=3: give 1 or 2"),
        (lambda x: np.gradient(x, edge_order=2)[0], r"it needs 3 elements"),
        (lambda x: np.interp(0.5, [0.0, 1.0], x), r"values of shape \(2, 3\)"),
    ],
)
def test_what_does_not_fit_is_named_with_the_line(function, text):
    with pytest.raises(ShapeError, match=text):
        pcn.trace(function, x=pcn.Input((2, 3)))


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda x: np.interp(0.5, x, [1.0, 2.0, 3.0]), "traced knots"),
        (lambda x: np.interp(0.5, [0.0, 2.0, 1.0], x), "knots that do not increase"),
    ],
)
def test_what_is_no_interpolation_is_refused(function, text):
    with pytest.raises(TraceError, match=text):
        pcn.trace(function, x=pcn.Input((3,)))
