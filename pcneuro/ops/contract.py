"""Contraction: an einsum of two operands, and with it every projection from one population to another.

out[p, m, n] = sum_k a[p, m, k] b[p, k, n]

where p, m, n and k stand for groups of subscripts: p in all three arrays, m in a and out, n in b and out, k in a and b.
Both derivatives are contractions of the same form. Tables of row offsets take the place of strides, so that no array is
ever transposed, and both directions of a projection read the same weights where they are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Any, ClassVar

import numpy as np

from pcneuro.errors import ShapeError
from pcneuro.kernels.arguments import PanelSums, RowSums
from pcneuro.kernels.compiling import inner
from pcneuro.kernels.dispatch import ACTIVE, LANES, OK, PANEL, PART, PARTS, ix, op_kernel
from pcneuro.kernels.hebbian import hebb_panel
from pcneuro.kernels.tile import VECTOR_BYTES, project_rows
from pcneuro.ops.base import (
    AbstractLowering,
    AbstractOperator,
    AbstractUnits,
    Placed,
    PlacedPull,
    Shape,
    Slot,
    Units,
    size,
)
from pcneuro.ops.description import Description
from pcneuro.ops.pairs import AbstractPairs, Part
from pcneuro.ops.rows import dot_rows

_WORTH_A_PLAN = 1 << 16
"""Multiplications from which an einsum is worth the time that NumPy's plan for it takes."""


@inner(cache=False)
def _axpy_rows(buf, out, source, lanes, weight):  # type: ignore[no-untyped-def]
    for i in range(lanes):
        buf[ix(out + i)] += weight * buf[ix(source + i)]


@inner(cache=False, fastmath={"reassoc", "contract"})
def _dot_shared(buf, a, shared, w, count):  # type: ignore[no-untyped-def]
    total = buf.dtype.type(0)
    for i in range(count):
        total += buf[ix(a + i)] * shared[ix(w + i)]
    return total


@inner(cache=False)
def _consecutive(ints, table, count):  # type: ignore[no-untyped-def]
    return count == 1 or (ints[table + count - 1] - ints[table] == count - 1 and ints[table + 1] - ints[table] == 1)


@op_kernel("project")
def project(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """out[p, m, n] (+)= sum_k a[p, m, k] w[p, k, n] with shared weights w: a projection, in either direction.

    Reads a (laned) and w (shared), writes or adds to out (laned).
    """
    lanes = context[LANES]
    out, a, w, accumulate = ints[at], ints[at + 1], ints[at + 2], ints[at + 3]
    np_, nm, nn, nk = ints[at + 4], ints[at + 5], ints[at + 6], ints[at + 7]
    op, om, on = ints[at + 8], ints[at + 9], ints[at + 10]
    ap, am, ak = ints[at + 11], ints[at + 12], ints[at + 13]
    wp, wk, wn = ints[at + 14], ints[at + 15], ints[at + 16]
    a_step, w_step = ints[at + 17], ints[at + 18]
    flat = lanes == 1 and nn > 1 and _consecutive(ints, wn, nn) and _consecutive(ints, on, nn)
    vectors = lanes % (VECTOR_BYTES // buf.itemsize) == 0
    dots = lanes == 1 and not flat and _consecutive(ints, wk, nk) and _consecutive(ints, ak, nk)
    for p in range(np_):
        for m in range(nm):
            o = out + ints[op + p] + ints[om + m]
            s = a + ints[ap + p] + ints[am + m]
            if vectors:
                v = w + ints[wp + p]
                sums = RowSums(o, on, nn, lanes, s, ak, v, wn, wk, nk, 1 - accumulate, a_step, w_step)
                project_rows(buf, shared, ints, sums)
                continue
            if accumulate == 0:
                for n in range(nn):
                    r = (o + ints[on + n]) * lanes
                    for i in range(lanes):
                        buf[ix(r + i)] = 0.0
            if flat:
                r = o + ints[on]
                for k in range(nk):
                    x = buf[ix(s + ints[ak + k])]
                    v = w + ints[wp + p] + ints[wk + k] + ints[wn]
                    for n in range(nn):
                        buf[ix(r + n)] += x * shared[ix(v + n)]
            elif dots:
                for n in range(nn):
                    v = w + ints[wp + p] + ints[wn + n] + ints[wk]
                    buf[ix(o + ints[on + n])] += _dot_shared(buf, s + ints[ak], shared, v, nk)
            else:
                for n in range(nn):
                    r = (o + ints[on + n]) * lanes
                    v = w + ints[wp + p] + ints[wn + n]
                    for k in range(nk):
                        _axpy_rows(buf, r, (s + ints[ak + k]) * lanes, lanes, shared[ix(v + ints[wk + k])])
    return OK


@op_kernel("contract")
def contract(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """out[p, m, n] (+)= sum_k a[p, m, k] b[p, k, n], lane by lane: a product of activities.

    Reads a and b (laned), writes or adds to out (laned).
    """
    lanes = context[LANES]
    out, a, b, accumulate = ints[at], ints[at + 1], ints[at + 2], ints[at + 3]
    np_, nm, nn, nk = ints[at + 4], ints[at + 5], ints[at + 6], ints[at + 7]
    op, om, on = ints[at + 8], ints[at + 9], ints[at + 10]
    ap, am, ak = ints[at + 11], ints[at + 12], ints[at + 13]
    bp, bk, bn = ints[at + 14], ints[at + 15], ints[at + 16]
    for p in range(np_):
        for m in range(nm):
            for n in range(nn):
                r = (out + ints[op + p] + ints[om + m] + ints[on + n]) * lanes
                if accumulate == 0:
                    for i in range(lanes):
                        buf[ix(r + i)] = 0.0
                for k in range(nk):
                    s = (a + ints[ap + p] + ints[am + m] + ints[ak + k]) * lanes
                    t = (b + ints[bp + p] + ints[bk + k] + ints[bn + n]) * lanes
                    for i in range(lanes):
                        buf[ix(r + i)] += buf[ix(s + i)] * buf[ix(t + i)]
    return OK


@op_kernel("hebb", partitioned=True)
def hebb(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """out[p, m, n] += sum_k a[p, m, k] b[p, k, n], and over the lanes in use: presynaptic times postsynaptic activity.

    Reads a and b (laned), adds to out (shared), uses the panel of this part; its first argument is the work. This part
    takes its share of the panels of n where there are enough, of the range of m else: parts can run side by side, and
    every synapse sums in the same order whatever their number.
    """
    lanes, active, panel = context[LANES], context[ACTIVE], context[PANEL]
    out, a, b = ints[at + 1], ints[at + 2], ints[at + 3]
    np_, nm, nn, nk = ints[at + 4], ints[at + 5], ints[at + 6], ints[at + 7]
    op, om, on = ints[at + 8], ints[at + 9], ints[at + 10]
    ap, am, ak = ints[at + 11], ints[at + 12], ints[at + 13]
    bp, bk, bn = ints[at + 14], ints[at + 15], ints[at + 16]
    part, parts = context[PART], context[PARTS]
    width = 2 * (VECTOR_BYTES // buf.itemsize)
    panels = (nn + width - 1) // width
    by_panels = panels >= parts
    low, high = (0, nm) if by_panels else (nm * part // parts, nm * (part + 1) // parts)
    first, last = (panels * part // parts, panels * (part + 1) // parts) if by_panels else (0, panels)
    # A panel's transposition pays where enough rows use it.
    if nm > 1 and _consecutive(ints, on, nn):
        for p in range(np_):
            for k in range(nk):
                t = b + ints[bp + p] + ints[bk + k]
                for q in range(first, last):
                    columns = min(width, nn - q * width)
                    for c in range(columns):
                        row = (t + ints[bn + q * width + c]) * lanes
                        for i in range(active):
                            shared[ix(panel + i * width + c)] = buf[ix(row + i)]
                    o = out + ints[op + p] + ints[on] + q * width
                    s = a + ints[ap + p] + ints[ak + k]
                    sums = PanelSums(o, om + low, high - low, columns, s, am + low, lanes, panel, active)
                    hebb_panel(shared, buf, ints, sums)
        return OK
    for p in range(np_):
        for k in range(nk):
            for m in range(low, high):
                o = out + ints[op + p] + ints[om + m]
                x = (a + ints[ap + p] + ints[am + m] + ints[ak + k]) * lanes
                t = b + ints[bp + p] + ints[bk + k]
                for n in range(first * width, min(last * width, nn)):
                    shared[ix(o + ints[on + n])] += dot_rows(buf, x, (t + ints[bn + n]) * lanes, active)
    return OK


def einsum_numpy(subscripts: str, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Twin of the three kernels: the einsum over arrays with a batch axis first, of length 1 for what samples share."""
    inputs, out = subscripts.split("->")
    left, right = inputs.split(",")
    lengths = dict(zip(left, a.shape[1:], strict=True)) | dict(zip(right, b.shape[1:], strict=True))
    optimize = max(a.shape[0], b.shape[0]) * math.prod(lengths.values()) > _WORTH_A_PLAN
    if a.shape[0] == 1 and b.shape[0] == 1:
        return np.einsum(f"{left},{right}->{out}", a[0], b[0], optimize=optimize)[None]
    if a.shape[0] == 1:
        return np.einsum(f"{left},Z{right}->Z{out}", a[0], b, optimize=optimize)
    if b.shape[0] == 1:
        return np.einsum(f"Z{left},{right}->Z{out}", a, b[0], optimize=optimize)
    return np.einsum(f"Z{left},Z{right}->Z{out}", a, b, optimize=optimize)


@dataclass(frozen=True)
class Contract(AbstractOperator):
    """Einsum of two operands with explicit ``subscripts`` such as ``"ij,jk->ik"``.

    They are lower-case letters, each in at least two of the three terms and at most once in each.
    """

    kind: ClassVar[str] = "contract"
    subscripts: str

    def __post_init__(self) -> None:
        left, right, out = terms = self._terms()
        letters = "".join(terms)
        if (
            self.subscripts != f"{left},{right}->{out}"
            or any(len(set(t)) != len(t) for t in terms)
            or not all(c in ascii_lowercase and letters.count(c) > 1 for c in letters)
        ):
            raise ShapeError(f"contraction {self.subscripts!r} is not in the form that an einsum is reduced to")

    def _terms(self) -> tuple[str, str, str]:
        inputs, _, out = self.subscripts.partition("->")
        left, _, right = inputs.partition(",")
        return left, right, out

    @property
    def label(self) -> str:
        return "matmul"

    @property
    def description(self) -> Description:
        return Description(self.units, subscripts=self.subscripts)

    def _sizes(self, shapes: Sequence[Shape]) -> dict[str, int]:
        sizes: dict[str, int] = {}
        for term, shape in zip(self._terms(), shapes, strict=False):
            if len(term) != len(shape):
                raise ShapeError(f"contraction {self.subscripts!r}: an operand of shape {shape} for {term!r}")
            for letter, n in zip(term, shape, strict=True):
                if sizes.setdefault(letter, n) != n:
                    raise ShapeError(
                        f"contraction {self.subscripts!r}: shapes {' and '.join(map(str, shapes[:2]))} do not fit "
                        f"({letter!r} is {sizes[letter]} and {n})"
                    )
        return sizes

    def shape(self, *shapes: Shape) -> Shape:
        if len(shapes) != 2:
            raise ShapeError(f"contraction {self.subscripts!r} takes 2 operands, got {len(shapes)}")
        sizes = self._sizes(shapes)
        return tuple(sizes[c] for c in self._terms()[2])

    def forward(self, *operands: np.ndarray) -> np.ndarray:
        return einsum_numpy(self.subscripts, *operands)

    def _vjp_subscripts(self, k: int) -> str:
        left, right, out = self._terms()
        return f"{out},{right}->{left}" if k == 0 else f"{left},{out}->{right}"

    def vjp(self, k: int, gradient: np.ndarray, output: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        other = operands[1 - k]
        if operands[k].shape[0] == 1 and other.shape[0] == gradient.shape[0] > 1:
            # A shared operand: the sum over the batch is part of the contraction, as in the kernel.
            left, right, out = self._terms()
            terms = (
                (f"Z{out},Z{right}->{left}", gradient, other)
                if k == 0
                else (f"Z{left},Z{out}->{right}", other, gradient)
            )
            return np.einsum(*terms, optimize=True)[None]
        return einsum_numpy(self._vjp_subscripts(k), *((gradient, other) if k == 0 else (other, gradient)))

    def linear_in(self, k: int) -> bool:
        return True

    def connections(self, k: int, *shapes: Shape) -> int:
        return int(np.prod(list(self._sizes(shapes).values()), dtype=np.int64))

    def units(self, make: AbstractUnits, shape: Shape, shapes: Sequence[Shape], operands: Sequence[Any]) -> Units:
        pairs = EinsumPairs(self._terms(), self._sizes(shapes))
        return make.products(size(shape), operands[0], operands[1], pairs)

    def lower_forward(self, low: AbstractLowering, at: Placed) -> None:
        a, b = at.operands
        lower_einsum(low, self.subscripts, at.out, a, b, self._sizes(at.shapes), False)

    def lower_vjp(self, low: AbstractLowering, at: Placed, pull: PlacedPull) -> None:
        a, b = at.operands
        a, b = (pull.gradient, b) if pull.k == 0 else (a, pull.gradient)
        subscripts = self._vjp_subscripts(pull.k)
        lower_einsum(low, subscripts, pull.target, a, b, self._sizes(at.shapes), pull.accumulate)


@dataclass(frozen=True, eq=False)
class EinsumPairs(AbstractPairs):
    """The pairs of an einsum of two operands: one for each combination of its letters, those of the output first."""

    terms: tuple[str, str, str]
    sizes: dict[str, int]

    @property
    def letters(self) -> list[str]:
        """In the order of the loops around a pair, so that those of a unit of the output follow each other."""
        left, right, out = self.terms
        return [*out, *(c for c in dict.fromkeys(left + right) if c not in out)]

    @property
    def count(self) -> int:
        return math.prod(self.sizes[c] for c in self.letters)

    def part(self, first: int, last: int) -> Part:
        numbers = np.arange(first, last)
        offsets = [np.zeros(numbers.size, dtype=np.int64) for _ in self.terms]
        for letter in reversed(self.letters):
            numbers, at = np.divmod(numbers, self.sizes[letter])
            for term, offset in zip(self.terms, offsets, strict=True):
                if letter in term:
                    offset += _stride(letter, term, self.sizes) * at
        return offsets[0], offsets[1], offsets[2]

    def all(self) -> Part:
        left, right, out = (_offsets(self.letters, term, self.sizes) for term in self.terms)
        return left, right, out


def _stride(letter: str, term: str, sizes: dict[str, int]) -> int:
    """How far apart in an array with subscripts ``term`` two units are that differ by one in a letter; 0 without it."""
    return size(tuple(sizes[c] for c in term.partition(letter)[2])) if letter in term else 0


def _offsets(letters: Sequence[str], term: str, sizes: dict[str, int]) -> np.ndarray:
    """Offset in an array with subscripts ``term`` of every combination of ``letters``, those absent from it at 0."""
    total = np.zeros((), dtype=np.int64)
    for letter in letters:
        total = total[..., None] + _stride(letter, term, sizes) * np.arange(sizes[letter])
    return total.ravel()


def _steps(*tables: np.ndarray) -> tuple[int, ...]:
    """The steps in which offsets go up, as ``project_rows`` takes them: 0 unless all tables have equal ones."""
    steps = [np.unique(np.diff(table)) for table in tables]
    if all(step.size == 1 and step[0] != 0 for step in steps):
        return tuple(int(step[0]) for step in steps)
    return (0,) * len(tables)


def lower_einsum(
    low: AbstractLowering, subscripts: str, out: Slot, a: Slot, b: Slot, sizes: dict[str, int], accumulate: bool
) -> None:
    """Emit out (+)= the einsum of a and b, whose letters have these sizes."""
    inputs, target = subscripts.split("->")
    left, right = inputs.split(",")
    if out.laned and not a.laned:
        a, b, left, right = b, a, right, left
    p = [c for c in target if c in left and c in right]
    m = [c for c in target if c in left and c not in right]
    n = [c for c in target if c in right and c not in left]
    k = [c for c in left if c in right and c not in target]
    tables = [
        low.table(_offsets(group, term, sizes))
        for term, groups in ((target, (p, m, n)), (left, (p, m, k)), (right, (p, k, n)))
        for group in groups
    ]
    counts = [size(tuple(sizes[c] for c in group)) for group in (p, m, n, k)]
    if a.laned and not out.laned:
        low.emit("hebb", math.prod(counts), out.row, a.row, b.row, *counts, *tables)
        return
    if out.laned and not b.laned:
        steps = _steps(_offsets(k, left, sizes), _offsets(k, right, sizes))
        low.emit("project", out.row, a.row, b.row, int(accumulate), *counts, *tables, *steps)
    else:
        low.emit("contract", out.row, a.row, b.row, int(accumulate), *counts, *tables)
