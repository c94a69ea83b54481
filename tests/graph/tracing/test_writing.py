"""Arrays that a function writes to: its own ones, traced ones, and views of both, as NumPy has them."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from numpy import zeros as nothing

import pcneuro as pcn
from pcneuro.errors import ShapeError, TraceError
from tests.helpers import assert_close

X = np.array([0.5, -1.25, 2.0, 0.75, -0.5])


def one_by_one(x):
    y = np.zeros(5)
    for i in range(5):
        y[i] = i * x[i] + (y[i - 1] if i else 0)
    return np.sum(y**2)


def rows(x):
    y = np.ones((3, 5))
    row = y[1]
    row[:] = x
    row[2] = 1.0
    y[0] += 2 * x
    for each in y:
        each *= x
    return y


def strided(x):
    y = np.empty((5, 4))
    y[:] = 1.0
    columns = y.T
    columns[1::2] = x
    y[::-2, :2] -= 3 * x[0]
    return columns @ y


def of_parts(x):
    y = np.array([x[0], 2 * x[1], 3.0])
    z = np.asarray([[x[2], 1.0], [2.0, x[1]]])
    y[1:] *= z[0]
    return y @ np.ones(3) + np.sum(z)


def traced(x):
    z = 2 * x
    kept, alias = z.copy(), z
    z[1:3].fill(0)
    z[0] += x[4]
    z *= 2
    return alias * kept


def the_argument(x):
    x -= np.mean(x)
    x[0] = x[1] * x[2]
    return x


def views(x):
    z = 1.0 * x
    flipped, part, copied = z[::-1], z.reshape(5, 1)[1:4], z.flatten()
    flipped[0] = x[0]
    part[1, 0] = x[3] * x[1]
    z[2:] = z[:3] * 1.0
    return z * copied + flipped


def numbers(x):
    total, largest = 0.0, x[0]
    for v in x:
        total += v
        before = largest
        largest *= v
        total -= before
    return total * largest


def at_places(x):
    y = np.ones(3)
    np.add.at(y, [0, 1, 1, 2, 0], x)
    np.multiply.at(y, np.array([2, 2]), 1 + x[:2])
    z = np.outer(x, x)
    np.subtract.at(z, (np.array([0, 0, 1]), np.array([1, 1, 4])), x[:3])
    return y[:, None] * z[:3]


def triangular(x):
    L = np.zeros((5, 5))
    L[np.tril_indices(5)] = np.arange(15.0)
    L[np.diag_indices(5)] = np.exp(x)
    np.fill_diagonal(L[1:], x[0])
    return L @ L.T


def whole(x):
    a, b, c = np.full(5, x[0]), np.zeros_like(x), np.empty((2, 5))
    b.fill(x[1])
    np.copyto(c, x)
    np.copyto(c, x[::-1], where=np.arange(5) > 2)
    np.multiply(a, x, out=a)
    np.exp(b, out=c[1])
    return a + b * c


def each_number(x):
    return np.vectorize(lambda t, u: t * t + u)(x, 2.0) + np.vectorize(lambda t: t - 1)(x[:1])


def plain_before(x):
    y = np.zeros(4) + np.arange(4.0)
    z = np.maximum(y, 1.0)
    first = float(z[0]) if z[0] > 0.5 else 0.0
    y[:2] += z[:2]
    w = np.ravel(y)
    w[3] = x[0]
    y[2] = first * x[1]
    return y * z + w


def by_another_name(x):
    y = nothing(2)
    y[0] = x[0]
    return y + x[:2]


def lists(x):
    joined = np.concatenate([np.ones(1), [x[0], 2.0], (x[1],)])
    return (
        np.sum([x, 2 * x], axis=0) * np.mean([x[0], 1.0]) + np.dot([x[1], 2.0], joined[:2]) + [x[2], 1, 2, 3, x[0]] * x
    )


def without_axes(x):
    total, alias, number = np.zeros(()), [], x[0]
    np.add(np.sum(x), 1.0, out=total)
    alias.append(total)
    total += x[1]
    kept = number
    number += 1.0
    return alias[0] * x + np.add.reduce(x[:2], out=np.zeros(())) + kept


def flat(x):
    z, y = np.zeros((5, 5)), np.outer(x, x)
    z.flat[::6] += x
    y.T.flat[3] = x[2]
    y.flat[-1] = 2.0
    w = np.ones((2, 2))
    w.flat = x[:3]
    v = 2 * x
    v.flat = x[:2]
    v.real[0] = x[4]
    for i, number in np.ndenumerate(np.zeros(3)):
        v[i] += number
    for i, number in np.ndenumerate(x[:2]):
        v[i] *= number
    return z @ y @ np.stack(list(v.flat)) + w.flat[3]


def complex_parts(x):
    z, y = np.zeros((3, 2), complex), np.zeros(4, complex)
    last, imaginary, rest = z[:, 1], z[::-1].imag, y[1:]
    z.real[0] = x[:2]
    last[:] = 1j * x[2:]
    imaginary[:2, 0] = x[:2] * x[3]
    rest[1:] = x[:2] + 1j * x[3:]
    y.real = x[1:]
    w = x + 1j
    w.imag = 2 * x
    w.real *= x
    return np.concatenate([z.real.ravel() * z.imag.ravel(), rest.real * rest.imag, last.imag, w.real * w.imag])


def at_numbers(x):
    z, y, w = np.zeros(5), np.ones(4), np.outer(x, x)
    np.put(z, [0, -1, 1], x[:2])
    np.place(y, [True, False, True, True], x[1:3])
    np.place(z, z > 0.6, x[4])
    np.put_along_axis(w, np.array([[0], [3], [1], [0], [2]]), x[:, None], axis=1)
    np.put_along_axis(w, np.argmax(w, axis=0, keepdims=True), 2 * x[:1], axis=0)
    x.put([7], 3.0, mode="wrap")
    return w @ z + y[0] * y[2] + x


def by_out(x):
    sums, product, joined = np.zeros(()), np.zeros(5), np.empty((2, 5))
    np.sum(x**2, out=sums)
    np.dot(np.eye(5) * 2, x, out=product)
    np.stack([x, 3 * x], out=joined)
    np.cumsum(x, out=x)
    x.clip(-0.5, 1.0, out=x)
    return sums * product + joined[1] * x


FUNCTIONS = (
    at_numbers,
    by_out,
    without_axes,
    flat,
    complex_parts,
    lists,
    one_by_one,
    rows,
    strided,
    of_parts,
    traced,
    the_argument,
    views,
    numbers,
    at_places,
    triangular,
    whole,
    each_number,
    plain_before,
    by_another_name,
)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_what_is_written_has_numpys_values_and_derivatives(function):
    """Derivatives by complex steps would need complex arrays of the functions' own: central differences it is."""
    graph = pcn.trace(lambda w: function(w), w=pcn.Parameter(X))
    value = function(X.copy())
    weights = np.random.default_rng(0).normal(size=np.shape(value))
    loss = pcn.trace(lambda w: np.sum(weights * function(w)), w=pcn.Parameter(X))
    assert_close(pcn.backprop(graph).values["out"][0], value, 1e-14)
    # The error of an output without a target is zero: half the squared distance from a target one below is a sum.
    found = pcn.backprop(loss, targets={"out": pcn.backprop(loss).values["out"] - 1}).gradients["w"]
    step = 1e-6 * np.eye(5)
    known = [(np.sum(weights * function(X + d)) - np.sum(weights * function(X - d))) / 2e-6 for d in step]
    assert_close(found, np.array(known), 1e-8)


def test_a_loop_of_writes_is_a_graph_of_linear_size():
    def chain(x):
        y = np.zeros(300)
        y[0] = x
        for i in range(1, 300):
            y[i] = 0.5 * y[i - 1]
        return y

    graph = pcn.trace(chain, x=pcn.Input(()))
    assert len(graph.nodes) < 700


def test_numpy_is_as_it_was_after_a_trace_that_fails_too():
    before = np.zeros, np.array, np.vectorize.__call__, nothing

    def fails(x):
        assert np.zeros is not before[0]
        assert nothing is not before[3]
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        pcn.trace(fails, x=pcn.Input((3,)))
    assert before == (np.zeros, np.array, np.vectorize.__call__, nothing)


def test_other_threads_make_plain_arrays_meanwhile():
    kinds = []

    def f(x):
        thread = threading.Thread(target=lambda: kinds.append((type(np.zeros(2)), type(np.array([1.0])))))
        thread.start()
        thread.join()
        return 2 * x

    pcn.trace(f, x=pcn.Input((3,)), check=False)
    assert kinds == [(np.ndarray, np.ndarray)]


REFUSED = {
    "whole numbers": (lambda x: (np.sign(x).astype(int)).__setitem__(0, x[0]), TraceError, "a write of numbers into"),
    "another shape": (
        lambda x: np.zeros(3).__setitem__(slice(0, 2), x),
        ShapeError,
        r"\(5,\) does not fit into \(2,\)",
    ),
    "parts": (lambda x: np.array([x, x[:2]]), ShapeError, r"np\.array of parts of different shapes \(2,\), \(5,\)"),
    "out of range": (lambda x: (1 * x).__setitem__(7, 0.0), ShapeError, "index 7"),
    "integers": (lambda x: np.zeros(3, int).__setitem__(0, x[0]), TraceError, "a write of numbers into"),
}


@pytest.mark.parametrize("name", [name for name in REFUSED if name != "whole numbers"])
def test_writes_that_do_not_fit_are_refused_at_their_line(name):
    function, kind, text = REFUSED[name]
    with pytest.raises(kind, match=text) as caught:
        pcn.trace(function, x=pcn.Input((5,)))
    assert "(test_writing.py:" in str(caught.value)


def viterbi(scores):
    """The best path through a table of scores, with pointers back in an array of whole numbers."""
    steps, states = scores.shape
    best, back = np.zeros((steps, states)), np.zeros((steps, states), dtype=int)
    best[0] = scores[0]
    for t in range(1, steps):
        ways = best[t - 1][:, None] - np.abs(np.subtract.outer(np.arange(states), np.arange(states)))
        back[t] = np.argmax(ways, axis=0)
        best[t] = np.max(ways, axis=0) + scores[t]
    path = np.zeros(steps, int)
    path[-1] = np.argmax(best[-1])
    for t in reversed(range(1, steps)):
        path[t - 1] = back[t, path[t]]
    return {"path": path + 0.0, "total": scores[np.arange(steps), path].sum()}


def test_arrays_of_whole_numbers_take_traced_ones():
    scores = 3 * np.random.default_rng(0).normal(size=(5, 3))
    exact = pcn.backprop(pcn.trace(viterbi, scores=pcn.Parameter(scores)), targets={"total": 0.0})
    expected = viterbi(scores)
    assert_close(exact.values["path"][0], expected["path"], 0)
    assert_close(exact.gradients["scores"], expected["total"] * np.eye(3)[expected["path"].astype(int)], 1e-12)


def test_traced_whole_numbers_are_no_index_into_an_array_from_outside():
    def looked_up(x):
        places = np.zeros(2, int)
        places[0] = np.argmax(x)
        return X[places] + x[:2]

    with pytest.raises(TraceError, match=r"outside of the function .*test_writing\.py.*write np\.take\(a, i\)"):
        pcn.trace(looked_up, x=pcn.Input((5,)))


def test_constants_of_a_graph_are_plain_arrays():
    graph = pcn.trace(lambda x: 0.5 * x + np.zeros(5) + np.array([1.0, 2, 3, 4, 5]), x=pcn.Input((5,)))
    constants = [node.source.value for node in graph.nodes.values() if hasattr(node.source, "value")]
    assert [type(value) for value in constants] == [np.ndarray] * 3


def test_what_out_is_given_has_its_shape():
    with pytest.raises(ShapeError, match=r"np\.sum of shape \(\) with out= of shape \(2,\)"):
        pcn.trace(lambda x: np.sum(x, out=np.zeros(2)), x=pcn.Input((3,)))
