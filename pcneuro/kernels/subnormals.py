"""Numbers too small for a full fraction: in float32, kernels take them for zero.

A wave of errors that halves at every hop gets there (1.2e-38) after some 126 hops, and processors are a hundred times
slower with such numbers. In float64 they are kept.
"""

from __future__ import annotations

import platform

import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

FLUSH = 0x8040
"""The bits of x86's control register that take results and operands for zero."""
KNOWN = platform.machine().lower() in ("x86_64", "amd64")


@intrinsic
def _exchange(typingctx, value, mask):  # type: ignore[no-untyped-def]
    """Set the bits of ``mask`` in the control register to those of ``value``; returns what it was."""

    def codegen(context, b, signature, args):  # type: ignore[no-untyped-def]
        i32 = ir.IntType(32)
        place = cgutils.alloca_once(b, i32)
        pointer = b.bitcast(place, ir.IntType(8).as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [ir.IntType(8).as_pointer()])
        b.call(cgutils.get_or_insert_function(b.module, kind, "llvm.x86.sse.stmxcsr"), [pointer])
        before = b.load(place)
        value, mask = (b.trunc(x, i32) for x in args)
        b.store(b.or_(b.and_(before, b.not_(mask)), b.and_(value, mask)), place)
        b.call(cgutils.get_or_insert_function(b.module, kind, "llvm.x86.sse.ldmxcsr"), [pointer])
        return b.zext(before, ir.IntType(64))

    return types.int64(types.int64, types.int64), codegen


if numba.config.DISABLE_JIT or not KNOWN:

    def flush(buf):  # type: ignore[no-untyped-def]
        """Nothing that could be set."""
        return 0

    def restore(before):  # type: ignore[no-untyped-def]
        """Nothing that was set."""

    if not numba.config.DISABLE_JIT:
        flush, restore = numba.njit(flush), numba.njit(restore)
else:

    @numba.njit
    def flush(buf):  # type: ignore[no-untyped-def]
        """Take subnormal numbers for zero in this thread from now on, in float32; returns what ``restore`` takes."""
        return _exchange(FLUSH if buf.itemsize == 4 else 0, FLUSH)

    @numba.njit
    def restore(before):  # type: ignore[no-untyped-def]
        """As it was before."""
        _exchange(before, FLUSH)
