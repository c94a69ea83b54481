"""The micro-kernel: a tile of output rows times vectors of lanes, kept in registers over the whole contraction.

Numba's loops cannot keep sixteen vectors in registers, so this is LLVM vector code behind ``@intrinsic``: phi
accumulators and ``llvm.fma``. Rows are found through tables of offsets; the same row-major weights serve both
directions of a projection, and a table can walk a convolution. Vector length and tile height follow the host.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import llvmlite.binding as llvm
import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_LLVM_REAL = {types.float32: ir.FloatType(), types.float64: ir.DoubleType()}


@cache
def _features() -> dict[str, bool]:
    return dict(llvm.get_host_cpu_features())


def vector_bytes() -> int:
    """Width of the widest vector registers of this machine."""
    features = _features()
    if features.get("avx512f"):
        return 64
    return 32 if features.get("avx2") or features.get("avx") else 16


VECTOR_BYTES = vector_bytes()
# Output rows of the largest tile. Two vectors each: 16 of 32 registers with AVX-512, 12 of 16 with AVX2; one vector of
# weights and two of activities beside them still fit.
HEIGHT = 8 if VECTOR_BYTES == 64 else 4


def vector_length(dtype: Any) -> int:
    """Lanes in one vector."""
    return VECTOR_BYTES // np.dtype(dtype).itemsize


def _make_tile(height: int, vectors: int) -> Callable[..., Any]:
    """Build ``tile(buf, shared, ints, out, out_table, lane, lanes, a, a_table, w, w_rows, w_table, k)``.

    For r < height and v < vectors: buf[(out + out_table[r]) * lanes + lane + v-th vector] += sum over j < k of
    shared[w + w_rows[r] + w_table[j]] * buf[(a + a_table[j]) * lanes + lane + v-th vector]; tables are positions in
    ``ints``.
    """

    @intrinsic
    def tile(typingctx, buf, shared, ints, out, out_table, lane, lanes, a, a_table, w, w_rows, w_table, k):  # type: ignore[no-untyped-def]
        n = types.int64
        sig = types.void(buf, shared, ints, *([n] * 10))
        real = buf.dtype

        def codegen(context, b, signature, args):  # type: ignore[no-untyped-def]
            data = [context.make_array(t)(context, b, x).data for t, x in zip(signature.args[:3], args[:3])]
            buf_p, shared_p, ints_p = data
            out, out_table, lane, lanes, a, a_table, w, w_rows, w_table, k = args[3:]
            scalar, i64, i32 = _LLVM_REAL[real], ir.IntType(64), ir.IntType(32)
            length = VECTOR_BYTES // (real.bitwidth // 8)
            vec = ir.VectorType(scalar, length)
            undef = ir.Constant(vec, ir.Undefined)
            splat = ir.Constant(ir.VectorType(i32, length), [0] * length)
            suffix = f"v{length}f{real.bitwidth}"
            fma = cgutils.get_or_insert_function(b.module, ir.FunctionType(vec, [vec] * 3), f"llvm.fma.{suffix}")
            align = real.bitwidth // 8

            def entry(table, j):  # type: ignore[no-untyped-def]
                return b.load(b.gep(ints_p, [b.add(table, j)]))

            def at(row, v):  # type: ignore[no-untyped-def]
                place = b.add(b.add(b.mul(row, lanes), lane), ir.Constant(i64, v * length))
                return b.bitcast(b.gep(buf_p, [place]), vec.as_pointer())

            def constant(r):  # type: ignore[no-untyped-def]
                return ir.Constant(i64, r)

            before = b.block
            loop, done = b.append_basic_block("tile.k"), b.append_basic_block("tile.done")
            rows = [b.gep(shared_p, [b.add(w, entry(w_rows, constant(r)))]) for r in range(height)]
            b.branch(loop)
            b.position_at_end(loop)
            j = b.phi(i64)
            j.add_incoming(constant(0), before)
            total = [[b.phi(vec) for _ in range(vectors)] for _ in range(height)]
            for row in total:
                for phi in row:
                    phi.add_incoming(ir.Constant(vec, [0.0] * length), before)
            source = b.add(a, entry(a_table, j))
            x = [b.load(at(source, v), align=align) for v in range(vectors)]
            offset = entry(w_table, j)
            new = []
            for r in range(height):
                weight = b.insert_element(undef, b.load(b.gep(rows[r], [offset])), ir.Constant(i32, 0))
                weights = b.shuffle_vector(weight, undef, splat)
                new.append([b.call(fma, [weights, x[v], total[r][v]]) for v in range(vectors)])
            following = b.add(j, constant(1))
            j.add_incoming(following, loop)
            for r in range(height):
                for v in range(vectors):
                    total[r][v].add_incoming(new[r][v], loop)
            b.cbranch(b.icmp_signed("<", following, k), loop, done)
            b.position_at_end(done)
            for r in range(height):
                row = b.add(out, entry(out_table, constant(r)))
                for v in range(vectors):
                    place = at(row, v)
                    b.store(b.fadd(b.load(place, align=align), new[r][v]), place, align=align)
            return context.get_dummy_value()

        return sig, codegen

    return tile


if numba.config.DISABLE_JIT:

    def project_rows(buf, shared, ints, out, out_table, n, lanes, a, a_table, w, w_rows, w_table, k):  # type: ignore[no-untyped-def]
        """Twin of the compiled function: the same sums, one output row after the other."""
        for r in range(n):
            first = (out + ints[out_table + r]) * lanes
            for j in range(k):
                weight = shared[w + ints[w_rows + r] + ints[w_table + j]]
                source = (a + ints[a_table + j]) * lanes
                buf[first : first + lanes] += weight * buf[source : source + lanes]
else:
    _MIDDLE = HEIGHT // 2
    _two_high, _two_middle, _two_low = (_make_tile(h, 2) for h in (HEIGHT, _MIDDLE, 1))
    _one_high, _one_middle, _one_low = (_make_tile(h, 1) for h in (HEIGHT, _MIDDLE, 1))

    @numba.njit(error_model="numpy")
    def project_rows(buf, shared, ints, out, out_table, n, lanes, a, a_table, w, w_rows, w_table, k):  # type: ignore[no-untyped-def]
        """Add to ``n`` output rows: out[r] += sum over j < k of shared[w + w_rows[r] + w_table[j]] * a[j].

        ``out_table``, ``a_table``, ``w_rows`` and ``w_table`` are positions of offset tables in ``ints``. ``lanes`` is
        a multiple of the vector length. Reads ``buf`` (rows of a) and ``shared``, adds to ``buf`` (rows of out).
        """
        length = VECTOR_BYTES // buf.itemsize
        lane = 0
        # A contraction over nothing leaves the rows as they are; the tile takes at least one step.
        while lane < lanes and k > 0:
            wide = lane + 2 * length <= lanes
            r = 0
            while r < n:
                if wide:
                    if r + HEIGHT <= n:
                        _two_high(
                            buf, shared, ints, out, out_table + r, lane, lanes, a, a_table, w, w_rows + r, w_table, k
                        )
                        r += HEIGHT
                    elif r + _MIDDLE <= n:
                        _two_middle(
                            buf, shared, ints, out, out_table + r, lane, lanes, a, a_table, w, w_rows + r, w_table, k
                        )
                        r += _MIDDLE
                    else:
                        _two_low(
                            buf, shared, ints, out, out_table + r, lane, lanes, a, a_table, w, w_rows + r, w_table, k
                        )
                        r += 1
                elif r + HEIGHT <= n:
                    _one_high(buf, shared, ints, out, out_table + r, lane, lanes, a, a_table, w, w_rows + r, w_table, k)
                    r += HEIGHT
                elif r + _MIDDLE <= n:
                    _one_middle(
                        buf, shared, ints, out, out_table + r, lane, lanes, a, a_table, w, w_rows + r, w_table, k
                    )
                    r += _MIDDLE
                else:
                    _one_low(buf, shared, ints, out, out_table + r, lane, lanes, a, a_table, w, w_rows + r, w_table, k)
                    r += 1
            lane += 2 * length if wide else length
