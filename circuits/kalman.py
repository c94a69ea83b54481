"""Temporal predictive coding tracks a moving object, beside the Kalman filter.

Millidge, Tang, Osanlouy, Harper & Bogacz (2024), *Predictive coding networks for temporal prediction*. A population x
predicts its own activity of an observation ago, A x(t - T), and the observation, C x. At equilibrium its estimate is
the Kalman filter's update with a constant variance of what is expected.
"""

import matplotlib.pyplot as plt
import numpy as np
import xarray

import pcneuro as pcn

STEP = 0.1
"""Seconds between two observations."""
A = np.array([[1.0, STEP, STEP**2 / 2], [0.0, 1.0, STEP], [0.0, 0.0, 1.0]])
"""Position, velocity and acceleration, one observation later."""
C = np.array([[1.0, 0.5, 0.0], [0.0, 1.0, 0.5], [0.5, 0.0, 1.0]])
"""What is observed: mixtures of position, velocity and acceleration."""


def kalman(interval: float = 400.0, expected: float = 0.25, observation: float = 0.5, tau: float = 10.0) -> pcn.Circuit:
    """Value neurons x of an estimate, and y of what is observed, each with error neurons.

    ``interval`` is the time in ms from one observation to the next. ``expected`` is the variance of what is expected of
    the object, which a Kalman filter works out anew each time, and ``observation`` that of observations; ``tau`` is in
    ms.
    """

    def model(before, A, C):
        x = pcn.vertex(A @ before, "x")
        return pcn.vertex(C @ x, "y")

    before = pcn.Recurrent("x", (3,), delay=interval, feedback=False)
    graph = pcn.trace(model, before=before, A=pcn.Parameter(A), C=pcn.Parameter(C))
    return pcn.build_circuit(graph, tau=tau, precision={"x": 1 / expected, "y": 1 / observation})


def motion(generator: np.random.Generator, times: int, process: float, observation: float):
    """The states of an object, (times, 3), whose acceleration drifts, and noisy observations of it, (times, 3)."""
    states, x = [], np.zeros(3)
    for _ in range(times):
        x = A @ x + np.sqrt(process) * generator.normal(size=3)
        states.append(x)
    states = np.array(states)
    return states, states @ C.T + np.sqrt(observation) * generator.normal(size=(times, 3))


def filtered(observed: np.ndarray, process: float, observation: float, constant: float | None = None):
    """The Kalman filter's estimates; or those with a ``constant`` variance of what is expected."""
    R, x, P, estimates = observation * np.eye(3), np.zeros(3), np.zeros((3, 3)), []
    for y in observed:
        x, M = A @ x, A @ P @ A.T + process * np.eye(3) if constant is None else constant * np.eye(3)
        gain = M @ C.T @ np.linalg.inv(C @ M @ C.T + R)
        x, P = x + gain @ (y - C @ x), (np.eye(3) - gain @ C) @ M
        estimates.append(x)
    return np.array(estimates)


def track(
    laboratory,
    observations: int = 100,
    interval: float = 400.0,
    process: float = 0.1,
    expected: float = 0.25,
    observation: float = 0.5,
) -> pcn.Experiment:
    """Let the circuit of ``kalman`` track an object in one run, in which it settles within each ``interval``."""
    states, observed = motion(laboratory.generator, observations, process, observation)
    simulator = laboratory.simulator()
    result = simulator.run(
        observations * interval,
        targets={"y": pcn.TimedArray(observed, interval)},
        record=[pcn.Record("x", every=interval)],
        report=lambda elapsed, share, *_: laboratory.progress(share),
    )
    estimates = {
        "temporal predictive coding": result.records["x.value"].values[1:, 0],
        "its closed form": filtered(observed, process, observation, expected),
        "Kalman filter": filtered(observed, process, observation),
    }
    time = STEP * np.arange(1, observations + 1)
    coordinates = {"time": time, "component": ["position", "velocity", "acceleration"], "of": list(estimates)}
    records = xarray.Dataset(
        {
            "state": (("time", "component"), states),
            "observed": (("time", "seen"), observed),
            "estimate": (("of", "time", "component"), np.array(list(estimates.values()))),
        },
        coordinates,
    )
    away = {name: np.sqrt(((each - states) ** 2).mean(axis=0)) for name, each in estimates.items()}
    closed = estimates["temporal predictive coding"] - estimates["its closed form"]
    numbers = {
        **{
            f"error of {name}": dict(zip(coordinates["component"], e.tolist(), strict=True)) for name, e in away.items()
        },
        "error of observations": np.sqrt(((observed - states @ C.T) ** 2).mean(axis=0)).tolist(),
        "largest distance from the closed form": float(np.abs(closed).max()),
    }
    return pcn.Experiment(numbers, records, lambda: {"kalman": figure(records)})


def figure(records: xarray.Dataset):
    """The object over time, and how far from it the estimates are."""
    drawn, axes = plt.subplots(3, 2, figsize=(8, 5.5), sharex=True, layout="constrained")
    for k, ((left, right), component) in enumerate(zip(axes, records.component.values, strict=True)):
        left.plot(records.time, records.state[:, k], color="black")
        left.set_ylabel(component)
        for name, line in (("Kalman filter", "-"), ("temporal predictive coding", "--")):
            right.plot(records.time, records.estimate.sel(of=name)[:, k] - records.state[:, k], line, label=name)
        right.axhline(0.0, color="black", linewidth=0.8)
    axes[0, 0].set_title("object")
    axes[0, 1].set_title("estimate - object")
    handles, names = axes[0, 1].get_legend_handles_labels()
    drawn.legend(handles, names, loc="outside lower right", ncols=2, fontsize=8)
    for ax in axes[-1]:
        ax.set_xlabel("time (s)")
    return drawn
