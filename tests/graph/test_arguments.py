"""The ways in which functions take arguments: by place and by name, methods, objects, ``functools.partial``."""

from __future__ import annotations

import functools

import numba
import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import TraceError


class Model:
    def __init__(self, scale):
        self.scale = scale

    def method(self, x, w):
        return self.scale * x * w

    def __call__(self, x, /, *, w):
        return self.scale * x * w


def scaled(scale, x, w):
    return scale * x * w


def only_by_place(x, w, /):
    return 3.0 * x * w


def with_rest(x, *others, scale=3.0):
    return scale * x * others[0]


def with_default(x, power=1.0, *weights, **more):
    return 3.0 * x**power * weights[0] * (more["w"] if more else 1.0)


def only_by_name(*, x, w):
    return 3.0 * x * w


X, W = pcn.Input((2,)), pcn.Parameter([0.5, 2.0])


@pytest.mark.parametrize(
    ("function", "places", "named", "names"),
    [
        (Model(3.0).method, (X, W), {}, ["x", "w"]),
        (Model(3.0), (X,), {"w": W}, ["x", "w"]),
        (functools.partial(scaled, 3.0), (), {"x": X, "w": W}, ["x", "w"]),
        (functools.partial(scaled, 3.0), (X, W), {}, ["x", "w"]),
        (functools.partial(scaled, scale=3.0), (), {"x": X, "w": W}, ["x", "w"]),
        (only_by_place, (), {"w": W, "x": X}, ["w", "x"]),
        (only_by_place, (X, W), {}, ["x", "w"]),
        (with_rest, (X, W), {}, ["x", "others__0"]),
        (with_rest, (), {"x": X, "others": [W]}, ["x", "others__0"]),
        (with_default, (), {"x": X, "weights": (W,)}, ["x", "weights__0"]),
        (only_by_name, (), {"x": X, "w": W}, ["x", "w"]),
        (lambda **leaves: 3.0 * leaves["x"] * leaves["w"], (), {"x": X, "w": W}, ["x", "w"]),
        (lambda *leaves: 3.0 * leaves[0] * leaves[1], (X, W), {}, ["leaves__0", "leaves__1"]),
    ],
)  # fmt: skip
def test_functions_of_every_kind(function, places, named, names):
    graph = pcn.trace(function, *places, **named)
    assert [name for name, node in graph.nodes.items() if name in names] == names
    data = {next(iter(graph.inputs)): [1.0, -1.0]}
    np.testing.assert_allclose(pcn.backprop(graph, data).values["out"], [[1.5, -6.0]])


def test_arguments_that_the_function_does_not_take():
    with pytest.raises(TraceError, match=r"leaf 'scale' is a float: .*functools.partial\(f, scale=...\)"):
        pcn.trace(scaled, scale=3.0, x=X, w=W)
    for given in (functools.partial(scaled, 3.0, w=W), functools.partial(scaled, pcn.Parameters({"a": 1.0}))):
        with pytest.raises(TraceError, match=r"functools.partial gives scaled a leaf .*: give it to pcn.trace instead"):
            pcn.trace(given, x=X)
    with pytest.raises(
        TraceError, match=r"a pcn.Parameter that is no argument cannot be traced .*give it to pcn.trace"
    ):
        pcn.trace(lambda x: x * W, x=X)
    with pytest.raises(TraceError, match=r"calling add with leaves x, w: .*trace a lambda that calls it"):
        pcn.trace(np.add, x=X, w=W)
    with pytest.raises(TraceError, match=r"f.py_func can be traced"):
        pcn.trace(numba.njit(only_by_name), x=X, w=W)
    with pytest.raises(TraceError, match="given 'x' twice"):
        pcn.trace(scaled, X, X, W, x=X)
    with pytest.raises(TraceError, match=r"scaled takes 3 arguments by place, 4 are given"):
        pcn.trace(scaled, X, X, W, W)
    with pytest.raises(TraceError, match=r"calling scaled with leaves x, w: missing .*'scale'.*functools.partial"):
        pcn.trace(scaled, x=X, w=W)
