"""The log likelihood of measurements under a linear Gaussian state-space model, by the Kalman filter."""

import numpy as np

import pcneuro as pcn


def kalman_filter(y, A, C, log_q, log_r):
    n, m = A.shape[0], C.shape[0]
    Q, R = np.exp(log_q) * np.eye(n), np.exp(log_r) * np.eye(m)
    x, P = np.zeros(n), np.eye(n)
    total = 0.0
    for t in range(len(y)):
        x, P = A @ x, A @ P @ A.T + Q
        innovation = y[t] - C @ x
        S = C @ P @ C.T + R
        total += -0.5 * (innovation @ np.linalg.solve(S, innovation) + np.linalg.slogdet(2 * np.pi * S)[1])
        K = P @ C.T @ np.linalg.inv(S)
        x, P = x + K @ innovation, (np.eye(n) - K @ C) @ P
    return total


def sample(seed: int = 1) -> dict:
    """Measurements."""
    return {"y": np.random.default_rng(seed).normal(size=(5, 2))}


def make(steps: int = 5, seed: int = 0) -> pcn.Circuit:
    """A circuit whose output is the log likelihood; dynamics, measurement and both noises are parameters."""
    rng = np.random.default_rng(seed)
    theta = {
        "A": pcn.Parameter(0.8 * np.eye(3) + 0.1 * rng.normal(size=(3, 3))),
        "C": pcn.Parameter(rng.normal(size=(2, 3))),
        "log_q": pcn.Parameter(-1.0),
        "log_r": pcn.Parameter(-0.5),
    }
    return pcn.build_circuit(pcn.trace(kalman_filter, y=pcn.Input((steps, 2)), **theta))
