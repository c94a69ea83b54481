"""Convolution (cross-correlation, as the field uses the word) over one or two axes.

out[o, t] = sum over c, k of w[o, c, k] x[c, t * stride - padding + k * dilation], over the places that x has. Within
groups, the channels of a group of outputs see those of the same group of inputs only.

No window is ever copied: for every position of the target a table says which taps reach which places of the source.
Positions that differ by a shift only share their table, so there is one for the interior and one for each border.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pcneuro.errors import ShapeError
from pcneuro.kernels.arguments import RowSums, TapSums
from pcneuro.kernels.compiling import inner
from pcneuro.kernels.dispatch import ACTIVE, LANES, OK, PART, PARTS, ix, op_kernel
from pcneuro.kernels.hebbian import hebb_taps
from pcneuro.kernels.tile import VECTOR_BYTES, project_rows
from pcneuro.ops.base import (
    AbstractLowering,
    AbstractOperator,
    AbstractUnits,
    Placed,
    PlacedPull,
    Shape,
    Units,
    apply,
    size,
)
from pcneuro.ops.description import Description
from pcneuro.ops.registry import public
from pcneuro.ops.rows import dot_rows, lower_combine, promoted
from pcneuro.ops.windows import WindowPairs, Windows, several, sliding_windows
from pcneuro.quantities import whole

# Arguments of the three kernels, behind the rows of their arrays: sizes, strides over groups, tables
GROUPS, POSITIONS, CHANNELS, STEP_T, STEP_S, STEP_W, PLACE_T, PLACE_S, CLASS, CLASSES, ROWS_T, ROWS_W, KINDS = range(13)
# Columns of the table of classes: tables of the source's and the weights' offsets and their length, then tables of the
# places of the class in target and source, and their number
TAPS_S, TAPS_W, TAPS, PLACES_T, PLACES_S, PLACES, CLASS_COLUMNS = range(7)


@inner(cache=False)
def _taps(ints, at, p):  # type: ignore[no-untyped-def]
    """Tables of the source's and the weights' offsets for position p, and their length."""
    entry = ints[at + CLASSES] + CLASS_COLUMNS * ints[ints[at + CLASS] + p]
    return ints[entry + TAPS_S], ints[entry + TAPS_W], ints[entry + TAPS]


@op_kernel("project_windows")
def project_windows(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """target (+)= windows of source times shared weights, in either direction.

    Reads source (laned) and weights (shared), writes or adds to target (laned).
    """
    lanes = context[LANES]
    target, source, w, accumulate, units = ints[at], ints[at + 1], ints[at + 2], ints[at + 3], ints[at + 4]
    at += 5
    n, rows_t, rows_w = ints[at + CHANNELS], ints[at + ROWS_T], ints[at + ROWS_W]
    vectors = lanes % (VECTOR_BYTES // buf.itemsize) == 0
    if accumulate == 0 and not vectors:
        for i in range(target * lanes, (target + units) * lanes):
            buf[ix(i)] = 0.0
    fresh = 1 - accumulate
    for g in range(ints[at + GROUPS]):
        weights = w + g * ints[at + STEP_W]
        for p in range(ints[at + POSITIONS]):
            out = target + g * ints[at + STEP_T] + ints[ints[at + PLACE_T] + p]
            first = source + g * ints[at + STEP_S] + ints[ints[at + PLACE_S] + p]
            taps_s, taps_w, count = _taps(ints, at, p)
            if vectors:
                sums = RowSums(out, rows_t, n, lanes, first, taps_s, weights, rows_w, taps_w, count, fresh, 0, 0)
                project_rows(buf, shared, ints, sums)
            else:
                for r in range(n):
                    o = (out + ints[rows_t + r]) * lanes
                    for j in range(count):
                        x = (first + ints[taps_s + j]) * lanes
                        weight = shared[ix(weights + ints[rows_w + r] + ints[taps_w + j])]
                        for i in range(lanes):
                            buf[ix(o + i)] += weight * buf[ix(x + i)]
    return OK


@op_kernel("contract_windows")
def contract_windows(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """One of target, source and weights (+)= the product of the other two, lane by lane: weights that are activities.

    ``role`` says which is written: 0 target, 1 source, 2 weights. Reads the others (all laned), adds to that one.
    """
    lanes = context[LANES]
    target, source, w, accumulate, units, role = (
        ints[at],
        ints[at + 1],
        ints[at + 2],
        ints[at + 3],
        ints[at + 4],
        ints[at + 5],
    )
    at += 6
    written = target if role == 0 else source if role == 1 else w
    if accumulate == 0:
        for i in range(written * lanes, (written + units) * lanes):
            buf[ix(i)] = 0.0
    for g in range(ints[at + GROUPS]):
        for p in range(ints[at + POSITIONS]):
            taps_s, taps_w, count = _taps(ints, at, p)
            for r in range(ints[at + CHANNELS]):
                t = (
                    target + g * ints[at + STEP_T] + ints[ints[at + PLACE_T] + p] + ints[ints[at + ROWS_T] + r]
                ) * lanes
                for j in range(count):
                    s = (source + g * ints[at + STEP_S] + ints[ints[at + PLACE_S] + p] + ints[taps_s + j]) * lanes
                    v = (w + g * ints[at + STEP_W] + ints[ints[at + ROWS_W] + r] + ints[taps_w + j]) * lanes
                    if role == 0:
                        for i in range(lanes):
                            buf[ix(t + i)] += buf[ix(s + i)] * buf[ix(v + i)]
                    elif role == 1:
                        for i in range(lanes):
                            buf[ix(s + i)] += buf[ix(t + i)] * buf[ix(v + i)]
                    else:
                        for i in range(lanes):
                            buf[ix(v + i)] += buf[ix(t + i)] * buf[ix(s + i)]
    return OK


@op_kernel("hebb_windows", partitioned=True)
def hebb_windows(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """weights += sum over positions and the lanes in use of target times source: the Hebbian change of a shared kernel.

    Reads target and source (laned), adds to weights (shared), for this part of the target's channels only. Its first
    argument is the work.
    """
    lanes, active = context[LANES], context[ACTIVE]
    target, source, w = ints[at + 1], ints[at + 2], ints[at + 3]
    at += 4
    n, rows_t, rows_w = ints[at + CHANNELS], ints[at + ROWS_T], ints[at + ROWS_W]
    low, high = n * context[PART] // context[PARTS], n * (context[PART] + 1) // context[PARTS]
    vectors = lanes % (VECTOR_BYTES // buf.itemsize) == 0
    for g in range(ints[at + GROUPS]):
        v, t, s = w + g * ints[at + STEP_W], target + g * ints[at + STEP_T], source + g * ints[at + STEP_S]
        for c in range(ints[at + KINDS]):
            entry = ints[at + CLASSES] + CLASS_COLUMNS * c
            taps_s, taps_w, count = ints[entry + TAPS_S], ints[entry + TAPS_W], ints[entry + TAPS]
            places_t, places_s, places = ints[entry + PLACES_T], ints[entry + PLACES_S], ints[entry + PLACES]
            if vectors:
                o, x, rows = rows_w + low, rows_t + low, high - low
                sums = TapSums(
                    v, o, rows, taps_w, count, t, x, s, taps_s, places_t, places_s, places, lanes, active
                )  # fmt: skip
                hebb_taps(shared, buf, ints, sums)
                continue
            for p in range(places):
                for r in range(low, high):
                    row = (t + ints[places_t + p] + ints[rows_t + r]) * lanes
                    o = v + ints[rows_w + r]
                    first = s + ints[places_s + p]
                    for j in range(count):
                        x = (first + ints[taps_s + j]) * lanes
                        shared[ix(o + ints[taps_w + j])] += dot_rows(buf, row, x, active)
    return OK


@dataclass(frozen=True)
class Convolution(AbstractOperator):
    """Operands: x of shape (channels, \\*axes) and w of shape (outputs, channels / groups, \\*kernel)."""

    kind: ClassVar[str] = "convolution"
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int

    def __post_init__(self) -> None:
        for name in ("stride", "padding", "dilation"):
            object.__setattr__(self, name, tuple(int(n) for n in getattr(self, name)))
        if self.groups < 1 or min(self.stride) < 1 or min(self.dilation) < 1 or min(self.padding) < 0:
            raise ShapeError(
                f"convolution: stride {self.stride}, dilation {self.dilation} and groups {self.groups} must be 1 or "
                f"more, padding {self.padding} not negative"
            )

    @property
    def label(self) -> str:
        return f"conv{len(self.stride)}d"

    @property
    def description(self) -> Description:
        settings = {"stride": self.stride, "padding": self.padding, "dilation": self.dilation}
        return Description(self.units, convolution=settings)

    def shape(self, *shapes: Shape) -> Shape:
        x, w = shapes
        axes = len(self.stride)
        if len(x) != axes + 1 or len(w) != axes + 2:
            raise ShapeError(
                f"{self.label} takes x of {axes + 1} axes (channels first) and a kernel of {axes + 2}, got {x} and {w}"
            )
        if x[0] != w[1] * self.groups or w[0] % self.groups:
            raise ShapeError(
                f"{self.label} of {x} with a kernel {w} in {self.groups} group(s): the channels do not fit"
            )
        spaces = zip(x[1:], w[2:], self.stride, self.padding, self.dilation, strict=True)
        out = tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in spaces)
        if min(out) < 1:
            raise ShapeError(
                f"{self.label} of {x} with a kernel {w}: the kernel reaches over the whole of x and beyond"
            )
        return (w[0], *out)

    # NumPy: a sum over the taps of the kernel, each a strided slice of the padded source

    def _slices(self, out: Shape, kernel: Shape) -> list[tuple[tuple[int, ...], tuple[slice, ...]]]:
        slices = []
        for tap in itertools.product(*(range(k) for k in kernel)):
            spaces = zip(tap, self.dilation, self.stride, out[1:], strict=True)
            slices.append((tap, tuple(slice(k * d, k * d + s * (n - 1) + 1, s) for k, d, s, n in spaces)))
        return slices

    def _grouped(self, x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """x padded, as (batch, groups, channels, \\*axes), and w as (batch, groups, outputs, channels, \\*kernel)."""
        padded = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in self.padding)])
        split = w.reshape(w.shape[0], self.groups, w.shape[1] // self.groups, *w.shape[2:])
        return padded.reshape(x.shape[0], self.groups, -1, *padded.shape[2:]), split

    def forward(self, *operands: np.ndarray) -> np.ndarray:
        x, w = operands
        shape = self.shape(x.shape[1:], w.shape[1:])
        padded, split = self._grouped(x, w)
        batch = max(x.shape[0], w.shape[0])
        out = np.zeros((batch, self.groups, shape[0] // self.groups, *shape[1:]), dtype=np.result_type(x, w))
        for tap, window in self._slices(shape, w.shape[3:]):
            out += _by_group(split[_at(tap)], padded[(slice(None),) * 3 + window])
        return out.reshape(batch, *shape)

    def vjp(self, k: int, gradient: np.ndarray, output: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        x, w = operands
        padded, split = self._grouped(x, w)
        shape = gradient.shape[1:]
        grouped = gradient.reshape(gradient.shape[0], self.groups, -1, *shape[1:])
        batch = gradient.shape[0]
        whole = np.zeros((batch, *(padded if k == 0 else split).shape[1:]), dtype=gradient.dtype)
        for tap, window in self._slices(shape, w.shape[3:]):
            chosen: Any = (slice(None),) * 3 + window
            if k == 0:
                whole[chosen] += _by_group(np.swapaxes(split[_at(tap)], -1, -2), grouped)
            else:
                flat = grouped.reshape(*grouped.shape[:3], -1)
                source = padded[chosen].reshape(*padded.shape[:3], -1)
                whole[_at(tap)] = np.matmul(flat, np.swapaxes(source, -1, -2))
        if k == 1:
            return whole.reshape(batch, *w.shape[1:])
        inner = tuple(slice(p, p + n) for p, n in zip(self.padding, x.shape[2:], strict=True))
        return whole.reshape(batch, -1, *padded.shape[3:])[(slice(None),) * 2 + inner]

    def linear_in(self, k: int) -> bool:
        return True

    def connections(self, k: int, *shapes: Shape) -> int:
        windows = self._windows(shapes, forward=True)
        return sum(len(windows.classes[c]) for c in windows.class_of) * shapes[1][0] * shapes[1][1]

    def units(self, make: AbstractUnits, shape: Shape, shapes: Sequence[Shape], operands: Sequence[Any]) -> Units:
        (_, *space), (outputs, channels, *kernel) = shapes
        windows = self._windows(shapes, forward=True)
        sizes = size(tuple(space)), size(tuple(kernel))
        pairs = WindowPairs(windows, outputs, channels, self.groups, *sizes)
        return make.products(size(shape), operands[0], operands[1], pairs)

    # Lowering

    def _windows(self, shapes: Sequence[Shape], *, forward: bool) -> Windows:
        """Which taps reach which places, seen from the output (``forward``) or from x."""
        x, w = shapes[0][1:], shapes[1][2:]
        out = self.shape(shapes[0], shapes[1])[1:]
        return sliding_windows(x, out, w, self.stride, self.padding, self.dilation, forward=forward)

    def _arguments(self, low: AbstractLowering, at: Placed, *, forward: bool) -> list[int]:
        x, w = at.shapes
        windows = self._windows(at.shapes, forward=forward)
        kernel = size(w[2:])
        outputs, channels = w[0] // self.groups, w[1]
        space_out, space_x = size(at.shape[1:]), size(x[1:])
        target = (outputs, space_out) if forward else (channels, space_x)
        source = (channels, space_x) if forward else (outputs, space_out)
        per_source = kernel if forward else channels * kernel
        per_target = channels * kernel if forward else kernel
        entries = []
        class_of, base = np.array(windows.class_of), np.array(windows.base)
        for number, taps in enumerate(windows.classes):
            offsets = np.array([o for _, o in taps], dtype=np.int64)
            numbers = np.array([t for t, _ in taps], dtype=np.int64)
            rows = np.arange(source[0])[:, None]
            entries += [
                low.table(rows * source[1] + offsets),
                low.table(rows * per_source + numbers),
                source[0] * len(taps),
                low.table(places := np.flatnonzero(class_of == number)),
                low.table(base[places]),
                len(places),
            ]
        return [
            self.groups,
            len(windows.class_of),
            target[0],
            target[0] * target[1],
            source[0] * source[1],
            outputs * channels * kernel,
            low.table(np.arange(len(windows.class_of))),
            low.table(base),
            low.table(class_of),
            low.table(np.array(entries)),
            low.table(np.arange(target[0]) * target[1]),
            low.table(np.arange(target[0]) * per_target),
            len(windows.classes),
        ]

    def lower_forward(self, low: AbstractLowering, at: Placed) -> None:
        x, w = at.operands
        arguments = self._arguments(low, at, forward=True)
        if at.out.laned and x.laned and not w.laned:
            low.emit("project_windows", at.out.row, x.row, w.row, 0, at.out.units, *arguments)
            return
        x, w = (promoted(low, s, at.out.laned) for s in (x, w))
        low.emit("contract_windows", at.out.row, x.row, w.row, 0, at.out.units, 0, *arguments)

    def lower_vjp(self, low: AbstractLowering, at: Placed, pull: PlacedPull) -> None:
        x, w = at.operands
        gradient, target = pull.gradient, pull.target
        if pull.k == 0 and x.laned and not w.laned:
            arguments = self._arguments(low, at, forward=False)
            low.emit("project_windows", target.row, gradient.row, w.row, int(pull.accumulate), target.units, *arguments)
            return
        arguments = self._arguments(low, at, forward=True)
        if pull.k == 1 and x.laned and not w.laned:
            work = self.connections(pull.k, *at.shapes)
            low.emit("hebb_windows", work, gradient.row, x.row, target.row, *arguments)
            return
        x, w = (promoted(low, s, at.out.laned) for s in (x, w))
        written = target if target.laned == at.out.laned else low.temporary(target.units, True)
        accumulate = int(pull.accumulate and written is target)
        rows = [gradient.row, written.row, w.row] if pull.k == 0 else [gradient.row, x.row, written.row]
        low.emit("contract_windows", *rows, accumulate, target.units, pull.k + 1, *arguments)
        if written is not target:
            every = np.arange(target.units)
            lower_combine(low, target, every, written, every, True)


def _at(tap: tuple[int, ...]) -> Any:
    """Index of one tap of the kernel, whatever the axes before."""
    return (..., *tap)


def _by_group(weights: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Matrices (batch or 1, groups, m, n) times x (batch or 1, groups, n, \\*axes); the batch axes broadcast."""
    product = np.matmul(weights, x.reshape(*x.shape[:3], -1))
    return product.reshape(*product.shape[:3], *x.shape[3:])


def _convolve(axes: int, x: Any, w: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    strides, paddings = several("stride", stride, axes), several("padding", padding, axes)
    return apply(Convolution(strides, paddings, several("dilation", dilation, axes), whole("groups", groups, 1)), x, w)


@public
def conv2d(x: Any, w: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Any:
    """Convolution of x (channels, height, width) with w (outputs, channels / groups, kernel height, kernel width).

    ``stride``, ``padding`` (zeros on both sides) and ``dilation`` are whole numbers or pairs of them. Returns (outputs,
    height, width), traced or plain as x and w are. Raises ShapeError for what does not fit.
    """
    return _convolve(2, x, w, stride, padding, dilation, groups)


@public
def conv1d(x: Any, w: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Any:
    """Convolution of x (channels, length) with w (outputs, channels / groups, kernel length); see ``conv2d``."""
    return _convolve(1, x, w, stride, padding, dilation, groups)
