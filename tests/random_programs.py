"""Random computation graphs as NumPy programs: fan-out, diamonds, several path lengths, shared parameters, products."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

import pcneuro as pcn
from tests.helpers import OURS, Arrays

N = 3
INPUTS = {"x": (N,), "y": (N,)}
PARAMETERS = {"W": (N, N), "b": (N,), "s": ()}

# (library, first operand, second operand, parameters) -> an array of shape (N,)
STEPS = {
    "tanh": lambda np, u, v, p: np.tanh(u),
    "sine and itself": lambda np, u, v, p: u + np.sin(u),
    "sigmoid": lambda np, u, v, p: np.sigmoid(u),
    "softmax": lambda np, u, v, p: np.softmax(u),
    "layer": lambda np, u, v, p: np.tanh(u @ p["W"] + p["b"]),
    "layer back": lambda np, u, v, p: p["W"] @ u / 2,
    "sum": lambda np, u, v, p: u + p["s"] * v,
    "difference": lambda np, u, v, p: u - v,
    "product": lambda np, u, v, p: u * v / 2,
    "quotient": lambda np, u, v, p: u / (2 + v**2),
    "halves": lambda np, u, v, p: np.concatenate([u[:1], v[1:]]),
    "reversed": lambda np, u, v, p: u[::-1],
    "cumulated": lambda np, u, v, p: np.cumsum(u) / 3,
    "centred": lambda np, u, v, p: u - np.mean(v),
    "norm": lambda np, u, v, p: u / np.sqrt(1 + np.sum(v * v)),
    "bilinear": lambda np, u, v, p: np.einsum("i,ij,j->j", u, p["W"], v) / 2,
    "pairs": lambda np, u, v, p: np.einsum("ij,jk->i", np.stack([u, v, u]), p["W"] * p["W"]) / 4,
    "gain of parameters alone": lambda np, u, v, p: u * np.tanh(p["b"] * p["s"]),
    "powers": lambda np, u, v, p: np.sqrt(1 + np.square(u)) - np.exp(-v * v),
}

MORE = {
    "chosen": lambda np, u, v, p: np.where(u > v, u, np.tanh(v)),
    "gated": lambda np, u, v, p: u * (v > 0) + v * (u <= 0.3),
    "largest": lambda np, u, v, p: u - np.max(v) / 2,
    "larger": lambda np, u, v, p: np.maximum(u, v) - np.minimum(u, 0.5),
    "clipped": lambda np, u, v, p: np.clip(u, -0.8, 0.9) + np.abs(v) / 3,
    "sorted": lambda np, u, v, p: np.sort(u),
    "picked": lambda np, u, v, p: u[np.argsort(v)],
    # Not of equal values, where autograd divides by zero: the convention of that kink has tests of its own.
    "standard": lambda np, u, v, p: u / (1 + np.std(v + np.arange(np.size(v)).reshape(np.shape(v)))),
    "differences": lambda np, u, v, p: np.diff(np.concatenate([u, v[:1]])),
    "rolled": lambda np, u, v, p: np.roll(u, 1) * v / 2,
    "lower": lambda np, u, v, p: np.tril(np.outer(u, v)) @ np.tanh(u) / 2,
    "spectrum": lambda np, u, v, p: np.real(np.fft.ifft(np.fft.fft(u) * np.fft.fft(v))) / 3,
    "solved": lambda np, u, v, p: np.linalg.solve(3 * np.eye(N) + np.outer(np.tanh(u), np.tanh(v)), u + p["b"]),
    "determinant": lambda np, u, v, p: u * np.linalg.det(np.eye(N) + np.outer(np.tanh(u), p["b"]) / 4),
    "factor": lambda np, u, v, p: np.linalg.cholesky(2 * np.eye(N) + np.outer(np.tanh(v), np.tanh(v))) @ u / 2,
    "evidence": lambda np, u, v, p: v + np.log(np.sum(np.exp(u - np.max(u)))),
}
"""The rest of the vocabulary: what has kinks, orders, chooses, and linear algebra."""


@dataclass(frozen=True)
class Program:
    """Steps (name, numbers of two operands, whether it is a marked vertex); the inputs are numbers 0 and 1."""

    steps: tuple[tuple[str, int, int, bool], ...]
    seed: int

    def function(self, library: Any, x: Any, y: Any, **parameters: Any) -> dict[str, Any]:
        """Run the steps: the last one, and the sum of all that nothing else uses, are outputs."""
        pool = [x, y]
        for k, (name, i, j, marked) in enumerate(self.steps):
            h = (STEPS | MORE)[name](library, pool[i], pool[j], parameters)
            pool.append(pcn.vertex(h, f"v{k}") if marked else h)
        used = {i for step in self.steps for i in step[1:3]}
        loose = [h for k, h in enumerate(pool) if k not in used]
        return {"last": library.tanh(pool[-1]), "total": library.sum(sum(loose) * pool[-1])}

    @property
    def parameters(self) -> Arrays:
        """Values of the parameters."""
        rng = np.random.default_rng(self.seed)
        return {name: np.asarray(0.7 * rng.normal(size=shape)) for name, shape in PARAMETERS.items()}

    def graph(self) -> pcn.Graph:
        """The graph of the program."""
        leaves: dict[str, Any] = {name: pcn.Input(shape) for name, shape in INPUTS.items()}
        leaves |= {name: pcn.Parameter(value) for name, value in self.parameters.items()}
        return pcn.trace(lambda **given: self.function(OURS, **given), **leaves)

    def data(self, batch: int) -> tuple[Arrays, Arrays]:
        """Inputs and targets."""
        rng = np.random.default_rng(self.seed + 1)
        inputs = {name: rng.normal(size=(batch, *shape)) for name, shape in INPUTS.items()}
        return inputs, {"last": rng.normal(size=(batch, N)), "total": rng.normal(size=batch)}


@st.composite
def programs(draw: Any, most: int = 9, more: bool = False) -> Program:
    """Programs of up to ``most`` steps, ``more`` of the whole vocabulary; each uses any two of what there is."""
    steps = []
    for k in range(draw(st.integers(1, most))):
        number = st.integers(0, k + 1)
        steps.append(
            (
                draw(st.sampled_from(sorted(STEPS | MORE if more else STEPS))),
                draw(number),
                draw(number),
                draw(st.booleans()),
            )
        )
    return Program(tuple(steps), draw(st.integers(0, 1000)))
