"""The micro-kernel of learning: a tile of weights that takes its drive and its change in registers.

The drive is presynaptic times postsynaptic activity, summed over all samples: that of each block by itself, then all
blocks in their order, as ``hebbian.hebb_panel`` does it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from pcneuro.kernels.arguments import DECAY, HIGHEST, LOWEST, RATE, Product
from pcneuro.kernels.compiling import kernel
from pcneuro.kernels.tile import HEIGHT, VECTOR_BYTES, Vectors, vector_length


class _Tile:
    """Emits the code of one tile: ``height`` rows times ``vectors`` vectors of weights.

    ``at`` has the numbers of ``Product``, which are those of the tile.
    """

    def __init__(self, vec: Vectors, pointers: tuple[Any, ...], at: Product, height: int, vectors: int) -> None:
        self.vec, self.b, self.at = vec, vec.builder, at
        self.shared, self.bufs, self.block, self.panel, self.numbers = pointers
        self.height, self.vectors = height, vectors
        rows = [self.b.add(at.value, self.b.mul(at.columns, vec.i64(r))) for r in range(height)]
        self.places = [
            [self.b.gep(self.shared, [self.b.add(row, vec.i64(v * vec.length))]) for v in range(vectors)]
            for row in rows
        ]

    def each(self, emit: Callable[[int, int], Any]) -> list[list[Any]]:
        """What is emitted for each vector of the tile."""
        return [[emit(r, v) for v in range(self.vectors)] for r in range(self.height)]

    def prefetch(self) -> None:
        """Have the weights on their way while the sums are made: a strip of them is no stream of memory."""
        byte, i32 = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, i32, i32, i32])
        function = cgutils.get_or_insert_function(self.b.module, kind, "llvm.prefetch.p0")
        for place in (place for row in self.places for place in row):
            # To be written, kept in all caches, data.
            self.b.call(function, [self.b.bitcast(place, byte), i32(1), i32(3), i32(1)])

    def sums(self) -> list[list[Any]]:
        """The drives: a loop over blocks of samples."""
        b, vec, at = self.b, self.vec, self.at
        before = b.block
        loop, done = b.append_basic_block("product.block"), b.append_basic_block("product.done")
        b.branch(loop)
        b.position_at_end(loop)
        block = b.phi(ir.IntType(64))
        block.add_incoming(vec.i64(0), before)
        totals = self.each(lambda r, v: b.phi(vec.type))
        first = b.mul(block, at.lanes)
        left = b.sub(at.samples, first)
        count = b.select(b.icmp_signed("<", left, at.lanes), left, at.lanes)
        row = b.add(b.mul(block, self.block), b.mul(at.pre, at.lanes))
        sources = [b.gep(self.bufs, [b.add(row, b.mul(at.lanes, vec.i64(r)))]) for r in range(self.height)]
        panel = b.gep(self.panel, [b.mul(first, vec.i64(2 * vec.length))])
        summed = self._block(sources, panel, count)
        new = self.each(lambda r, v: b.fadd(totals[r][v], summed[r][v]))
        following = b.add(block, vec.i64(1))
        block.add_incoming(following, b.block)
        self.each(lambda r, v: totals[r][v].add_incoming(vec.zero, before))
        self.each(lambda r, v: totals[r][v].add_incoming(new[r][v], b.block))
        b.cbranch(b.icmp_signed("<", b.mul(following, at.lanes), at.samples), loop, done)
        b.position_at_end(done)
        return new

    def _block(self, sources: list[Any], panel: Any, count: Any) -> list[list[Any]]:
        """The sums over ``count`` samples of a block."""
        b, vec = self.b, self.vec
        before = b.block
        loop, done = b.append_basic_block("product.sample"), b.append_basic_block("product.summed")
        b.branch(loop)
        b.position_at_end(loop)
        j = b.phi(ir.IntType(64))
        j.add_incoming(vec.i64(0), before)
        sums = self.each(lambda r, v: b.phi(vec.type))
        row = b.gep(panel, [b.mul(j, vec.i64(2 * vec.length))])
        x = [vec.load(b.gep(row, [vec.i64(v * vec.length)])) for v in range(self.vectors)]
        new = []
        for r in range(self.height):
            weight = vec.splat(b.load(b.gep(sources[r], [j])))
            new.append([vec.fma(weight, x[v], sums[r][v]) for v in range(self.vectors)])
        following = b.add(j, vec.i64(1))
        j.add_incoming(following, loop)
        self.each(lambda r, v: sums[r][v].add_incoming(vec.zero, before))
        self.each(lambda r, v: sums[r][v].add_incoming(new[r][v], loop))
        b.cbranch(b.icmp_signed("<", following, count), loop, done)
        b.position_at_end(done)
        return new

    def follow(self, drives: list[list[Any]], mask: Any) -> Any:
        """Change the weights; returns whether all are finite."""
        b, vec = self.b, self.vec
        number = {k: vec.splat(b.load(b.gep(self.numbers, [vec.i64(k)]))) for k in (RATE, DECAY, LOWEST, HIGHEST)}
        infinity = ir.Constant(vec.type, [float("inf")] * vec.length)
        finite = ir.Constant(ir.VectorType(ir.IntType(1), vec.length), [1] * vec.length)
        outside = b.not_(mask) if mask is not None else None
        for row, places in zip(drives, self.places, strict=True):
            for drive, place in zip(row, places, strict=True):
                old = vec.load(place, mask)
                new = b.fadd(old, b.fmul(number[RATE], b.fsub(drive, b.fmul(number[DECAY], old))))
                new = b.select(b.fcmp_ordered("<", new, number[LOWEST]), number[LOWEST], new)
                new = b.select(b.fcmp_ordered(">", new, number[HIGHEST]), number[HIGHEST], new)
                vec.store(new, place, mask)
                known = b.fcmp_ordered("<", vec.call(f"llvm.fabs.{vec.suffix}", vec.type, new), infinity)
                finite = b.and_(finite, known if outside is None else b.or_(known, outside))
        bits = ir.IntType(vec.length)
        return b.icmp_unsigned("==", b.bitcast(finite, bits), ir.Constant(bits, (1 << vec.length) - 1))


def _make_tile(height: int, vectors: int, masked: bool) -> Callable[..., Any]:
    """Build ``tile(shared, bufs, panel, numbers, product)``: ``follow_panel`` for one tile of weights."""

    @intrinsic
    def tile(typingctx, shared, bufs, panel, numbers, product):  # type: ignore[no-untyped-def]
        sig = types.boolean(shared, bufs, panel, numbers, product)

        def codegen(context, b, signature, args):  # type: ignore[no-untyped-def]
            arrays = [context.make_array(t)(context, b, x) for t, x in zip(signature.args[:4], args[:4])]
            size = b.extract_value(arrays[1].shape, 1)
            pointers = arrays[0].data, arrays[1].data, size, arrays[2].data, arrays[3].data
            vec, at = Vectors(b, shared.dtype), Product(*cgutils.unpack_tuple(b, args[4]))
            emitted = _Tile(vec, pointers, at, height, vectors)
            emitted.prefetch()
            return emitted.follow(emitted.sums(), vec.below(at.breadth) if masked else None)

        return sig, codegen

    return tile


if numba.config.DISABLE_JIT:

    def follow_panel(shared, bufs, panel, numbers, product):  # type: ignore[no-untyped-def]
        """Twin of the compiled function."""
        value, rows, columns, count, pre, lanes, samples = product
        width = 2 * vector_length(shared.dtype)
        finite = True
        for r in range(rows):
            drive = np.zeros(count, shared.dtype)
            for first in range(0, samples, lanes):
                row, total = (pre + r) * lanes, np.zeros(count, shared.dtype)
                for i in range(min(lanes, samples - first)):
                    place = (first + i) * width
                    total += bufs[first // lanes, row + i] * panel[place : place + count]
                drive += total
            old = shared[value + r * columns :][:count]
            new = old + numbers[RATE] * (drive - numbers[DECAY] * old)
            old[...] = np.clip(new, numbers[LOWEST], numbers[HIGHEST])
            finite &= bool(np.isfinite(old).all())
        return finite
else:
    _MIDDLE = HEIGHT // 2
    _two_high, _two_middle, _two_low = (_make_tile(h, 2, False) for h in (HEIGHT, _MIDDLE, 1))
    _one_high, _one_middle, _one_low = (_make_tile(h, 1, True) for h in (HEIGHT, _MIDDLE, 1))

    @kernel(cache=False)
    def follow_panel(shared, bufs, panel, numbers, product):  # type: ignore[no-untyped-def]
        """Let the weights of ``Product`` follow: W += rate (sum over samples of pre * post - decay W), within bounds.

        ``bufs`` has the blocks of samples, presynaptic activity in them; ``panel`` the postsynaptic activity of all
        samples, a row of two vectors for each; ``numbers`` those of ``Learning.numbers``. Adds to ``shared``; returns
        whether all that is written is finite. Every weight is summed in the same order, whichever rows it is called
        with.
        """
        length = VECTOR_BYTES // shared.itemsize
        value, rows, columns, breadth, pre, lanes, samples = product
        finite = True
        first = 0
        while first < breadth:
            wide = first + 2 * length <= breadth
            count = min(length, breadth - first)
            part = panel[first:]
            r = 0
            while r < rows:
                height = HEIGHT if r + HEIGHT <= rows else _MIDDLE if r + _MIDDLE <= rows else 1
                at = Product(value + r * columns + first, height, columns, count, pre + r, lanes, samples)
                if height == HEIGHT:
                    finite &= (
                        _two_high(shared, bufs, part, numbers, at)
                        if wide
                        else _one_high(shared, bufs, part, numbers, at)
                    )
                elif height == _MIDDLE:
                    finite &= (
                        _two_middle(shared, bufs, part, numbers, at)
                        if wide
                        else _one_middle(shared, bufs, part, numbers, at)
                    )
                else:
                    finite &= (
                        _two_low(shared, bufs, part, numbers, at) if wide else _one_low(shared, bufs, part, numbers, at)
                    )
                r += height
            first += 2 * length if wide else length
        return finite
