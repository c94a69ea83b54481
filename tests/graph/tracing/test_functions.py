"""NumPy's functions and methods that move, join and sum units, traced: results, gradients, and what is refused."""

from __future__ import annotations

import collections

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import DataError, ShapeError, TraceError
from pcneuro.graph.forward import forward_pass
from tests.helpers import assert_close, case, check_case, every_case

OUTSIDE = np.zeros(3)

MASK = np.array([[True, False, True], [False, False, True]])


def moved(name, function, *shapes):
    """A case that autograd's own list of functions need not know: complex steps go through all of these."""
    return case(name, function, *shapes, by_autograd=False)


SHAPES = [
    moved("reshape", lambda np, a: np.reshape(a, (3, 2)), (2, 3)),
    moved("reshape in Fortran's order", lambda np, a: np.reshape(a, (3, 3), order="F") @ a, (3, 3)),
    moved("reshape method", lambda np, a: a.reshape(-1) * a.reshape((6,)) + a.reshape(3, 2).ravel(), (2, 3)),
    moved("ravel", lambda np, a: np.ravel(a) + a.flatten() + np.ravel(a, order="F") - a.flatten("F"), (2, 3)),
    moved("transpose", lambda np, a: np.transpose(a, (2, 0, 1)), (2, 3, 2)),
    moved("transpose method", lambda np, a: a.transpose(1, 0) @ a.transpose((0, 1)) + a.transpose() @ a, (2, 3)),
    moved("T", lambda np, a: a.T @ a.mT.T, (2, 3)),
    moved("swapaxes", lambda np, a: np.swapaxes(a, 0, 1) - a.swapaxes(1, 0), (2, 3)),
    moved("moveaxis", lambda np, a: np.moveaxis(a, 0, -1) + np.rollaxis(a, 0, 3), (2, 3, 2)),
    moved("squeeze", lambda np, a: np.squeeze(a) * np.squeeze(a, axis=0)[:, 0] + a.squeeze(2)[0], (1, 3, 1)),
    moved("expand_dims", lambda np, a: np.expand_dims(a, 1) * np.expand_dims(a, (0,)), (3,)),
    moved("broadcast_to", lambda np, a: np.broadcast_to(a, (2, 3)), (3,)),
    moved("broadcast_arrays", lambda np, a, b: np.broadcast_arrays(a, b)[0] * b, (3,), (2, 1)),
    moved("atleast", lambda np, a: np.atleast_1d(a) + np.atleast_2d(a) + np.atleast_3d(a, a)[1], ()),
    moved("flip", lambda np, a: np.flip(a) + np.flip(a, 0) + np.fliplr(a) - np.flipud(a), (2, 3)),
    moved("roll", lambda np, a: np.roll(a, 1) + np.roll(a, -1, axis=1), (2, 3)),
    moved("rot90", lambda np, a: np.rot90(a), (2, 3)),
    moved("tile", lambda np, a: np.tile(a, (2, 2)), (2, 3)),
    moved("repeat", lambda np, a: np.repeat(a, [1, 2, 0], axis=1) + a.repeat(3).reshape(2, 3, 3)[..., 0], (2, 3)),
    moved("diagonal", lambda np, a: np.diagonal(a) + a.diagonal(1)[0], (2, 3)),
    moved("copy", lambda np, a: np.copy(a) + a.copy(), (3,)),
    moved("identity", lambda np, a: np.broadcast_to(a, (3,)) * a[:] + a.reshape(3), (3,)),
]
JOINS = [
    moved("concatenate", lambda np, a, b: np.concatenate([a, b]), (2, 3), (1, 3)),
    moved("concatenate along an axis", lambda np, a, b: np.concatenate((a, b, a), axis=-1), (2, 3), (2, 1)),
    moved("concatenate an array's rows", lambda np, a: np.concatenate(a), (2, 3)),
    moved("stack", lambda np, a, b: np.stack([a, b, a], axis=1), (3,), (3,)),
    moved("stack numbers", lambda np, a, b: np.stack([a[0], 1.0, b, np.float64(2), 3]), (2,), ()),
    moved("stack by keyword", lambda np, a: np.stack(arrays=[a, a], axis=-1), (3,)),
    moved("hstack and vstack", lambda np, a, b: np.vstack([np.hstack([a, b]), np.hstack((b, a))]), (2,), (3,)),
    moved("dstack", lambda np, a, b: np.dstack([a, b]) * np.column_stack([a, b])[None], (3,), (3,)),
    moved("append", lambda np, a, b: np.append(a, b), (2, 2), (3,)),
    moved("append a number", lambda np, a: np.append(a, 1.0) * np.append([2.0], a), (2,)),
    moved("append along an axis", lambda np, a, b: np.append(a, b, axis=0), (2, 2), (1, 2)),
    moved("block", lambda np, a, b: np.block([[a, b], [b, 2 * a]]), (2, 2), (2, 2)),
    moved("split", lambda np, a: np.split(a, 3)[0] * np.split(a, [1, 2], axis=0)[1], (3, 2)),
    moved("array_split", lambda np, a: np.array_split(a, 2)[0] + np.hsplit(a, [1])[1][1:], (3, 2)),
    moved("unpacking", lambda np, a: (lambda first, second: first * second)(*a), (2, 3)),
    moved("rows in a loop", lambda np, a: sum(np.sin(row) for row in a), (3, 2)),
]
INDICES = [
    moved("number", lambda np, a: a[1] * a[-1], (3, 2)),
    moved("slice", lambda np, a: a[1:] - a[:-1], (4,)),
    moved("strides", lambda np, a: a[::-1] * a[::2].sum() + a[-1:0:-2].sum(), (5,)),
    moved("axes", lambda np, a: a[:, None, 1:] + a[..., 0][:, None, None] + a[None].sum(), (2, 3)),
    moved("number of an axis", lambda np, a: a[:, 1] + a[0, 2], (2, 3)),
    moved("list", lambda np, a: a[[2, 0, 0]], (3, 2)),
    moved("pairs", lambda np, a: a[[0, 1], [2, 0]] * a[np.array([[0], [1]]), np.array([0, 2])], (2, 3)),
    moved("mask", lambda np, a: a[MASK], (2, 3)),
    moved("take", lambda np, a: np.take(a, [1, 1], axis=1) + a.take([0, 5]), (2, 3)),
    moved("take_along_axis", lambda np, a: np.take_along_axis(a, np.array([[2], [0]]), axis=1), (2, 3)),
    moved("delete", lambda np, a: np.delete(a, 1, axis=0), (3, 2)),
    moved("where", lambda np, a, b: np.where(MASK, a, b), (2, 3), (3,)),
    moved("where with a number", lambda np, a: np.where(MASK, a, 0.5) + np.where([1, 0, 1], 1.0, a), (2, 3)),
    moved("where with a mask that widens", lambda np, a: np.where(MASK, a, -a), (3,)),
    moved("pad", lambda np, a: np.pad(a, 1), (2, 2)),
    moved("pad with a number", lambda np, a: np.pad(a, ((1, 0), (0, 2)), constant_values=0.5), (2, 2)),
    moved(
        "pad by copies", lambda np, a: np.pad(a, 2, mode="reflect") + np.pad(a, 2, "edge") * np.pad(a, 2, "wrap"), (3,)
    ),
]
REDUCTIONS = [
    case("sum method", lambda np, a: a.sum(1) + a.sum(axis=1, keepdims=False), (2, 3)),
    case("mean method", lambda np, a: a.mean(0, keepdims=True) * a.mean(), (2, 3)),
    case("prod method", lambda np, a: a.prod(-1), (2, 3), low=0.5),
    case("np.add.reduce", lambda np, a: np.add.reduce(a), (2, 3), by_autograd=False),
    case("np.multiply.reduce", lambda np, a: np.multiply.reduce(a, axis=1), (2, 3), by_autograd=False),
]


@every_case(SHAPES + JOINS + INDICES + REDUCTIONS)
def test_forward_and_gradients(each):
    check_case(each)


def test_a_sum_may_name_the_dtype():
    graph = pcn.trace(lambda x: np.sum(x, dtype=float), x=pcn.Input((2, 3)))
    assert pcn.backprop(graph, {"x": np.ones((2, 3))}).values["out"] == [6.0]


def test_what_stays_in_place_is_no_node():
    def f(x):
        return np.tanh(np.squeeze(x[...].reshape(3).ravel()[:][::1].transpose()))

    assert list(pcn.trace(f, x=pcn.Input((3,))).nodes) == ["x", "out"]


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda x: x[5], "index 5 into shape (2, 3)"),
        (lambda x: x[:, :, 0], "into shape (2, 3)"),
        (lambda x: x.reshape(4), "np.reshape of shape (2, 3)"),
        (lambda x: np.concatenate([x, x[0]]), "np.concatenate of shape (2, 3) and (3,)"),
        (lambda x: np.stack([x, x[0]]), "np.stack of shape (2, 3) and (3,)"),
        (lambda x: np.broadcast_to(x, (4,)), "np.broadcast_to of shape (2, 3)"),
        (lambda x: np.broadcast_arrays(x, x.T), "shapes (2, 3) and (3, 2)"),
        (lambda x: np.squeeze(x, 0), "np.squeeze of shape (2, 3)"),
        (lambda x: np.split(x, 4), "np.split of shape (2, 3)"),
        (lambda x: np.where([True, False], x, 0), "shapes (2, 3) and () with a mask of shape (2,)"),
        (lambda x: np.where(MASK, x, x.T), "shapes (2, 3) and (3, 2)"),
    ],
)
def test_shapes_that_do_not_fit_are_named_with_the_line(function, text):
    with pytest.raises(ShapeError) as caught:
        pcn.trace(function, x=pcn.Input((2, 3)))
    assert text in str(caught.value)
    assert "(test_functions.py:" in str(caught.value)


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda x: x[0:0], "an output or vertex without units"),
        (lambda x: pcn.vertex(np.split(x, [0])[0], "first"), "an output or vertex without units"),
        (lambda x: np.take(x, x), "np.take with a traced argument behind the first"),
        (lambda x: np.copyto(OUTSIDE, x), "np.copyto on an array from outside"),
    ],
)
def test_what_is_no_gather_is_refused(function, text):
    with pytest.raises(TraceError, match=text):
        pcn.trace(function, x=pcn.Input((3,)))


LAYOUTS = {
    "ravel K": lambda x: np.ravel(x.T, "K"),
    "ravel A": lambda x: x.T.ravel("A"),
    "ravel k": lambda x: np.ravel(x.T, order="k"),
    "flatten K": lambda x: (x.T * 2).flatten("K"),
    "reshape A": lambda x: np.reshape(x.T, (6,), order="A"),
    "reshape method A": lambda x: x.T.reshape(6, order="A"),
    "copied in F": lambda x: np.copy(x, order="F").ravel("K"),
}


@pytest.mark.parametrize("function", LAYOUTS.values(), ids=LAYOUTS)
def test_orders_in_memory_are_those_of_numpy(function):
    x = np.arange(6.0).reshape(2, 3)
    graph = pcn.trace(function, x=pcn.Parameter(x))
    np.testing.assert_array_equal(forward_pass(graph, {"x": x[None]})[graph.outputs["out"].name][0], function(x))


OUT = {
    "concatenate": lambda x: np.concatenate([x, x], out=OUTSIDE),
    "concatenate by place": lambda x: np.concatenate([x, x], 0, np.empty(6)),
    "stack": lambda x: np.stack([x, x], out=OUTSIDE),
    "stack by place": lambda x: np.stack([x, x], 0, np.empty((2, 3))),
    "take": lambda x: np.take(x, [0, 1], out=OUTSIDE),
    "take by place": lambda x: x.take([0, 1], 0, np.empty(2)),
}


@pytest.mark.parametrize("function", OUT.values(), ids=OUT)
def test_what_is_not_written_to_is_refused(function):
    with pytest.raises(TraceError, match=r"with out= cannot be traced .*use what np\.\w+ returns"):
        pcn.trace(function, x=pcn.Input((3,)))


def test_numbers_of_another_type_are_refused():
    for function in (
        lambda x: np.stack([x, x], dtype=int, casting="unsafe"),
        lambda x: np.concatenate([x, x], dtype=np.float32),
        lambda x: np.sum(x, dtype=np.float32),
    ):
        with pytest.raises(TraceError, match="dtype"):
            pcn.trace(function, x=pcn.Input((3,)))


Pair = collections.namedtuple("Pair", "first second")
X = np.arange(6.0).reshape(2, 3) - 2.0
AS_NUMPY = {
    "one axis has one order": lambda x: x[0].ravel("K") * x[1].flatten("A"),
    "order F": lambda x: np.ravel(x.T, "F") + x.reshape(6, order="F"),
    "a named tuple": lambda x: np.concatenate(Pair(x, 2 * x)),
    "a stack of a named tuple": lambda x: np.stack(Pair(x, 2 * x), axis=1),
    "blocks": lambda x: np.block([[x, 2 * x], [x[:1], x[1:]]]),
    "zeros_like with a type": lambda x: x + np.zeros_like(x, float),
    "ones_like with a type": lambda x: x + np.ones_like(x, int, "C"),
    "full_like with a type": lambda x: x + np.full_like(x, 0.5, float),
    "full_like of another type": lambda x: x + np.full_like(x, 1.7, int),
    "full_like of a traced value": lambda x: x * np.full_like(x, x[0, 1]),
    "empty_like": lambda x: x + 0.0 * np.empty_like(x).shape[0],
    "an outer sum": lambda x: np.add.outer(x, x[0]),
    "an outer difference from constants": lambda x: np.subtract.outer([1.0, 2.0], x),
    "a whole array of another type": lambda x: (
        np.full(2, x[0, 2] + 1.5, int) / 2 + np.full_like(x[0, :2], x[0, 1], int)
    ),
    "full_like of a constant": lambda x: np.full_like(np.arange(3), x[1] + 1.5) + np.full_like([1.0], x[0, 0]),
    "inserted into whole numbers": lambda x: np.insert(np.arange(3), 1, x[1] + 0.5),
    "whole numbers padded": lambda x: np.pad(np.round(x).astype(int), 1, constant_values=(1.5, x[1, 2] + 0.5)),
    "pieces of the type of x": lambda x: np.piecewise(np.sign(x).astype(int), [x < 0], [-1.5, lambda t: t * 2.5]),
    "pieces that are whole": lambda x: np.piecewise(x, [x < 0], [-1, 1]) // 2 + np.piecewise(x, [x < 0], [1, 3]) / 2,
    "a reciprocal of whole numbers": lambda x: np.reciprocal(3 + np.sign(x).astype(int) * 2),
    "in a row": lambda x: np.r_[x[0], 0, 1:3] * np.r_[x[1], x[0, 0], 2.0, 3.5][:6],
    "beside each other": lambda x: np.c_[x.T, [1, 2, 3]] @ np.c_[x[0], x[1], x[1]],
    "numbers of it": lambda x: np.array([v[1] * x.item(2) for v in x.tolist()]) + x[0, 1].item() + x.item(1, 2),
    "seen again": lambda x: x.view() * x.view(np.ndarray).nbytes + x.compress([False, True], axis=0),
    "ufuncs with options": lambda x: np.add(x > 0, x > 1, dtype=float) + np.exp(x, order="C", casting="same_kind"),
    "chosen by truth": lambda x: np.choose(x > 0, [x, x**2]) + np.choose(np.sign(x).astype(int), [x, 3.0], mode="clip"),
    "taken around the end": lambda x: np.take(x[0], np.round(x).astype(int) * 2, mode="wrap"),
    "the place of the largest": lambda x: np.stack([*np.unravel_index(np.argmax(x), x.shape), x[0, 1]]),
    "places in both orders": lambda x: np.stack(np.unravel_index(np.argsort(-x.ravel()), (3, 1, 2), order="F")),
    "a number of places": lambda x: np.ravel_multi_index((np.argsort(-x[0]), [0, 1, 1]), (3, 4), order="F"),
    "among others": lambda x: np.isin(x, [0, 3]) * x + np.isin(x, x[1], invert=True),
    "in Fortran's order": lambda x: np.asfortranarray(x) + np.require(x, float, ["C"]),
    "a large number": lambda x: x / 10**25 + x / 2**63,
    "float64 as a type": lambda x: np.stack([x, x], dtype=float),
}


@pytest.mark.parametrize("function", AS_NUMPY.values(), ids=AS_NUMPY)
def test_values_are_those_of_numpy(function):
    graph = pcn.trace(function, x=pcn.Parameter(X))
    assert_close(pcn.backprop(graph).values["out"][0], function(X), 1e-15)


EMPTY = {
    "a rest": lambda x: np.sum(x[:3] ** 2) + np.sum(x[3:]),
    "joined with nothing": lambda x: np.concatenate([x[:0], x, x[3:]]),
    "a product over nothing": lambda x: x * np.prod(x[3:]),
    "a function of nothing": lambda x: np.concatenate([np.tanh(x[:0] * 2 + x[0]), x]),
    "a matrix without columns": lambda x: x @ np.concatenate([np.eye(3), np.outer(x, x[:0])], axis=1),
    "contracted over nothing": lambda x: x + np.outer(x, x[:0]) @ np.outer(x[:0], x)[:, 0],
    "an einsum over nothing": lambda x: x + np.einsum("i,j->j", x[:0], x),
    "split off": lambda x: np.split(x, [0, 3])[1] * 2,
    "gone through": lambda x: sum((part for part in x[3:]), 2 * x),
}


@pytest.mark.parametrize("function", EMPTY.values(), ids=EMPTY)
def test_arrays_without_units_are_what_numpy_makes_of_them(function):
    x = np.array([0.5, -1.0, 2.0])
    graph = pcn.trace(function, x=pcn.Parameter(x))
    assert all(node.size for node in graph.nodes.values())
    assert_close(pcn.backprop(graph).values["out"][0], function(x), 1e-15)


def test_a_flat_vector_is_unpacked_to_its_end():
    def f(w):
        total = 0.0
        for n in (2, 3):
            total = total + np.sum(w[:n] ** 2)
            w = w[n:]
        return total

    w = np.arange(1.0, 6.0)
    result = pcn.backprop(pcn.trace(f, w=pcn.Parameter(w)), targets={"out": 0.0})
    assert_close(result.gradients["w"], 2 * w * np.sum(w**2), 1e-14)


def test_a_mask_over_values_is_not_dropped():
    data = np.ma.array([1.0, 2.0, 3.0], mask=[0, 1, 0])
    for function in (
        lambda x: np.sum((x - data) ** 2),
        lambda x: np.concatenate([x, data]),
        lambda x: np.where(data > 1, x, 0.0),
        lambda x: x @ data,
    ):
        with pytest.raises((DataError, TraceError), match=r"under a mask.*\(test_functions\.py"):
            pcn.trace(function, x=pcn.Input((3,)))
    with pytest.raises(TraceError, match=r"inside np\.ma\.MaskedArray cannot be traced"):
        pcn.trace(lambda x: data * x, x=pcn.Input((3,)))
