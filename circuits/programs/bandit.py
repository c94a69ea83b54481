"""A model of choices between two slot machines: values by the delta rule, choices by softmax (Daw 2011)."""

import numpy as np

import pcneuro as pcn

CHOICES = [0, 1, 1, 0, 1, 1]
REWARDS = [1, 0, 1, 0, 0, 1]


def bandit(log_inverse_temperature, logit_rate, stickiness):
    beta, rate = np.exp(log_inverse_temperature), 1 / (1 + np.exp(-logit_rate))
    Q = np.zeros(2)
    log_likelihood, last = 0, None
    for choice, reward in zip(CHOICES, REWARDS):
        preference = beta * Q
        if last is not None:
            preference = preference + stickiness * np.eye(2)[last]
        log_likelihood += preference[choice] - np.logaddexp(*preference)
        Q[choice] += rate * (reward - Q[choice])
        last = choice
    return -log_likelihood


def make() -> pcn.Circuit:
    """A circuit whose output is the negative log likelihood of the choices."""
    values = {"log_inverse_temperature": 0.5, "logit_rate": -0.3, "stickiness": 0.4}
    return pcn.build_circuit(pcn.trace(bandit, **{name: pcn.Parameter(value) for name, value in values.items()}))
