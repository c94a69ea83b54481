"""Whole numbers drawn at random, of a generator whose state is an array: the same whatever threads there are.

Xorshift of 32 bits (Marsaglia 2003), in int64, so that compiled or not nothing overflows.
"""

from __future__ import annotations

import numpy as np

from pcneuro.kernels.compiling import inner

WORD = 32
MASK = 2**WORD - 1
_MULTIPLIER = 2654435761
"""Knuth's, which spreads seeds 0, 1, 2, ... over all words."""


def generator(seed: int) -> np.ndarray:
    """The state of a generator, (1,) int64."""
    return np.array([((seed + 1) * _MULTIPLIER & MASK) or 1])


@inner(forceinline=True)
def below(state, number):  # type: ignore[no-untyped-def]
    """A whole number from 0 to ``number`` - 1, which is below 2^31."""
    x = state[0]
    x ^= (x << 13) & MASK
    x ^= x >> 17
    x ^= (x << 5) & MASK
    state[0] = x
    return (x * number) >> WORD


@inner(forceinline=True)
def uniform(state):  # type: ignore[no-untyped-def]
    """A number from 0 to below 1."""
    return below(state, 1 << 30) / (1 << 30)


@inner
def shuffle(state, numbers):  # type: ignore[no-untyped-def]
    """Put numbers into random order (Fisher and Yates)."""
    for k in range(numbers.size - 1, 0, -1):
        other = below(state, k + 1)
        numbers[k], numbers[other] = numbers[other], numbers[k]
