"""A leaky integrate-and-fire neuron with a soft threshold, and the van Rossum distance of its spikes to others."""

import numpy as np

import pcneuro as pcn

WANTED = np.array([0, 0, 1, 0, 0, 1, 0, 0.0])


def trace_of(spikes, decay=0.7):
    filtered = np.zeros(len(spikes))
    filtered[0] = spikes[0]
    for t in range(1, len(spikes)):
        filtered[t] = decay * filtered[t - 1] + spikes[t]
    return filtered


def integrate_and_fire(inputs, weights, leak):
    V, spikes = 0.0, np.zeros(len(inputs))
    for t in range(len(inputs)):
        V = leak * V + weights @ inputs[t]
        spikes[t] = 1 / (1 + np.exp(-5 * (V - 1)))
        V -= spikes[t]
    return np.sum((trace_of(spikes) - trace_of(WANTED)) ** 2)


def sample(seed: int = 1) -> dict:
    """Spikes of three inputs."""
    return {"inputs": np.random.default_rng(seed).integers(0, 2, (8, 3)).astype(float)}


def make() -> pcn.Circuit:
    """A circuit whose output is the distance."""
    theta = {"weights": pcn.Parameter([0.8, 0.3, 0.5]), "leak": pcn.Parameter(0.9)}
    return pcn.build_circuit(pcn.trace(integrate_and_fire, inputs=pcn.Input((8, 3)), **theta))
