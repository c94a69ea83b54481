"""Indexing by arrays of the data: values, derivatives, engines, and indices that are out of range."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import DataError, ShapeError
from pcneuro.ops.base import apply
from pcneuro.ops.pick import Pick
from tests.helpers import (
    assert_close,
    case,
    check_case,
    check_engines,
    check_file,
    every_case,
    every_variant,
    run_kernel,
    targets_near,
)
from tests.ops.random_operators import at_random, check_random, distinct, shape_at

TABLE = np.array([0.5, -1.0, 2.0, 0.25])


def best(np, a):
    """Of each row, the place of its largest."""
    return np.argmax(a, axis=1)


CASES = [
    case("own largest", lambda np, a: np.sin(a[best(np, a), np.argmin(a, axis=1)]), (3, 3)),
    case("largest of another", lambda np, a, b: b[best(np, a)] * b[-1], (3, 4), (4, 2)),
    case("with constants", lambda np, a, b: b[np.arange(3), best(np, a)] ** 2, (3, 4), (3, 4)),
    case("of a slice", lambda np, a, b: b[1:, best(np, a)], (2, 3), (3, 3)),
    case("one place", lambda np, a, b: b[np.argmax(a)] + b[None, :, np.argmax(a)][0], (3,), (3, 3)),
    case("in order", lambda np, a, b: b[np.argsort(a)] * a, (4,), (4,)),
]
MORE = [
    case("taken", lambda np, a, b: np.take(b, best(np, a), axis=1), (2, 3), (2, 3)),
    case("taken of all", lambda np, a, b: np.take(b, np.argsort(a)), (3,), (2, 3)),
    case("along an axis", lambda np, a, b: np.take_along_axis(b, np.argsort(a, axis=0), axis=0), (3, 2), (3, 2)),
    case("largest, kept", lambda np, a: np.take_along_axis(a, np.argmax(a, 1, keepdims=True), -1), (3, 2)),
    case("along the only axis", lambda np, a: np.take_along_axis(a, np.argsort(a, axis=None), None), (3, 2)),
    case("of a constant", lambda np, a: np.take(TABLE, np.argsort(a)) * a, (4,)),
]


def without_autograd(each):
    return case(each.name, each.function, *each.operands.values(), by_autograd=False)


@every_case([without_autograd(each) for each in CASES + MORE])
def test_forward_and_gradients(each):
    check_case(each)


@every_variant([without_autograd(each) for each in CASES])
def test_kernel_is_the_reference(v):
    check_engines(v)


@at_random
def test_any_shape_axis_and_indices(seed):
    rng = np.random.default_rng(seed)
    shape = shape_at(rng, int(rng.integers(1, 4)), 5)
    axis = int(rng.integers(len(shape)))
    x = distinct(rng, (int(rng.integers(1, 4)), *shape))
    dtype = (np.float64, np.float32)[seed // 4 % 2]
    n, order = shape[axis], int(rng.integers(1, 4))
    some = rng.integers(0, n, shape_at(rng, order, 3))

    def function(a):
        places = np.argsort(a, axis=axis)
        if seed % 4 == 0:
            return np.take_along_axis(a, places, axis=axis) * a
        row = np.moveaxis(places, axis, 0).reshape(n, -1)[:, 0][some]
        if seed % 4 == 1:
            return np.take(a, row, axis=axis)
        if seed % 4 == 2:
            return a[(slice(None),) * axis + (row, ...)] * np.mean(a)
        # The places of the largest of all, one for each axis.
        return a[tuple(np.argmax(np.max(a, axis=tuple(set(range(a.ndim)) - {i}))) for i in range(a.ndim))] * a

    check_random(function, x, dtype, rng)


def pick(x, *indices, lengths):
    """The operator itself: of a row of units, by indices of one axis each."""
    strides = [int(np.prod(lengths[k + 1 :])) for k in range(len(lengths))]
    units = np.zeros(np.shape(indices[0]), int)
    which = np.stack([np.arange(units.size).reshape(units.shape)] * len(indices))
    return apply(Pick(units, which, tuple(strides), tuple(lengths)), x, *indices)


def test_negative_indices_and_those_on_their_way():
    x = np.arange(12.0) ** 2
    rows, columns = np.array([0.0, -1.0, 1.4, -2.6]), np.array([3.0, -4.0, 0.6, -0.4])
    expected = x.reshape(3, 4)[[0, -1, 1, -3], [3, -4, 1, 0]]
    np.testing.assert_array_equal(pick(x, rows, columns, lengths=(3, 4)), expected)


def graph_by_index(shared):
    def function(index, x, w):
        return pick(w if shared else x * w, index, lengths=(4,)) * np.ones(3)

    leaves = {"index": pcn.Input((3,)), "x": pcn.Input((4,)), "w": pcn.Parameter(np.ones(4))}
    return pcn.trace(function, check=False, **leaves)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("engine", [pcn.Kernel(threads=1), pcn.Reference()], ids=str)
def test_what_is_picked_twice_adds_up(shared, engine):
    graph = graph_by_index(shared)
    inputs = {"index": np.array([[1, 1, -1], [0, 1, 2]]), "x": np.ones((2, 4))}
    result = pcn.Simulator(pcn.build_circuit(graph, vertices="marked"), engine=engine).run(
        0.0, inputs=inputs, targets={"out": np.array([[0.0, -1.0, -2.0], [-3.0, 1.0, 11.0]])}
    )
    assert_close(result.gradients["w"], [4.0, 3.0, -10.0, 3.0], 1e-14)


@pytest.mark.parametrize("bad", [4.0, -5.0, 3.5, -4.6, 1e300])
@pytest.mark.parametrize("engine", [pcn.Kernel(threads=1), pcn.Reference()], ids=str)
def test_an_index_out_of_range_is_named(bad, engine):
    inputs = {"index": np.array([[1.0, 1, 1], [0, bad, 2]]), "x": np.ones((2, 4))}
    graph = graph_by_index(False)
    text = rf"pick: index {bad!r} \(sample 1, position \(1,\)\) is out of range: give whole numbers from -4 to 3"
    text = text.replace("+", r"\+")
    with pytest.raises(DataError, match=text):
        pcn.Simulator(pcn.build_circuit(graph), engine=engine).run(1.0, inputs=inputs)
    with pytest.raises(DataError, match=text):
        pcn.backprop(graph, inputs)


@pytest.mark.parametrize("bad", [2.0, -3.0, np.nan, np.inf])
@pytest.mark.parametrize("kernel", ["pick", "pick_vjp", "pick_shared_vjp"])
def test_kernels_touch_nothing_out_of_range(kernel, bad):
    lanes = 2
    indices = np.array([[0.0, 1.0], [1.0, bad]])
    buf, shared = np.concatenate([indices.ravel(), np.ones(6 * lanes)]), np.zeros(2)
    rows = {"pick": [2, 0, 1], "pick_vjp": [4, 2, 2, 1], "pick_shared_vjp": [0, 2]}[kernel]
    # Two units: a table of bases, and one index in the first rows.
    first = len(rows) + 3 + 4
    arguments = [*rows, 2, first, 1, 0, 1, 2, first + 2]
    assert run_kernel(kernel, arguments, [[0, 0], [0, 1]], buf, shared, lanes, lanes) == 2
    assert (buf[8 + 4 :] == 1).all()


def test_a_file_keeps_it(tmp_path):
    graph = pcn.trace(lambda x, w: (x * w)[np.argmax(x, axis=0)], x=pcn.Input((3, 2)), w=pcn.Parameter(np.ones((3, 2))))
    inputs = {"x": np.random.default_rng(0).normal(size=(3, 3, 2))}
    check_file(graph, inputs, targets_near(graph, inputs, 3, 0.1), tmp_path / "c")


def test_tables_that_reach_too_far_are_named():
    operator = Pick(np.zeros(2, int), np.array([[0, 1]]), (1,), (3,))
    assert operator.shape((3,), (2,)) == (2,)
    for shapes in (((2,), (2,)), ((3,), (1,)), ((3,),)):
        with pytest.raises(ShapeError, match="pick"):
            operator.shape(*shapes)
