"""Pooling against loops over windows, and the kernels against both references."""

from __future__ import annotations

import itertools
from typing import Any

import autograd.numpy as anp
import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import ShapeError
from tests.function_libraries import written_out
from tests.helpers import (
    assert_close,
    case,
    check_case,
    check_engines,
    check_file,
    every_case,
    every_variant,
    targets_near,
)


@written_out
def max_pool2d(x: Any, *settings: Any) -> Any:
    return anp.max(_windows(x, -1e9, *settings), axis=0)


@written_out
def avg_pool2d(x: Any, *settings: Any) -> Any:
    return anp.mean(_windows(x, 0.0, *settings), axis=0)


def _windows(x: Any, fill: float, size: Any, stride: Any = None, padding: Any = 0) -> Any:
    """One array for each place of a window, (places, channels, height, width), in autograd's NumPy."""
    (h, w), (s, t), (p, q) = (v if isinstance(v, tuple) else (v, v) for v in (size, stride or size, padding))
    wide = anp.pad(x, ((0, 0), (p, p), (q, q)), "constant", constant_values=fill)
    m, n = (wide.shape[1] - h) // s + 1, (wide.shape[2] - w) // t + 1
    places = itertools.product(range(h), range(w))
    return anp.stack([wide[:, i : i + s * (m - 1) + 1 : s, j : j + t * (n - 1) + 1 : t] for i, j in places])


RNG = np.random.default_rng(0)
# x, then size, stride and padding
SETTINGS = {
    "side by side": ((2, 4, 6), 2),
    "with something left over": ((1, 5, 7), (2, 3)),
    "overlapping": ((2, 4, 5), 3, 1),
    "padded": ((2, 5, 4), 3, 2, 1),
    "all different": ((2, 5, 6), (2, 3), (1, 2), (1, 0)),
    "padded on both sides at once": ((1, 1, 2), (3, 4), (2, 1), (1, 2)),
    "with gaps": ((1, 5, 5), 1, (3, 2)),
    "everything": ((3, 2, 3), (2, 3)),
}
CASES = [
    case(f"{kind} {name}", lambda np, a, kind=kind, rest=rest: getattr(np, kind)(a, *rest), shape)
    for kind in ("max_pool2d", "avg_pool2d")
    for name, (shape, *rest) in SETTINGS.items()
]
both = pytest.mark.parametrize("pool", [pcn.ops.max_pool2d, pcn.ops.avg_pool2d])
settings = pytest.mark.parametrize(("shape", "rest"), [(s, r) for s, *r in SETTINGS.values()], ids=SETTINGS)


def by_loops(x, reduce, size, stride=None, padding=0):
    """What ``reduce`` makes of the places that each window has, place by place."""
    size, stride, padding = (np.broadcast_to(v, 2) for v in (size, size if stride is None else stride, padding))
    starts = [range(-p, n + p - k + 1, s) for n, k, s, p in zip(x.shape[1:], size, stride, padding, strict=True)]
    out = np.zeros((x.shape[0], *map(len, starts)))
    for c, (i, top), (j, left) in itertools.product(range(x.shape[0]), *map(enumerate, starts)):
        rows = [r for r in range(top, top + size[0]) if 0 <= r < x.shape[1]]
        columns = [r for r in range(left, left + size[1]) if 0 <= r < x.shape[2]]
        out[c, i, j] = reduce([x[c, r, s] for r in rows for s in columns], size[0] * size[1])
    return out


@settings
def test_forward_is_that_of_loops(shape, rest):
    x = RNG.normal(size=shape)
    np.testing.assert_array_equal(pcn.ops.max_pool2d(x, *rest), by_loops(x, lambda v, n: max(v), *rest))
    assert_close(pcn.ops.avg_pool2d(x, *rest), by_loops(x, lambda v, n: sum(v) / n, *rest), 1e-15)


@every_case(CASES)
def test_forward_and_gradients(each):
    check_case(each)


@every_variant(CASES)
def test_kernel_is_the_reference(v):
    check_engines(v)


def circuit_of(pool, vertices="auto", **settings):
    graph = pcn.trace(lambda x, w: pool(x * w, **settings), x=pcn.Input((1, 4, 4)), w=pcn.Parameter(np.ones((1, 4, 4))))
    return pcn.build_circuit(graph, vertices=vertices)


def gradients(circuit, x, target):
    """The gradient by all means that there are: backprop, and both engines with both dynamics."""
    inputs, targets = {"x": x}, {"out": target}
    yield pcn.backprop(circuit, inputs, targets).gradients["w"]
    for engine, dynamics in itertools.product((pcn.Kernel(), pcn.Reference()), (pcn.FixedPrediction(), pcn.Strict())):
        sim = pcn.Simulator(circuit, dynamics=dynamics, integrator=pcn.Euler(10.0), engine=engine)
        # Without a step the output's error is all there is, and both dynamics agree.
        yield sim.run(0.0, inputs=inputs, targets=targets).gradients["w"]


def test_of_equal_ones_the_first_gets_the_gradient():
    circuit = circuit_of(pcn.ops.max_pool2d, "marked", size=3, stride=1, padding=1)
    x = np.zeros((1, 1, 4, 4))
    x[0, 0, 1:3, 1:3] = 1.0
    target = 1.0 + np.arange(16.0).reshape(1, 1, 4, 4)
    expected = np.zeros((1, 4, 4))
    for i, j in itertools.product(range(4), range(4)):
        # The first of the four ones that the window around (i, j) has.
        expected[0, max(i - 1, 1), max(j - 1, 1)] -= target[0, 0, i, j] - 1.0
    for actual in gradients(circuit, x, target):
        np.testing.assert_array_equal(actual, expected)


def test_padding_is_never_the_largest_and_counts_in_the_mean():
    x = np.full((1, 1, 4, 4), -2.0)
    assert pcn.ops.max_pool2d(x[0], 2, padding=1).tolist() == np.full((1, 3, 3), -2.0).tolist()
    mean = [[-0.5, -1.0, -0.5], [-1.0, -2.0, -1.0], [-0.5, -1.0, -0.5]]
    np.testing.assert_array_equal(pcn.ops.avg_pool2d(x[0], 2, padding=1), [mean])
    circuit = circuit_of(pcn.ops.max_pool2d, "marked", size=2, padding=1)
    for actual in gradients(circuit, x, np.zeros((1, 1, 3, 3))):
        first = [[4, 4, 0, 4], [4, 4, 0, 4], [0, 0, 0, 0], [4, 4, 0, 4]]
        np.testing.assert_array_equal(actual, [first])


def test_windows_without_any_finite_value():
    """Masked units are of minus infinity; the windows that have nothing else stay there, and nothing becomes NaN."""
    mask = np.zeros((1, 4, 4), bool)
    mask[0, 2:, 2:] = True
    graph = pcn.trace(
        lambda x, w: np.tanh(pcn.ops.max_pool2d(np.where(mask, x * w, -np.inf), 3, 2, 1)),
        x=pcn.Input((1, 4, 4)),
        w=pcn.Parameter(RNG.normal(size=(1, 4, 4))),
    )
    circuit = pcn.build_circuit(graph, vertices="marked")
    inputs = {"x": RNG.normal(size=(3, 1, 4, 4))}
    reference = pcn.backprop(graph, inputs, {"out": np.zeros((3, 1, 2, 2))})
    assert (reference.values["out"][:, 0, 0, 0] == -1).all()
    assert np.isfinite(reference.gradients["w"]).all()
    result = pcn.Simulator(circuit).run(0.0, inputs=inputs, targets={"out": np.zeros((3, 1, 2, 2))})
    assert_close(result.gradients["w"], reference.gradients["w"], 1e-14)


@both
def test_a_file_keeps_the_windows(pool, tmp_path):
    graph = circuit_of(pool, size=(2, 3), stride=(1, 2), padding=(1, 1)).graph
    inputs = {"x": RNG.normal(size=(3, 1, 4, 4))}
    check_file(graph, inputs, targets_near(graph, inputs, 3, 0.1), tmp_path / "c")


def test_connections_are_those_within_the_windows():
    circuit = circuit_of(pcn.ops.max_pool2d, size=3, stride=2, padding=1)
    # Of 2 x 2 windows, the first has 2 x 2 places, the last 3 x 3.
    assert circuit.nx["multiply.value"]["out.error"]["prediction"]["synapses"] == (2 + 3) ** 2


@both
@pytest.mark.parametrize(
    ("shape", "arguments", "text"),
    [
        ((4, 4), {"size": 2}, r"takes x of 3 axes \(channels first\), got \(4, 4\)"),
        ((2, 4, 4), {"size": 5}, r"of \(2, 4, 4\): windows of \(5, 5\) reach over the whole of x"),
        ((2, 4, 4), {"size": 0}, r"size \(0, 0\) and stride \(0, 0\) must be 1 or more"),
        ((2, 4, 4), {"size": 2, "stride": (1, 0)}, r"stride \(1, 0\) must be 1 or more"),
        ((2, 4, 4), {"size": 3, "padding": 2}, r"padding \(2, 2\) must be from 0 to half of size \(3, 3\)"),
        ((2, 4, 4), {"size": 3, "padding": -1}, r"padding \(-1, -1\) must be from 0"),
        ((2, 4, 4), {"size": (1, 2, 3)}, r"size is \(1, 2, 3\): give a whole number, or 2 of them"),
        ((2, 4, 4), {"size": 2, "stride": 1.5}, "stride is 1.5"),
        ((2, 4, 4), {"size": 2, "padding": "same"}, "padding is 'same'"),
    ],
)
def test_what_does_not_fit_is_named(pool, shape, arguments, text):
    for call in (
        lambda: pool(np.zeros(shape), **arguments),
        lambda: pcn.trace(lambda x: pool(x, **arguments), x=pcn.Input(shape)),
    ):
        with pytest.raises(ShapeError, match=text) as caught:
            call()
        assert "\n" not in str(caught.value)
