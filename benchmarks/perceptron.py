"""What the benchmarks of streams, noise and plasticity share: a multi-layer perceptron, options, and runs in turns."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

import pcneuro as pcn

ROOT = Path(__file__).parent.parent
SIZES = (784, 256, 256, 10)
WARM = 2
"""Turns before those that count."""
APART = 2.0**-20
"""Share by which two rows that take turns differ."""
DTYPES = np.dtype(np.float64), np.dtype(np.float32)


def options_of(description: str, turns: int) -> argparse.ArgumentParser:
    """What all of them take on the command line."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=turns)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--layers", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "benchmarks")
    return parser


def perceptron(sizes: tuple[int, ...]) -> pcn.Graph:
    """Layers of tanh, and a linear one: x -> v1 -> v2 ..., by W1, W2 ..."""
    rng = np.random.default_rng(0)
    weights = {f"W{k}": rng.normal(size=pair) / np.sqrt(pair[0]) for k, pair in enumerate(pairwise(sizes), start=1)}

    def layers(x, **W):  # type: ignore[no-untyped-def]
        for k, name in enumerate(W, start=1):
            x = pcn.vertex(x @ W[name] if k == len(W) else np.tanh(x @ W[name]), f"v{k}")
        return x

    return pcn.trace(layers, x=pcn.Input((sizes[0],)), **{name: pcn.Parameter(w) for name, w in weights.items()})


def output_of(sizes: tuple[int, ...]) -> str:
    """The vertex that has targets."""
    return f"v{len(sizes) - 1}"


def data_of(sizes: tuple[int, ...], batch: int) -> dict[str, dict[str, np.ndarray]]:
    """Inputs and targets."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(batch, sizes[0])), rng.normal(size=(batch, sizes[-1]))
    return {"inputs": {"x": x}, "targets": {output_of(sizes): y}}


def taking_turns(x: np.ndarray) -> pcn.TimedArray:
    """An input of two rows of numbers, a bit apart, one in each other step: nothing is passed over."""
    return pcn.TimedArray(np.stack([x, x * x.dtype.type(1 + APART)]), 1.0, periodic=True)


@dataclass(frozen=True)
class Products:
    """Multiply-adds of a step for each sample, of the products with weights only, under strict dynamics.

    ``held``: predictions and feedback of all layers but the first, whose prediction from a held input is made once;
    ``streamed``: that of the first, too; ``learned``: the drive of each weight, too, with weights that change.
    """

    held: int
    streamed: int
    learned: int

    @classmethod
    def of(cls, sizes: tuple[int, ...]) -> Products:
        """Of layers of these sizes."""
        first, *others = (before * behind for before, behind in pairwise(sizes))
        held = 2 * sum(others)
        return cls(held, held + first, held + first + first + sum(others))


def from_sweep(
    simulator: pcn.Simulator, steps: int, learn: bool = True
) -> tuple[Callable[[], object], Callable[[], object]]:
    """A run for ``in_turns``, which begins at the sweep: near equilibrium, what moves no more is passed over."""

    def begin() -> None:
        simulator.reset()
        simulator.run(1.0, learn=learn)

    return begin, lambda: simulator.run(float(steps), learn=learn)


def in_turns(
    runs: Mapping[str, tuple[Callable[[], object], Callable[[], object]]], turns: int, steps: int
) -> dict[str, list[float]]:
    """Milliseconds of a step of each, turn by turn. Of the two functions of a run the first is not counted."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(WARM + turns):
        for name, (begin, run) in runs.items():
            begin()
            begun = time.perf_counter()
            run()
            if turn >= WARM:
                times[name].append((time.perf_counter() - begun) * 1e3 / steps)
    return times
