"""NumPy's polynomials and convolutions, traced."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import ShapeError, TraceError
from tests.helpers import assert_close, case, check_case, every_case

PLACES = np.array([0.0, 1.0, 3.0, 3.5])
WEIGHTS = np.array([1.0, 2.0, 1.0, 0.5])


def written(name, function, *shapes):
    """A case that autograd's own list of functions need not know: complex steps go through all of these."""
    return case(name, function, *shapes, by_autograd=False)


CASES = [
    written("convolve", lambda np, a, b: np.convolve(a, b), (5,), (3,)),
    written("convolve with a constant", lambda np, a: np.convolve([1.0, -2.0], a, mode="same"), (5,)),
    # NumPy's np.correlate conjugates its second argument.
    written("correlate", lambda np, a, b: np.correlate(a, np.conj(b)), (5,), (3,)),
    written("correlate with all that overlap", lambda np, a, b: np.correlate(a, np.conj(b), "full"), (2,), (4,)),
    written("vander", lambda np, a: np.vander(a, 4) @ np.vander(a, 4, increasing=True).T, (3,)),
    written("polyval", lambda np, a, b: np.polyval(a, b), (3,), (2, 2)),
    written("poly1d", lambda np, a: np.poly1d([1.0, -2.0, 3.0])(a), (3,)),
    written("sums of polynomials", lambda np, a, b: np.polyadd(a, b) * np.polysub([1.0, 2.0, 0.5], a), (3,), (2,)),
    written("polymul", lambda np, a, b: np.polymul(a, b), (3,), (2,)),
    written("polyder and polyint", lambda np, a: np.polyder(a, 2) * np.polyint(a, 2, k=[1.0, 2.0])[:2], (4,)),
    written("poly", lambda np, a: np.poly(a), (3,)),
    written("chebval", lambda np, a, b: np.polynomial.chebyshev.chebval(a, b), (3,), (4,)),
    written("a polynomial of its own class", lambda np, a: np.polynomial.Polynomial([1.0, -2.0, 3.0])(a), (3,)),
]


@every_case(CASES)
def test_forward_and_gradients(each):
    check_case(each)


@pytest.mark.parametrize("function", [np.convolve, np.correlate])
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_all_lengths_of_both_arguments(function, mode):
    rng = np.random.default_rng(1)
    for n, m in itertools.product(range(1, 7), repeat=2):
        a, b = rng.normal(size=n), rng.normal(size=m)
        graph = pcn.trace(lambda a, b: function(a, b, mode), a=pcn.Parameter(a), b=pcn.Parameter(b), check=False)
        target = rng.normal(size=function(a, b, mode).shape)
        got = pcn.backprop(graph, targets={"out": target})
        assert_close(got.values["out"][0], function(a, b, mode), 1e-14, f"{n} {m}")
        deviation = function(a, b, mode) - target
        by_a = [function(e, b, mode) @ deviation for e in np.eye(n)]
        by_b = [function(a, e, mode) @ deviation for e in np.eye(m)]
        assert_close(got.gradients["a"], by_a, 1e-14, f"{n} {m}")
        assert_close(got.gradients["b"], by_b, 1e-14, f"{n} {m}")


@pytest.mark.parametrize("function", [np.convolve, np.correlate])
@pytest.mark.parametrize("mode", ["full", "same"])
@pytest.mark.filterwarnings("ignore:invalid value")
def test_infinite_constants_are_only_where_they_overlap(function, mode):
    x = np.array([1.0, -2.0, 3.5])
    for other in ([1.0, np.inf], [1.0, np.inf, 2.0, 3.0, 4.0]):
        graph = pcn.trace(lambda x, other=other: function(x, other, mode), x=pcn.Parameter(x))
        np.testing.assert_array_equal(pcn.backprop(graph).values["out"][0], function(x, other, mode))


def test_a_fit_is_linear_in_the_values():
    y = np.array([0.3, -1.0, 2.0, 0.7])

    def f(y):
        return np.polyfit(PLACES, y, 2, w=WEIGHTS)

    got = pcn.backprop(pcn.trace(f, y=pcn.Parameter(y)), targets={"out": np.zeros(3)})
    assert_close(got.values["out"][0], f(y), 1e-13)
    assert_close(got.gradients["y"], [f(e) @ f(y) for e in np.eye(4)], 1e-12)


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda x: np.convolve(x, x[0]), r"np\.convolve of an array of shape \(2, 3\): give one axis"),
        (lambda x: np.vander(x), r"np\.vander of an array of shape \(2, 3\)"),
        (lambda x: np.polyval(x, 1.0), r"coefficients of shape \(2, 3\)"),
        (lambda x: np.polyint(x[0], 3, k=[1.0, 2.0]), r"order 3 with 2 constants"),
    ],
)
def test_what_does_not_fit_is_named_with_the_line(function, text):
    with pytest.raises(ShapeError, match=rf"{text}.*\(test_polynomials"):
        pcn.trace(function, x=pcn.Input((2, 3)))


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda x: np.convolve(x, x, "wrap"), "mode='wrap' cannot be traced .*give full, same or valid"),
        (lambda x: np.polyfit(x, x, 1), "np.polyfit with a traced x"),
        (lambda x: np.polyval(x, np.poly1d([1.0])), "one polynomial at another"),
    ],
)
def test_what_cannot_be_is_refused(function, text):
    with pytest.raises(TraceError, match=text):
        pcn.trace(function, x=pcn.Input((3,)))
