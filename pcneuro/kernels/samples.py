"""Between arrays of samples, a row a sample, and blocks, a row a unit: transpositions that stay in the cache."""

from __future__ import annotations

from pcneuro.kernels.compiling import kernel
from pcneuro.kernels.dispatch import ix

# Units whose lanes are gone through at a time.
CHUNK = 16


@kernel
def take(bufs, row, added, units, lanes, out):  # type: ignore[no-untyped-def]
    """out[s * units + u] = row u of those from ``row`` on, of sample s, plus the same of ``added`` (-1: nothing).

    Reads ``bufs`` (blocks, numbers), writes ``out`` (samples * units).
    """
    samples = out.size // units
    for s in range(samples):
        buf, lane = bufs[s // lanes], s % lanes
        if lane == 0:
            active = min(lanes, samples - s)
            for first in range(0, units, CHUNK):
                last = min(first + CHUNK, units)
                for i in range(active):
                    place, source = (s + i) * units, row * lanes + i
                    for u in range(first, last):
                        out[ix(place + u)] = buf[ix(source + u * lanes)]
                    if added >= 0:
                        source = added * lanes + i
                        for u in range(first, last):
                            out[ix(place + u)] += buf[ix(source + u * lanes)]


@kernel
def put(values, bufs, row, units, lanes):  # type: ignore[no-untyped-def]
    """Row u of those from ``row`` on, of sample s = values[s * units + u]; lanes without a sample repeat the last one.

    Reads ``values`` (samples * units), writes ``bufs`` (blocks, numbers).
    """
    samples = values.size // units
    for block in range(bufs.shape[0]):
        buf, start = bufs[block], block * lanes
        for first in range(0, units, CHUNK):
            last = min(first + CHUNK, units)
            for i in range(lanes):
                place, target = min(start + i, samples - 1) * units, row * lanes + i
                for u in range(first, last):
                    buf[ix(target + u * lanes)] = values[ix(place + u)]
