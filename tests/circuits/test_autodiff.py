"""backprop of the classifiers and predictors against two libraries that know nothing of circuits: autograd and JAX.

Each network is written out again here as a function of a library, with its own convolution, pooling and norm.
"""

from __future__ import annotations

from typing import Any

import autograd
import autograd.numpy as anp
import numpy as np
import pytest

from tests.circuits.small import small
from tests.extras import with_jax
from tests.function_libraries import Autograd


class AutogradLayers(Autograd):
    """Layers by HIPS autograd, over one sample; those that it does not have are sums over shifted slices."""

    def conv2d(self, x: Any, kernels: Any) -> Any:
        """Cross-correlation of (channels, height, width) with (features, channels, k, k)."""
        k, height, width = kernels.shape[-1], x.shape[1] - kernels.shape[2] + 1, x.shape[2] - kernels.shape[3] + 1
        return sum(
            anp.einsum("chw,fc->fhw", x[:, i : i + height, j : j + width], kernels[:, :, i, j])
            for i in range(k)
            for j in range(k)
        )

    def max_pool(self, x: Any) -> Any:
        """Largest of each 2 x 2 units."""
        channels, height, width = x.shape
        return anp.max(x.reshape(channels, height // 2, 2, width // 2, 2), axis=(2, 4))

    def standardise(self, x: Any) -> Any:
        """To mean 0 and variance 1 over the last axis."""
        centred = x - anp.mean(x, axis=-1, keepdims=True)
        return centred / anp.sqrt(anp.mean(centred**2, axis=-1, keepdims=True) + 1e-5)

    def log_softmax(self, x: Any) -> Any:
        """Over the last axis."""
        return x - anp.log(anp.sum(anp.exp(x), axis=-1, keepdims=True))


class JaxLayers:
    """The same layers as JAX has them."""

    def __init__(self, jax: Any) -> None:
        self.jax = jax

    def __getattr__(self, name: str) -> Any:
        return getattr(self.jax.numpy if hasattr(self.jax.numpy, name) else self.jax.nn, name)

    def conv2d(self, x: Any, kernels: Any) -> Any:
        return self.jax.lax.conv(x[None], kernels, (1, 1), "VALID")[0]

    def max_pool(self, x: Any) -> Any:
        return self.jax.lax.reduce_window(x, -np.inf, self.jax.lax.max, (1, 2, 2), (1, 2, 2), "VALID")

    def standardise(self, x: Any) -> Any:
        return self.jax.nn.standardize(x, axis=-1, epsilon=1e-5)

    def gelu(self, x: Any) -> Any:
        return self.jax.nn.gelu(x, approximate=False)


def cnn(lib: Any, x: Any, p: Any) -> Any:
    """circuits/cnn.py"""
    x = lib.max_pool(lib.relu(lib.conv2d(x, p["K1"]) + p["c1"]))
    x = lib.ravel(lib.relu(lib.conv2d(x, p["K2"]) + p["c2"]))
    x = lib.relu(x @ p["W1"] + p["b1"])
    return lib.relu(x @ p["W2"] + p["b2"]) @ p["W3"] + p["b3"]


def rnn(lib: Any, x: Any, p: Any) -> Any:
    """circuits/rnn.py"""
    h = np.zeros(p["U"].shape[0])
    for row in x:
        h = lib.tanh(row @ p["W"] + h @ p["U"])
    return h @ p["V"] + p["b"]


def lstm(lib: Any, x: Any, p: Any) -> Any:
    """circuits/lstm.py"""
    h = c = np.zeros(p["b_input"].shape)
    rows = []
    for row in x:
        drive = {g: row @ p[f"W_{g}"] + h @ p[f"U_{g}"] + p[f"b_{g}"] for g in GATES}
        c = lib.sigmoid(drive["forget"]) * c + lib.sigmoid(drive["input"]) * lib.tanh(drive["candidate"])
        h = lib.sigmoid(drive["output"]) * lib.tanh(c)
        rows.append(h @ p["V"] + p["b"])
    return lib.stack(rows)


GATES = ("input", "forget", "candidate", "output")


def transformer(lib: Any, x: Any, p: Any, heads: int = 2) -> Any:
    """circuits/transformer.py; one head after the other"""
    y = x @ p["E"] + p["P"]
    n = lib.standardise(y) * p["g1"] + p["a1"]
    length, width = y.shape
    each = width // heads
    mixed = []
    for head in range(heads):
        own = slice(head * each, (head + 1) * each)
        scores = (n @ p["Wq"][:, own]) @ (n @ p["Wk"][:, own]).T / np.sqrt(each)
        # What lies ahead gets a weight that is zero beside all others.
        mixed.append(lib.softmax(scores + np.triu(np.full((length, length), -1e3), 1)) @ (n @ p["Wv"][:, own]))
    y = y + lib.concatenate(mixed, axis=1) @ p["Wo"]
    n = lib.standardise(y) * p["g2"] + p["a2"]
    y = y + lib.gelu(n @ p["W1"] + p["b1"]) @ p["W2"] + p["b2"]
    return y @ p["V"] + p["b"]


networks = pytest.mark.parametrize("network", [cnn, rnn, lstm, transformer], ids=lambda network: network.__name__)


def check(network: Any, layers: Any, value_and_grad: Any) -> None:
    """Loss and gradients of backprop are those of the library, to 1e-10 of the largest."""
    made = small(network.__name__)

    def loss(parameters: Any) -> Any:
        pairs = zip(made.inputs["x"], made.targets["out"], strict=True)
        return -sum((y * layers.log_softmax(network(layers, x, parameters))).sum() for x, y in pairs)

    expected_loss, expected = value_and_grad(loss)(made.circuit.parameters)
    got = made.backprop()
    assert got.loss == pytest.approx(float(expected_loss), rel=1e-12)
    assert got.gradients.keys() == expected.keys()
    for name, gradient in got.gradients.items():
        scale = np.abs(gradient).max()
        np.testing.assert_allclose(gradient / scale, np.asarray(expected[name]) / scale, rtol=0, atol=1e-10)


@networks
def test_backprop_is_autograds(network):
    def value_and_grad(loss):
        return lambda parameters: (loss(parameters), autograd.grad(loss)(parameters))

    check(network, AutogradLayers(), value_and_grad)


@networks
@with_jax
def test_backprop_is_jaxs(network):
    import jax

    with jax.enable_x64(True):
        check(network, JaxLayers(jax), jax.value_and_grad)
