"""Cycles whose weights change while they run: against an adaptive solver, Euler's steps by hand, and one another."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import pcneuro as pcn
from tests.cycles_for_tests import network
from tests.helpers import assert_close

every_engine = pytest.mark.parametrize("engine", [pcn.Kernel(threads=1), pcn.Reference()], ids=["kernel", "reference"])
every_feedback = pytest.mark.parametrize("feedback", [True, False], ids=["feedback", "rates"])
UNITS, BATCH, TAU, TAU_W, DECAY = 4, 3, 10.0, 60.0, 0.1
RNG = np.random.default_rng(11)
W = 0.6 * RNG.normal(size=(UNITS, UNITS))
X, V = RNG.normal(size=(2, BATCH, UNITS))


def learning(feedback: bool, delay: float = 0.0) -> pcn.Circuit:
    """v is predicted to be tanh(x + W of itself), now or ``delay`` ms ago, and W learns to."""

    def function(x, before, W):
        return {"v": pcn.vertex(np.tanh(x + before @ W), "v")}

    before = pcn.Recurrent("v", (UNITS,), delay=delay, feedback=feedback)
    graph = pcn.trace(function, x=pcn.Input((UNITS,)), before=before, W=pcn.Parameter(W))
    return pcn.build_circuit(graph, tau=TAU, plasticity=pcn.Hebbian(tau=TAU_W, decay=DECAY))


def slopes(v: np.ndarray, before: np.ndarray, w: np.ndarray, feedback: bool) -> tuple[np.ndarray, np.ndarray]:
    """dv/dt and dW/dt, in 1/ms."""
    predicted = np.tanh(X + before @ w)
    behind = (v - predicted) * (1 - predicted**2)
    back = behind @ w.T if feedback else 0.0
    return (predicted - v + back) / TAU, (before.T @ behind - DECAY * w) / TAU_W


@every_engine
@every_feedback
def test_neurons_and_weights_of_a_cycle_together(engine, feedback):
    def flow(time, z):
        v, w = z[: V.size].reshape(V.shape), z[V.size :].reshape(W.shape)
        return np.concatenate([slope.ravel() for slope in slopes(v, v, w, feedback)])

    begin = np.concatenate([V.ravel(), W.ravel()])
    exact = solve_ivp(flow, (0, 40.0), begin, method="DOP853", rtol=1e-12, atol=1e-13).y[:, -1]
    sim = pcn.Simulator(learning(feedback), engine=engine, dynamics=pcn.Strict(), integrator=pcn.RungeKutta4(0.1))
    result = sim.run(40.0, inputs={"x": X}, initial={"v": V})
    assert_close(result.values["v"].ravel(), exact[: V.size], 1e-8)
    assert_close(result.parameters["W"].ravel(), exact[V.size :], 1e-8)
    assert np.abs(result.parameters["W"] - W).max() > 0.1


@every_engine
@every_feedback
@pytest.mark.parametrize("delay", [0.0, 3.0])
def test_they_are_eulers_steps_by_hand(engine, feedback, delay):
    """Activity comes from the past, and errors go back to the present at once."""
    sim = pcn.Simulator(learning(feedback, delay), engine=engine, dynamics=pcn.Strict(), integrator=pcn.Euler(1.0))
    result = sim.run(30.0, inputs={"x": X}, initial={"v": V}, record=pcn.Record("W", "parameter"))
    v, w, past, rows = V, W, [np.zeros_like(V)] * int(delay), [W]
    for _ in range(30):
        dv, dw = slopes(v, past[0] if delay else v, w, feedback)
        past, v, w = [*past[1:], v], v + dv, w + dw
        rows.append(w)
    assert_close(result.values["v"], v, 1e-13)
    assert_close(result.records["W.parameter"].values, rows, 1e-13)


KINDS = ({}, {"feedback": False}, {"delay": 4.0}, {"delay": 4.0, "feedback": False})
DATA = {"inputs": {"x": RNG.normal(size=(40, 4))}, "targets": {"out": RNG.normal(size=(40, 4))}}


def plastic(kind, engine, every=None, integrator=None) -> pcn.Simulator:
    """Two loops in one another, whose three weights change."""
    circuit = network(np.random.default_rng(7), plasticity=pcn.Hebbian(tau=2000.0, every=every), **kind)
    return pcn.Simulator(circuit, engine=engine, dynamics=pcn.Strict(), integrator=integrator or pcn.Euler(1.0))


def ends(result: pcn.Result) -> list[np.ndarray]:
    groups = result.values, result.errors, result.parameters, result.gradients
    return [array for group in groups for _, array in sorted(group.items())]


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("every", [None, 2.0])
@pytest.mark.parametrize("integrator", [pcn.Euler(1.0), pcn.ExponentialEuler(1.0), pcn.RungeKutta4(1.0)], ids=repr)
@pytest.mark.halved
def test_engines_threads_and_pieces_of_cycles_that_learn(kind, every, integrator):
    """The kernel is the reference; in any number of threads and pieces bit for bit."""
    expected = ends(plastic(kind, pcn.Reference(), every, integrator).run(14.0, **DATA))
    one = ends(plastic(kind, pcn.Kernel(threads=1), every, integrator).run(14.0, **DATA))
    parted = plastic(kind, pcn.Kernel(threads=2), every, integrator)
    parted.run(5.0, **DATA)
    parted.run(3.0)
    for got, wanted, pieces in zip(one, expected, ends(parted.run(6.0)), strict=True):
        assert_close(got, wanted, 1e-11)
        np.testing.assert_array_equal(pieces, got)


@every_engine
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_stream_into_a_cycle_that_learns_is_the_runs_in_a_row(kind, engine):
    stream = RNG.normal(size=(4, 40, 4))
    result = plastic(kind, engine).run(12.0, **(DATA | {"inputs": {"x": pcn.TimedArray(stream, 3.0)}}))
    parted = plastic(kind, engine)
    for x in stream:
        other = parted.run(3.0, **(DATA | {"inputs": {"x": x}}))
    for got, wanted in zip(ends(result), ends(other), strict=True):
        np.testing.assert_array_equal(got, wanted)
