"""Numbers from the counter-based generator, one counter at a time: compiled twins of ``philox.philox``."""

from __future__ import annotations

import numpy as np

from pcneuro.kernels.compiling import inner
from pcneuro.kernels.philox import INCREMENTS, MASK, MULTIPLIERS, ROUNDS, WORD

_FIRST, _SECOND = MULTIPLIERS
_MORE, _AND_MORE = INCREMENTS


@inner
def philox_words(step, block, sample, seed, stream):  # type: ignore[no-untyped-def]
    """Four words of 32 bits, of the units 4 ``block`` ... 4 ``block`` + 3 of a sample in a step."""
    mask, shift = np.uint64(MASK), np.uint64(WORD)
    a, b = np.uint64(step) & mask, np.uint64(step) >> shift
    c, d = np.uint64(block), np.uint64(sample)
    k, m = np.uint64(seed) & mask, np.uint64(stream) & mask
    for _ in range(ROUNDS):
        p, q = np.uint64(_FIRST) * a, np.uint64(_SECOND) * c
        a, b, c, d = (q >> shift) ^ b ^ k, q & mask, (p >> shift) ^ d ^ m, p & mask
        k, m = (k + np.uint64(_MORE)) & mask, (m + np.uint64(_AND_MORE)) & mask
    return a, b, c, d
