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

# Terms of a contraction that are summed at a time: so many rows of activity stay in the first-level cache.
DEPTH = 128


def vector_length(dtype: Any) -> int:
    """Lanes in one vector."""
    return VECTOR_BYTES // np.dtype(dtype).itemsize


class Vectors:
    """Vector instructions for one type of numbers, emitted where ``builder`` stands."""

    def __init__(self, builder: ir.IRBuilder, real: types.Float) -> None:
        self.builder = builder
        self.scalar = ir.FloatType() if real.bitwidth == 32 else ir.DoubleType()
        self.align = real.bitwidth // 8
        self.length = VECTOR_BYTES // self.align
        self.type = ir.VectorType(self.scalar, self.length)
        self.zero = ir.Constant(self.type, [0.0] * self.length)
        self.suffix = f"v{self.length}f{real.bitwidth}"

    @staticmethod
    def i64(value: int) -> ir.Constant:
        """A 64-bit constant."""
        return ir.Constant(ir.IntType(64), value)

    def call(self, name: str, returned: ir.Type, *args: ir.Value, fastmath: tuple[str, ...] = ()) -> ir.Value:
        """Call an intrinsic function of LLVM."""
        kind = ir.FunctionType(returned, [a.type for a in args])
        return self.builder.call(
            cgutils.get_or_insert_function(self.builder.module, kind, name), args, fastmath=fastmath
        )

    def load(self, place: ir.Value, mask: ir.Value | None = None) -> ir.Value:
        """A vector from a pointer to its first element; zero where a mask is not set."""
        pointer = self.builder.bitcast(place, self.type.as_pointer())
        if mask is None:
            return self.builder.load(pointer, align=self.align)
        align = ir.Constant(ir.IntType(32), self.align)
        return self.call(f"llvm.masked.load.{self.suffix}.p0{self.suffix}", self.type, pointer, align, mask, self.zero)

    def store(self, value: ir.Value, place: ir.Value, mask: ir.Value | None = None) -> None:
        """Write a vector, where a mask is set."""
        pointer = self.builder.bitcast(place, self.type.as_pointer())
        if mask is None:
            self.builder.store(value, pointer, align=self.align)
            return
        align = ir.Constant(ir.IntType(32), self.align)
        self.call(f"llvm.masked.store.{self.suffix}.p0{self.suffix}", ir.VoidType(), value, pointer, align, mask)

    def splat(self, value: ir.Value) -> ir.Value:
        """A vector of one number."""
        undef = ir.Constant(ir.VectorType(value.type, self.length), ir.Undefined)
        first = self.builder.insert_element(undef, value, ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), self.length), [0] * self.length)
        return self.builder.shuffle_vector(first, undef, zeros)

    def fma(self, x: ir.Value, y: ir.Value, z: ir.Value) -> ir.Value:
        """x y + z, rounded once."""
        return self.call(f"llvm.fma.{self.suffix}", self.type, x, y, z)

    def below(self, count: ir.Value) -> ir.Value:
        """A mask of the first ``count`` elements."""
        numbers = ir.Constant(ir.VectorType(ir.IntType(64), self.length), list(range(self.length)))
        return self.builder.icmp_signed("<", numbers, self.splat(count))

    def sum(self, vector: ir.Value) -> ir.Value:
        """The sum of the elements, in an order that is the machine code's."""
        zero = ir.Constant(self.scalar, 0.0)
        return self.call(f"llvm.vector.reduce.fadd.{self.suffix}", self.scalar, zero, vector, fastmath=("reassoc",))


def _make_tile(height: int, vectors: int) -> Callable[..., Any]:
    """Build ``tile(buf, shared, ints, out, out_table, lane, lanes, a, a_table, w, w_rows, w_table, k, fresh)``.

    For r < height and v < vectors: buf[(out + out_table[r]) * lanes + lane + v-th vector] += sum over j < k of
    shared[w + w_rows[r] + w_table[j]] * buf[(a + a_table[j]) * lanes + lane + v-th vector], or = where ``fresh`` is not
    0; tables are positions in ``ints``.
    """

    @intrinsic
    def tile(typingctx, buf, shared, ints, out, out_table, lane, lanes, a, a_table, w, w_rows, w_table, k, fresh):  # type: ignore[no-untyped-def]
        sig = types.void(buf, shared, ints, *([types.int64] * 11))
        real = buf.dtype

        def codegen(context, b, signature, args):  # type: ignore[no-untyped-def]
            buf_p, shared_p, ints_p = (
                context.make_array(t)(context, b, x).data for t, x in zip(signature.args[:3], args[:3])
            )
            out, out_table, lane, lanes, a, a_table, w, w_rows, w_table, k, fresh = args[3:]
            vec = Vectors(b, real)

            def entry(table, j):  # type: ignore[no-untyped-def]
                return b.load(b.gep(ints_p, [b.add(table, j)]))

            def at(row, v):  # type: ignore[no-untyped-def]
                return b.gep(buf_p, [b.add(b.add(b.mul(row, lanes), lane), vec.i64(v * vec.length))])

            before = b.block
            loop, done = b.append_basic_block("tile.k"), b.append_basic_block("tile.done")
            anew = b.icmp_signed("!=", fresh, vec.i64(0))
            targets = [b.add(out, entry(out_table, vec.i64(r))) for r in range(height)]
            places = [[at(row, v) for v in range(vectors)] for row in targets]
            begin = [[b.select(anew, vec.zero, vec.load(place)) for place in row] for row in places]
            rows = [b.gep(shared_p, [b.add(w, entry(w_rows, vec.i64(r)))]) for r in range(height)]
            b.branch(loop)
            b.position_at_end(loop)
            j = b.phi(ir.IntType(64))
            j.add_incoming(vec.i64(0), before)
            total = [[b.phi(vec.type) for _ in range(vectors)] for _ in range(height)]
            source = b.add(a, entry(a_table, j))
            x = [vec.load(at(source, v)) for v in range(vectors)]
            offset = entry(w_table, j)
            new = []
            for r in range(height):
                weights = vec.splat(b.load(b.gep(rows[r], [offset])))
                new.append([vec.fma(weights, x[v], total[r][v]) for v in range(vectors)])
            following = b.add(j, vec.i64(1))
            j.add_incoming(following, loop)
            for r in range(height):
                for v in range(vectors):
                    total[r][v].add_incoming(begin[r][v], before)
                    total[r][v].add_incoming(new[r][v], loop)
            b.cbranch(b.icmp_signed("<", following, k), loop, done)
            b.position_at_end(done)
            for r in range(height):
                for v in range(vectors):
                    vec.store(new[r][v], places[r][v])
            return context.get_dummy_value()

        return sig, codegen

    return tile


if numba.config.DISABLE_JIT:

    def project_rows(buf, shared, ints, out, out_table, n, lanes, a, a_table, w, w_rows, w_table, k, fresh):  # type: ignore[no-untyped-def]
        """Twin of the compiled function: the same sums, one output row after the other."""
        for r in range(n):
            first = (out + ints[out_table + r]) * lanes
            if fresh:
                buf[first : first + lanes] = 0
            for j in range(k):
                weight = shared[w + ints[w_rows + r] + ints[w_table + j]]
                source = (a + ints[a_table + j]) * lanes
                buf[first : first + lanes] += weight * buf[source : source + lanes]
else:
    # 8, 6, 4, 2 and 1 rows with AVX-512, so that what is left of a layer, or a small one, fills registers, too.
    _HEIGHTS = (HEIGHT, 3 * HEIGHT // 4, HEIGHT // 2, HEIGHT // 4, 1)
    _A, _B, _C, _D, _ = _HEIGHTS
    _wide_a, _wide_b, _wide_c, _wide_d, _wide_e = (_make_tile(h, 2) for h in _HEIGHTS)
    _narrow_a, _narrow_b, _narrow_c, _narrow_d, _narrow_e = (_make_tile(h, 1) for h in _HEIGHTS)

    @numba.njit(error_model="numpy")
    def _wide_rows(buf, shared, ints, out, o, n, lane, lanes, a, s, w, v, t, d, f):  # type: ignore[no-untyped-def]
        """All rows, two vectors of lanes wide."""
        r = 0
        while r < n:
            left = n - r
            if left >= _A:
                _wide_a(buf, shared, ints, out, o + r, lane, lanes, a, s, w, v + r, t, d, f)
                r += _A
            elif left >= _B:
                _wide_b(buf, shared, ints, out, o + r, lane, lanes, a, s, w, v + r, t, d, f)
                r += _B
            elif left >= _C:
                _wide_c(buf, shared, ints, out, o + r, lane, lanes, a, s, w, v + r, t, d, f)
                r += _C
            elif left >= _D:
                _wide_d(buf, shared, ints, out, o + r, lane, lanes, a, s, w, v + r, t, d, f)
                r += _D
            else:
                _wide_e(buf, shared, ints, out, o + r, lane, lanes, a, s, w, v + r, t, d, f)
                r += 1

    @numba.njit(error_model="numpy")
    def _narrow_rows(buf, shared, ints, out, o, n, lane, lanes, a, s, w, v, t, d, f):  # type: ignore[no-untyped-def]
        """All rows, one vector of lanes wide."""
        r = 0
        while r < n:
            left = n - r
            if left >= _A:
                _narrow_a(buf, shared, ints, out, o + r, lane, lanes, a, s, w, v + r, t, d, f)
                r += _A
            elif left >= _B:
                _narrow_b(buf, shared, ints, out, o + r, lane, lanes, a, s, w, v + r, t, d, f)
                r += _B
            elif left >= _C:
                _narrow_c(buf, shared, ints, out, o + r, lane, lanes, a, s, w, v + r, t, d, f)
                r += _C
            elif left >= _D:
                _narrow_d(buf, shared, ints, out, o + r, lane, lanes, a, s, w, v + r, t, d, f)
                r += _D
            else:
                _narrow_e(buf, shared, ints, out, o + r, lane, lanes, a, s, w, v + r, t, d, f)
                r += 1

    @numba.njit(error_model="numpy")
    def project_rows(buf, shared, ints, out, out_table, n, lanes, a, a_table, w, w_rows, w_table, k, fresh):  # type: ignore[no-untyped-def]
        """Add to ``n`` output rows: out[r] += sum over j < k of shared[w + w_rows[r] + w_table[j]] * a[j].

        Where ``fresh`` is not 0, rows are written instead, whatever they hold. ``out_table``, ``a_table``, ``w_rows``
        and ``w_table`` are positions of offset tables in ``ints``. ``lanes`` is a multiple of the vector length. Reads
        ``buf`` (rows of a) and ``shared``, adds to ``buf`` (rows of out).
        """
        length = VECTOR_BYTES // buf.itemsize
        if k == 0 and fresh != 0:
            for r in range(n):
                for i in range(lanes):
                    buf[(out + ints[out_table + r]) * lanes + i] = 0
        for lane in range(0, lanes, 2 * length):
            # The tile takes at least one step.
            for j in range(0, k, DEPTH):
                s, t, d, f = a_table + j, w_table + j, min(DEPTH, k - j), fresh * (j == 0)
                if lane + 2 * length <= lanes:
                    _wide_rows(buf, shared, ints, out, out_table, n, lane, lanes, a, s, w, w_rows, t, d, f)
                else:
                    _narrow_rows(buf, shared, ints, out, out_table, n, lane, lanes, a, s, w, w_rows, t, d, f)
