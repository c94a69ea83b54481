"""Pick: copies of units of an array whose places other arrays say.

out[u] = x[base[u] + sum over indices k of stride_k * i_k[which_k[u]]]. What the places are is the data's to say: the
derivative adds each unit's gradient to the unit of x that was picked. Indices are no quantities: the output is constant
between them, so that the derivative by an index is zero. An index that is on its way from one whole number to another,
as a neuron's can be, is taken for the nearest; negative ones count from the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from pcneuro.errors import DataError, ParameterError, ShapeError
from pcneuro.kernels.compiling import inner
from pcneuro.kernels.dispatch import ACTIVE, BAD_INDEX, LANES, OK, PART, ix, op_kernel
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
from pcneuro.ops.pairs import ListedPairs
from pcneuro.ops.rows import lower_nothing, promoted

# Arguments of the kernels behind their arrays: units of the output, table of bases, number of indices, and for each
# index its first row, stride, length, and table of which unit
UNITS, BASE, COUNT, INDICES = range(4)
ROW, STRIDE, LENGTH, WHICH = range(4)
FIELDS = 4
HALF = 0.5


@inner(cache=False)
def _picked(buf, ints, at, u, lanes, i):  # type: ignore[no-untyped-def]
    """The unit of the array that unit u of the output copies, in lane i; -1 where an index is out of range."""
    unit = ints[ints[at + BASE] + u]
    for k in range(ints[at + COUNT]):
        entry = at + INDICES + k * FIELDS
        length = ints[entry + LENGTH]
        value = buf[ix((ints[entry + ROW] + ints[ints[entry + WHICH] + u]) * lanes + i)]
        if not (value >= -length - HALF and value < length - HALF):
            return -1
        place = np.int64(np.floor(value + HALF))
        unit += ints[entry + STRIDE] * (place if place >= 0 else place + length)
    return unit


@op_kernel("pick")
def pick(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """out[u] = source[place of u], lane by lane. Reads indices (laned) and source (laned or shared), writes out."""
    lanes = context[LANES]
    out, src, src_shared = ints[at] * lanes, ints[at + 1], ints[at + 2]
    at += 3
    for u in range(ints[at + UNITS]):
        for i in range(lanes):
            unit = _picked(buf, ints, at, u, lanes, i)
            if unit < 0:
                return BAD_INDEX
            value = shared[ix(src + unit)] if src_shared == 1 else buf[ix((src + unit) * lanes + i)]
            buf[ix(out + u * lanes + i)] = value
    return OK


@op_kernel("pick_vjp")
def pick_vjp(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """target[place of u] += gradient[u], lane by lane. Reads indices and gradient, writes or adds to target (laned)."""
    lanes = context[LANES]
    target, rows, gradient, accumulate = ints[at], ints[at + 1], ints[at + 2] * lanes, ints[at + 3]
    at += 4
    if accumulate == 0:
        for i in range(target * lanes, (target + rows) * lanes):
            buf[ix(i)] = 0.0
    for u in range(ints[at + UNITS]):
        for i in range(lanes):
            unit = _picked(buf, ints, at, u, lanes, i)
            if unit < 0:
                return BAD_INDEX
            buf[ix((target + unit) * lanes + i)] += buf[ix(gradient + u * lanes + i)]
    return OK


@op_kernel("pick_shared_vjp")
def pick_shared_vjp(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """target[place of u] += gradient[u], over the lanes in use.

    Reads indices and gradient (laned), adds to target (shared). First part only.
    """
    if context[PART] != 0:
        return OK
    lanes, active = context[LANES], context[ACTIVE]
    target, gradient = ints[at], ints[at + 1] * lanes
    at += 2
    for u in range(ints[at + UNITS]):
        for i in range(active):
            unit = _picked(buf, ints, at, u, lanes, i)
            if unit < 0:
                return BAD_INDEX
            shared[ix(target + unit)] += buf[ix(gradient + u * lanes + i)]
    return OK


@dataclass(frozen=True, eq=False)
class Pick(AbstractOperator):
    """Operands: the array, then the indices, one for each of ``lengths``.

    ``bases`` has the output's shape, ``which`` one axis more in front, for the indices. ``lengths`` are those of the
    axes that are indexed, ``strides`` the units from one place along them to the next.
    """

    kind: ClassVar[str] = "pick"
    bases: np.ndarray = field(repr=False)
    which: np.ndarray = field(repr=False)
    strides: tuple[int, ...]
    lengths: tuple[int, ...]

    def __post_init__(self) -> None:
        for name in ("bases", "which"):
            table = np.array(getattr(self, name), dtype=np.int64)
            table.flags.writeable = False
            object.__setattr__(self, name, table)
        for name in ("strides", "lengths"):
            object.__setattr__(self, name, tuple(int(n) for n in getattr(self, name)))

    def shape(self, *shapes: Shape) -> Shape:
        if len(shapes) != 1 + len(self.lengths) or len(self.which) != len(self.lengths) != len(self.strides):
            raise ShapeError(f"pick by {len(self.lengths)} indices of shapes {' and '.join(map(str, shapes))}")
        last = sum(s * (n - 1) for s, n in zip(self.strides, self.lengths, strict=True))
        fits = not self.bases.size or 0 <= self.bases.min() <= self.bases.max() + last < size(shapes[0])
        for table, shape in zip(self.which, shapes[1:], strict=True):
            fits = fits and (not table.size or 0 <= table.min() <= table.max() < size(shape))
        if not fits:
            raise ShapeError(f"pick: its tables reach beyond arrays of shapes {' and '.join(map(str, shapes))}")
        return self.bases.shape

    def _places(self, indices: Sequence[np.ndarray]) -> np.ndarray:
        """The unit that each unit of the output copies, with a batch axis. Raises DataError for what is no index."""
        places = self.bases.reshape(1, -1)
        for k, index in enumerate(indices):
            length, flat = self.lengths[k], index.reshape(len(index), -1)
            bad = ~((flat >= -length - HALF) & (flat < length - HALF))
            # What is not used is not read.
            bad[:, np.setdiff1d(np.arange(flat.shape[1]), self.which[k])] = False
            if bad.any():
                sample, unit = (int(i) for i in np.argwhere(bad)[0])
                place = tuple(int(i) for i in np.unravel_index(unit, index.shape[1:]))
                raise DataError(
                    f"pick: index {float(flat[bad][0])!r} (sample {sample}, position {place}) is out of range: give "
                    f"whole numbers from {-length} to {length - 1}"
                )
            whole = np.zeros(flat.shape, dtype=np.int64)
            used = np.unique(self.which[k])
            whole[:, used] = np.floor(flat[:, used] + HALF)
            whole[whole < 0] += length
            places = places + self.strides[k] * whole[:, self.which[k].ravel()]
        return places

    def forward(self, *operands: np.ndarray) -> np.ndarray:
        flat, places = operands[0].reshape(len(operands[0]), -1), self._places(operands[1:])
        batch = max(len(flat), len(places))
        flat, places = (np.broadcast_to(a, (batch, a.shape[1])) for a in (flat, places))
        picked = np.take_along_axis(flat, places, axis=1)
        return picked.reshape(batch, *self.bases.shape)

    def vjp(self, k: int, gradient: np.ndarray, output: np.ndarray, *operands: np.ndarray) -> np.ndarray:
        shape = operands[k].shape[1:]
        result = np.zeros((len(gradient), size(shape)), dtype=gradient.dtype)
        if k == 0:
            places = np.broadcast_to(self._places(operands[1:]), (len(gradient), self.bases.size))
            np.add.at(result, (np.arange(len(gradient))[:, None], places), gradient.reshape(len(gradient), -1))
        return result.reshape(len(gradient), *shape)

    def linear_in(self, k: int) -> bool:
        return k == 0

    def connections(self, k: int, *shapes: Shape) -> int:
        # Which unit is copied is the index's to say: it may be any along the axes.
        return self.bases.size * (size(self.lengths) if k == 0 else 1)

    def units(self, make: AbstractUnits, shape: Shape, shapes: Sequence[Shape], operands: Sequence[Any]) -> Units:
        if not all(isinstance(index, Units) for index in operands[1:]):
            raise ParameterError("pick: exported are indices that are activities only, not those made of parameters")
        chosen: Units | None = None
        out, offset = np.arange(self.bases.size), np.zeros(1, dtype=np.int64)
        place = out
        for k, index in enumerate(operands[1:]):
            length = self.lengths[k]
            here, along = (grid.ravel() for grid in np.mgrid[: place.size, :length])
            which = self.which[k].ravel()[place[here]]
            # One unit for each place along the axis, which is 1 where the index is that, from either end.
            same = [
                ("positive", ("subtract", HALF, ("absolute", ("subtract", "x", ("subtract", "k", shift)))))
                for shift in (0.0, float(length))
            ]
            at: dict[str, Units | Weights] = {"x": make.gather(index, which), "k": Weights(along.astype(np.float64))}
            spelled = make.function(("add", *same), at, {})
            if chosen is None:
                chosen = spelled
            else:
                both = {"x": make.gather(chosen, here), "y": spelled}
                chosen = make.function(("multiply", "x", "y"), both, {})
            offset = np.broadcast_to(offset, place.shape)[here] + self.strides[k] * along
            place = place[here]
        assert chosen is not None
        units = self.bases.ravel()[place] + offset
        if isinstance(operands[0], Weights):
            return make.products(size(shape), chosen, operands[0], ListedPairs(np.arange(place.size), units, place))
        # Nothing comes from what is not chosen, be it infinite; and nothing goes back to the choice.
        both = {"p": chosen, "x": make.gather(operands[0], units)}
        picked = make.function(("multiply_or_zero", "p", "x"), both, {"x": "p"})
        return make.synapses(size(shape), picked, np.arange(place.size), place, 1.0)

    def _arguments(self, low: AbstractLowering, at: Placed) -> list[int]:
        fields: list[int] = []
        for k, index in enumerate(at.operands[1:]):
            row = promoted(low, index, at.out.laned).row
            fields += [row, self.strides[k], self.lengths[k], low.table(self.which[k].ravel())]
        return [self.bases.size, low.table(self.bases.ravel()), len(self.lengths), *fields]

    def lower_forward(self, low: AbstractLowering, at: Placed) -> None:
        source = at.operands[0]
        source_shared = int(at.out.laned and not source.laned)
        low.emit("pick", at.out.row, source.row, source_shared, *self._arguments(low, at))

    def lower_vjp(self, low: AbstractLowering, at: Placed, pull: PlacedPull) -> None:
        if pull.k > 0:
            lower_nothing(low, pull)
            return
        arguments = self._arguments(low, at)
        if pull.target.laned == pull.gradient.laned:
            rows = pull.target.row, pull.target.units, pull.gradient.row, int(pull.accumulate)
            low.emit("pick_vjp", *rows, *arguments)
        else:
            low.emit("pick_shared_vjp", pull.target.row, pull.gradient.row, *arguments)
