"""Every way in which NumPy writes a product of arrays, traced: what comes out, its gradients, and what does not fit."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import ShapeError, TraceError
from tests.helpers import assert_close, case, check_case, every_case


def _matmul(np, a, b):
    return a @ b


PRODUCTS = [
    case("vector @ matrix", _matmul, (4,), (4, 3)),
    case("matrix @ vector", _matmul, (3, 4), (4,)),
    case("matrix @ matrix", lambda np, a, b: np.matmul(a, b), (2, 4), (4, 3)),
    case("vector @ vector", _matmul, (4,), (4,)),
    case("stack @ stack", _matmul, (2, 3, 4), (2, 4, 2)),
    case("stack @ matrix", _matmul, (2, 3, 4), (4, 2)),
    case("matrix @ stack", _matmul, (3, 4), (2, 4, 2)),
    case("stack @ vector", _matmul, (2, 3, 4), (4,)),
    case("vector @ stack", _matmul, (4,), (2, 4, 3)),
    case("stacks that broadcast", _matmul, (2, 1, 2, 3), (3, 3, 2)),
    case("stack of one", _matmul, (1, 2, 3), (4, 3, 1)),
    case("matrix of one", _matmul, (1, 1), (1, 1)),
    case("transposed", lambda np, a, b: a @ b.T, (4,), (3, 4)),
    case("twice", lambda np, a, b: np.tanh(a @ b) @ b, (3,), (3, 3)),
    case("itself", lambda np, a: a @ a, (3, 3)),
    case("constant on the left", lambda np, a: np.arange(6.0).reshape(2, 3) @ a, (3, 2)),
    case("constant on the right", lambda np, a: a @ np.arange(6.0).reshape(3, 2), (3,)),
    case("dot of matrices", lambda np, a, b: np.dot(a, b), (2, 3), (3, 2)),
    case("dot method", lambda np, a, b: a.dot(b), (3,), (3, 2), by_autograd=False),
    case("dot with a number", lambda np, a, b: np.dot(a, b), (), (3,)),
    case("dot of stacks", lambda np, a, b: np.dot(a, b), (2, 3), (2, 3, 2)),
    case("dot of a stack and a vector", lambda np, a, b: np.dot(a, b), (2, 2, 3), (3,)),
    case("inner", lambda np, a, b: np.inner(a, b), (2, 3), (4, 3)),
    case("inner of stacks", lambda np, a, b: np.inner(a, b), (2, 3), (2, 2, 3), by_autograd=False),
    case("inner of vectors", lambda np, a, b: np.inner(a, b), (3,), (3,)),
    case("inner with a number", lambda np, a, b: np.inner(a, b), (2,), ()),
    case("outer", lambda np, a, b: np.outer(a, b), (2,), (2, 2), by_autograd=False),
    case("vdot", lambda np, a, b: np.inner(np.ravel(a), np.ravel(b)), (2, 2), (2, 2)),
]
TENSORS = [
    case("tensordot", lambda np, a, b: np.tensordot(a, b), (2, 3, 2), (3, 2, 4)),
    case("tensordot over one axis", lambda np, a, b: np.tensordot(a, b, axes=1), (2, 3), (3, 2)),
    case("tensordot over none", lambda np, a, b: np.tensordot(a, b, axes=0), (2,), (3,)),
    case("tensordot over chosen", lambda np, a, b: np.tensordot(a, b, axes=([0, -1], [1, 0])), (2, 3, 4), (4, 2)),
    case("einsum matmul", lambda np, a, b: np.einsum("ij,jk->ik", a, b), (2, 3), (3, 2)),
    case("einsum implicit", lambda np, a, b: np.einsum("ij,jk", a, b), (2, 3), (3, 2)),
    case("einsum implicit order", lambda np, a, b: np.einsum("ba,ac", a, b), (2, 3), (3, 4)),
    case("einsum stack", lambda np, a, b: np.einsum("bij,bjk->bik", a, b), (2, 2, 3), (2, 3, 2)),
    case("einsum elementwise", lambda np, a, b: np.einsum("ij,ij->ij", a, b), (2, 3), (2, 3)),
    case("einsum to fewer", lambda np, a, b: np.einsum("ij,ij->j", a, b), (2, 3), (2, 3)),
    case("einsum outer", lambda np, a, b: np.einsum("i,j->ji", a, b), (2,), (3,)),
    case("einsum lonely sums", lambda np, a, b: np.einsum("ij,kl->jk", a, b), (2, 3), (3, 2)),
    case("einsum numbers", lambda np, a, b: np.einsum(",->", a, b), (), ()),
    case("einsum number and array", lambda np, a, b: np.einsum(",i->i", a, b), (), (3,)),
    case("einsum transposes", lambda np, a: np.einsum("ijk->kij", a), (2, 3, 2)),
    case("einsum diagonal", lambda np, a: np.einsum("ii->i", a), (3, 3), by_autograd=False),
    case("einsum trace", lambda np, a: np.einsum("ii", a), (3, 3), by_autograd=False),
    case("einsum sums", lambda np, a: np.einsum("ij->", a), (2, 3)),
    case(
        "einsum diagonal and product",
        lambda np, a, b: np.einsum("iij,j->i", a, b),
        (2, 2, 3),
        (3,),
        by_autograd=False,
    ),
    case("einsum of three", lambda np, a, b, c: np.einsum("ij,kj,k->i", a, b, c), (2, 3), (2, 3), (2,)),
    case("einsum of three at once", lambda np, a, b, c: np.einsum("i,i,i->", a, b, c), (3,), (3,), (3,)),
    case("einsum of three outer", lambda np, a, b, c: np.einsum("i,j,k->kij", a, b, c), (2,), (2,), (2,)),
    case(
        "einsum in capitals",
        lambda np, a, b: np.einsum("Ab, bC -> AC", a, b, optimize=True),
        (2, 3),
        (3, 2),
        by_autograd=False,
    ),
    case("einsum of length 1", lambda np, a, b: np.einsum("mnd,mdo->mno", a, b), (1, 3, 2), (3, 2, 2)),
    case("einsum of length 1 on the right", lambda np, a, b: np.einsum("ij,jk->ik", a, b), (2, 3), (1, 2)),
    case("einsum of length 1 in both", lambda np, a, b: np.einsum("ij,ij->ij", a, b), (1, 3), (2, 1)),
    case("einsum ellipsis", lambda np, a, b: np.einsum("...ij,...jk->...ik", a, b), (2, 2, 3), (2, 3, 2)),
    case("einsum ellipsis sums", lambda np, a: np.einsum("...i->...", a), (2, 3)),
    case("einsum ellipsis of length 1", lambda np, a, b: np.einsum("...i,...i->...", a, b), (2, 1, 3), (3, 3)),
    case("einsum ellipsis on one", lambda np, a, b: np.einsum("...j,jk->...k", a, b), (2, 2, 3), (3, 2)),
    case("einsum with a constant", lambda np, a: np.einsum("ij,j->i", np.arange(6.0).reshape(2, 3), a), (3,)),
]


@every_case(PRODUCTS + TENSORS)
def test_forward_and_gradients(each):
    check_case(each)


@pytest.mark.parametrize(
    ("function", "shapes"),
    [
        (lambda a, b: a @ b, [(3,), (4, 2)]),
        (lambda a, b: a @ b, [(2, 2, 3), (3, 3, 2)]),
        (lambda a, b: np.dot(a, b), [(2, 3), (2, 4, 2)]),
        (lambda a, b: np.inner(a, b), [(2, 3), (2, 4)]),
        (lambda a, b: np.vdot(a, b), [(3,), (4,)]),
        (lambda a, b: np.tensordot(a, b), [(2, 3), (2, 4)]),
        (lambda a, b: np.einsum("ij,jk->ik", a, b), [(2, 3), (4, 2)]),
    ],
)
def test_shapes_that_do_not_fit_are_both_named_with_the_line(function, shapes):
    leaves = {name: pcn.Input(shape) for name, shape in zip("ab", shapes, strict=True)}
    with pytest.raises(ShapeError) as caught:
        pcn.trace(function, **leaves)
    for text in (*map(str, shapes), "test_products.py:"):
        assert text in str(caught.value)


AS_NUMPY = {
    "axes of NumPy": lambda x: np.tensordot(x, x, axes=np.int64(1)),
    "lists": lambda x: np.einsum(x, [0, 1], x, [1, 2], [0, 2]),
    "lists without output": lambda x: np.einsum(x, [1, 0]),
    "lists with ellipsis": lambda x: np.einsum(x, [Ellipsis, 0], [0, Ellipsis]),
    "implicit ellipsis": lambda x: np.einsum("b...,a...", x, x),
    "implicit ellipsis, transposed": lambda x: np.einsum("...ji,...jk", x, x),
    "diagonal of the first axes": lambda x: np.einsum("ii...->...i", np.stack([x, 2 * x], axis=-1)),
    "one letter of length 1 in three": lambda x: np.einsum("ij,ij,i->ij", x, x[:1], x[0]),
}


@pytest.mark.parametrize("function", AS_NUMPY.values(), ids=AS_NUMPY)
def test_values_are_those_of_numpy(function):
    x = np.random.default_rng(0).normal(size=(3, 3))
    graph = pcn.trace(function, x=pcn.Parameter(x))
    assert_close(pcn.backprop(graph).values["out"][0], function(x), 1e-14)


@pytest.mark.parametrize("subscripts", ["ii->i", "...ij,jk->...ik", "i...j...->ij", "ij...k->ij", "ij"])
def test_subscripts_that_numpy_refuses(subscripts):
    x = np.ones((1, 3))
    if subscripts == "ij":
        x = np.ones(3)
    with pytest.raises(ValueError):  # noqa: PT011, each is worded by NumPy
        np.einsum(subscripts, x)
    with pytest.raises(ShapeError, match=r"np\.einsum .*test_products\.py"):
        pcn.trace(lambda x: np.einsum(subscripts, x), x=pcn.Parameter(x))


def test_only_einsum_broadcasts_axes_of_length_1():
    for function in (lambda x: np.tensordot(x, x.T[:1], axes=1), lambda x: np.inner(x, x[:, :1])):
        with pytest.raises(ShapeError, match=r"is 3 and 1|is 1 and 3"):
            pcn.trace(function, x=pcn.Parameter(np.ones((2, 3))))


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_a_matrix_of_numpy_is_refused_because_its_products_are_others():
    m = np.matrix([[1.0, 2.0], [3.0, 4.0]])
    for function in (lambda x: m * x, lambda x: x * m, lambda x: x @ m, lambda x: np.concatenate([x, m])):
        with pytest.raises(TraceError, match=r"np\.asarray\(M\), and @"):
            pcn.trace(function, x=pcn.Parameter(np.ones((2, 2))))
