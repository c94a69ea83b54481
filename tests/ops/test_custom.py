"""Operators of users' own functions: the same values and gradients everywhere; wrong ones are refused."""

from __future__ import annotations

import pickle
import re
from contextlib import nullcontext
from pathlib import Path

import numba
import numpy as np
import pytest
from scipy.optimize import brentq

import pcneuro as pcn
from pcneuro.errors import (
    CircuitFileError,
    DataError,
    ParameterError,
    PcneuroWarning,
    ShapeError,
    TraceError,
)
from pcneuro.ops import custom
from tests.helpers import assert_all_close, check_engines_agree
from tests.ops.random_operators import at_random


def eccentric_anomaly(M, e):
    E = M + e * np.sin(M)
    for _ in range(20):
        E = E - (E - e * np.sin(E) - M) / (1 - e * np.cos(E))
    return E


def eccentric_anomaly_vjp(gradient, E, M, e):
    weighted = gradient / (1 - e * np.cos(E))
    return weighted, np.sum(weighted * np.sin(E))


KEPLER = pcn.operator(eccentric_anomaly, eccentric_anomaly_vjp)


@numba.njit
def gram(a):
    """Called by an operator; its np.zeros is NumPy's own while a function is traced, too."""
    out = np.zeros((a.shape[1], a.shape[1]), a.dtype)
    for i in range(a.shape[0]):
        out += np.outer(a[i], a[i])
    return out


def energy(a, x):
    return x @ gram(a) @ x


def energy_vjp(gradient, output, a, x):
    return 2 * gradient * np.outer(a @ x, x), 2 * gradient * (gram(a) @ x)


ENERGY = pcn.operator(energy, energy_vjp)


def cube(x):
    return x * x * x


def cube_vjp(gradient, output, x):
    return (3 * gradient * x * x,)


CUBE = pcn.operator(cube, cube_vjp)


def outer_tanh(x, y):
    return np.tanh(x.reshape((-1, 1)) * y.reshape((1, -1)))


def outer_tanh_vjp(gradient, output, x, y):
    slope = gradient * (1 - output**2)
    return (
        (slope * y.reshape((1, -1))).sum(axis=1).reshape(x.shape),
        (slope * x.reshape((-1, 1))).sum(axis=0).reshape(y.shape),
    )


OUTER = pcn.operator(outer_tanh, outer_tanh_vjp, name="outer_tanh", compiled=False)


def orbit(solve):
    return lambda t, rate, e: np.cos(solve(rate * t, e)) - e


def orbit_graph(solve=KEPLER):
    return pcn.trace(orbit(solve), t=pcn.Input((4,)), rate=pcn.Parameter(1.1), e=pcn.Parameter(0.4))


def orbit_data(batch):
    rng = np.random.default_rng(1)
    return {"t": rng.uniform(0, 5, (batch, 4))}, {"out": rng.uniform(-1, 1, (batch, 4))}


def test_values_are_the_solutions_and_gradients_those_of_the_unrolled_iteration():
    inputs, targets = orbit_data(3)
    result = pcn.backprop(orbit_graph(), inputs, targets)
    for M, out in zip(1.1 * inputs["t"].ravel(), result.values["out"].ravel(), strict=True):
        root = brentq(lambda E, M=M: E - 0.4 * np.sin(E) - M, M - 1, M + 1, xtol=1e-14)
        np.testing.assert_allclose(out, np.cos(root) - 0.4, rtol=1e-11, atol=1e-12)
    unrolled = pcn.backprop(orbit_graph(eccentric_anomaly), inputs, targets)
    assert_all_close(result.gradients, unrolled.gradients, 1e-10)


def test_plain_arrays_and_numbers():
    np.testing.assert_allclose(KEPLER(np.array([1.0, 2.0]), 0.0), [1.0, 2.0])
    assert np.shape(KEPLER(1.0, 0.3)) == ()
    assert repr(KEPLER) == "<operator eccentric_anomaly>"


def graphs():
    rng = np.random.default_rng(2)
    a, x = rng.normal(size=(3, 2)), rng.normal(size=2)

    def both_shared(x, a, p):
        return x * ENERGY(a, p) + ENERGY(a, x)

    return {
        "kepler": (orbit_graph(), (4,)),
        "cube": (pcn.trace(lambda x, a: CUBE(x @ a), x=pcn.Input((3,)), a=pcn.Parameter(a)), (3,)),
        "shared": (pcn.trace(both_shared, x=pcn.Input((2,)), a=pcn.Parameter(a), p=pcn.Parameter(x)), (2,)),
    }


DOUBLE = ((np.float64, "auto", 5, False), (np.float64, "all", 35, True))
SINGLE = ((np.float32, "all", 5, False),)


@pytest.mark.parametrize(
    ("name", "runs"),
    [
        pytest.param("kepler", DOUBLE, marks=pytest.mark.long),
        # In single precision what is quick to compile.
        pytest.param("kepler", SINGLE, marks=pytest.mark.long),
        ("cube", SINGLE),
        ("shared", DOUBLE),
        pytest.param("shared", SINGLE, marks=pytest.mark.long),
    ],
    ids=["kepler", "kepler, float32", "cube, float32", "shared", "shared, float32"],
)
def test_engines_agree(name, runs):
    graph, shape = graphs()[name]
    rng = np.random.default_rng(3)
    for dtype, vertices, batch, strict in runs:
        inputs = {next(iter(graph.inputs)): rng.uniform(0.1, 1, (batch, *shape))}
        targets = {"out": rng.uniform(0.1, 1, (batch, *graph.outputs["out"].shape))}
        tolerance = 1e-11 if dtype == np.float64 else 1e-4
        check_engines_agree(graph, inputs, targets, dtype, vertices, strict=strict, tolerance=tolerance, what=name)


def test_threads_and_plain_functions_give_the_same():
    inputs, targets = orbit_data(70)
    plain = pcn.operator(eccentric_anomaly, eccentric_anomaly_vjp, name="plain", compiled=False)

    def run(solve, threads):
        sim = pcn.Simulator(pcn.build_circuit(orbit_graph(solve)), engine=pcn.Kernel(threads=threads))
        return sim.run(50.0, inputs=inputs, targets=targets)

    results = [run(KEPLER, 1), run(KEPLER, 2)]
    with pytest.warns(PcneuroWarning, match=r"operator 'plain' stays in NumPy .*slower"):
        results.append(run(plain, 2))
    # It was told once.
    run(plain, 1)
    for name in ("rate", "e"):
        assert results[0].gradients[name] == results[1].gradients[name]
        np.testing.assert_allclose(results[2].gradients[name], results[0].gradients[name], rtol=1e-12)


@at_random
def test_any_shape(seed):
    rng = np.random.default_rng(seed)
    shapes = [tuple(rng.integers(1, 4, rng.integers(1, 4)).tolist()) for _ in range(2)]
    leaves = {"x": pcn.Input(shapes[0]), "y": pcn.Parameter(rng.normal(size=shapes[1]))}
    one = pcn.trace(lambda x, y: OUTER(np.reshape(x, np.shape(x)), y), **leaves)
    other = pcn.trace(lambda x, y: np.tanh(np.reshape(x, (-1, 1)) * np.reshape(y, (1, -1))), **leaves)
    inputs = {"x": rng.normal(size=(3, *shapes[0]))}
    targets = {"out": rng.normal(size=(3, *other.outputs["out"].shape))}
    mine, composed = pcn.backprop(one, inputs, targets), pcn.backprop(other, inputs, targets)
    assert_all_close(mine.gradients, composed.gradients, 1e-12)
    np.testing.assert_allclose(mine.errors["x"], composed.errors["x"], rtol=1e-12, atol=1e-14)


# What is refused


def half_wrong(gradient, E, M, e):
    return gradient / (1 - e * np.cos(E)), np.sum(gradient)


def test_a_wrong_derivative_is_refused_with_the_numbers():
    wrong = pcn.operator(eccentric_anomaly, half_wrong, name="wrong")
    with pytest.raises(
        TraceError, match=r"'wrong': along .* operand 1 vjp has .* -?\d.*, and central differences .* -?\d"
    ):
        orbit_graph(wrong)
    orbit_graph(pcn.operator(eccentric_anomaly, half_wrong, name="wrong", check=False))


@pytest.mark.parametrize(
    ("forward", "vjp", "settings", "error", "match"),
    [
        (lambda x: x, lambda g, y, x: g, {}, ShapeError, r"vjp returned a ndarray; needed is a tuple of 1"),
        (lambda x: x, lambda g, y, x: (g, g), {}, ShapeError, r"vjp returned 2 of them"),
        (lambda x: x, lambda g, y, x: (np.sum(g),), {}, ShapeError, r"vjp for operand 0 returned shape \(\)"),
        (lambda x: x[:1], lambda g, y, x: (g,), {"shape": (2,)}, ShapeError, r"forward returned shape \(1,\)"),
        (lambda x: x * 1j, lambda g, y, x: (g,), {}, TraceError, "dtype complex128"),
        (lambda x: x + nothing, lambda g, y, x: (g,), {}, TraceError, "cannot compile forward"),  # noqa: F821
        (lambda x: x, lambda g, y, x: (g,), {"shape": "x"}, ShapeError, "shape"),
        (lambda x: x, lambda g, y, x: (g,), {"shape": lambda x: x[3]}, ShapeError, "shape raised IndexError"),
        (lambda x: [][1], lambda g, y, x: (g,), {"compiled": False}, DataError, "raised IndexError.*give shape="),
    ],
)  # fmt: skip
def test_functions_that_are_none_of_an_operator(forward, vjp, settings, error, match):
    op = pcn.operator(forward, vjp, name="op", **settings)
    with pytest.raises(error, match=match):
        pcn.trace(lambda x: op(x), x=pcn.Input((2,)))


@pytest.mark.parametrize(
    ("arguments", "settings", "match"),
    [
        ((3, energy_vjp), {}, "forward is 3"),
        ((energy, None), {}, "vjp is None"),
        ((lambda x: x, energy_vjp), {}, "no name for an operator"),
        ((energy, energy_vjp), {"name": "a b"}, "no name for an operator"),
        ((energy, energy_vjp), {"compiled": "no"}, "compiled"),
        ((energy, energy_vjp), {"check": 3}, "check"),
    ],
)
def test_settings_that_are_none(arguments, settings, match):
    with pytest.raises(ParameterError, match=match):
        pcn.operator(*arguments, **settings)


def test_other_refusals():
    with pytest.raises(ParameterError, match="without operands"):
        KEPLER()
    with pytest.raises(ParameterError, match="not pickled"):
        pickle.dumps(KEPLER)
    circuit = pcn.build_circuit(orbit_graph())
    inputs, targets = orbit_data(1)
    with pytest.raises(ParameterError, match="operator 'eccentric_anomaly' has no equivalent in single units"):
        pcn.Simulator(circuit, engine=pcn.EventDriven(0.1)).run(1.0, inputs=inputs, targets=targets)
    with pytest.raises(ParameterError, match="operator 'eccentric_anomaly' has no equivalent in single units"):
        list(circuit.synapses())


@pytest.mark.parametrize("compiled", [True, False])
def test_an_error_in_a_kernel_is_one_of_the_run(compiled):
    """Of the function, which some values are too large for, and of its derivative, which some are too small for."""

    def forward(x):
        if x[0] > 5.0:
            raise ValueError("too large")
        return 2.0 * x

    def vjp(gradient, output, x):
        if x[0] < -5.0:
            raise ValueError("too small")
        return (2.0 * gradient,)

    op = pcn.operator(forward, vjp, name="small", compiled=compiled)
    graph = pcn.trace(lambda x, w: op(x * w), x=pcn.Input((2,)), w=pcn.Parameter(1.0))
    with nullcontext() if compiled else pytest.warns(PcneuroWarning, match="slower"):
        sim = pcn.Simulator(pcn.build_circuit(graph))
        assert sim.run(3.0, inputs={"x": [1.0, 2.0]}, targets={"out": [0.0, 0.0]}).status == "completed"
    for value, match in ((6.0, "small.*too large"), (-6.0, r"small.*too small|its operator kernel 'small vjp 0")):
        with pytest.raises(DataError, match=match):
            sim.run(3.0, inputs={"x": [value, 2.0]}, targets={"out": [0.0, 0.0]})
        sim.reset()


def test_a_circuit_is_saved_by_the_name_of_its_operator(tmp_path, monkeypatch):
    circuit = pcn.build_circuit(orbit_graph())
    circuit.save(tmp_path / "circuit.pcn")
    inputs, targets = orbit_data(2)
    for again in (pcn.load_circuit(tmp_path / "circuit.pcn"), pickle.loads(pickle.dumps(circuit))):
        loaded, expected = (pcn.backprop(c, inputs, targets) for c in (again, circuit))
        assert_all_close(loaded.gradients, expected.gradients, 1e-15)
    monkeypatch.setattr(custom, "DEFINITIONS", dict(custom.DEFINITIONS))
    pcn.operator(eccentric_anomaly, half_wrong)
    with pytest.raises(CircuitFileError, match="defined otherwise"):
        pcn.load_circuit(tmp_path / "circuit.pcn")
    custom.DEFINITIONS.clear()
    with pytest.raises(CircuitFileError, match=r"define it first, with pcn.operator\(forward, vjp, name='eccentric"):
        pcn.load_circuit(tmp_path / "circuit.pcn")


def test_the_example_of_the_documentation():
    text = (Path(__file__).parents[2] / "docs" / "programs.md").read_text()
    block = next(part for part in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "pcn.operator(" in part)
    names = {"np": np, "pcn": pcn}
    exec(block, names)
    t = np.linspace(0.0, 3.0, 8)
    out = pcn.backprop(names["graph"], {"t": t}).values["out"][0]
    E = [brentq(lambda E, M=M: E - 0.4 * np.sin(E) - M, M - 1, M + 1, xtol=1e-14) for M in 1.1 * t]
    np.testing.assert_allclose(out, [np.cos(E) - 0.4, np.sqrt(1 - 0.16) * np.sin(E)], rtol=1e-11, atol=1e-12)
