"""np.pad, traced: every mode, and every way in which its options are given."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import ShapeError, TraceError
from tests.helpers import assert_close, case, check_case, every_case


def written(name, function, *shapes):
    """A case that autograd's own list of functions need not know: complex steps go through all of these."""
    return case(name, function, *shapes, by_autograd=False)


CASES = [
    case("pad with zeros", lambda np, a: np.pad(a, ((1, 0), (0, 2)), "constant"), (2, 2)),
    written("pad with constants", lambda np, a: np.pad(a, 2, constant_values=((1, 2), (3, 4))), (2, 3)),
    written("pad by a ramp", lambda np, a: np.pad(a, ((1, 2), (3, 1)), "linear_ramp", end_values=(0.5, -1)), (2, 3)),
    written("pad by means", lambda np, a: np.pad(a, 1, "mean", stat_length=((1, 2), (2, 9))), (2, 3)),
    written("pad by an odd reflection", lambda np, a: np.pad(a, (4, 3), "reflect", reflect_type="odd"), (2, 3)),
]


@every_case(CASES)
def test_forward_and_gradients(each):
    check_case(each)


X = np.random.default_rng(4).normal(size=(3, 4))
COPIES = [(mode, {}) for mode in ("edge", "reflect", "symmetric", "wrap", "constant", "linear_ramp", "mean")]
COPIES += [(mode, {}) for mode in ("maximum", "minimum", "median")]
ODD = [(mode, {"reflect_type": "odd"}) for mode in ("reflect", "symmetric")]


@pytest.mark.parametrize(("mode", "options"), COPIES + ODD, ids=str)
@pytest.mark.parametrize("widths", [1, (2, 0), ((1, 2), (3, 1)), ((7, 9), (11, 5)), ((0,), (2,))], ids=str)
def test_values_are_those_of_numpy(mode, options, widths):
    for x in (X, X[:1]):
        graph = pcn.trace(lambda x: np.pad(x, widths, mode, **options), x=pcn.Parameter(x))
        assert_close(pcn.backprop(graph).values["out"][0], np.pad(x, widths, mode, **options), 1e-14)


@pytest.mark.parametrize("mode", ["mean", "median", "linear_ramp", "maximum"])
def test_of_whole_numbers_and_truth_values_are_made_as_many(mode):
    def function(x):
        options = {"end_values": 7} if mode == "linear_ramp" else {}
        padded = [np.pad(array, (2, 3), mode, **options) for array in (np.argsort(x), x > 0, np.floor(x).astype(int))]
        return np.stack(padded) * 1.0

    x = np.array([1.0, -2.0, 3.5, 2.0])
    assert_close(pcn.backprop(pcn.trace(function, x=pcn.Parameter(x))).values["out"][0], function(x), 0)


@pytest.mark.parametrize(("mode", "options"), COPIES + ODD, ids=str)
def test_a_number_has_nothing_to_pad(mode, options):
    graph = pcn.trace(lambda x: np.pad(x, (1, 2), mode, **options) * 2, x=pcn.Parameter(3.0))
    assert pcn.backprop(graph).values["out"][0] == 2 * np.pad(3.0, (1, 2), mode, **options)


def test_a_traced_constant_learns():
    def f(x, c):
        return np.pad(x, 1, constant_values=c)

    graph = pcn.trace(f, x=pcn.Parameter(X), c=pcn.Parameter(np.array(2.0)))
    got = pcn.backprop(graph, targets={"out": np.zeros((5, 6))})
    assert_close(got.values["out"][0], f(X, 2.0), 0)
    assert_close(got.gradients["c"], 2.0 * 18, 1e-14)


@pytest.mark.parametrize(
    ("function", "error", "text"),
    [
        (lambda x: np.pad(x, 1, "reflect", stat_length=2), ShapeError, "that mode has no such"),
        (lambda x: np.pad(x, -1), ShapeError, "negative widths"),
        (lambda x: np.pad(x, 1.5), ShapeError, "pad_width=1.5: give whole numbers"),
        (lambda x: np.pad(x, (1, 2, 3)), ShapeError, r"pad_width=\(1, 2, 3\)|pad_width of shape \(3,\)"),
        (lambda x: np.pad(x, 1, "mean", stat_length=0), ShapeError, "stat_length=0"),
        (lambda x: np.pad(x, 1, "empty"), TraceError, "np.pad with mode='empty' cannot be traced"),
        (lambda x: np.pad(x, 1, lambda *_: None), TraceError, "np.pad with mode="),
    ],
)
def test_what_cannot_be_is_named_with_the_line(function, error, text):
    with pytest.raises(error, match=rf"{text}") as caught:
        pcn.trace(function, x=pcn.Input((3,)))
    assert "(test_padding.py:" in str(caught.value)
