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

from pcneuro.kernels.arguments import ETA, FACTOR, ITSELF, SIZE, STATE, STREAM, Noise
from pcneuro.kernels.compiling import inner, kernel
from pcneuro.kernels.dispatch import LANES, ix
from pcneuro.kernels.euler import masked
from pcneuro.kernels.host import fuses
from pcneuro.kernels.philox import INCREMENTS, MASK, MULTIPLIERS, ROUNDS, WORD, WORDS, normals
from pcneuro.kernels.tile import VECTOR_BYTES, Vectors
from pcneuro.kernels.transcendental.logarithm import log_of_share
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
    size = sqrt(log_of_share(_uniform(first)) * -2.0)
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


def _stirring(persists: bool) -> Any:
    """An intrinsic that adds drawn numbers to rows of the state; ``persists``: by way of eta, which it writes."""

    @intrinsic
    def rows(typingctx, buf, eta, drawn, factors, state, kept, factor, units, lanes, width):  # type: ignore[no-untyped-def]
        sig = types.int64(buf, eta, drawn, factors, *([types.int64] * 6))
        real = buf.dtype

        def codegen(context, b, signature, args):  # type: ignore[no-untyped-def]
            buf_p, eta_p, drawn_p = (
                context.make_array(t)(context, b, x).data for t, x in zip(signature.args[:3], args[:3])
            )
            factors_p = [
                context.make_array(t)(context, b, b.extract_value(args[3], k)).data
                for k, t in enumerate(signature.args[3])
            ]
            state, kept, factor, units, lanes, width = args[4:]
            vec = Vectors(b, real)
            wide = ir.VectorType(ir.DoubleType(), vec.length)
            whole = ir.VectorType(ir.IntType(real.bitwidth), vec.length)
            kind = np.dtype(str(real))
            infinity, masked_bits = (int(np.array(x, kind).view(f"i{kind.itemsize}")) for x in (np.inf, -np.inf))
            suffix = f"v{vec.length}i{real.bitwidth}"

            def constant(value: int) -> Any:
                return ir.Constant(whole, [value] * vec.length)

            largest = cgutils.alloca_once_value(b, constant(0))
            with cgutils.for_range(b, units) as unit:
                at_unit = b.add(factor, unit.index)
                persistence, amplitude, gain = (vec.splat(b.load(b.gep(p, [at_unit]))) for p in factors_p)
                with cgutils.for_range_slice(b, vec.i64(0), lanes, vec.i64(vec.length), inc=True) as (lane, _):
                    at = b.add(b.mul(unit.index, lanes), lane)
                    numbers = b.gep(drawn_p, [b.add(b.mul(unit.index, width), lane)])
                    z = b.load(b.bitcast(numbers, wide.as_pointer()), align=8)
                    z = z if real.bitwidth == types.float64.bitwidth else b.fptrunc(z, vec.type)
                    stirred = b.fmul(amplitude, z)
                    if persists:
                        place = b.gep(eta_p, [b.add(b.mul(kept, lanes), at)])
                        stirred = b.fadd(b.fmul(persistence, vec.load(place)), stirred)
                        vec.store(stirred, place)
                    place = b.gep(buf_p, [b.add(state, at)])
                    old = vec.load(place)
                    new = b.fadd(old, b.fmul(gain, stirred))
                    vec.store(new, place)
                    before, after = b.bitcast(old, whole), b.bitcast(new, whole)
                    # As in ``euler``: the bits of what is not finite, but for what is under a mask and stays there.
                    size = b.and_(after, constant(infinity | (infinity - 1)))
                    stays = b.and_(*(b.icmp_unsigned("==", bits, constant(masked_bits)) for bits in (before, after)))
                    size = b.select(stays, constant(0), size)
                    b.store(vec.call(f"llvm.umax.{suffix}", whole, b.load(largest), size), largest)
            most = vec.call(f"llvm.vector.reduce.umax.{suffix}", whole.element, b.load(largest))
            return b.zext(b.icmp_unsigned("<", most, ir.Constant(whole.element, infinity)), ir.IntType(64))

        return sig, codegen

    return rows


if numba.config.DISABLE_JIT:

    def draw(out, blocks, lanes, first, step, seed, stream):  # type: ignore[no-untyped-def]
        """Twin of the compiled function."""
        units = WORDS * blocks
        out[: units * lanes] = normals(seed, stream, step, units, lanes, first).T.ravel()

    def stir_rows(buf, eta, drawn, factors, state, kept, factor, units, lanes, width):  # type: ignore[no-untyped-def]
        """Twin of the compiled function."""
        persistence, amplitude, gain = (f[factor : factor + units, None] for f in factors)
        stirred = amplitude * drawn[: units * width].reshape(units, width)[:, :lanes].astype(buf.dtype)
        if kept >= 0:
            stirred += persistence * eta[kept * lanes : (kept + units) * lanes].reshape(units, lanes)
            eta[kept * lanes : (kept + units) * lanes] = stirred.ravel()
        old = buf[state : state + units * lanes].copy()
        new = old + (gain * stirred).ravel()
        buf[state : state + units * lanes] = new
        return int((np.isfinite(new) | masked(old, new)).all())
else:

    @kernel(cache=False)
    def draw(out, blocks, lanes, first, step, seed, stream):  # type: ignore[no-untyped-def]
        """Write normal numbers, a row of ``lanes`` samples a unit, of 4 ``blocks`` units, to ``out`` (float64).

        ``first`` is the number of the first sample; ``lanes`` is a multiple of the vector length.
        """
        _draw(out, blocks, lanes, first, step, seed, stream)

    _white_rows, _persistent_rows = _stirring(False), _stirring(True)

    @kernel(cache=False)
    def stir_rows(buf, eta, drawn, factors, state, kept, factor, units, lanes, width):  # type: ignore[no-untyped-def]
        """What ``stir`` does, for lanes that are whole vectors; returns 1 where all is finite, else 0.

        ``factors`` are persistence, amplitude and gain by unit. Every operation is rounded by itself.
        """
        if kept >= 0:
            return _persistent_rows(buf, eta, drawn, factors, state, kept, factor, units, lanes, width)
        return _white_rows(buf, eta, drawn, factors, state, kept, factor, units, lanes, width)


@inner
def _become(memory, state, factor, units, noise):  # type: ignore[no-untyped-def]
    """Of states that are eta themselves: state <- persistence state + amplitude z; returns whether they are finite."""
    buf, lanes, drawn = memory.buf, memory.context[LANES], noise.drawn
    odd = False
    for u in range(units):
        amplitude, persistence = noise.amplitude[ix(factor + u)], noise.persistence[ix(factor + u)]
        for i in range(lanes):
            at = ix(state + u * lanes + i)
            buf[at] = persistence * buf[at] + amplitude * buf.dtype.type(drawn[ix(u * noise.width + i)])
            odd |= not (abs(buf[at]) < np.inf)
    return not odd


@inner
def stir(v, k, memory, states, noise, step):  # type: ignore[no-untyped-def]
    """Add the noise of a step to row ``v`` of the states, of which it is number ``k``; returns whether it is finite.

    eta <- persistence eta + amplitude z, state <- state + gain eta, unless the state is eta itself. Writes
    ``memory.buf``, ``noise.eta`` and ``noise.drawn``.
    """
    buf, lanes, table, drawn, eta = memory.buf, memory.context[LANES], noise.table, noise.drawn, noise.eta
    units, state, factor, kept = states[v, SIZE], states[v, STATE] * lanes, table[k, FACTOR], table[k, ETA]
    width = noise.width
    draw(drawn, (units + WORDS - 1) // WORDS, width, noise.start, step, noise.seed, table[k, STREAM])
    if kept == ITSELF:
        return _become(memory, state, factor, units, noise)
    if lanes % (VECTOR_BYTES // buf.itemsize) == 0:
        factors = noise.persistence, noise.amplitude, noise.gain
        return stir_rows(buf, eta, drawn, factors, state, kept, factor, units, lanes, width) == 1
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


@inner
def noise_of(noise, block, lanes):  # type: ignore[no-untyped-def]
    """That of one block, of a structure that has a row a block of what is written."""
    of, table, persistence, amplitude, gain, eta, drawn, width, _, seed = noise
    row, first = min(block, eta.shape[0] - 1), block * lanes
    return Noise(of, table, persistence, amplitude, gain, eta[row], drawn[block], width, first, seed)
