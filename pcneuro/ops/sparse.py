"""Sparse projections: a synapse for each stored weight of a matrix, and none elsewhere.

out_j = sum over synapses (i, j) of x_i w_ij;  (d out / d x)^T g_i = sum w_ij g_j;  d w_ij ~ x_i g_j, on the pattern.

The pattern is kept by rows (CSR), with 32-bit indices. Both directions, and the Hebbian change, run over the same list
of synapses, so that a synapse takes a weight, an index and a gradient: 12 bytes in float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from pcneuro.errors import ParameterError, ShapeError
from pcneuro.kernels.compiling import inner
from pcneuro.kernels.dispatch import ACTIVE, LANES, OK, PART, PARTS, ix, op_kernel
from pcneuro.ops.base import (
    AbstractLowering,
    AbstractOperator,
    AbstractUnits,
    Placed,
    PlacedPull,
    Shape,
    Units,
    Weights,
    size,
)
from pcneuro.ops.description import Description
from pcneuro.ops.pairs import AbstractPairs, Part
from pcneuro.ops.rows import dot_rows


@inner(cache=False)
def _scatter_one(buf, shared, ints, targets, rows, pattern):  # type: ignore[no-untyped-def]
    """The same for one lane: what is sent stays in a register. Adds to out."""
    out, x, w = rows
    starts, n = pattern
    for i in range(n):
        sent = buf[ix(x + i)]
        for s in range(ints[ix(starts + i)], ints[ix(starts + i + 1)]):
            buf[ix(out + targets[ix(s)])] += shared[ix(w + s)] * sent


@inner(cache=False)
def _gather_one(buf, shared, ints, sources, rows, pattern):  # type: ignore[no-untyped-def]
    """The same for one lane: the sum stays in a register, so that no synapse waits for memory. Writes or adds to out.

    A loop over one lane, in memory, takes five times as long.
    """
    out, x, w = rows
    starts, n, accumulate = pattern
    for i in range(n):
        total = buf[ix(out + i)] if accumulate else buf.dtype.type(0)
        for s in range(ints[ix(starts + i)], ints[ix(starts + i + 1)]):
            total += shared[ix(w + s)] * buf[ix(x + sources[ix(s)])]
        buf[ix(out + i)] = total


@op_kernel("scatter_synapses")
def scatter_synapses(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """out[r, j] (+)= sum over synapses (i, j) of w x[r, i], row by row of the pattern. Adds to out (laned)."""
    lanes = context[LANES]
    out, x, w, accumulate, repeats = ints[at], ints[at + 1], ints[at + 2], ints[at + 3], ints[at + 4]
    n, m, starts, packed = ints[at + 5], ints[at + 6], ints[at + 7], ints[at + 8]
    targets = ints[packed : packed + (ints[starts + n] + 1) // 2].view(np.int32)
    if accumulate == 0:
        for i in range(out * lanes, (out + repeats * m) * lanes):
            buf[ix(i)] = 0.0
    for r in range(repeats):
        if lanes == 1:
            _scatter_one(buf, shared, ints, targets, (out + r * m, x + r * n, w), (starts, n))
            continue
        for i in range(n):
            source = (x + r * n + i) * lanes
            for s in range(ints[starts + i], ints[starts + i + 1]):
                weight = shared[ix(w + s)]
                target = (out + r * m + targets[s]) * lanes
                for k in range(lanes):
                    buf[ix(target + k)] += weight * buf[ix(source + k)]
    return OK


@op_kernel("gather_synapses")
def gather_synapses(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """out[r, i] (+)= sum over synapses (i, j) of w x[r, j], row by row of the pattern. Writes or adds to out."""
    lanes = context[LANES]
    out, x, w, accumulate, repeats = ints[at], ints[at + 1], ints[at + 2], ints[at + 3], ints[at + 4]
    n, m, starts, packed = ints[at + 5], ints[at + 6], ints[at + 7], ints[at + 8]
    sources = ints[packed : packed + (ints[starts + n] + 1) // 2].view(np.int32)
    for r in range(repeats):
        if lanes == 1:
            _gather_one(buf, shared, ints, sources, (out + r * n, x + r * m, w), (starts, n, accumulate))
            continue
        for i in range(n):
            target = (out + r * n + i) * lanes
            if accumulate == 0:
                for k in range(lanes):
                    buf[ix(target + k)] = 0.0
            for s in range(ints[starts + i], ints[starts + i + 1]):
                weight = shared[ix(w + s)]
                source = (x + r * m + sources[s]) * lanes
                for k in range(lanes):
                    buf[ix(target + k)] += weight * buf[ix(source + k)]
    return OK


@op_kernel("hebb_synapses", partitioned=True)
def hebb_synapses(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """w_ij += sum over r and the lanes in use of a[r, i] b[r, j], for this part of the rows i. Adds to w (shared)."""
    lanes, active = context[LANES], context[ACTIVE]
    w, a, b, repeats = ints[at + 1], ints[at + 2], ints[at + 3], ints[at + 4]
    n, m, starts, packed = ints[at + 5], ints[at + 6], ints[at + 7], ints[at + 8]
    targets = ints[packed : packed + (ints[starts + n] + 1) // 2].view(np.int32)
    low, high = n * context[PART] // context[PARTS], n * (context[PART] + 1) // context[PARTS]
    for r in range(repeats):
        for i in range(low, high):
            source = (a + r * n + i) * lanes
            for s in range(ints[starts + i], ints[starts + i + 1]):
                shared[ix(w + s)] += dot_rows(buf, source, (b + r * m + targets[s]) * lanes, active)
    return OK


@dataclass(frozen=True, eq=False)
class SparseProduct(AbstractOperator):
    """x @ W, or with ``transposed`` x @ W.T, for W of shape (n, width) whose stored weights are the second operand.

    ``starts`` (int64, n + 1) and ``columns`` (int32, one a synapse) are the pattern by rows. x has shape (..., n), or
    (..., width).
    """

    kind: ClassVar[str] = "sparse"
    starts: np.ndarray = field(repr=False)
    columns: np.ndarray = field(repr=False)
    width: int
    transposed: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "starts", np.ascontiguousarray(self.starts, dtype=np.int64))
        object.__setattr__(self, "columns", np.ascontiguousarray(self.columns, dtype=np.int32))
        rising = self.starts.size > 0 and self.starts[0] == 0 and bool((np.diff(self.starts) >= 0).all())
        inside = not self.columns.size or (self.columns.min() >= 0 and self.columns.max() < self.width)
        if not rising or self.starts[-1] != self.columns.size or not inside:
            raise ShapeError("sparse projection: its pattern is not that of a matrix by rows")

    @property
    def label(self) -> str:
        return "sparse"

    @property
    def description(self) -> Description:
        return Description(self.units, pattern=(self.starts, self.columns, self.width))

    @property
    def rows(self) -> int:
        """Rows n of W."""
        return self.starts.size - 1

    def shape(self, *shapes: Shape) -> Shape:
        x, w = shapes
        if w != (self.columns.size,):
            raise ShapeError(f"sparse projection of {self.columns.size} synapses with weights of shape {w}")
        inner, outer = (self.width, self.rows) if self.transposed else (self.rows, self.width)
        if not x or x[-1] != inner:
            raise ShapeError(f"sparse projection of shapes {x} and {(inner, outer)}: the inner axes do not fit")
        return (*x[:-1], outer)

    def _matrix(self, weights: np.ndarray) -> Any:
        from scipy.sparse import csr_array

        matrix = csr_array((weights, self.columns, self.starts), shape=(self.rows, self.width))
        return matrix.T if self.transposed else matrix

    def forward(self, *operands: np.ndarray) -> np.ndarray:
        x, w = operands
        flat = x.reshape(-1, x.shape[-1])
        # One set of weights for all samples: the weights are always a parameter.
        return np.asarray(flat @ self._matrix(w[0])).reshape(*x.shape[:-1], -1)

    def vjp(self, k: int, gradient: np.ndarray, output: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        x, w = operands
        after = gradient.reshape(-1, gradient.shape[-1])
        if k == 0:
            return np.asarray(after @ self._matrix(w[0]).T).reshape(*gradient.shape[:-1], -1)
        before = np.broadcast_to(x, (gradient.shape[0], *x.shape[1:])).reshape(after.shape[0], -1)
        by_row, by_column = (after, before) if self.transposed else (before, after)
        total = np.zeros((1, self.columns.size), dtype=gradient.dtype)
        rows = np.repeat(np.arange(self.rows), np.diff(self.starts))
        for a, b in zip(by_row, by_column, strict=True):
            total[0] += a[rows] * b[self.columns]
        return total

    def linear_in(self, k: int) -> bool:
        return True

    def connections(self, k: int, *shapes: Shape) -> int:
        return self.columns.size * size(shapes[0][:-1])

    def _arguments(self, low: AbstractLowering, at: Placed) -> list[int]:
        return [
            size(at.shapes[0][:-1]),
            self.rows,
            self.width,
            low.table(self.starts),
            low.packed(self.columns),
        ]

    def units(self, make: AbstractUnits, shape: Shape, shapes: Sequence[Shape], operands: Sequence[Any]) -> Units:
        x, w = operands
        if not (isinstance(x, Units) and isinstance(w, Weights)):
            raise ParameterError("sparse projection: exported are activities times weights that are parameters only")
        return make.projection(size(shape), x, SparsePairs(self, size(shape[:-1])), w)

    def lower_forward(self, low: AbstractLowering, at: Placed) -> None:
        x, w = at.operands
        kernel = "gather_synapses" if self.transposed else "scatter_synapses"
        low.emit(kernel, at.out.row, x.row, w.row, 0, *self._arguments(low, at))

    def lower_vjp(self, low: AbstractLowering, at: Placed, pull: PlacedPull) -> None:
        x, w = at.operands
        arguments = self._arguments(low, at)
        if pull.k == 0:
            kernel = "scatter_synapses" if self.transposed else "gather_synapses"
            low.emit(kernel, pull.target.row, pull.gradient.row, w.row, int(pull.accumulate), *arguments)
            return
        a, b = (pull.gradient, x) if self.transposed else (x, pull.gradient)
        low.emit("hebb_synapses", self.connections(1, *at.shapes), pull.target.row, a.row, b.row, *arguments)


@dataclass(frozen=True, eq=False)
class SparsePairs(AbstractPairs):
    """The pairs of a sparse product: of a unit of x and a stored weight, for each of the leading axes' ``repeats``."""

    product: SparseProduct
    repeats: int

    @property
    def count(self) -> int:
        return self.repeats * self.product.columns.size

    def part(self, first: int, last: int) -> Part:
        product = self.product
        inner, outer = (product.width, product.rows) if product.transposed else (product.rows, product.width)
        repeat, weight = np.divmod(np.arange(first, last), max(product.columns.size, 1))
        row = np.searchsorted(product.starts, weight, side="right") - 1
        column = product.columns[weight].astype(np.int64)
        before, behind = (column, row) if product.transposed else (row, column)
        return repeat * inner + before, weight, repeat * outer + behind
