"""The micro-kernel: a tile of output rows times vectors of lanes, kept in registers over the whole contraction.

Numba's loops cannot keep sixteen vectors in registers, so this is LLVM vector code behind ``@intrinsic``: phi
accumulators and ``llvm.fma``. Rows are found through tables of offsets; the same row-major weights serve both
directions of a projection, and a table can walk a convolution. Vector length and tile height follow the host.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import llvmlite.binding as llvm
import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from pcneuro.kernels.arguments import RowSums
from pcneuro.kernels.compiling import kernel


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
# Output rows of the tallest tile two vectors of lanes wide: 16 sums in 32 registers with AVX-512, 12 in 16 elsewhere;
# one vector of weights and two of activities beside them still fit.
HEIGHT = 8 if VECTOR_BYTES == 64 else 6
# Vectors of lanes that a tile is wide, and the heights that are tried one after the other, so that what is left of a
# layer, or a small one, fills registers, too. With AVX2 a block of samples is four vectors: three rows of them read
# fewer numbers for a sum than six rows of two.
_LOW = (HEIGHT, 4, 2, 1)
TILES = {
    64: ((2, (8, 6, 4, 2, 1)), (1, (8, 6, 4, 2, 1))),
    32: ((4, (3, 2, 1)), (2, _LOW), (1, _LOW)),
    16: ((2, _LOW), (1, _LOW)),
}[VECTOR_BYTES]

# Terms of a contraction that are summed at a time: so many rows of activity stay in the first-level cache.
DEPTH = 128
# Terms of one turn of the loop where they follow each other at equal distances.
UNROLLED = 2


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


class _Tile:
    """Emits the code of one tile: ``height`` output rows times ``vectors`` vectors of lanes, in registers over k terms.

    ``at`` has the numbers of ``RowSums``, of which those of rows begin at the tile's first, and ``lane``.
    """

    def __init__(
        self, vec: Vectors, buffers: tuple[Any, Any, Any], at: dict[str, Any], height: int, vectors: int
    ) -> None:
        self.vec, self.b, self.at = vec, vec.builder, at
        self.buf, self.shared, self.ints = buffers
        self.height, self.vectors = height, vectors

    def entry(self, table: Any, j: Any) -> Any:
        """Entry j of a table."""
        return self.b.load(self.b.gep(self.ints, [self.b.add(table, j)]))

    def row(self, number: Any) -> Any:
        """Pointer to this tile's first lane of a row."""
        return self.b.gep(self.buf, [self.b.add(self.b.mul(number, self.at["lanes"]), self.at["lane"])])

    def vector(self, row: Any, v: int) -> Any:
        """Pointer to the v-th vector there."""
        return self.b.gep(row, [self.vec.i64(v * self.vec.length)])

    def term(self, sums: list[list[Any]], source: Any, weights: Sequence[Any]) -> list[list[Any]]:
        """One term more in all sums."""
        vec, new = self.vec, [list(row) for row in sums]
        if self.height < self.vectors:
            # The smaller of the two is kept in registers.
            spread = [vec.splat(self.b.load(w)) for w in weights]
            for v in range(self.vectors):
                x = vec.load(self.vector(source, v))
                for r in range(self.height):
                    new[r][v] = vec.fma(spread[r], x, sums[r][v])
            return new
        xs = [vec.load(self.vector(source, v)) for v in range(self.vectors)]
        for r, w in enumerate(weights):
            weight = vec.splat(self.b.load(w))
            for v, x in enumerate(xs):
                new[r][v] = vec.fma(weight, x, sums[r][v])
        return new

    def emit(self, strided: bool) -> None:
        """The loop over terms, and what is before and behind it; ``strided`` where no table need be read in it."""
        b, vec, at = self.b, self.vec, self.at
        anew = b.icmp_signed("!=", at["fresh"], vec.i64(0))
        targets = [self.row(b.add(at["out"], self.entry(at["out_table"], vec.i64(r)))) for r in range(self.height)]
        places = [[self.vector(row, v) for v in range(self.vectors)] for row in targets]
        sums = [[b.select(anew, vec.zero, vec.load(place)) for place in row] for row in places]
        rows = [b.gep(self.shared, [b.add(at["w"], self.entry(at["w_rows"], vec.i64(r)))]) for r in range(self.height)]
        done = self._strided(sums, rows) if strided else self._tabled(sums, rows)
        for r in range(self.height):
            for v in range(self.vectors):
                vec.store(done[r][v], places[r][v])

    def _tabled(self, sums: list[list[Any]], rows: Sequence[Any]) -> list[list[Any]]:
        def term(sums: list[list[Any]], j: Any, _: Sequence[Any]) -> tuple[list[list[Any]], list[Any]]:
            source = self.row(self.b.add(self.at["a"], self.entry(self.at["a_table"], j)))
            offset = self.entry(self.at["w_table"], j)
            return self.term(sums, source, [self.b.gep(row, [offset]) for row in rows]), []

        return self._loop(sums, self.vec.i64(0), self.at["k"], 1, [], term)[0]

    def _strided(self, sums: list[list[Any]], rows: Sequence[Any]) -> list[list[Any]]:
        b, at, zero = self.b, self.at, self.vec.i64(0)
        stride = b.mul(at["a_step"], at["lanes"])
        source = self.row(b.add(at["a"], self.entry(at["a_table"], zero)))
        offset = self.entry(at["w_table"], zero)

        def terms(count: int) -> Any:
            def some(sums: list[list[Any]], j: Any, moving: Sequence[Any]) -> tuple[list[list[Any]], list[Any]]:
                source, offset = moving
                for _ in range(count):
                    sums = self.term(sums, source, [b.gep(row, [offset]) for row in rows])
                    source, offset = b.gep(source, [stride]), b.add(offset, at["w_step"])
                return sums, [source, offset]

            return some

        whole = b.sub(at["k"], b.srem(at["k"], self.vec.i64(UNROLLED)))
        sums, moved = self._loop(sums, zero, whole, UNROLLED, [source, offset], terms(UNROLLED))
        return self._loop(sums, whole, at["k"], 1, moved, terms(1))[0]

    def _loop(
        self, sums: list[list[Any]], first: Any, last: Any, step: int, moving: list[Any], body: Any
    ) -> tuple[list[list[Any]], list[Any]]:
        """``body(sums, j, moving)`` for j from ``first`` to below ``last`` by ``step``, all sums in phis."""
        b = self.b
        before = b.block
        head, inside, done = (b.append_basic_block(f"tile.{name}") for name in ("head", "term", "done"))
        b.branch(head)
        b.position_at_end(head)
        starts = [first, *moving, *(value for row in sums for value in row)]
        phis = [b.phi(value.type) for value in starts]
        for phi, value in zip(phis, starts):
            phi.add_incoming(value, before)
        b.cbranch(b.icmp_signed("<", phis[0], last), inside, done)
        b.position_at_end(inside)
        now = [[phis[1 + len(moving) + r * self.vectors + v] for v in range(self.vectors)] for r in range(self.height)]
        new, moved = body(now, phis[0], phis[1 : 1 + len(moving)])
        ends = [b.add(phis[0], self.vec.i64(step)), *moved, *(value for row in new for value in row)]
        for phi, value in zip(phis, ends):
            phi.add_incoming(value, b.block)
        b.branch(head)
        b.position_at_end(done)
        return now, phis[1 : 1 + len(moving)]


def _emit_rows(b: Any, buffers: tuple[Any, Any, Any], numbers: dict[str, Any], vec: Vectors) -> None:
    """All lanes, a tile's width at a time; all terms, ``DEPTH`` at a time; all rows, tile by tile."""
    zero, depth = vec.i64(0), vec.i64(DEPTH)
    lane = zero
    for vectors, heights in TILES:
        width = vec.i64(vectors * vec.length)
        last = b.sub(numbers["lanes"], b.srem(b.sub(numbers["lanes"], lane), width))
        with cgutils.for_range_slice(b, lane, last, width, inc=True) as (here, _):
            with cgutils.for_range_slice(b, zero, numbers["k"], depth, inc=True) as (j, _):
                left = b.sub(numbers["k"], j)
                some = b.select(b.icmp_signed("<", left, depth), left, depth)
                anew = b.select(b.icmp_signed("==", j, zero), numbers["fresh"], zero)
                block = numbers | {name: b.add(numbers[name], j) for name in ("a_table", "w_table")}
                _emit_tiles(vec, buffers, block | {"lane": here, "k": some, "fresh": anew}, vectors, heights)
        lane = last


def _emit_tiles(
    vec: Vectors, buffers: tuple[Any, Any, Any], numbers: dict[str, Any], vectors: int, heights: Sequence[int]
) -> None:
    """All rows, the tallest tiles first."""
    b, first = vec.builder, vec.i64(0)
    for height in heights:
        last = b.sub(numbers["n"], b.srem(b.sub(numbers["n"], first), vec.i64(height)))
        with cgutils.for_range_slice(b, first, last, vec.i64(height), inc=True) as (r, _):
            rows = numbers | {name: b.add(numbers[name], r) for name in ("out_table", "w_rows")}
            tile = _Tile(vec, buffers, rows, height, vectors)
            if height == heights[0]:
                with b.if_else(b.icmp_signed("!=", numbers["w_step"], vec.i64(0))) as (even, uneven):
                    with even:
                        tile.emit(strided=True)
                    with uneven:
                        tile.emit(strided=False)
            else:
                # The others have little to do.
                tile.emit(strided=False)
        first = last


@intrinsic
def _project_rows(typingctx, buf, shared, ints, sums):  # type: ignore[no-untyped-def]
    def codegen(context, b, signature, args):  # type: ignore[no-untyped-def]
        buf, shared, ints = (context.make_array(t)(context, b, x).data for t, x in zip(signature.args[:3], args[:3]))
        numbers = dict(zip(RowSums._fields, cgutils.unpack_tuple(b, args[3])))
        _emit_rows(b, (buf, shared, ints), numbers, Vectors(b, signature.args[0].dtype))
        return context.get_dummy_value()

    return types.void(buf, shared, ints, sums), codegen


if numba.config.DISABLE_JIT:

    def project_rows(buf, shared, ints, sums):  # type: ignore[no-untyped-def]
        """Twin of the compiled function: the same sums, one output row after the other."""
        lanes = sums.lanes
        for r in range(sums.n):
            first = (sums.out + ints[sums.out_table + r]) * lanes
            if sums.fresh:
                buf[first : first + lanes] = 0
            for j in range(sums.k):
                weight = shared[sums.w + ints[sums.w_rows + r] + ints[sums.w_table + j]]
                source = (sums.a + ints[sums.a_table + j]) * lanes
                buf[first : first + lanes] += weight * buf[source : source + lanes]
else:

    @kernel(cache=False)
    def project_rows(buf, shared, ints, sums):  # type: ignore[no-untyped-def]
        """Add to, or write, the output rows of ``RowSums``; its numbers are int64.

        ``lanes`` is a multiple of the vector length. Reads ``buf`` (rows of a) and ``shared``, adds to ``buf`` (rows of
        out).
        """
        if sums.k == 0 and sums.fresh != 0:
            for r in range(sums.n):
                for i in range(sums.lanes):
                    buf[(sums.out + ints[sums.out_table + r]) * sums.lanes + i] = 0
        _project_rows(buf, shared, ints, sums)
