"""Conduction delays when something changes in mid-run: what is on its way goes on, as the delay equations have it.

The circuit is x -> a -> out under strict dynamics, with tanh on both ways and out clamped. Of it

    tau a'(t) = -(a(t) - p(t)) + w2 f'(w2 a(t - d - b)) (y(t - b) - f(w2 a(t - d - b))),    p(t) = f(w1 x(t - d))

where d is the delay of what goes forward and b of what goes back: an error is sent with what the dendrite then sees.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import pcneuro as pcn

TAU, FORTH, BACK = 12.0, 4.0, 3.0
W1, W2 = 0.7, 1.3
CHANGE, END = 11.0, 40.0
X, Y = (0.4, -0.9), (0.8, 0.1)
"""The input and the target before the change and after it."""


def circuit() -> pcn.Circuit:
    def function(x, w1, w2):
        a = pcn.vertex(np.tanh(w1 * x), "a")
        return pcn.vertex(np.tanh(w2 * a), "out")

    graph = pcn.trace(function, x=pcn.Input(()), w1=pcn.Parameter(W1), w2=pcn.Parameter(W2))
    delays = {("x.value", "a.error"): FORTH, ("a.value", "out.error"): FORTH, ("out.error", "a.value"): BACK}
    return pcn.build_circuit(graph, tau=TAU, delays=delays)


def by_steps(change: float, times: np.ndarray) -> np.ndarray:
    """The course of a, interval by interval, within each of which what was before is known."""
    sweep = np.tanh(W1 * X[0])
    pieces = [lambda t: np.full(np.shape(t), sweep)]
    starts = [-np.inf]

    def past(t):
        return pieces[np.searchsorted(starts, t, side="right") - 1](t)

    def slope(t, a):
        p = np.tanh(W1 * X[int(t - FORTH >= change)])
        back = 0.0
        if t >= BACK:
            seen = np.tanh(W2 * past(t - FORTH - BACK))
            back = W2 * (1 - seen**2) * (Y[int(t - BACK >= change)] - seen)
        return (back - (a - p)) / TAU

    ends = sorted({*np.arange(1, 100) * (FORTH + BACK), BACK, change + FORTH, change + BACK, 2 * BACK + FORTH})
    ends += [change + BACK + k * (FORTH + BACK) for k in range(20)]
    ends += [change + FORTH + k * (FORTH + BACK) for k in range(20)] + [BACK + k * (FORTH + BACK) for k in range(20)]
    a, begin = sweep, 0.0
    for end in sorted({e for e in ends if e < times[-1]} | {times[-1] + 1e-9}):
        # Just inside of the interval, so that nothing jumps within it.
        inside = lambda t, v, low=begin, high=end: slope(min(max(t, low + 1e-12), high - 1e-12), v)  # noqa: E731
        part = solve_ivp(inside, (begin, end), [a], rtol=1e-10, atol=1e-12, dense_output=True)
        pieces.append(lambda t, solution=part.sol: solution(t)[0])
        starts.append(begin)
        a, begin = part.y[0, -1], end
    return np.array([past(t) for t in times])


ENGINES = {
    "reference": (pcn.Reference(), 0.02, 2e-3),
    "kernel": (pcn.Kernel(), 0.005, 5e-4),
    "events": (pcn.EventDriven(threshold=pcn.Absolute(1e-5), mode=pcn.Exact()), 0.5, 2e-4),
}


@pytest.mark.parametrize("name", ENGINES)
def test_inputs_and_targets_change_as_the_delay_equations_have_it(name):
    engine, dt, tolerance = ENGINES[name]
    sim = pcn.Simulator(circuit(), dynamics=pcn.Strict(), integrator=pcn.Euler(dt), engine=engine)
    every = [pcn.Record("a", "value", every=0.5)]
    first = sim.run(CHANGE, inputs={"x": X[0]}, targets={"out": Y[0]}, record=every).records["a.value"]
    second = sim.run(END - CHANGE, inputs={"x": X[1]}, targets={"out": Y[1]}, record=every).records["a.value"]
    course = np.concatenate([first.values[:-1, 0], second.values[:, 0]])
    times = np.concatenate([first["time"].values[:-1], second["time"].values])
    expected = by_steps(CHANGE, times)
    assert np.ptp(expected[times > CHANGE]) > 0.3
    np.testing.assert_allclose(course.ravel(), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("dynamics", [pcn.FixedPrediction(), pcn.Strict()], ids=str)
@pytest.mark.parametrize("name", ENGINES)
def test_a_change_that_is_none_changes_nothing(name, dynamics):
    """Parameters set to themselves, a clamp of nothing, and a target that is another by a rounding error."""
    engine, _, _ = ENGINES[name]
    runs = []
    for disturbed in (False, True):
        sim = pcn.Simulator(circuit(), dynamics=dynamics, integrator=pcn.Euler(0.5), engine=engine)
        result = sim.run(3.0, inputs={"x": X[0]}, targets={"out": Y[0]})
        for k in range(30):
            if disturbed:
                sim.set_parameters(sim.parameters)
            more = {"targets": {"out": Y[0] * (1 + 1e-13 * k)}, "clamp": {}} if disturbed else {}
            result = sim.run(1.0, **more)
        runs.append(result)
    for part in ("values", "errors", "gradients"):
        for key, array in getattr(runs[0], part).items():
            # At exact times an event more or less is sent, of a threshold.
            tolerance = 2e-5 if name == "events" else 1e-11
            np.testing.assert_allclose(getattr(runs[1], part)[key], array, rtol=0, atol=tolerance)
    assert np.abs(runs[0].errors["a"]).max() > 0.01


def test_new_parameters_weigh_what_is_under_way_when_it_arrives():
    """Under fixed prediction an error goes back with the weight that its synapse has when it comes there."""

    def function(x, w1, w2):
        return pcn.vertex(pcn.vertex(w1 * x, "a") @ w2, "out")

    graph = pcn.trace(function, x=pcn.Input((1,)), w1=pcn.Parameter(1.0), w2=pcn.Parameter([[2.0]]))
    late = pcn.build_circuit(graph, tau=TAU, delays={("out.error", "a.value"): 5.0})
    for engine in (pcn.Reference(), pcn.Kernel()):
        sim = pcn.Simulator(late, integrator=pcn.Euler(1.0), engine=engine)
        record = [pcn.Record("a", "feedback")]
        first = sim.run(7.0, inputs={"x": [0.0]}, targets={"out": [1.0]}, record=record).records["a.feedback"]
        np.testing.assert_array_equal(first.values.ravel(), [0, 0, 0, 0, 0, 2, 2, 2])
        sim.set_parameters({"w2": [[3.0]]})
        second = sim.run(7.0, record=record).records["a.feedback"]
        np.testing.assert_array_equal(second.values.ravel(), [3] * 8)
