"""An actor and a critic: returns and generalised advantages backwards through an episode (Schulman et al. 2016)."""

import numpy as np

import pcneuro as pcn

REWARDS = np.array([0.0, 1.0, 0.0, -1.0, 2.0])
ACTIONS = np.array([0, 2, 1, 1, 0])


def temporal_difference(states, W, v, discount=0.9, decay=0.8):
    values = states @ v
    advantages = np.zeros(len(REWARDS))
    running = 0
    for t in range(len(REWARDS) - 1, -1, -1):
        delta = REWARDS[t] + discount * values[t + 1] - values[t]
        running = delta + discount * decay * running
        advantages[t] = running
    logits = states[:-1] @ W
    log_policy = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    chosen = np.take_along_axis(log_policy, ACTIONS[:, None], axis=1)[:, 0]
    entropy = -(np.exp(log_policy) * log_policy).sum()
    normalised = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
    return {"policy": -(chosen * normalised).mean() - 0.01 * entropy, "critic": (advantages**2).mean()}


def sample(seed: int = 1) -> dict:
    """Features of six states."""
    return {"states": np.random.default_rng(seed).normal(size=(6, 3))}


def make(seed: int = 0) -> pcn.Circuit:
    """A circuit whose outputs are the losses of actor and critic."""
    rng = np.random.default_rng(seed)
    theta = {"W": pcn.Parameter(rng.normal(size=(3, 3))), "v": pcn.Parameter(rng.normal(size=3))}
    return pcn.build_circuit(pcn.trace(temporal_difference, states=pcn.Input((6, 3)), **theta))
