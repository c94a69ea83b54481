"""Functions of one array at random shapes: the kernel, its NumPy twin, and differences of the function itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pcneuro as pcn
from tests.helpers import assert_close

STEP = 1e-6
FEW, MANY = 24, 200
"""Random cases of an operator in every run of the suite, and in a long one."""

at_random = pytest.mark.parametrize(
    "seed", [seed if seed < FEW else pytest.param(seed, marks=pytest.mark.long) for seed in range(MANY)]
)
"""A test of one operator at ``seed``, which draws shapes, values and settings."""


def shape_at(rng: np.random.Generator, axes: int, longest: int = 6) -> tuple[int, ...]:
    """A random shape of so many axes."""
    return tuple(int(n) for n in rng.integers(1, longest + 1, axes))


def distinct(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Values that differ by more than any step, of both signs."""
    count = int(np.prod(shape))
    return (rng.permutation(count) - count / 2 + rng.uniform(0.1, 0.4, count)).reshape(shape) / max(count, 1) * 3


def check_random(function: Callable[[Any], Any], x: np.ndarray, dtype: Any, rng: np.random.Generator) -> None:
    """``function`` of one sample, at a batch of x with axis 0 for samples: traced, by backprop and by the kernel.

    Gradients are held against the difference quotient of the plain function in a random direction.
    """
    batch, shape = len(x), x.shape[1:]
    gain = rng.uniform(0.9, 1.1, shape)
    graph = pcn.trace(lambda x, w: function(x * w), x=pcn.Input(shape), w=pcn.Parameter(gain))
    data = x / gain
    plain = np.stack([np.asarray(function(row * gain), float) for row in data])
    target = plain + rng.normal(size=plain.shape)
    exact = pcn.backprop(graph, {"x": data}, {"out": target})
    (name,) = (node.name for node in graph.outputs.values())
    assert_close(exact.values[name], plain, 1e-12, "forward")

    def loss(w: np.ndarray) -> float:
        out = np.stack([np.asarray(function(row * w), float) for row in data])
        return 0.5 * float(np.sum((target - out) ** 2))

    direction = rng.normal(size=shape)
    slope = (loss(gain + STEP * direction) - loss(gain - STEP * direction)) / (2 * STEP)
    assert_close(np.sum(exact.gradients["w"] * direction), slope, 1e-6, "gradient")
    circuit = pcn.build_circuit(graph, vertices="marked")
    sim = pcn.Simulator(circuit, dtype=dtype, engine=pcn.Kernel(threads=1))
    result = sim.run(0.0, inputs={"x": data}, targets={"out": target})
    tolerance = 1e-11 if dtype == np.float64 else 2e-4
    assert_close(result.predictions[name], plain, tolerance, "kernel forward")
    assert_close(result.gradients["w"], exact.gradients["w"], tolerance * batch, "kernel gradient")
