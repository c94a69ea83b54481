"""Encoding is inference: where the strict dynamics of the autoencoder settle, no causes explain the data better."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

import pcneuro as pcn
from circuits.autoencoder import autoencoder


def encode(circuit: pcn.Circuit, images: np.ndarray) -> pcn.Result:
    """Clamp the leaf, leave the root free."""
    sim = pcn.Simulator(circuit, dynamics=pcn.Strict())
    return sim.run(3000.0, targets={"out": images})


@pytest.mark.parametrize("precision", [0.5, 3.0])
def test_a_linear_decoder_infers_the_posterior_mean(precision):
    """z = (1 + precision W W^T)^-1 precision W (x - b), the mean of the Gaussian posterior (and ridge regression)."""
    rng = np.random.default_rng(3)
    circuit = autoencoder((3, 7), precision=precision).with_parameters({"b1": rng.normal(size=7)})
    images = rng.normal(size=(4, 7))
    W, b = circuit.parameters["W1"], circuit.parameters["b1"]
    expected = np.linalg.solve(np.eye(3) + precision * W @ W.T, precision * W @ (images - b).T).T
    result = encode(circuit, images)
    np.testing.assert_allclose(result.values["z"], expected, rtol=0, atol=1e-12)


def test_the_causes_minimise_the_free_energy():
    """Of hidden layers and causes together, by a general optimiser that only knows the energy."""
    rng = np.random.default_rng(4)
    circuit = autoencoder((2, 4, 6), precision=1.5)
    image = rng.normal(size=6)
    p = circuit.parameters

    def energy(v: np.ndarray) -> float:
        z, h = v[:2], v[2:]
        hidden = h - np.tanh(z @ p["W1"] + p["b1"])
        seen = image - h @ p["W2"] - p["b2"]
        return 0.5 * (z @ z + hidden @ hidden + 1.5 * seen @ seen)

    best = minimize(energy, np.zeros(6), method="BFGS", options={"gtol": 1e-8})
    result = encode(circuit, image)
    assert result.energy == pytest.approx(best.fun, rel=1e-12)
    np.testing.assert_allclose(np.concatenate([result.values["z"][0], result.values["h1"][0]]), best.x, atol=1e-6)
    # What it settled at explains the image better than the prior's mean does.
    assert result.energy < 0.9 * energy(np.concatenate([np.zeros(2), np.tanh(p["b1"])]))


def test_it_imagines_what_its_causes_say():
    """Run the other way, with the causes clamped and the leaf free, the leaf is what they predict."""
    circuit = autoencoder((2, 4, 6))
    z = np.random.default_rng(5).normal(size=(3, 2))
    result = pcn.Simulator(circuit, dynamics=pcn.Strict()).run(100.0, clamp={"z": z})
    p = circuit.parameters
    np.testing.assert_allclose(result.values["out"], np.tanh(z @ p["W1"]) @ p["W2"], atol=1e-14)
