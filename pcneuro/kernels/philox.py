"""Normal numbers from a counter-based generator, in plain NumPy: any of them alone, in any order, always the same.

Philox 4x32-10 (Salmon, Moraes, Dror & Shaw 2011) makes four words of 32 bits of a counter and a key,

    counter = (step, step >> 32, unit // 4, sample),    key = (seed, stream)

and from these words x0 ... x3 the method of Box & Muller (1958) makes four normal numbers, of the units 4 b ... 4 b + 3
of block b = unit // 4, with u = (x + 1/2) / 2^32:

    z0, z1 = sqrt(-2 log u0) (cos, sin)(2 pi u1),    z2, z3 = sqrt(-2 log u2) (cos, sin)(2 pi u3)
"""

from __future__ import annotations

import numpy as np

MULTIPLIERS = 0xD2511F53, 0xCD9E8D57
INCREMENTS = 0x9E3779B9, 0xBB67AE85
"""What is added to the key from round to round."""
ROUNDS = 10
WORD = 32
MASK = 2**WORD - 1
WORDS = 4
"""Words that a counter gives, and units that share one."""


def philox(counter: np.ndarray, key: tuple[int, int]) -> np.ndarray:
    """Four words of 32 bits for each counter of four: uint64 arrays of shape (4, ...)."""
    a, b, c, d = (np.asarray(word, dtype=np.uint64) for word in counter)
    mask, shift = np.uint64(MASK), np.uint64(WORD)
    first, second = (np.uint64(m) for m in MULTIPLIERS)
    for number in range(ROUNDS):
        k, m = (np.uint64((word + number * more) & MASK) for word, more in zip(key, INCREMENTS, strict=True))
        p, q = first * a, second * c
        a, b, c, d = (q >> shift) ^ b ^ k, q & mask, (p >> shift) ^ d ^ m, p & mask
    return np.stack([a, b, c, d])


def uniforms(seed: int, stream: int, step: int, units: int, samples: int, first: int = 0) -> np.ndarray:
    """Numbers between 0 and 1, float64 of shape (samples, units), of the samples from number ``first`` on in a step."""
    blocks = -(-units // WORDS)
    words = _words(seed, stream, step, blocks, np.arange(first, first + samples, dtype=np.uint64))
    return np.moveaxis(words, 0, -1).reshape(samples, WORDS * blocks)[:, :units]


def _words(seed: int, stream: int, step: int, blocks: int, sample: np.ndarray) -> np.ndarray:
    """Words as numbers between 0 and 1, of shape (4, samples, blocks)."""
    counter = np.empty((WORDS, sample.size, blocks), dtype=np.uint64)
    counter[0], counter[1] = np.uint64(step & MASK), np.uint64(step >> WORD)
    counter[2], counter[3] = np.arange(blocks, dtype=np.uint64), sample[:, None]
    return (philox(counter, (seed, stream)).astype(np.float64) + 0.5) * 2.0**-WORD


def normals(seed: int, stream: int, step: int, units: int, samples: int, first: int = 0) -> np.ndarray:
    """Normal numbers, float64 of shape (samples, units), of the samples from number ``first`` on in a step."""
    blocks = -(-units // WORDS)
    shape = (samples, blocks)
    u = _words(seed, stream, step, blocks, np.arange(first, first + samples, dtype=np.uint64))
    size, angle = np.sqrt(-2.0 * np.log(u[0::2])), 2.0 * np.pi * u[1::2]
    pairs = np.stack([size * np.cos(angle), size * np.sin(angle)], axis=1)
    return np.moveaxis(pairs.reshape(WORDS, *shape), 0, -1).reshape(samples, WORDS * blocks)[:, :units]
