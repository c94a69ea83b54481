"""Rounding, remainders, angles and others of NumPy's functions of single numbers, against autograd and differences."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import TraceError
from pcneuro.ops.maps import Map
from tests.helpers import assert_close


def differences(function, x, target, h=1e-6):
    """Gradients of the squared errors of a function of plain arrays, by central differences."""

    def loss(at):
        return 0.5 * np.sum((target - function(at)) ** 2)

    steps = h * np.eye(x.size).reshape(-1, *x.shape)
    return np.array([(loss(x + d) - loss(x - d)) / (2 * h) for d in steps]).reshape(x.shape)


def check(function, x):
    """Values, and gradients of backprop and of the kernel, of a function of one array."""
    graph = pcn.trace(lambda x: pcn.vertex(function(x) * 1.0, "out"), x=pcn.Parameter(x))
    expected = function(x)
    target = np.random.default_rng(1).normal(size=expected.shape)
    exact = pcn.backprop(graph, {}, {"out": target[None]})
    assert_close(exact.values["out"][0], expected, 1e-13)
    assert_close(exact.gradients["x"], differences(function, x, target), 3e-6)
    simulator = pcn.Simulator(pcn.build_circuit(graph), integrator=pcn.Euler(10.0), engine=pcn.Kernel(threads=1))
    result = simulator.run(20.0, targets={"out": target[None]})
    assert_close(result.gradients["x"], exact.gradients["x"], 1e-11)


FUNCTIONS = {
    "steps": lambda x: np.sign(x) + np.floor(x) + np.ceil(3 * x) - np.rint(x) + np.trunc(5 * x) + np.fix(2 * x),
    "round": lambda x: np.round(x, 2) + x.round(1) + np.around(100 * x, -1) * x,
    "built-in round": lambda x: np.stack([round(v, 2) + math.floor(v) + math.ceil(v) + math.trunc(v) for v in x[0]]),
    "remainders": lambda x: x % 0.3 + 7.7 % x + np.fmod(x, 0.4) + np.fmod(2.5, x),
    "quotients": lambda x: x * (x // 0.3) + divmod(x, 0.7)[0] * divmod(5.0, x)[1],
    "modf": lambda x: np.modf(3 * x)[0] * x + np.modf(3 * x)[1],
    "heaviside": lambda x: np.heaviside(x, 0.5) * x + np.heaviside(np.array([[0.0], [1.0]]), x),
    "arctan2": lambda x: np.arctan2(x, x[::-1] - 0.5) + np.arctan2(-1.0, x),
    "fmax and fmin": lambda x: np.fmax(x, 0.3) * np.fmin(x, x[::-1]),
    "logaddexp2": lambda x: np.logaddexp2(x, 3 * x[::-1]),
    "sinc": lambda x: np.sinc(x) + np.sinc(1e-4 * x),
    "nan_to_num": lambda x: np.nan_to_num(x, nan=3.0, posinf=1.0) * np.nan_to_num(x),
    "degrees": lambda x: np.deg2rad(x) * np.radians(x) + np.rad2deg(x) - np.degrees(x) * x,
    "copysign": lambda x: np.copysign(x, x[::-1]) + np.copysign(2.0, x) * x,
    "ldexp": lambda x: np.ldexp(x, np.array([1, -2, 3])),
    "powers": lambda x: 2.0**x + np.float_power(np.abs(x), 2.5) + np.hypot(x, 2.0) + np.cbrt(x) + np.exp2(x),
    "parts of real numbers": lambda x: np.real(x) * np.conj(x) + np.imag(x) + np.angle(x) * x,
    "unwrap": lambda x: np.unwrap(x * 6) + np.unwrap(x * 9, discont=5.0, axis=0, period=4.0),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.filterwarnings("ignore:numpy.fix is deprecated")
def test_functions_have_numpys_values_and_the_derivatives_of_differences(name):
    check(FUNCTIONS[name], np.random.default_rng(5).normal(size=(2, 3)))


def test_unwrap_keeps_steps_of_half_a_period():
    x = np.array([0.0, 1.0, 0.0, 2.5, -1.0, 0.0])
    graph = pcn.trace(lambda x: np.unwrap(x, period=2.0), x=pcn.Parameter(x))
    assert_close(pcn.backprop(graph, {}).values["out"][0], np.unwrap(x, period=2.0), 0.0)


def test_quotients_are_numpys_where_rounding_decides():
    x, y = (np.random.default_rng(2).integers(-50, 50, (2, 4000)) * 0.1).astype(float)
    y[y == 0] = 0.1
    graph = pcn.trace(
        lambda x, y: np.stack([x // y, x % y, np.fmod(x, y)]), x=pcn.Parameter(x), y=pcn.Parameter(y), check=False
    )
    (out,) = graph.outputs.values()
    circuit = pcn.build_circuit(graph)
    result = pcn.Simulator(circuit, engine=pcn.Kernel(threads=1), dtype=np.float64).run(0.0)
    np.testing.assert_array_equal(result.predictions[out.name][0], np.stack([x // y, x % y, np.fmod(x, y)]))


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: np.floor(x) + x, 1.0),
        (lambda x: np.round(x), 0.0),
        (lambda x: np.sign(x), 0.0),
        (lambda x: np.fmax(x, 0.0), 0.5),
        (lambda x: np.arctan2(x, x), 0.0),
        (lambda x: np.sinc(x), 0.0),
        (lambda x: x % 1.0, 1.0),
        (lambda x: np.heaviside(x, 0.5), 0.0),
    ],
)
def test_derivatives_at_the_jumps_and_kinks_of_zero(function, expected):
    graph = pcn.trace(function, x=pcn.Parameter(np.zeros(1)))
    (out,) = graph.outputs.values()
    value = pcn.backprop(graph, {}).values[out.name]
    got = pcn.backprop(graph, {}, {"out": value + 1.0}).gradients["x"]
    assert_close(np.abs(got), np.array([expected]), 0.0)


def test_a_step_is_not_linear_though_its_derivative_is_constant():
    """Predictions follow from values through it: a circuit takes it for no synapse."""
    graph = pcn.trace(
        lambda a, x: pcn.vertex(np.floor(pcn.vertex(a * x, "h") * 3) + np.remainder(x, 1.0), "out"),
        a=pcn.Parameter(np.ones(2)),
        x=pcn.Input((2,)),
    )
    circuit = pcn.build_circuit(graph)
    x = np.array([[0.5, 1.6]])
    result = pcn.Simulator(circuit, engine=pcn.Reference()).run(0.0, inputs={"x": x})
    assert_close(result.predictions["out"], np.floor(3 * x) + x % 1.0, 1e-14)
    assert not any(Map(name).linear_in(0) for name in ("floor", "sign", "remainder", "copysign", "trunc", "step_or"))
    assert Map("step_or").linear_in(1)
    assert Map("radians").linear_in(0)


OUTSIDE = np.zeros(2)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: np.ldexp(x, x), "np.exp2"),
        (lambda x: np.nan_to_num(x, copy=False), "copy=False"),
        (lambda x: np.round(x, out=OUTSIDE), "out="),
    ],
)
def test_what_is_refused_says_what_to_write(function, message):
    with pytest.raises(TraceError, match=message):
        pcn.trace(function, x=pcn.Input((2,)))
