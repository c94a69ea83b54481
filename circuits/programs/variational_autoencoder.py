"""The evidence lower bound of a variational autoencoder, whose noise is given (Kingma & Welling 2014)."""

import numpy as np

import pcneuro as pcn


def mlp(layers, x):
    for i, (W, b) in enumerate(layers):
        x = x @ W + b
        if i < len(layers) - 1:
            x = np.maximum(x, 0)
    return x


def variational_autoencoder(x, noise, encoder, decoder):
    mean, log_variance = np.split(mlp(encoder, x), 2)
    z = mean + np.exp(0.5 * log_variance) * noise
    logits = mlp(decoder, z)
    log_likelihood = np.sum(x * logits - np.logaddexp(0, logits))
    divergence = 0.5 * np.sum(mean**2 + np.exp(log_variance) - log_variance - 1)
    return log_likelihood - divergence


def sample(seed: int = 1) -> dict:
    """Pixels and noise."""
    rng = np.random.default_rng(seed)
    return {"x": rng.uniform(size=6), "noise": rng.normal(size=2)}


def make(seed: int = 0) -> pcn.Circuit:
    """A circuit whose output is the bound."""
    rng = np.random.default_rng(seed)

    def layers(*sizes):
        return [(rng.normal(size=(m, n)) / m**0.5, 0.1 * rng.normal(size=n)) for m, n in zip(sizes, sizes[1:])]

    trees = {"encoder": pcn.Parameters(layers(6, 5, 4)), "decoder": pcn.Parameters(layers(2, 5, 6))}
    return pcn.build_circuit(pcn.trace(variational_autoencoder, x=pcn.Input((6,)), noise=pcn.Input((2,)), **trees))
