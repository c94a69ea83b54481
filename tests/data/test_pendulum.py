"""The pendulum's motions: against closed forms, another solver and the circuit; settings out of range."""

import re

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import pcneuro as pcn
import pcneuro.data
from circuits.ode import ode
from pcneuro.data import Pendulum
from pcneuro.errors import ParameterError


def pendulum(**choices):
    return Pendulum(**{"samples": 20} | choices).load()


def both(data):
    """Starts and states of all samples."""
    return [np.concatenate([getattr(part, name) for part in (data.train, data.test)]) for name in ("inputs", "targets")]


def test_what_it_gives():
    data = pcneuro.data.load("pendulum")
    assert str(data) == "pendulum: 205 to learn from and 51 to test with: motions of 2 variables, 20 steps of 0.1 s"
    assert data.truth == {"gravity": 9.81, "damping": 0.2}
    starts, states = both(data)
    assert starts.shape == (256, 2)
    assert states.shape == (256, 20, 2)
    assert starts.dtype == states.dtype == np.float64
    assert np.abs(starts).max() < 2
    assert np.abs(starts.mean(axis=0)).max() < 4 * 2 / np.sqrt(3 * 256)
    assert len(np.unique(starts)) == starts.size
    assert (data.train.take(slice(3)).targets == data.train.states[:3]).all()


def test_without_damping_energy_is_conserved():
    starts, states = both(pendulum(damping=0.0, steps=50))
    everything = np.concatenate([starts[:, np.newaxis], states], axis=1)
    angle, velocity = np.moveaxis(everything, -1, 0)
    energy = velocity**2 / 2 - 9.81 * np.cos(angle)
    assert np.abs(energy - energy[:, :1]).max() < 1e-8


def test_without_gravity_the_velocity_decays():
    damping = 0.7
    starts, states = both(pendulum(gravity=0.0, damping=damping, step=0.25))
    left = np.exp(-damping * 0.25 * np.arange(1, 21))
    velocity = starts[:, 1:] * left
    angle = starts[:, :1] + starts[:, 1:] * (1 - left) / damping
    np.testing.assert_allclose(states, np.stack([angle, velocity], axis=-1), atol=1e-9)


def test_a_small_motion_is_a_damped_oscillation(monkeypatch):
    """angle(t) = exp(-damping t / 2) (a cos wt + b sin wt), to within the cube of the angle."""
    small = 1e-4
    monkeypatch.setattr("pcneuro.data.sets.pendulum.LARGEST", small)
    starts, states = both(pendulum())
    assert small / 2 < np.abs(starts).max() < small
    time = 0.1 * np.arange(1, 21)
    frequency = np.sqrt(9.81 - 0.1**2)
    a, b = starts[:, :1], (starts[:, 1:] + 0.1 * starts[:, :1]) / frequency
    expected = np.exp(-0.1 * time) * (a * np.cos(frequency * time) + b * np.sin(frequency * time))
    np.testing.assert_allclose(states[..., 0], expected, atol=10 * small**3)


def test_each_sample_by_another_method():
    starts, states = both(pendulum(samples=4, gravity=5.0, damping=0.5))

    def change(_, state):
        return state[1], -5.0 * np.sin(state[0]) - 0.5 * state[1]

    times = 0.1 * np.arange(1, 21)
    for start, moved in zip(starts, states, strict=True):
        other = solve_ivp(change, (0, times[-1]), start, "LSODA", times, rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(moved, other.y.T, atol=1e-8)


def test_it_is_what_the_circuit_predicts():
    data = pendulum(steps=50, step=0.02)
    circuit = ode(steps=50, step=0.02, spread=0.0, **data.truth)
    part = data.train
    forward = pcn.backprop(circuit, {"start": part.inputs}, {"out": part.targets})
    np.testing.assert_allclose(forward.values["out"], part.targets, atol=1e-4)


def test_the_seed_draws_starts_noise_and_split():
    one, same, other = pendulum(noise=0.1), pendulum(noise=0.1), pendulum(noise=0.1, seed=1)
    for name in ("inputs", "targets"):
        assert (getattr(one.test, name) == getattr(same.test, name)).all()
        assert (getattr(one.test, name) != getattr(other.test, name)).all()
    assert len(pendulum(test=0.5).test) == 10


def test_noise_is_on_what_is_observed_only():
    (starts, exact), (same, observed) = both(pendulum(samples=100)), both(pendulum(samples=100, noise=0.3))
    assert (starts == same).all()
    deviates = (observed - exact) / 0.3
    assert abs(deviates.mean()) < 4 / np.sqrt(deviates.size)
    assert deviates.std() == pytest.approx(1, abs=4 / np.sqrt(2 * deviates.size))


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ({"steps": 0}, "steps=0: needed is a whole number, 1 or more"),
        ({"steps": 2.5}, "steps=2.5: needed is a whole number, 1 or more"),
        ({"samples": 1}, "samples=1: needed is a whole number, 2 or more"),
        ({"seed": -1}, "seed=-1: needed is a whole number, 0 or more"),
        ({"step": 0.0}, "step=0.0: needed is a number of seconds above 0"),
        ({"step": float("inf")}, "step=inf: needed"),
        ({"gravity": -9.81}, "gravity=-9.81: needed is a number that is 0 or more"),
        ({"damping": float("nan")}, "damping=nan: needed"),
        ({"noise": -1e-9}, "noise=-1e-09: needed"),
        ({"test": 1.0}, "test=1.0: the share of the samples"),
        ({"gravity": 1e300}, "gravity=1e+300, damping=0.2, 20 steps of 0.1 s cannot be solved (Required step size"),
    ],
)
def test_what_is_out_of_range_is_told_in_one_line(choices, expected):
    with pytest.raises(ParameterError, match=re.escape(expected)) as caught:
        pendulum(**choices)
    assert "\n" not in str(caught.value)


def test_it_is_here_always():
    assert Pendulum().status() == "computed when it is loaded"
    with pytest.raises(ParameterError, match="pendulum is not downloaded: it comes with SciPy"):
        pcneuro.data.fetch("pendulum")
