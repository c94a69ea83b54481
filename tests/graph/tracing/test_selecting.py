"""What a traced condition selects: written back under it, or brought together, as NumPy has it on plain arrays."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import TraceError
from tests.helpers import assert_close

X = np.array([[1.5, -2.0, 0.3], [-0.7, 0.9, 2.5], [0.4, -1.1, -0.2]])


def values_of(function, x, check):
    return pcn.backprop(pcn.trace(function, x=pcn.Parameter(x), check=check)).values["out"][0]


def doubled(x):
    a = np.array(x)
    a[a > 0] *= 2
    a[a > 1] = a[a > 1] - 1
    return a


def moved(x):
    y, a, m = x**2, np.zeros((3, 3)), x > 0
    a[m] = y[m]
    a[~m] = np.exp(x[~m]) / (1 + np.exp(x[~m]))
    a[m] += np.sqrt(x[m]) * np.log(x[m])
    return a


def rows(x):
    a = np.array(x)
    a[0, a[0] > 0] = 0
    a[a[:, 0] > -0.5] *= np.array([1.0, 2.0, 3.0])
    a[:, x[1] > 0] += 1.0
    a[x[:, 2] > 0, 1] = x[:, 0][x[:, 2] > 0]
    view = a[1:]
    view[view < 0] = view[view < 0].mean()
    return a


def kept(x):
    m = x > 0
    before, a = x[m], np.array(x)
    same = before
    before *= 3
    before[before > 2] = np.clip(before[before > 2], 0, 3)
    m[0, 0] = False
    a[x > 0] = same
    return a


def together(x):
    m, v = x > 0, x[x > 0]
    spread = [v.std(), np.var(v, ddof=1), np.linalg.norm(v), v @ v, v.prod(), v.dot(2 * v)]
    ends = [v.max(), np.min(v), np.add.reduce(v), v[v < 1].sum(), (v > 2).any() + 0.0, np.all(v > 1) + 0.0]
    return np.array([v.sum(), np.mean(v), v.sum() / m.sum(), (v - v.mean()).max(), *spread, *ends])


def points(x):
    near = x[np.sum(x**2, axis=1) < 5]
    lengths = np.sum(near**2, axis=1)
    return np.concatenate([near.mean(axis=0), near[:, 1:].sum(axis=0), [lengths.max(), near.sum(), near.mean()]])


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("function", [doubled, moved, rows, kept, together, points])
def test_selections_are_those_of_numpy(function, check):
    assert_close(values_of(function, X, check), function(X.copy()), 1e-13)


def test_what_is_not_selected_has_no_part_in_the_gradient():
    def roots(x):
        a = np.zeros(3)
        a[x > 0] = np.sqrt(x[x > 0])
        return a

    x = np.array([4.0, -1.0, 0.0])
    graph = pcn.trace(roots, x=pcn.Parameter(x))
    # The loss is half the square of sqrt(4) - 1, whose slope is 1 / 4.
    gradients = pcn.backprop(graph, targets={"out": np.array([1.0, 0.0, 0.0])}).gradients
    assert_close(gradients["x"], [0.25, 0.0, 0.0], 1e-14)


def _into(x, value):
    a = np.array(x)
    a[x > 0] = value(x)
    return a


REFUSED = {
    "another mask": (lambda x: _into(x, lambda x: x[x < 0]), "selected by different masks"),
    "as many values as there are": (lambda x: _into(x, lambda x: np.ones(5)), r"an array of shape \(5,\) beside"),
    "sorted": (lambda x: np.sort(x[x > 0]), r"np\.sort of an array selected by a mask"),
    "a loop": (lambda x: sum(x[x > 0]), "a loop over the units of an array selected by a mask"),
    "how many": (lambda x: x * len(x[x > 0]), r"write np\.sum\(mask\)"),
    "a place": (lambda x: x[x > 0][0], "an index of an array selected"),
    "a vertex": (lambda x: pcn.vertex(x[x > 0], "v").sum(), "a vertex 'v' of what a mask selects"),
    "whole numbers": (lambda x: _whole(x), "a write of float64 into an array of int64"),
}


def _whole(x):
    k = np.arange(9).reshape(3, 3)
    k[x > 0] += 0.5
    return k * x


@pytest.mark.parametrize("name", REFUSED)
def test_what_needs_to_know_how_many_there_are_is_refused(name):
    function, text = REFUSED[name]
    with pytest.raises(TraceError, match=text):
        pcn.trace(function, x=pcn.Parameter(X))
