"""An extended Kalman filter that tracks a robot by its distance and direction from a beacon at the origin."""

import numpy as np

import pcneuro as pcn


def extended_kalman_filter(measured, velocity, log_q, log_r):
    state = np.array([1.0, 0.5])
    P = 0.5 * np.eye(2)
    Q, R = np.exp(log_q) * np.eye(2), np.diag(np.exp(log_r))
    track = []
    for z in measured:
        state, P = state + 0.1 * velocity, P + Q
        x, y = state
        distance = np.sqrt(x**2 + y**2)
        predicted = np.array([distance, np.arctan2(y, x)])
        H = np.array([[x / distance, y / distance], [-y / distance**2, x / distance**2]])
        K = P @ H.T @ np.linalg.inv(H @ P @ H.T + R)
        state = state + K @ (z - predicted)
        P = (np.eye(2) - K @ H) @ P
        track.append(state)
    return np.stack(track)


def sample(seed: int = 0) -> dict:
    """Distances and directions, with noise."""
    t = np.linspace(0, 0.4, 4)
    noise = 0.05 * np.random.default_rng(seed).normal(size=(4, 2))
    return {"measured": np.stack([np.hypot(1 + t, 0.5 + t), np.arctan2(0.5 + t, 1 + t)], axis=1) + noise}


def make(steps: int = 4) -> pcn.Circuit:
    """A circuit whose output is the estimated track, (steps, 2)."""
    theta = {
        "velocity": pcn.Parameter([0.9, 1.1]),
        "log_q": pcn.Parameter(-2.0),
        "log_r": pcn.Parameter([-2.0, -3.0]),
    }
    return pcn.build_circuit(pcn.trace(extended_kalman_filter, measured=pcn.Input((steps, 2)), **theta))
