"""NumPy's functions that make matrices, grids and sequences, or loop over an axis, traced."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import pcneuro as pcn
from pcneuro.errors import ShapeError, TraceError
from tests.helpers import assert_close, case, check_case, every_case


def written(name, function, *shapes):
    """A case that autograd's own list of functions need not know: complex steps go through all of these."""
    return case(name, function, *shapes, by_autograd=False)


OTHER = np.arange(12.0).reshape(3, 4)

CASES = [
    case("diag", lambda np, a: np.diag(a, 1) @ np.diag(a, -1), (3,)),
    written("diag of a matrix", lambda np, a: np.diag(a, k=1) * np.diagflat(a[0])[:, 0][:2], (2, 3)),
    written("tril and triu", lambda np, a: np.tril(a, -1) @ np.triu(a, k=1).T + np.tril(a[0])[:2, :2], (2, 3)),
    written("trace", lambda np, a: np.trace(a) * a.trace(1) + np.trace(a, offset=-1, axis1=1, axis2=0), (3, 4)),
    written("trace of a stack", lambda np, a: np.trace(a, axis1=1, axis2=2) * np.linalg.trace(a, offset=1), (2, 3, 3)),
    written("insert", lambda np, a: np.insert(a, [0, 2], a[0, :2], axis=1), (2, 3)),
    written("insert a row", lambda np, a: np.insert(OTHER + 0 * a, 1, a, axis=0), (4,)),
    written("resize", lambda np, a: np.resize(a, (3, 5)), (2, 3)),
    written("meshgrid", lambda np, a, b: np.meshgrid(a, b)[0] * np.meshgrid(a, b)[1], (3,), (2,)),
    written("open meshgrid", lambda np, a: sum(np.meshgrid(a, [1.0, 2.0], sparse=True, indexing="ij")), (3,)),
    written("windows", lambda np, a: sliding_window_view(a, (2, 2)) * sliding_window_view(a[0], 2)[0], (3, 3)),
    written("linspace", lambda np, a, b: np.linspace(a, b, 4, axis=-1) * np.linspace(a[0], 1.0, 4, False), (2,), (2,)),
    written("logspace", lambda np, a: np.logspace(a[0], 1.0, 3, base=2.0), (2,)),
    written("apply_along_axis", lambda np, a: np.apply_along_axis(lambda r: r[:, None] * r, 0, a), (3, 2)),
    written("apply_along_axis to numbers", lambda np, a: np.apply_along_axis(np.sum, axis=1, arr=a), (3, 2)),
    written("apply_over_axes", lambda np, a: np.apply_over_axes(np.sum, a, [0, -1]), (3, 2, 2)),
    case("kron", lambda np, a, b: np.kron(a, b), (2, 2), (2, 3)),
    written("kron of unequal axes", lambda np, a, b: np.kron(a, b), (2,), (2, 1, 2)),
    written("cross", lambda np, a, b: np.cross(a, b), (2, 3), (3,)),
    written("cross along axes", lambda np, a: np.cross(a, OTHER, axis=0) + np.linalg.cross(OTHER, a, axis=0), (3, 4)),
    written("vecdot", lambda np, a, b: np.vecdot(a.conj(), b) + np.vecdot(a.conj(), a, axis=0)[0], (3, 2), (2,)),
    written("matvec and vecmat", lambda np, a, b: np.matvec(a, b) + np.vecmat(b.conj(), a), (2, 2), (2,)),
    written("products of np.linalg", lambda np, a: np.linalg.outer(a[0], a[1]) @ np.linalg.matmul(a.T, a), (2, 3)),
]


@every_case(CASES)
def test_forward_and_gradients(each):
    check_case(each)


X = OTHER - 5.5
AS_NUMPY = {
    "flip by keyword": lambda x: np.flip(m=x, axis=(0, -1)),
    "roll by several shifts": lambda x: np.roll(x, shift=(1, -2), axis=(0, -1)),
    "rot90 by keyword": lambda x: np.rot90(m=x, k=-1, axes=(1, 0)),
    "tile by more axes": lambda x: np.tile(A=x, reps=(2, 1, 2)),
    "repeat along a negative axis": lambda x: np.repeat(a=x, repeats=[1, 0, 2], axis=-2),
    "insert without axis": lambda x: np.insert(x, slice(0, 4, 2), x[0, :2]),
    "insert a list of traced numbers": lambda x: np.insert(x[0], 1, [x[1, 1], 2.0]),
    "insert into constants": lambda x: np.insert(OTHER, 1, x[0], axis=0),
    "geomspace": lambda x: np.geomspace(x[0, 0], -0.1, 5) + np.geomspace(np.exp(x[0]), 2.0, 5)[:, 0],
    "steps of linspace": lambda x: np.linspace(x[0, 0], 2.0, 5, retstep=True)[1] * x,
    "one value of linspace": lambda x: np.linspace(x[0, 0], 2.0, 1),
    "vectors in the plane": lambda x: np.linalg.outer(x[0, :2], x[1, :2]),
    "indices below the diagonal": lambda x: x[np.tril_indices_from(x, -1)],
    "indices of the diagonal": lambda x: x[np.diag_indices_from(x[:, :3])],
    "a path of einsum": lambda x: np.einsum("ij,kj->ik", x, x, optimize=np.einsum_path("ij,kj->ik", x, x)[0]),
    "whether it is complex": lambda x: x if np.isrealobj(x) and not np.iscomplexobj(x) else -x,
    "what is real": lambda x: np.real_if_close(x) * np.isreal(x) + np.iscomplex(x),
    "types": lambda x: x * np.result_type(x, np.float32).itemsize * np.can_cast(x.dtype, np.float64),
    "type in common": lambda x: x * np.dtype(np.common_type(x, x)).itemsize,
    "equality of other shapes": lambda x: -x if np.array_equal(x, x[0]) or np.array_equiv(x, x[:, :3]) else x,
    "memory": lambda x: -x if np.shares_memory(x, OTHER) or np.may_share_memory(x, OTHER[0]) else x,
}


@pytest.mark.parametrize("function", AS_NUMPY.values(), ids=AS_NUMPY)
def test_values_are_those_of_numpy(function):
    graph = pcn.trace(function, x=pcn.Parameter(X))
    assert_close(pcn.backprop(graph).values["out"][0], function(X), 1e-14)


PAIR = {
    "convolve": lambda x: np.convolve([x[0, 0], x[0, 1]], [1.0, 2.0]),
    "interp": lambda x: np.interp(0.3, [0.0, 1.0], [x[0, 0], x[0, 1]]),
    "gradient": lambda x: np.gradient([x[0, 0], x[0, 1], 3.0]),
    "diag": lambda x: np.diag([x[0, 0], x[0, 1]]) + np.tril([[x[0, 0], 1.0], [x[0, 1], 2.0]]),
    "trace": lambda x: np.trace([[x[0, 0], 1.0], [x[0, 1], 2.0]]),
    "insert": lambda x: np.insert([x[0, 0], x[0, 1]], 1, [x[1, 1]]),
    "meshgrid": lambda x: np.meshgrid([x[0, 0], 1.0], [1.0, 2.0])[0],
    "pad": lambda x: np.pad([x[0, 0], x[0, 1]], 1),
    "polyval": lambda x: np.polyval([x[0, 0], 2.0], [1.5, x[0, 1]]) + np.vander([x[0, 0], x[0, 1]])[0],
    "fft": lambda x: np.abs(np.fft.fft([x[0, 0], x[0, 1]])) + np.real(np.fft.ifft([1j * x[0, 0], x[1, 1]])),
    "complex numbers": lambda x: np.real(np.array([[1j * x[0, 0], x[0, 1]], [1, 2]]) @ np.array([1, 1j])),
}


@pytest.mark.parametrize("function", PAIR.values(), ids=PAIR)
def test_lists_of_traced_numbers_are_arrays(function):
    graph = pcn.trace(function, x=pcn.Parameter(X))
    assert_close(pcn.backprop(graph).values["out"][0], function(X), 1e-14)


def test_texts_of_traced_arrays_are_texts():
    texts = []

    def f(x):
        texts.append((np.array2string(x, precision=3), np.array_repr(x), np.array_str(x)))
        return x * 2

    pcn.trace(f, x=pcn.Input((3,)))
    assert texts[0] == ("<traced array 0 of shape (3,)>",) * 3


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda x: np.diag(x[None]), r"np\.diag of shape \(1, 2, 3\)"),
        (lambda x: np.insert(x, 5, 0.0, axis=0), r"np\.insert of shape \(\) into shape \(2, 3\)"),
        (lambda x: np.meshgrid(x[0], x[1], indexing="yx")[0], r"np\.meshgrid"),
        (lambda x: np.apply_along_axis(np.sum, 2, x), r"np\.apply_along_axis over axis 2"),
        (lambda x: np.cross(x.T, x.T[:, :1]), r"vectors of 1 components"),
        (lambda x: np.linalg.cross(x.T, x.T), r"np\.linalg\.cross of shape \(3, 2\)"),
        (lambda x: np.linalg.outer(x, x), r"np\.linalg\.outer of shapes"),
        (lambda x: sliding_window_view(x, (3, 2)), r"np\.sliding_window_view of shape \(2, 3\)"),
    ],
)
def test_what_does_not_fit_is_named_with_the_line(function, text):
    with pytest.raises(ShapeError, match=rf"{text}.*\(test_building"):
        pcn.trace(function, x=pcn.Input((2, 3)))


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda x: np.array_equal(x, 2 * x), "np.array_equal, a decision on traced values,"),
        (lambda x: np.trim_zeros(x), "np.trim_zeros cannot be traced .*which units stay would depend"),
        (lambda x: np.linspace(x[0], 1.0, 3, dtype=int), "np.linspace with dtype="),
        (lambda x: np.vecdot(x, x, axes=[0, 0, ()]), "np.vecdot with these arguments"),
    ],
)
def test_what_depends_on_values_is_refused(function, text):
    with pytest.raises(TraceError, match=text):
        pcn.trace(function, x=pcn.Input((3,)))
