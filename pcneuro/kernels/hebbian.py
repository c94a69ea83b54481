"""The micro-kernels of Hebbian sums: tiles of synapses kept in registers while they sum over samples, or over places.

``hebb_panel`` is for projections: a tile of synapses is some presynaptic rows times vectors of postsynaptic units,
which stand transposed in a panel. ``hebb_taps`` is for shared kernels of weights: a tile is some
rows times some taps, each a vector of partial sums over samples that runs over all places before its elements are added
up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from pcneuro.kernels.arguments import PanelSums, TapSums
from pcneuro.kernels.compiling import kernel
from pcneuro.kernels.tile import HEIGHT, VECTOR_BYTES, Vectors, vector_length

PANEL = {
    dtype: 2 * vector_length(dtype) * lanes for dtype, lanes in ((np.dtype(np.float32), 32), (np.dtype(np.float64), 16))
}
"""Elements of a panel: two vectors of units, for each sample of a block."""


def _make_outer(height: int, vectors: int, masked: bool) -> Callable[..., Any]:
    """Build ``outer(shared, buf, ints, sums)``: the sums of ``PanelSums`` for ``height`` rows and ``vectors`` vectors.

    ``sums.columns`` are those of one vector, the first elements of it that are summed where ``masked``.
    """

    @intrinsic
    def outer(typingctx, shared, buf, ints, sums):  # type: ignore[no-untyped-def]
        sig = types.void(shared, buf, ints, sums)
        real = buf.dtype

        def codegen(context, b, signature, args):  # type: ignore[no-untyped-def]
            shared_p, buf_p, ints_p = (
                context.make_array(t)(context, b, x).data for t, x in zip(signature.args[:3], args[:3])
            )
            out, out_table, _, count, a, a_table, lanes, panel, k = cgutils.unpack_tuple(b, args[3])
            vec = Vectors(b, real)

            def entry(table, j):  # type: ignore[no-untyped-def]
                return b.load(b.gep(ints_p, [b.add(table, vec.i64(j))]))

            before = b.block
            loop, done = b.append_basic_block("outer.k"), b.append_basic_block("outer.done")
            sources = [b.gep(buf_p, [b.mul(b.add(a, entry(a_table, r)), lanes)]) for r in range(height)]
            first = b.gep(shared_p, [panel])
            b.branch(loop)
            b.position_at_end(loop)
            j = b.phi(ir.IntType(64))
            j.add_incoming(vec.i64(0), before)
            total = [[b.phi(vec.type) for _ in range(vectors)] for _ in range(height)]
            row = b.gep(first, [b.mul(j, vec.i64(2 * vec.length))])
            x = [vec.load(b.gep(row, [vec.i64(v * vec.length)])) for v in range(vectors)]
            new = []
            for r in range(height):
                weight = vec.splat(b.load(b.gep(sources[r], [j])))
                new.append([vec.fma(weight, x[v], total[r][v]) for v in range(vectors)])
            following = b.add(j, vec.i64(1))
            j.add_incoming(following, loop)
            for r in range(height):
                for v in range(vectors):
                    total[r][v].add_incoming(vec.zero, before)
                    total[r][v].add_incoming(new[r][v], loop)
            b.cbranch(b.icmp_signed("<", following, k), loop, done)
            b.position_at_end(done)
            mask = vec.below(count) if masked else None
            for r in range(height):
                target = b.gep(shared_p, [b.add(out, entry(out_table, r))])
                for v in range(vectors):
                    place = b.gep(target, [vec.i64(v * vec.length)])
                    vec.store(b.fadd(vec.load(place, mask), new[r][v]), place, mask)
            return context.get_dummy_value()

        return sig, codegen

    return outer


def _emit_taps(vec: Vectors, pointers: Sequence[Any], at: Sequence[Any], height: int, width: int) -> None:
    """The code of ``_make_taps``: ``pointers`` to shared, buf and ints, and ``at``, the numbers of ``TapSums``."""
    build = vec.builder
    shared, buf, ints = pointers
    out, out_rows, _, out_taps, _, a, a_rows, b, b_taps, a_places, b_places, places, lanes, count = at

    def entry(table: Any, j: Any) -> Any:
        return build.load(build.gep(ints, [build.add(table, j)]))

    def starts(first: Any, table: Any, n: int) -> list[Any]:
        offsets = [build.mul(entry(table, vec.i64(i)), lanes) for i in range(n)]
        return [build.gep(buf, [build.add(first, offset)]) for offset in offsets]

    mask = vec.below(count)
    rows, sources = starts(a, a_rows, height), starts(b, b_taps, width)
    before = build.block
    loop, done = build.append_basic_block("taps.place"), build.append_basic_block("taps.done")
    build.branch(loop)
    build.position_at_end(loop)
    p = build.phi(ir.IntType(64))
    p.add_incoming(vec.i64(0), before)
    total = [[build.phi(vec.type) for _ in range(width)] for _ in range(height)]
    here = build.mul(entry(a_places, p), lanes)
    there = build.mul(entry(b_places, p), lanes)
    # What is beyond the samples is zero on one side, and as finite as the last sample on the other.
    x = [vec.load(build.gep(row, [here]), mask) for row in rows]
    new: list[list[Any]] = [[] for _ in rows]
    for j, source in enumerate(sources):
        y = vec.load(build.gep(source, [there]))
        for r in range(height):
            new[r].append(vec.fma(x[r], y, total[r][j]))
    following = build.add(p, vec.i64(1))
    p.add_incoming(following, loop)
    for r in range(height):
        for j in range(width):
            total[r][j].add_incoming(vec.zero, before)
            total[r][j].add_incoming(new[r][j], loop)
    build.cbranch(build.icmp_signed("<", following, places), loop, done)
    build.position_at_end(done)
    for r in range(height):
        row = build.add(out, entry(out_rows, vec.i64(r)))
        for j in range(width):
            place = build.gep(shared, [build.add(row, entry(out_taps, vec.i64(j)))])
            build.store(build.fadd(build.load(place), vec.sum(new[r][j])), place)


def _make_taps(height: int, width: int) -> Callable[..., Any]:
    """Build ``taps(shared, buf, ints, sums)``: the sums of ``TapSums`` for ``height`` rows and ``width`` taps.

    Of a vector of samples at most: ``sums.a`` and ``sums.b`` are elements of ``buf``, those of its first sample.
    """

    @intrinsic
    def taps(typingctx, shared, buf, ints, sums):  # type: ignore[no-untyped-def]
        sig = types.void(shared, buf, ints, sums)
        real = buf.dtype

        def codegen(context, build, signature, args):  # type: ignore[no-untyped-def]
            pointers = [context.make_array(t)(context, build, x).data for t, x in zip(signature.args[:3], args[:3])]
            _emit_taps(Vectors(build, real), pointers, cgutils.unpack_tuple(build, args[3]), height, width)
            return context.get_dummy_value()

        return sig, codegen

    return taps


if numba.config.DISABLE_JIT:

    def hebb_panel(shared, buf, ints, sums):  # type: ignore[no-untyped-def]
        """Twin of the compiled function."""
        width, columns = 2 * vector_length(buf.dtype), sums.columns
        for r in range(sums.rows):
            first, row = sums.out + ints[sums.out_table + r], (sums.a + ints[sums.a_table + r]) * sums.lanes
            for j in range(sums.k):
                place = sums.panel + j * width
                shared[first : first + columns] += buf[row + j] * shared[place : place + columns]

    def hebb_taps(shared, buf, ints, sums):  # type: ignore[no-untyped-def]
        """Twin of the compiled function."""
        lanes, active = sums.lanes, sums.active
        for r in range(sums.rows):
            for j in range(sums.taps):
                for p in range(sums.places):
                    x = (sums.a + ints[sums.a_rows + r] + ints[sums.a_places + p]) * lanes
                    y = (sums.b + ints[sums.b_taps + j] + ints[sums.b_places + p]) * lanes
                    change = np.dot(buf[x : x + active], buf[y : y + active])
                    shared[sums.out + ints[sums.out_rows + r] + ints[sums.out_taps + j]] += change
else:
    _MIDDLE = HEIGHT // 2
    _two_high, _two_middle, _two_low = (_make_outer(h, 2, False) for h in (HEIGHT, _MIDDLE, 1))
    _one_high, _one_middle, _one_low = (_make_outer(h, 1, True) for h in (HEIGHT, _MIDDLE, 1))

    @kernel(cache=False)
    def hebb_panel(shared, buf, ints, sums):  # type: ignore[no-untyped-def]
        """Add to neighbouring synapses of each row of ``PanelSums``, from a panel of postsynaptic activity.

        Its numbers are int64. Every synapse sums in the same order, whichever rows it is called with.
        """
        length = VECTOR_BYTES // buf.itemsize
        out, out_table, rows, columns, a, a_table, lanes, panel, k = sums
        first = 0
        while first < columns and k > 0:
            wide = first + 2 * length <= columns
            count = min(length, columns - first)
            r = 0
            while r < rows:
                height = HEIGHT if r + HEIGHT <= rows else _MIDDLE if r + _MIDDLE <= rows else 1
                tile = PanelSums(
                    out + first, out_table + r, height, count, a, a_table + r, lanes, panel + first, k
                )  # fmt: skip
                if height == HEIGHT:
                    _two_high(shared, buf, ints, tile) if wide else _one_high(shared, buf, ints, tile)
                elif height == _MIDDLE:
                    _two_middle(shared, buf, ints, tile) if wide else _one_middle(shared, buf, ints, tile)
                else:
                    _two_low(shared, buf, ints, tile) if wide else _one_low(shared, buf, ints, tile)
                r += height
            first += 2 * length if wide else length

    # Sixteen sums, or eight where there are but sixteen registers.
    _WIDTH = 8 if VECTOR_BYTES == 64 else 4
    _square, _column, _row, _single = (_make_taps(h, w) for h, w in ((2, _WIDTH), (2, 1), (1, _WIDTH), (1, 1)))

    @kernel(cache=False)
    def hebb_taps(shared, buf, ints, sums):  # type: ignore[no-untyped-def]
        """Add to the synapses of ``TapSums`` what they get at its places from its samples.

        Its numbers are int64; ``lanes`` is a multiple of the vector length. Every synapse sums in the same order,
        whichever rows it is called with.
        """
        length = VECTOR_BYTES // buf.itemsize
        out, out_rows, rows, out_taps, taps, a, a_rows, b, b_taps, a_places, b_places, places, lanes, active = sums
        for lane in range(0, active, length):
            x, y, count = a * lanes + lane, b * lanes + lane, min(length, active - lane)
            r = 0
            while r < rows and places > 0:
                j, two = 0, r + 2 <= rows
                high = 2 if two else 1
                o, s = out_rows + r, a_rows + r
                while j < taps:
                    wide = j + _WIDTH <= taps
                    width = _WIDTH if wide else 1
                    tile = TapSums(
                        out, o, high, out_taps + j, width, x, s, y, b_taps + j, a_places, b_places, places, lanes, count
                    )
                    if wide:
                        _square(shared, buf, ints, tile) if two else _row(shared, buf, ints, tile)
                    else:
                        _column(shared, buf, ints, tile) if two else _single(shared, buf, ints, tile)
                    j += width
                r += high
