"""Problems of compare.py: random weights and data, drawn with NumPy from fixed seeds, float32."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from peer import Problem

from circuits.cnn import cnn
from circuits.rnn import rnn


def _normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape, dtype=np.float32)


def layered(sizes: Sequence[int], batch: int, steps: int, rate: float = 0.1) -> Problem:
    """Hidden layers of tanh units, linear outputs; weights of variance 1/inputs."""
    rng = np.random.default_rng(0)
    theta: dict[str, np.ndarray] = {}
    for i, (n, m) in enumerate(pairwise(sizes), 1):
        theta[f"W{i}"] = _normal(rng, n, m) / np.float32(n**0.5)
        theta[f"b{i}"] = _normal(rng, m) * np.float32(0.1)
    return Problem("layered", _normal(rng, batch, sizes[0]), _normal(rng, batch, sizes[-1]), theta, steps, rate)


def _classes(rng: np.random.Generator, batch: int, classes: int) -> np.ndarray:
    return np.eye(classes, dtype=np.float32)[rng.integers(classes, size=batch)]


def convolutional(batch: int, steps: int, rate: float = 0.1) -> Problem:
    """The paper's network for CIFAR-10, as circuits/cnn.py draws it, on random images."""
    rng = np.random.default_rng(0)
    theta = {name: np.asarray(value, dtype=np.float32) for name, value in cnn().parameters.items()}
    return Problem("cnn", _normal(rng, batch, 3, 32, 32), _classes(rng, batch, 10), theta, steps, rate)


def recurrent(length: int, hidden: int, batch: int, steps: int, rate: float) -> Problem:
    """circuits/rnn.py over a sequence, with recurrent weights that keep the size of what they carry (orthogonal).

    Otherwise errors would fade to nothing on the way, and a long sequence would be no more work than a short one.
    """
    rng = np.random.default_rng(0)
    vocabulary, classes = 16, 10
    theta = {
        name: np.asarray(value, dtype=np.float32)
        for name, value in rnn(2, vocabulary, hidden, classes).parameters.items()
    }
    theta["U"] = np.linalg.qr(rng.standard_normal((hidden, hidden)))[0].astype(np.float32)
    x = _normal(rng, batch, length, vocabulary) * np.float32(0.1)
    return Problem("rnn", x, _classes(rng, batch, classes), theta, steps, rate)


def needed(problem: Problem, dynamics: str) -> float | None:
    """Floating-point operations that a run of a layered problem needs, a multiplication and an addition counting two.

    Feedforward sweep and gradients: each layer once. A step of strict dynamics: the predictions of all layers but the
    first, whose input is clamped, and their feedback; of fixed prediction: feedback only, but that of the outputs,
    which stays the same. Elementwise work is not counted.
    """
    if problem.kind != "layered" or dynamics not in ("strict", "fixed"):
        return None
    weights = _products(problem.theta, range(1, problem.layers + 1))
    above = _products(problem.theta, range(2, problem.layers + 1))
    between = _products(problem.theta, range(2, problem.layers))
    once = 2 * weights + (above - between if dynamics == "fixed" else 0)
    step = 2 * above if dynamics == "strict" else between
    return 2.0 * len(problem.x) * (once + problem.steps * step)


def _products(theta: Mapping[str, np.ndarray], layers: Sequence[int]) -> int:
    return sum(theta[f"W{i}"].size for i in layers)
