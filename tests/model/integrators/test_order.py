"""Order of convergence of every integrator, fitted by regression, and strict dynamics against SciPy's solver."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import pcneuro as pcn
from pcneuro.errors import ParameterError
from pcneuro.model.integrators.abstract import INTEGRATORS
from tests.circuits_for_tests import data_for, mlp

ENGINES = [pcn.Reference(), pcn.Kernel()]
DURATION = 12.0


@pytest.fixture(scope="module")
def network():
    return pcn.build_circuit(mlp((3, 5, 4, 2), scale=1.5), precision={"h1": 1.5}, tau={"h2": 7.0})


@pytest.fixture(scope="module")
def data(network):
    return data_for(network.graph, 2)


@pytest.fixture(scope="module")
def solutions(network, data):
    """Free values at DURATION by SciPy, with the right-hand side of two tanh layers written out."""
    inputs, targets = data
    p = network.parameters

    def slope(_, flat):
        v1, v2 = flat[:10].reshape(2, 5), flat[10:].reshape(2, 4)
        p1, p2 = np.tanh(inputs["x"] @ p["W1"] + p["b1"]), np.tanh(v1 @ p["W2"] + p["b2"])
        e1, e2, e3 = 1.5 * (v1 - p1), v2 - p2, targets["out"] - (v2 @ p["W3"] + p["b3"])
        d1 = (-e1 + (e2 * (1 - p2**2)) @ p["W2"].T) / 10.0
        d2 = (-e2 + e3 @ p["W3"].T) / 7.0
        return np.concatenate([d1.ravel(), d2.ravel()])

    h1 = np.tanh(inputs["x"] @ p["W1"] + p["b1"])
    h2 = np.tanh(h1 @ p["W2"] + p["b2"])
    start = np.concatenate([h1.ravel(), h2.ravel()])
    end = solve_ivp(slope, (0, DURATION), start, method="DOP853", rtol=1e-13, atol=1e-14).y[:, -1]
    return {"h1": end[:10].reshape(2, 5), "h2": end[10:].reshape(2, 4)}


def error(network, data, solutions, integrator, engine):
    inputs, targets = data
    sim = pcn.Simulator(network, dynamics=pcn.Strict(), integrator=integrator, engine=engine)
    result = sim.run(DURATION, inputs=inputs, targets=targets)
    return max(np.abs(result.values[n] - solutions[n]).max() for n in solutions)


@pytest.mark.parametrize("engine", ENGINES, ids=["Reference", "Kernel"])
@pytest.mark.parametrize("name", sorted(INTEGRATORS))
def test_observed_order_on_strict_dynamics(network, data, solutions, name, engine):
    integrator = INTEGRATORS[name]
    steps = np.array([0.4, 0.2, 0.1]) / (1 if integrator.order > 1 else 4)
    errors = [error(network, data, solutions, integrator(dt), engine) for dt in steps]
    order = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert abs(order - integrator.order) < 0.2


@pytest.mark.parametrize("name", sorted(INTEGRATORS))
def test_observed_order_on_fixed_prediction(network, data, name):
    """Against the same integrator at a step so small that its own error is negligible."""
    integrator = INTEGRATORS[name]
    inputs, targets = data

    def run(method):
        return pcn.Simulator(network, integrator=method).run(DURATION, inputs=inputs, targets=targets).values["h1"]

    exact = run(pcn.RungeKutta4(0.02))
    steps = np.array([0.4, 0.2, 0.1]) / (1 if integrator.order > 1 else 4)
    errors = [np.abs(run(integrator(dt)) - exact).max() for dt in steps]
    assert abs(np.polyfit(np.log(steps), np.log(errors), 1)[0] - integrator.order) < 0.2


@pytest.mark.parametrize("engine", ENGINES, ids=["Reference", "Kernel"])
def test_strict_dynamics_against_scipy(network, data, solutions, engine):
    assert error(network, data, solutions, pcn.RungeKutta4(0.05), engine) < 1e-9


def test_exponential_euler_is_exact_where_only_the_leak_acts():
    """The last hidden vertex of a chain: its feedback is constant, so it is exact at any dt."""
    circuit = pcn.build_circuit(mlp((3, 4, 2)), precision={"h1": 2.0}, tau={"h1": 5.0})
    inputs, targets = data_for(circuit.graph, 1)
    sim = pcn.Simulator(circuit, integrator=pcn.ExponentialEuler(4.0))
    result = sim.run(8.0, inputs=inputs, targets=targets)
    feedback = result.errors["out"] @ circuit.parameters["W2"].T
    expected = feedback * -np.expm1(-8.0 * 2.0 / 5.0)
    np.testing.assert_allclose(result.errors["h1"], expected, rtol=1e-12)


@pytest.mark.parametrize("name", sorted(INTEGRATORS))
@pytest.mark.parametrize("dt", [0, -1.0, np.nan, np.inf, "fast", None])
def test_bad_steps(name, dt):
    with pytest.raises(ParameterError, match="dt is"):
        INTEGRATORS[name](dt)


@pytest.mark.parametrize("name", sorted(INTEGRATORS))
def test_the_stated_stability_limit_is_the_methods(name):
    """The amplification of y' = -k y crosses 1 at k dt = stability."""
    method = INTEGRATORS[name]
    if np.isinf(method.stability):
        gain = method(1e6).gain(np.ones(1), np.ones(1))
        assert abs(1 - gain[0]) <= 1
        return

    def amplification(z):
        slopes = []
        for row in method.tableau:
            slopes.append(-z * (1 + sum(a * s for a, s in zip(row, slopes, strict=False))))
        return 1 + sum(b * s for b, s in zip(method.weights, slopes, strict=True))

    assert abs(amplification(method.stability)) == pytest.approx(1.0, abs=1e-9)
    assert abs(amplification(0.99 * method.stability)) < 1
    assert abs(amplification(1.01 * method.stability)) > 1
