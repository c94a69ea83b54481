"""Moving rows: the kernels that gathers, sums, broadcasting and derivatives have in common, each with its NumPy twin.

All three work through ``n`` rows u. An index argument tells which row of an array belongs to u (see ``dispatch.row``).
"""

from __future__ import annotations

import numpy as np

from pcneuro.kernels.compiling import kernel
from pcneuro.kernels.dispatch import ACTIVE, IDENTITY, LANES, OK, PART, ix, op_kernel, row
from pcneuro.ops.base import AbstractLowering, PlacedPull, Slot


# Reassociation lets the compiler sum in vector lanes; the order is the machine code's, hence the same in every run.
@kernel(cache=False, fastmath={"reassoc", "contract"})
def dot_rows(buf, a, b, lanes):  # type: ignore[no-untyped-def]
    """Sum over lanes of the product of two rows, which begin at a and b."""
    total = buf.dtype.type(0)
    for i in range(lanes):
        total += buf[ix(a + i)] * buf[ix(b + i)]
    return total


@kernel(cache=False, fastmath={"reassoc"})
def sum_row(buf, a, lanes):  # type: ignore[no-untyped-def]
    """Sum over lanes of the row that begins at a."""
    total = buf.dtype.type(0)
    for i in range(lanes):
        total += buf[ix(a + i)]
    return total


@op_kernel("combine")
def combine(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """out[o(u)] (+)= scale * source[s(u)] * factor[f(u)], over all lanes.

    Reads source and factor (each laned or shared; no factor where its flag is 2), writes or adds to out (laned).
    """
    lanes = context[LANES]
    out, io, out_rows, accumulate = ints[at] * lanes, ints[at + 1], ints[at + 2], ints[at + 3]
    src, js, src_shared = ints[at + 4], ints[at + 5], ints[at + 6]
    fac, jf, fac_kind = ints[at + 7], ints[at + 8], ints[at + 9]
    scale, n = shared[ix(ints[at + 10])], ints[at + 11]
    src_row = src * lanes
    fac_row = fac * lanes
    plain = fac_kind == 2 or (jf == IDENTITY and fac_kind == 0)
    flat = io == IDENTITY and js == IDENTITY and src_shared == 0 and plain
    if accumulate == 0 and not (flat and n == out_rows):
        for i in range(out, out + out_rows * lanes):
            buf[ix(i)] = 0.0
    if flat:
        if accumulate == 0 and n == out_rows:
            if fac_kind == 2:
                for i in range(n * lanes):
                    buf[ix(out + i)] = scale * buf[ix(src_row + i)]
            else:
                for i in range(n * lanes):
                    buf[ix(out + i)] = scale * buf[ix(src_row + i)] * buf[ix(fac_row + i)]
        elif fac_kind == 2:
            for i in range(n * lanes):
                buf[ix(out + i)] += scale * buf[ix(src_row + i)]
        else:
            for i in range(n * lanes):
                buf[ix(out + i)] += scale * buf[ix(src_row + i)] * buf[ix(fac_row + i)]
        return OK
    for u in range(n):
        o = out + row(ints, io, u) * lanes
        s = row(ints, js, u)
        f = row(ints, jf, u)
        if src_shared == 1:
            x = scale * shared[ix(src + s)]
            if fac_kind == 0:
                for i in range(lanes):
                    buf[ix(o + i)] += x * buf[ix(fac_row + f * lanes + i)]
            else:
                if fac_kind == 1:
                    x *= shared[ix(fac + f)]
                for i in range(lanes):
                    buf[ix(o + i)] += x
        elif fac_kind == 0:
            for i in range(lanes):
                buf[ix(o + i)] += scale * buf[ix(src_row + s * lanes + i)] * buf[ix(fac_row + f * lanes + i)]
        else:
            x = scale
            if fac_kind == 1:
                x *= shared[ix(fac + f)]
            for i in range(lanes):
                buf[ix(o + i)] += x * buf[ix(src_row + s * lanes + i)]
    return OK


@op_kernel("combine_shared")
def combine_shared(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """out[o(u)] += sum over the lanes in use of scale * source[s(u)] * factor[f(u)]: a gradient of what samples share.

    Reads source (laned) and factor (laned or shared; none where its flag is 2), adds to out (shared). First part only.
    """
    if context[PART] != 0:
        return OK
    lanes, active = context[LANES], context[ACTIVE]
    out, io = ints[at], ints[at + 1]
    src, js = ints[at + 2] * lanes, ints[at + 3]
    fac, jf, fac_kind = ints[at + 4], ints[at + 5], ints[at + 6]
    scale, n = shared[ix(ints[at + 7])], ints[at + 8]
    for u in range(n):
        s = src + row(ints, js, u) * lanes
        f = row(ints, jf, u)
        if fac_kind == 0:
            total = dot_rows(buf, s, (fac + f) * lanes, active)
        else:
            total = sum_row(buf, s, active)
            if fac_kind == 1:
                total *= shared[ix(fac + f)]
        shared[ix(out + row(ints, io, u))] += scale * total
    return OK


def combine_numpy(
    out_rows: int, out_index: np.ndarray, source: np.ndarray, factor: np.ndarray | float, scale: float
) -> np.ndarray:
    """Twin of both kernels: rows (n, lanes) of source and factor summed into (out_rows, lanes)."""
    result = np.zeros((out_rows, source.shape[1]), dtype=source.dtype)
    np.add.at(result, out_index, scale * source * factor)
    return result


def lower_combine(
    low: AbstractLowering,
    target: Slot,
    target_index: np.ndarray,
    source: Slot,
    source_index: np.ndarray,
    accumulate: bool,
    factor: Slot | None = None,
    factor_index: np.ndarray | None = None,
    scale: float = 1.0,
) -> None:
    """Emit ``combine``, or ``combine_shared`` where the target is shared and the source is laned.

    In a program over the shared buffer itself every slot has one lane; there ``laned`` is False throughout and the
    compiler rewrites nothing: both flags equal means both are of the buffer at hand.
    """
    n = int(np.asarray(source_index).size)
    out_index = low.index(target_index, target.units)
    src_index = low.index(source_index, source.units)
    if factor is None:
        fac, fac_index, fac_kind = 0, IDENTITY, 2
    else:
        assert factor_index is not None
        fac, fac_index = factor.row, low.index(factor_index, factor.units)
        fac_kind = 0 if factor.laned or (not source.laned and not target.laned) else 1
    unit = low.constant(scale)
    if source.laned and not target.laned:
        low.emit("combine_shared", target.row, out_index, source.row, src_index, fac, fac_index, fac_kind, unit, n)
        return
    src_shared = int(target.laned and not source.laned)
    low.emit(
        "combine",
        target.row,
        out_index,
        target.units,
        int(accumulate),
        source.row,
        src_index,
        src_shared,
        fac,
        fac_index,
        fac_kind,
        unit,
        n,
    )


def lower_nothing(low: AbstractLowering, pull: PlacedPull) -> None:
    """Emit that nothing comes back to an operand whose derivative is zero, as that of an index or a condition."""
    if not pull.accumulate:
        nothing = np.empty(0, dtype=np.int64)
        lower_combine(low, pull.target, nothing, pull.gradient, nothing, False)


def promoted(low: AbstractLowering, slot: Slot, laned: bool) -> Slot:
    """The slot itself, or a copy of what all samples share for each of them."""
    if slot.laned == laned:
        return slot
    copy, every = low.temporary(slot.units, True), np.arange(slot.units)
    lower_combine(low, copy, every, slot, every, False)
    return copy


@op_kernel("deviate")
def deviate(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """deviation = value - prediction, and 0 where the two are the same: there is none from minus infinity.

    Reads value and prediction (laned), writes deviation (laned).
    """
    lanes = context[LANES]
    deviation, value, prediction = ints[at] * lanes, ints[at + 1] * lanes, ints[at + 2] * lanes
    none = buf.dtype.type(0)
    for i in range(ints[at + 3] * lanes):
        v, p = buf[ix(value + i)], buf[ix(prediction + i)]
        buf[ix(deviation + i)] = none if v == p else v - p
    return OK


@op_kernel("relax")
def relax(buf, shared, ints, at, context):  # type: ignore[no-untyped-def]
    """deviation <- decay * deviation + growth * drive; error = precision * deviation: many steps at a constant drive.

    Reads drive (laned), precision, decay and growth (shared), writes deviation and error (laned).
    """
    lanes = context[LANES]
    deviation, error, drive = ints[at], ints[at + 1], ints[at + 2]
    precision, decay, growth, n = ints[at + 3], ints[at + 4], ints[at + 5], ints[at + 6]
    for u in range(n):
        p, d, g = shared[ix(precision + u)], shared[ix(decay + u)], shared[ix(growth + u)]
        for i in range(u * lanes, (u + 1) * lanes):
            value = d * buf[ix(deviation * lanes + i)] + g * buf[ix(drive * lanes + i)]
            buf[ix(deviation * lanes + i)] = value
            buf[ix(error * lanes + i)] = p * value
    return OK
