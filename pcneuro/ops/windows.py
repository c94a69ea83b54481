"""Windows: which taps of a kernel reach which places of a source, with positions that look alike put together."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcneuro.errors import ShapeError
from pcneuro.ops.base import Shape, size


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


def several(what: str, value: Any, count: int) -> tuple[int, ...]:
    """A whole number for each of ``count`` axes: one for all, or as many. Raises ShapeError that names ``what``."""
    numbers = tuple(value) if isinstance(value, tuple | list) else (value,) * count
    if len(numbers) != count or not all(isinstance(n, int | np.integer) for n in numbers):
        raise ShapeError(f"{what} is {value!r}: give a whole number, or {count} of them")
    return tuple(int(n) for n in numbers)
