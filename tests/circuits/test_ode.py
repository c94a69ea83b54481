"""The pendulum: its motion is that of an independent solver, and its constants are learned from it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import pcneuro as pcn
from circuits.ode import ode

GRAVITY, DAMPING, STEP = 9.81, 0.2, 0.1


def motion(starts: np.ndarray, steps: int, step: float) -> np.ndarray:
    """Angles and velocities after each step, by SciPy: (samples, steps, 2)."""

    def change(_: float, state: np.ndarray) -> list[float]:
        return [state[1], -GRAVITY * np.sin(state[0]) - DAMPING * state[1]]

    times = step * np.arange(1, steps + 1)
    return np.stack([solve_ivp(change, (0, times[-1]), s, t_eval=times, rtol=1e-10, atol=1e-12).y.T for s in starts])


def test_the_circuit_solves_the_equation_to_fourth_order():
    start = np.array([[2.0, -1.0]])
    errors = []
    for steps in (20, 40):
        circuit = ode(steps=steps, step=1.0 / steps, gravity=GRAVITY, damping=DAMPING, spread=0.0)
        predicted = pcn.Simulator(circuit).run(0.0, inputs={"start": start}).predictions["out"]
        errors.append(np.abs(predicted[0, -1] - motion(start, steps, 1.0 / steps)[0, -1]).max())
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert errors[-1] < 1e-5
    assert orders == pytest.approx(4, abs=0.2)


def test_the_constants_are_learned_from_the_motion():
    """By a circuit with the default step of 1 ms: 0.3 s for every update."""
    rng = np.random.default_rng(1)
    starts = np.stack([rng.uniform(-2, 2, 16), rng.uniform(-1, 1, 16)], axis=1)
    examples = pcn.Examples({"start": starts}, {"out": motion(starts, 10, STEP)})
    circuit = ode(steps=10, step=STEP, gravity=GRAVITY, damping=DAMPING, spread=0.5, seed=2)
    source = pcn.PredictiveCoding(pcn.Simulator(circuit), 300.0)
    last = pcn.Trainer(source, pcn.SGD(0.2), examples, examples, batch=16).run(80)
    began = circuit.parameters
    assert abs(began["gravity"] / GRAVITY - 1) > 0.2
    assert abs(began["damping"] / DAMPING - 1) > 0.2
    assert last.parameters["gravity"] == pytest.approx(GRAVITY, rel=1e-3)
    assert last.parameters["damping"] == pytest.approx(DAMPING, rel=1e-2)
