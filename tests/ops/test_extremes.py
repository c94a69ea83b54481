"""The largest and smallest over axes, and their places."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import ShapeError, TraceError
from pcneuro.ops.extremes import Largest, LargestPlace, Smallest, SmallestPlace
from tests.helpers import (
    assert_close,
    case,
    check_case,
    check_engines,
    check_file,
    every_case,
    every_variant,
    learning,
    run_both,
    run_kernel,
    targets_near,
)
from tests.ops.random_operators import at_random, check_random, distinct, shape_at
from tests.single_units import check_units

AXES = {
    "all": {},
    "first": {"axis": 0},
    "last, kept": {"axis": -1, "keepdims": True},
    "two": {"axis": (0, 2)},
    "all, kept": {"keepdims": True},
}
CASES = [
    *(
        case(f"{name} {which}", lambda np, a, name=name, k=k: getattr(np, name)(a, **k), (2, 3, 2))
        for name in ("max", "min")
        for which, k in AXES.items()
    ),
    case("of five", lambda np, a: np.sin(np.max(a)) * np.min(a), (5,)),
    case("of a number", lambda np, a: np.max(a) * np.amin(a), (), by_autograd=False),
    case("over no axes", lambda np, a: np.max(a, axis=()), (3,), by_autograd=False),
    case("ptp", lambda np, a: np.ptp(a, axis=1) + a.max(axis=-1), (2, 3), by_autograd=False),
    case("initial", lambda np, a: np.max(a, initial=0.2) + np.min(a, axis=0, initial=0.1), (2, 3), by_autograd=False),
    case("nanmax", lambda np, a: np.nanmax(a, axis=0) - np.nanmin(a, axis=0), (2, 3), by_autograd=False),
]
PLACES = [
    case(f"{name} {which}", lambda np, a, name=name, k=k: 0.1 * np.mean(a) * getattr(np, name)(a, **k), (2, 3, 2))
    for name in ("argmax", "argmin")
    for which, k in {"all": {}, "first": {"axis": 0}, "last, kept": {"axis": -1, "keepdims": True}}.items()
]


@every_case(CASES + PLACES)
def test_forward_and_gradients(each):
    check_case(each if each in CASES else case(each.name, each.function, (2, 3, 2), by_autograd=False))


@every_variant(CASES[:5] + CASES[10:11] + PLACES[:2] + PLACES[4:5], learning)
def test_kernel_is_the_reference(v):
    check_engines(v)


@at_random
def test_any_shape_and_axes(seed):
    rng = np.random.default_rng(seed)
    shape = shape_at(rng, int(rng.integers(1, 4)))
    count = int(rng.integers(1, len(shape) + 1))
    axes = tuple(int(a) for a in rng.permutation(len(shape))[:count])
    keepdims, name = bool(rng.integers(2)), ("max", "min", "argmax", "argmin")[seed % 4]
    axis = (axes[0] if rng.integers(2) else None) if name.startswith("arg") else axes
    x = distinct(rng, (int(rng.integers(1, 4)), *shape))
    dtype = (np.float64, np.float32)[seed // 4 % 2]

    def function(a):
        out = getattr(np, name)(a, axis=axis, keepdims=keepdims)
        return out * np.sin(a).mean()

    check_random(function, x, dtype, rng)


EQUALS = np.array([[1.0, 3.0, 3.0, 0.0, 3.0], [2.0, 2.0, 2.0, 2.0, 2.0]])
SHARES = np.array([[0.0, 1 / 3, 1 / 3, 0.0, 1 / 3], [0.2, 0.2, 0.2, 0.2, 0.2]])


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_equals_share_evenly_everywhere(sign, dtype):
    function = np.max if sign > 0 else np.min
    graph = pcn.trace(lambda x, w: function(x + w, axis=1), x=pcn.Input((2, 5)), w=pcn.Parameter(np.zeros((2, 5))))
    x = sign * EQUALS
    target = sign * np.array([[2.0, 4.0]])
    expected = SHARES * sign * np.array([[1.0], [-2.0]])
    assert_close(pcn.backprop(graph, {"x": x}, {"out": target}).gradients["w"], expected, 1e-15)
    for result in run_both(graph, {"x": x}, {"out": target}, dtype, "all", False):
        assert_close(result.gradients["w"], expected, 1e-6)
    check_units(pcn.build_circuit(graph), {"x": x[None]}, {"out": target})


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_kernels_are_numpy_for_what_is_not_finite(value, dtype):
    rng = np.random.default_rng(0)
    groups, length, lanes = 3, 4, 5
    x = rng.normal(size=(groups * length, lanes)).astype(dtype)
    x[2, 1] = x[5] = x[7, 2] = value
    members = rng.permutation(groups * length)
    grouped = x[members].reshape(groups, length, lanes)
    n = groups * length
    for sign, value_of, place_of in ((1, np.max, np.argmax), (-1, np.min, np.argmin)):
        for kernel, function in (("extreme", value_of), ("extreme_place", place_of)):
            buf = np.concatenate([x.ravel(), np.zeros(groups * lanes, dtype)])
            arguments = [n, 0, sign, 6, groups, length]
            assert run_kernel(kernel, arguments, [members], buf, np.zeros(1, dtype), lanes, lanes) == 1
            np.testing.assert_array_equal(buf.reshape(-1, lanes)[n:], function(grouped, axis=1))


def test_a_mask_of_minus_infinity():
    """The largest of what is not masked, and nothing goes back to what is."""
    mask = np.array([False, True, True, False])
    graph = pcn.trace(
        lambda x, w: np.max(np.where(mask, x * w, -np.inf)), x=pcn.Input((4,)), w=pcn.Parameter(np.ones(4))
    )
    x = np.array([5.0, 1.0, 2.0, 6.0])
    for result in run_both(graph, {"x": x}, {"out": np.zeros(1)}, np.float64, "all", False):
        assert_close(result.gradients["w"], [0.0, 0.0, 4.0, 0.0], 1e-14)


def masked_largest(np, x):
    return np.max(np.where(LOWER, x, -np.inf), axis=1)


def masked_place(np, x):
    return x[np.argmax(np.where(LOWER, x, -np.inf), axis=1), np.arange(3)]


def masked_sorted(np, x):
    return np.sort(np.where(LOWER, x, -np.inf), axis=1)[:, 2]


def masked_picked(np, x):
    scores = np.where(LOWER, x, -np.inf)
    return scores[np.arange(3), np.argmax(scores, axis=1)]


LOWER = np.tri(3) > 0


@pytest.mark.parametrize("function", [masked_largest, masked_place, masked_sorted, masked_picked])
def test_masks_of_minus_infinity_in_every_engine(function):
    graph = pcn.trace(lambda x, w: function(np, x * w), x=pcn.Input((3, 3)), w=pcn.Parameter(np.ones((3, 3))))
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 3, 3))
    targets = {"out": np.stack([function(np, row) for row in x]) - rng.normal(size=(2, 3))}
    exact = pcn.backprop(graph, {"x": x}, targets)
    assert np.isfinite(exact.gradients["w"]).all()
    circuit = pcn.build_circuit(graph, vertices="marked")
    for engine in (pcn.Kernel(threads=1), pcn.Reference(), pcn.EventDriven(threshold=0.0)):
        result = pcn.Simulator(circuit, engine=engine).run(1.0, inputs={"x": x}, targets=targets)
        assert result.status == "completed"
        assert_close(result.gradients["w"], exact.gradients["w"], 1e-12, str(engine))


def test_a_mask_of_terms():
    where = np.array([[True, False, True], [False, False, True]])
    for function in (
        lambda x: np.max(x, axis=1, initial=-5.0, where=where),
        lambda x: np.min(x, initial=5.0, where=where),
    ):
        graph = pcn.trace(function, x=pcn.Parameter(np.random.default_rng(0).normal(size=(2, 3))))
        (x,) = (node.source.value for node in graph.nodes.values() if node.name == "x")
        assert_close(pcn.backprop(graph, {}).values["out"][0], function(x), 1e-15)


def test_dtypes_are_numpys():
    seen = {}

    def function(x):
        seen["place"] = np.argmax(x).dtype
        seen["largest place"] = np.max(np.argsort(x)).dtype
        return x

    pcn.trace(function, x=pcn.Input((3,)), check=False)
    assert seen == {"place": np.int64, "largest place": np.int64}


def test_a_file_keeps_them(tmp_path):
    graph = pcn.trace(
        lambda x, w: np.max(x * w, axis=0) * np.argmin(x, axis=0), x=pcn.Input((3, 2)), w=pcn.Parameter(np.ones((3, 2)))
    )
    inputs = {"x": np.random.default_rng(0).normal(size=(3, 3, 2))}
    check_file(graph, inputs, targets_near(graph, inputs, 3, 0.1), tmp_path / "c")


OUTSIDE = np.zeros(())


def test_what_cannot_be_is_named():
    for operator in (Largest((0,)), Smallest((0,)), LargestPlace((0,)), SmallestPlace((0,))):
        with pytest.raises(ShapeError, match="of no units there is none"):
            operator.shape((0, 3))
    with pytest.raises(TraceError, match=r"np\.max with where= and without initial="):
        pcn.trace(lambda x: np.max(x, where=np.array([True, False])), x=pcn.Input((2,)))
    with pytest.raises(TraceError, match=r"np\.max with out="):
        pcn.trace(lambda x: np.max(x, out=OUTSIDE), x=pcn.Input((2,)))
    with pytest.raises(ShapeError, match=r"np\.argmax over axis \(0, 1\)"):
        pcn.trace(lambda x: np.argmax(x, axis=(0, 1)), x=pcn.Input((2, 2)))
