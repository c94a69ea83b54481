"""Noise in the loop over time steps: normal numbers as vector code, and what they add to the states of a block.

The numbers are those of ``philox.normals``, up to the rounding of logarithms, sines and cosines.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from pcneuro.kernels.arguments import ETA, FACTOR, SIZE, STATE, STREAM
from pcneuro.kernels.compiling import inner, kernel
from pcneuro.kernels.dispatch import LANES, ix
from pcneuro.kernels.euler import masked
from pcneuro.kernels.host import fuses
from pcneuro.kernels.philox import INCREMENTS, MASK, MULTIPLIERS, ROUNDS, WORD, WORDS, normals
from pcneuro.kernels.tile import VECTOR_BYTES, Vectors
from pcneuro.kernels.transcendental.logarithm import log
from pcneuro.kernels.transcendental.trigonometric import of_turns
from pcneuro.kernels.vectors import Format, Real, Whole, as_real, sqrt

LENGTH = VECTOR_BYTES // 8
"""Numbers of float64 in a vector."""


def padded(lanes: int) -> int:
    """Samples that are drawn together: whole vectors."""
    return LENGTH * -(-lanes // LENGTH)


def _rounds(words: list[Whole], keys: list[tuple[Whole, Whole]]) -> list[Whole]:
    """Philox on vectors of counters."""
    a, b, c, d = words
    first, second = MULTIPLIERS
    for k, m in keys:
        p, q = a * first, c * second
        a, b, c, d = q.upper() ^ b ^ k, q & MASK, p.upper() ^ d ^ m, p & MASK
    return [a, b, c, d]


def _uniform(word: Whole) -> Real:
    return (as_real(word) + 0.5) * 2.0**-WORD


def _pair(first: Whole, second: Whole) -> tuple[Real, Real]:
    """Two normal numbers by the method of Box & Muller."""
    size = sqrt(log(_uniform(first)) * -2.0)
    sine, cosine = of_turns(_uniform(second))
    return size * cosine, size * sine


@intrinsic
def _draw(typingctx, out, blocks, lanes, first, step, seed, stream):  # type: ignore[no-untyped-def]
    sig = types.void(out, *([types.int64] * 6))

    def codegen(context, b, signature, args):  # type: ignore[no-untyped-def]
        place = context.make_array(signature.args[0])(context, b, args[0]).data
        blocks, lanes, sample, step, seed, stream = args[1:]
        vec = Vectors(b, types.float64)
        form = Format(b, np.dtype(np.float64), vec.length, fuses())

        def same(value: Any) -> Whole:
            return Whole(form, vec.splat(value))

        def masked_to_word(value: Any) -> Any:
            return b.and_(value, vec.i64(MASK))

        low, high = same(masked_to_word(step)), same(masked_to_word(b.lshr(step, vec.i64(WORD))))
        keys = []
        for number in range(ROUNDS):
            parts = [
                same(masked_to_word(b.add(word, vec.i64(number * increment & MASK))))
                for word, increment in zip((seed, stream), INCREMENTS)
            ]
            keys.append((parts[0], parts[1]))
        numbers = Whole(form, ir.Constant(form.whole, list(range(vec.length))))
        with cgutils.for_range(b, blocks) as block:
            row = b.mul(b.mul(block.index, vec.i64(WORDS)), lanes)
            with cgutils.for_range_slice(b, vec.i64(0), lanes, vec.i64(vec.length), inc=True) as (lane, _):
                here = same(b.add(sample, lane)) + numbers
                words = _rounds([low, high, same(block.index), here & MASK], keys)
                drawn = [*_pair(*words[:2]), *_pair(*words[2:])]
                for unit, each in enumerate(drawn):
                    at = b.add(b.add(row, b.mul(vec.i64(unit), lanes)), lane)
                    vec.store(each.value, b.gep(place, [at]))
        return context.get_dummy_value()

    return sig, codegen


if numba.config.DISABLE_JIT:

    def draw(out, blocks, lanes, first, step, seed, stream):  # type: ignore[no-untyped-def]
        """Twin of the compiled function."""
        units = WORDS * blocks
        out[: units * lanes] = normals(seed, stream, step, units, lanes, first).T.ravel()
else:

    @kernel(cache=False)
    def draw(out, blocks, lanes, first, step, seed, stream):  # type: ignore[no-untyped-def]
        """Write normal numbers, a row of ``lanes`` samples a unit, of 4 ``blocks`` units, to ``out`` (float64).

        ``first`` is the number of the first sample; ``lanes`` is a multiple of the vector length.
        """
        _draw(out, blocks, lanes, first, step, seed, stream)


@inner
def stir(v, k, memory, states, noise, step):  # type: ignore[no-untyped-def]
    """Add the noise of a step to row ``v`` of the states, of which it is number ``k``; returns whether it is finite.

    eta <- persistence eta + amplitude z, state <- state + gain eta. Writes ``memory.buf``, ``noise.eta`` and
    ``noise.drawn``.
    """
    buf, lanes, table, drawn, eta = memory.buf, memory.context[LANES], noise.table, noise.drawn, noise.eta
    units, state, factor, kept = states[v, SIZE], states[v, STATE] * lanes, table[k, FACTOR], table[k, ETA]
    width = noise.width
    draw(drawn, (units + WORDS - 1) // WORDS, width, noise.start, step, noise.seed, table[k, STREAM])
    odd = False
    for u in range(units):
        amplitude, gain = noise.amplitude[ix(factor + u)], noise.gain[ix(factor + u)]
        persistence = noise.persistence[ix(factor + u)]
        for i in range(lanes):
            stirred = amplitude * buf.dtype.type(drawn[ix(u * width + i)])
            if kept >= 0:
                at = ix((kept + u) * lanes + i)
                stirred = persistence * eta[at] + stirred
                eta[at] = stirred
            old = buf[ix(state + u * lanes + i)]
            new = old + gain * stirred
            odd |= not (abs(new) < np.inf or masked(old, new))
            buf[ix(state + u * lanes + i)] = new
    return not odd
