"""Windows: which taps of a kernel reach which places of a source, with positions that look alike put together."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from pcneuro.errors import ShapeError, shown
from pcneuro.ops.base import Shape, size
from pcneuro.ops.pairs import AbstractPairs, Part


@dataclass(frozen=True)
class Windows:
    """Positions of a target with their class and where their windows begin in the source, flattened over the axes.

    ``classes`` are lists of (tap of the kernel, place of the source from where the window begins).
    """

    class_of: list[int]
    base: list[int]
    classes: list[list[tuple[int, int]]]


def axis_windows(
    count: int, pairs: Sequence[tuple[int, int, int]], base: Sequence[int]
) -> list[tuple[int, tuple[tuple[int, int], ...]]]:
    """For each target coordinate its base, and the (tap, source - base) that reach it."""
    reached: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    for target, source, tap in pairs:
        reached[target].append((tap, source - base[target]))
    return [(base[t], tuple(reached[t])) for t in range(count)]


def combine_axes(axes: Sequence[Any], source: Shape, kernel: Shape) -> Windows:
    """Windows over several axes, from those over each."""
    known: dict[Any, int] = {}
    windows = Windows([], [], [])
    strides = [size(source[i + 1 :]) for i in range(len(source))]
    widths = [size(kernel[i + 1 :]) for i in range(len(kernel))]
    for position in itertools.product(*axes):
        key = tuple(taps for _, taps in position)
        if key not in known:
            known[key] = len(known)
            windows.classes.append(
                [
                    (
                        sum(w * tap for w, (tap, _) in zip(widths, chosen, strict=True)),
                        sum(s * offset for s, (_, offset) in zip(strides, chosen, strict=True)),
                    )
                    for chosen in itertools.product(*key)
                ]
            )
        windows.class_of.append(known[key])
        windows.base.append(sum(s * base for s, (base, _) in zip(strides, position, strict=True)))
    return windows


def sliding_windows(
    x: Shape, out: Shape, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape, *, forward: bool
) -> Windows:
    """Which taps reach which places where a kernel slides over x, seen from the output (``forward``) or from x."""
    axes = []
    for n, m, k, s, p, d in zip(x, out, kernel, stride, padding, dilation, strict=True):
        pairs = [(t, t * s - p + j * d, j) for t in range(m) for j in range(k) if 0 <= t * s - p + j * d < n]
        if forward:
            axes.append(axis_windows(m, pairs, [t * s - p for t in range(m)]))
        else:
            axes.append(axis_windows(n, [(i, t, j) for t, i, j in pairs], [(i + p) // s for i in range(n)]))
    return combine_axes(axes, source=x if forward else out, kernel=kernel)


@dataclass(frozen=True, eq=False)
class WindowPairs(AbstractPairs):
    """The pairs of a convolution: of a unit of x and an entry of the kernel, at a unit of the output.

    In the order of outputs (channels), their positions, the channels of x that they read, and the taps that reach x.
    """

    windows: Windows
    outputs: int
    channels: int
    """Of x, that an output reads."""
    groups: int
    places: int
    """Units of one channel of x."""
    taps: int

    @cached_property
    def taps_at(self) -> np.ndarray:
        """How many taps reach x at each position."""
        return np.array([len(taps) for taps in self.windows.classes], dtype=np.int64)[self.windows.class_of]

    @cached_property
    def starts(self) -> np.ndarray:
        """The first pair of each position in an output, and the number of pairs that an output has."""
        return np.concatenate([[0], np.cumsum(self.taps_at * self.channels)])

    @cached_property
    def reached(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """All taps that reach x and the places that they reach, class by class, and where a class begins."""
        flat = [pair for taps in self.windows.classes for pair in taps]
        tap, offset = np.array(flat, dtype=np.int64).reshape(-1, 2).T
        return tap, offset, np.cumsum([0, *(len(taps) for taps in self.windows.classes)])

    @property
    def count(self) -> int:
        return self.outputs * int(self.starts[-1])

    def part(self, first: int, last: int) -> Part:
        tap, offset, begins = self.reached
        class_of, base = (np.asarray(x, dtype=np.int64) for x in (self.windows.class_of, self.windows.base))
        output, number = np.divmod(np.arange(first, last), max(int(self.starts[-1]), 1))
        position = np.searchsorted(self.starts, number, side="right") - 1
        channel, k = np.divmod(number - self.starts[position], self.taps_at[position])
        k += begins[class_of[position]]
        group = output // (self.outputs // self.groups)
        pre = (group * self.channels + channel) * self.places + base[position] + offset[k]
        weight = (output * self.channels + channel) * self.taps + tap[k]
        return pre, weight, output * len(class_of) + position


MOST = 2**31
"""Beyond any size, stride or padding of windows."""


def several(what: str, value: Any, count: int) -> tuple[int, ...]:
    """A whole number for each of ``count`` axes: one for all, or as many. Raises ShapeError that names ``what``."""
    numbers = tuple(value) if isinstance(value, tuple | list) else (value,) * count
    whole = all(isinstance(n, int | np.integer) and not isinstance(n, bool) and abs(int(n)) < MOST for n in numbers)
    if len(numbers) != count or not whole:
        raise ShapeError(f"{what} is {shown(value)}: give a whole number, or {count} of them")
    return tuple(int(n) for n in numbers)
