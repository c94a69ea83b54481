"""The operators of sums, products, copies, convolutions and norms at random shapes: kernel, NumPy and differences."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from tests.ops.random_operators import at_random, check_random, shape_at


def broadcast(rng, shape):
    """A shape that broadcasts with another: some axes of length 1, some in front left out."""
    kept = tuple(1 if rng.integers(3) == 0 else n for n in shape)
    return kept[int(rng.integers(len(shape) + 1)) :]


def axes(rng, ndim):
    return tuple(int(a) for a in rng.permutation(ndim)[: rng.integers(1, ndim + 1)])


def elementwise(rng):
    shape = shape_at(rng, int(rng.integers(1, 4)))
    other = rng.uniform(0.5, 1.5, broadcast(rng, shape))
    part = tuple(slice(None) if n == 1 or rng.integers(2) else slice(0, 1) for n in shape)
    name = ("add", "subtract", "multiply", "divide", "logaddexp", "hypot", "arctan2")[rng.integers(7)]
    return shape, lambda x: getattr(np, name)(np.sin(x), other) * x[part] + other * np.tanh(x)


def reductions(rng):
    shape = shape_at(rng, int(rng.integers(1, 4)))
    name, over, kept = ("sum", "mean", "prod")[rng.integers(3)], axes(rng, len(shape)), bool(rng.integers(2))
    return shape, lambda x: getattr(np, name)(np.cos(x), axis=over, keepdims=kept)


def contractions(rng):
    letters = "abcd"[: rng.integers(1, 5)]
    sizes = dict(zip(letters, rng.integers(1, 5, 4), strict=False))
    first = "".join(rng.permutation(list(letters))[: rng.integers(1, len(letters) + 1)])
    second = "".join(rng.permutation(list(letters))[: rng.integers(1, len(letters) + 1)])
    every = sorted({*first, *second})
    out = "".join(rng.permutation(every)[: rng.integers(0, len(every) + 1)])
    other = rng.normal(size=[sizes[c] for c in second])
    subscripts = f"{first},{second}->{out}"
    if rng.integers(2):
        return tuple(sizes[c] for c in first), lambda x: np.einsum(subscripts, np.sin(x), other)
    fixed = rng.normal(size=[sizes[c] for c in first])
    return tuple(sizes[c] for c in second), lambda x: np.einsum(subscripts, fixed, x * x)


def copies(rng):
    shape = shape_at(rng, int(rng.integers(1, 4)))
    order, axis = tuple(int(a) for a in rng.permutation(len(shape))), int(rng.integers(len(shape)))
    places = rng.integers(0, shape[axis], int(rng.integers(1, 5)))

    def function(x):
        y = np.concatenate([np.take(x, places, axis=axis), np.flip(np.sin(x), axis)], axis=axis)
        return np.transpose(y, order).reshape(-1)

    return shape, function


def along_one_axis(rng):
    shape = shape_at(rng, int(rng.integers(1, 4)))
    name, axis = ("softmax", "log_softmax", "layer_norm")[rng.integers(3)], int(rng.integers(-len(shape), len(shape)))
    more = {"epsilon": 0.1} if name == "layer_norm" else {}
    return shape, lambda x: np.sin(getattr(pcn.ops, name)(2 * x, axis=axis, **more)) * x


def convolutions(rng):
    ndim, groups = int(rng.integers(1, 3)), int(rng.integers(1, 3))
    stride, padding, dilation = int(rng.integers(1, 3)), int(rng.integers(0, 3)), int(rng.integers(1, 3))
    kernel = tuple(int(n) for n in rng.integers(1, 4, ndim))
    lengths = tuple(int(rng.integers(dilation * (k - 1) + 1, dilation * (k - 1) + 5)) for k in kernel)
    w = rng.normal(size=(2 * groups, 2, *kernel))
    settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return (2 * groups, *lengths), lambda x: getattr(pcn.ops, f"conv{ndim}d")(np.sin(x), w, **settings)


def pools(rng):
    size, stride = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    padding = int(rng.integers(0, size // 2 + 1))
    name = ("max_pool2d", "avg_pool2d")[rng.integers(2)]
    lengths = (int(n) for n in rng.integers(size, size + 4, 2))
    return (2, *lengths), lambda x: getattr(pcn.ops, name)(np.sin(2 * x), size, stride, padding)


def tables(rng):
    tokens = rng.integers(0, 4, shape_at(rng, int(rng.integers(0, 3)))).astype(float)
    return (4, int(rng.integers(1, 4))), lambda x: pcn.ops.embedding(tokens, np.sin(x))


OPERATORS = (elementwise, reductions, contractions, copies, along_one_axis, convolutions, pools, tables)


@at_random
@pytest.mark.parametrize("operator", OPERATORS, ids=lambda each: each.__name__)
def test_any_shape(operator, seed):
    rng = np.random.default_rng([seed, OPERATORS.index(operator)])
    shape, function = operator(rng)
    x = rng.normal(size=(int(rng.integers(1, 4)), *shape))
    check_random(function, x, (np.float64, np.float32)[seed % 2], rng)
