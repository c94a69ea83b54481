"""What is a view and what a copy of a traced array, as NumPy has it: which depends on how arrays lie in memory."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import pcneuro as pcn
from pcneuro.graph.forward import forward_pass

A = np.random.default_rng(0).normal(size=(3, 4))


def _written(view, place=1):
    """Write to what is made of the array; whether that is seen tells views from copies."""

    def function(a):
        made = view(a)
        made[place] = 9.0
        return a + 0.0

    return function


def _seen(view):
    """Write to the array; whether what was made of it before sees that tells views from copies."""

    def function(a):
        made = view(a)
        a[0, 1] = 9.0
        return made + 0.0

    return function


def _of_copy(copy):
    """Write to a flat view of a copy, or to a flat copy of it."""

    def function(a):
        made = copy(a)
        made.reshape(-1)[1] = 9.0
        return made + 0.0

    return function


def _own(write, shape=(3, 4), **kwargs):
    def function(a):
        z = np.zeros(shape, **kwargs)
        write(z, a)
        return np.abs(z) + 0.0 * a[0, 0]

    return function


def _numbered(a):
    z = np.zeros((3, 4))
    for place, value in np.ndenumerate(a):
        z[place] = value * place[1]
    return z


def _iadd_without_axes(a):
    z = np.zeros(())
    same = z
    z += a[0, 0]
    return same + a[0, 1]


PROGRAMS = {
    "transposed, ravel": _written(lambda a: a.T.ravel()),
    "transposed twice, ravel": _written(lambda a: a.T.T.ravel()),
    "ravel F of F": _written(lambda a: a.T.ravel(order="F")),
    "ravel K": _written(lambda a: a.T.ravel(order="K")),
    "rows, ravel": _written(lambda a: a[1:].ravel()),
    "columns, ravel": _written(lambda a: a[:, 1:3].ravel()),
    "steps, reshape": _written(lambda a: a[::2].reshape(2, 2, 2)),
    "einsum": _written(lambda a: np.einsum("ii->i", a[:3, :3])),
    "no axes": _written(lambda a: a[0, 0, ...], ...),
    "ascontiguousarray": _written(lambda a: np.ascontiguousarray(a.T)),
    "asfortranarray": _written(lambda a: np.asfortranarray(a.T)),
    "astype": _written(lambda a: a.astype(float, copy=False)),
    "conj": _written(lambda a: a.conj()),
    "parts": _written(lambda a: np.split(a, 2, axis=1)[1]),
    "meshgrid": _seen(lambda a: np.meshgrid(a[0], a[1])[0]),
    "meshgrid of views": _seen(lambda a: np.meshgrid(a[0], a[1], copy=False)[0]),
    "diagonal": _seen(lambda a: np.diag(a, 1)),
    "broadcast_to": _seen(lambda a: np.broadcast_to(a[0], (2, 4))),
    "broadcast_to, reshape": _seen(lambda a: np.broadcast_to(a, (2, 3, 4)).reshape(2, 12)),
    "windows": _seen(lambda a: sliding_window_view(a, 2, axis=1)),
    "array of T": _of_copy(lambda a: np.array(a.T)),
    "array of T in C": _of_copy(lambda a: np.array(a.T, order="C")),
    "copy of T": _of_copy(lambda a: a.T.copy()),
    "sum of T": _of_copy(lambda a: np.sin(a.T) + 1.0),
    "where of T": _of_copy(lambda a: np.where(a.T > 0, a.T, 0.0)),
    "sorted T": _of_copy(lambda a: np.sort(a.T, axis=0)),
    "sum over T": _of_copy(lambda a: np.stack([a, a]).transpose(2, 1, 0).sum(0)),
    "parts of T": _of_copy(lambda a: np.concatenate([a.T, a.T])),
    "columns": _of_copy(lambda a: a[:, [0, 1]]),
    "product": _of_copy(lambda a: np.einsum("ij,kj->ki", a, a[:2])),
    "matmul": _of_copy(lambda a: a.T @ a),
    "zeros_like T": _of_copy(lambda a: np.zeros_like(a.T) + 0.0 * a.T),
    "complex T": _of_copy(lambda a: np.abs((a + 1j * a).T)),
    "zeros in F": _own(lambda z, a: z.T.ravel().__setitem__(1, a[0, 0]), order="F"),
    "flat": _own(lambda z, a: z.flat.__setitem__(slice(None, None, 5), a[0, :3])),
    "all of flat": _own(lambda z, a: setattr(z, "flat", a[:2])),
    "put": _own(lambda z, a: np.put(z, [1, -1], a[0])),
    "place": _own(lambda z, a: np.place(z, np.eye(3, 4) > 0, a[0, :2])),
    "put_along_axis": _own(lambda z, a: np.put_along_axis(z, np.array([[1], [2], [0]]), a[:, :1], 1)),
    "out of a function": _own(lambda z, a: np.cumsum(a, axis=1, out=z)),
    "out of a view": _own(lambda z, a: np.clip(a, 0, 1, out=z.T), (4, 3)),
    "real part": _own(lambda z, a: (setattr(z, "real", a), z.imag[0].__setitem__(1, a[1, 1])), dtype=complex),
    "numbered": _numbered,
    "+= without axes": _iadd_without_axes,
}


@pytest.mark.parametrize("function", PROGRAMS.values(), ids=PROGRAMS)
def test_views_are_those_of_numpy(function):
    graph = pcn.trace(function, a=pcn.Input(A.shape), check=False)
    traced = forward_pass(graph, {"a": A[None]})[graph.outputs["out"].name][0]
    np.testing.assert_allclose(traced, function(A.copy()), rtol=1e-12)


VECTORIZED = {
    "asked for": lambda x: np.vectorize(lambda v: 1.7 * v, otypes=[int])(x) * 1.0,
    "truth values": lambda x: np.vectorize(lambda v: v, otypes=[bool])(x) * 1.0,
    "of the first": lambda x: np.vectorize(lambda i, v: 0 if i == 0 else v)(np.arange(4), x) * 1.0,
}


@pytest.mark.parametrize("function", VECTORIZED.values(), ids=VECTORIZED)
def test_vectorized_functions_have_numpys_types(function):
    x = np.array([1.7, 0.3, 2.6, -0.8])
    graph = pcn.trace(function, x=pcn.Parameter(x), check=False)
    np.testing.assert_array_equal(forward_pass(graph, {"x": x[None]})[graph.outputs["out"].name][0], function(x))
