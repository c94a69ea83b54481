"""What the workers of compare.py share: a problem read from a file, and a method that turns it into gradients.

A worker is ``python peer_X.py METHOD --threads N --out FILE PROBLEM``; each of its steps is a whole run, from weights
and data to the gradients of all parameters. Needs NumPy only.

Signs: e = v - vhat, and gradients are those of the loss, summed over the batch. A layered problem has weights W1, W2,
... (inputs, outputs) and biases b1, b2, ...; its hidden units are tanh, its outputs linear with squared error.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from worker import serve

Step = Callable[[], Mapping[str, np.ndarray]]


@dataclass(frozen=True)
class Problem:
    """Data ``x`` and targets ``y`` (samples first), parameters, and how they are to relax."""

    kind: str
    x: np.ndarray
    y: np.ndarray
    theta: Mapping[str, np.ndarray]
    steps: int
    rate: float

    @property
    def layers(self) -> int:
        """Layers of weights."""
        return sum(name.startswith("W") for name in self.theta)

    @property
    def sizes(self) -> list[int]:
        """Units of the input and of all layers."""
        return [self.x.shape[1], *(self.theta[f"W{i}"].shape[1] for i in range(1, self.layers + 1))]

    @property
    def name(self) -> str:
        """Those sizes: 784-256-10."""
        return "-".join(map(str, self.sizes))

    def save(self, path: Path) -> None:
        """To a file that ``load`` reads."""
        facts = {"kind": self.kind, "steps": self.steps, "rate": self.rate}
        np.savez(path, x=self.x, y=self.y, **facts, **{f"theta.{name}": value for name, value in self.theta.items()})


def load(path: Path) -> Problem:
    """From a file."""
    with np.load(path) as file:
        theta = {name.removeprefix("theta."): file[name] for name in file if name.startswith("theta.")}
        steps, rate = int(file["steps"]), float(file["rate"])
        return Problem(str(file["kind"]), file["x"], file["y"], theta, steps, rate)


def main(make: Callable[[str, Problem, int], Step], version: str) -> None:
    """Read the problem, set up, and serve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("method")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("problem", type=Path)
    options = parser.parse_args()
    problem = load(options.problem)
    begun = time.perf_counter()
    step = make(options.method, problem, options.threads)
    serve(step, options.out, version=version, setup=time.perf_counter() - begun)
