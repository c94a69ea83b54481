"""Convolutions against SciPy's correlation and finite differences, and the kernels against both references."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import correlate

import pcneuro as pcn
from pcneuro.errors import ShapeError
from tests.circuits_for_tests import data_for, equilibrium

RNG = np.random.default_rng(0)
CASES = {
    "plain": ({}, (4, 2, 3, 2)),
    "stride and padding": ({"stride": 2, "padding": 1}, (5, 2, 3, 3)),
    "all different": ({"stride": (1, 3), "padding": (2, 1), "dilation": (2, 1)}, (4, 2, 3, 3)),
    "groups": ({"groups": 2, "padding": 1}, (6, 1, 3, 3)),
    "padding beyond the kernel": ({"padding": 3}, (3, 2, 2, 2)),
    "a stride that skips places": ({"stride": 3}, (3, 2, 2, 2)),
}
cases = pytest.mark.parametrize(("settings", "shape"), CASES.values(), ids=CASES)


def by_scipy(x, w, stride=1, padding=0, dilation=1, groups=1):
    """Dilate the kernel with zeros, correlate channel by channel, and keep every stride-th place."""
    axes = x.ndim - 1
    stride, padding, dilation = (np.broadcast_to(v, axes) for v in (stride, padding, dilation))
    wide = np.zeros((*w.shape[:2], *((k - 1) * d + 1 for k, d in zip(w.shape[2:], dilation, strict=True))))
    wide[(slice(None), slice(None), *(slice(None, None, d) for d in dilation))] = w
    x = np.pad(x, [(0, 0), *((p, p) for p in padding)])
    per_input, per_output = w.shape[1], w.shape[0] // groups
    actual = [
        sum(correlate(x[o // per_output * per_input + c], wide[o, c], "valid") for c in range(per_input))
        for o in range(w.shape[0])
    ]
    return np.stack(actual)[(slice(None), *(slice(None, None, s) for s in stride))]


@cases
def test_forward_is_scipys_correlation(settings, shape):
    x, w = RNG.normal(size=(2, 7, 8)), RNG.normal(size=shape)
    np.testing.assert_allclose(pcn.ops.conv2d(x, w, **settings), by_scipy(x, w, **settings), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("settings", [{}, {"stride": 2, "padding": 3, "dilation": 2}, {"groups": 3}])
def test_one_axis_is_scipys_correlation(settings):
    x, w = RNG.normal(size=(3, 11)), RNG.normal(size=(6, 3 // settings.get("groups", 1), 4))
    np.testing.assert_allclose(pcn.ops.conv1d(x, w, **settings), by_scipy(x, w, **settings), rtol=1e-12, atol=1e-13)


def circuit_of(settings, shape, vertices):
    def network(x, w, b):
        return np.sin(np.tanh(pcn.ops.conv2d(np.tanh(x + b[0, 0, 0]), w, **settings) + b))

    graph = pcn.trace(
        network,
        x=pcn.Input((2, 7, 8)),
        w=pcn.Parameter(RNG.normal(size=shape)),
        b=pcn.Parameter(RNG.normal(size=(shape[0], 1, 1))),
    )
    return pcn.build_circuit(graph, vertices=vertices)


def directional(circuit, inputs, targets, name):
    """Central difference of the loss along a random direction of a parameter, and what backprop says of it."""
    value = circuit.parameters[name]
    direction = RNG.normal(size=value.shape)
    losses = [
        pcn.backprop(circuit, inputs, targets, parameters={name: value + step * direction}).loss
        for step in (1e-5, -1e-5)
    ]
    gradient = pcn.backprop(circuit, inputs, targets).gradients[name]
    return (losses[0] - losses[1]) / 2e-5, float((gradient * direction).sum())


@cases
def test_backprop_is_the_finite_difference(settings, shape):
    circuit = circuit_of(settings, shape, "auto")
    inputs, targets = data_for(circuit.graph, 2)
    for name in ("w", "b"):
        numeric, exact = directional(circuit, inputs, targets, name)
        assert exact == pytest.approx(numeric, rel=1e-6)


@cases
@pytest.mark.parametrize(("vertices", "batch"), [("auto", 33), ("all", 3), ("all", 1)])
def test_both_engines_reach_backprop(settings, shape, vertices, batch):
    circuit = circuit_of(settings, shape, vertices)
    inputs, targets = data_for(circuit.graph, batch)
    reference = pcn.backprop(circuit, inputs, targets)
    for engine in (pcn.Kernel(), pcn.Reference()):
        assert pcn.compare(equilibrium(circuit, inputs, targets, engine=engine), reference).worst < 1e-13
    single = equilibrium(circuit, inputs, targets, dtype=np.float32)
    assert pcn.compare(single, reference).worst < 1e-5


def test_strict_dynamics_are_the_references():
    circuit = circuit_of(*CASES["all different"], "auto")
    inputs, targets = data_for(circuit.graph, 3)
    # In steps of 1 ms activities would grow without bound, and their rounding with them.
    step = pcn.Euler(0.1)
    runs = [
        pcn.Simulator(circuit, dynamics=pcn.Strict(), integrator=step, engine=engine).run(
            30.0, inputs=inputs, targets=targets
        )
        for engine in (pcn.Kernel(), pcn.Reference())
    ]
    for name, gradient in runs[1].gradients.items():
        assert np.abs(gradient).max() < 100
        np.testing.assert_allclose(runs[0].gradients[name], gradient, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("vertices", ["auto", "all"])
def test_a_kernel_may_be_an_activity(vertices):
    """Kernels that depend on the input, and a convolution of parameters alone, through all their derivatives."""

    def network(x, w):
        h = pcn.ops.conv2d(np.tanh(x), w)
        kernel = np.tanh(h[:2, :2, :2]).reshape(1, 2, 2, 2)
        return pcn.ops.conv2d(w[:, :, :, :2].reshape(2, 6, 2), kernel) + np.sum(pcn.ops.conv2d(h[:2], kernel))

    graph = pcn.trace(network, x=pcn.Input((2, 5, 5)), w=pcn.Parameter(RNG.normal(size=(2, 2, 3, 3))))
    circuit = pcn.build_circuit(graph, vertices=vertices)
    inputs, targets = data_for(graph, 3)
    numeric, exact = directional(circuit, inputs, targets, "w")
    assert exact == pytest.approx(numeric, rel=1e-6)
    reference = pcn.backprop(circuit, inputs, targets)
    for engine in (pcn.Kernel(), pcn.Reference()):
        assert pcn.compare(equilibrium(circuit, inputs, targets, engine=engine), reference).worst < 1e-12


def test_threads_change_nothing():
    graph = pcn.trace(
        lambda x, w: np.tanh(pcn.ops.conv2d(x, w)),
        x=pcn.Input((3, 20, 20)),
        w=pcn.Parameter(RNG.normal(size=(8, 3, 5, 5))),
    )
    circuit = pcn.build_circuit(graph)
    inputs, targets = data_for(graph, 40)
    actual = [equilibrium(circuit, inputs, targets, engine=pcn.Kernel(n)).gradients["w"] for n in (1, 2, 4)]
    np.testing.assert_array_equal(actual[0], actual[1])
    np.testing.assert_array_equal(actual[0], actual[2])


@pytest.mark.parametrize(
    ("x", "w", "settings", "text"),
    [
        ((2, 7), (4, 2, 3, 3), {}, "takes x of 3 axes"),
        ((3, 7, 7), (4, 2, 3, 3), {}, "the channels do not fit"),
        ((2, 7, 7), (5, 1, 3, 3), {"groups": 2}, "the channels do not fit"),
        ((2, 2, 7), (4, 2, 3, 3), {}, "reaches over the whole"),
        ((2, 7, 7), (4, 2, 3, 3), {"stride": 0}, "must be 1 or more"),
        ((2, 7, 7), (4, 2, 3, 3), {"padding": -1}, "not negative"),
        ((2, 7, 7), (4, 2, 3, 3), {"stride": (1, 2, 3)}, "stride is"),
        ((2, 7, 7), (4, 2, 3, 3), {"dilation": 1.5}, "dilation is"),
    ],
)
def test_what_does_not_fit_is_named(x, w, settings, text):
    with pytest.raises(ShapeError, match=text) as caught:
        pcn.ops.conv2d(np.zeros(x), np.zeros(w), **settings)
    assert "\n" not in str(caught.value)
