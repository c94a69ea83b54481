"""One step of one stage as vector code: the state of a vertex, and whether it moved and is finite still.

LLVM makes half-width vectors of such a loop, and of its two flags twice as many instructions as of the sum.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from pcneuro.kernels.compiling import inner, kernel
from pcneuro.kernels.tile import Vectors

MOVED, INFINITE = 1, 2
"""Flags of what ``euler_rows`` returns."""


@inner(forceinline=True)
def masked(old, new):  # type: ignore[no-untyped-def]
    """Whether a state is an infinity, and has been: it is under a mask, and has not diverged."""
    return (abs(new) == np.inf) & (old == new)


@intrinsic
def _euler_rows(typingctx, buf, shared, state, drive, error, gain, units, lanes):  # type: ignore[no-untyped-def]
    sig = types.int64(buf, shared, *([types.int64] * 6))
    real = buf.dtype

    def codegen(context, b, signature, args):  # type: ignore[no-untyped-def]
        buf_p, shared_p = (context.make_array(t)(context, b, x).data for t, x in zip(signature.args[:2], args[:2]))
        state, drive, error, gain, units, lanes = args[2:]
        vec = Vectors(b, real)
        whole = ir.VectorType(ir.IntType(real.bitwidth), vec.length)
        suffix = f"v{vec.length}i{real.bitwidth}"
        kind = np.dtype(str(real))
        infinity = int(np.array(np.inf, kind).view(f"i{kind.itemsize}"))

        def constant(value: int) -> Any:
            return ir.Constant(whole, [value] * vec.length)

        changed, largest = (cgutils.alloca_once_value(b, constant(0)) for _ in range(2))
        with cgutils.for_range(b, units) as unit:
            row = b.mul(unit.index, lanes)
            g = vec.splat(b.load(b.gep(shared_p, [b.add(gain, unit.index)])))
            with cgutils.for_range_slice(b, vec.i64(0), lanes, vec.i64(vec.length), inc=True) as (lane, _):
                at = b.add(row, lane)
                place, *others = (b.gep(buf_p, [b.add(first, at)]) for first in (state, drive, error))
                old, pull, leak = (vec.load(p) for p in (place, *others))
                new = b.fadd(old, b.fmul(g, b.fsub(pull, leak)))
                vec.store(new, place)
                before, after = b.bitcast(old, whole), b.bitcast(new, whole)
                b.store(b.or_(b.load(changed), b.xor(before, after)), changed)
                # Without their sign, the bits of what is not finite are those of infinity or more.
                size = b.and_(after, constant(infinity | (infinity - 1)))
                # What is under a mask of an infinity stays there.
                infinite = b.icmp_unsigned("==", size, constant(infinity))
                stays = b.and_(infinite, b.icmp_unsigned("==", before, after))
                size = b.select(stays, constant(0), size)
                b.store(vec.call(f"llvm.umax.{suffix}", whole, b.load(largest), size), largest)
        element = whole.element
        moved = vec.call(f"llvm.vector.reduce.or.{suffix}", element, b.load(changed))
        most = vec.call(f"llvm.vector.reduce.umax.{suffix}", element, b.load(largest))
        first = b.zext(b.icmp_unsigned("!=", moved, ir.Constant(element, 0)), ir.IntType(64))
        second = b.zext(b.icmp_unsigned(">=", most, ir.Constant(element, infinity)), ir.IntType(64))
        return b.add(first, b.mul(second, vec.i64(INFINITE)))

    return sig, codegen


if numba.config.DISABLE_JIT:

    def euler_rows(buf, shared, state, drive, error, gain, units, lanes):  # type: ignore[no-untyped-def]
        """Twin of the compiled function."""
        size = units * lanes
        old, pull, leak = (buf[first : first + size].copy() for first in (state, drive, error))
        new = old + np.repeat(shared[gain : gain + units], lanes) * (pull - leak)
        buf[state : state + size] = new
        return MOVED * bool((new != old).any()) + INFINITE * (not (np.isfinite(new) | masked(old, new)).all())
else:

    @kernel(cache=False)
    def euler_rows(buf, shared, state, drive, error, gain, units, lanes):  # type: ignore[no-untyped-def]
        """state += gain (drive - error) over all lanes of ``units`` rows; returns MOVED, INFINITE, their sum, or 0.

        INFINITE is not said of what has been the same infinity before.
        ``state``, ``drive`` and ``error`` are positions in ``buf``, ``gain`` is one in ``shared``; ``lanes`` is a
        multiple of the vector length. Every operation is rounded by itself.
        """
        return _euler_rows(buf, shared, state, drive, error, gain, units, lanes)
