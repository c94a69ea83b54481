"""Whether a block of samples is at rest: what ``Settled.holds`` says, vertex by vertex."""

from __future__ import annotations

import numpy as np

from pcneuro.kernels.arguments import FIRST, FREE, PREDICTED, SIZE
from pcneuro.kernels.compiling import inner
from pcneuro.kernels.dispatch import LANES, ix

# Rows of ``Rest.work``: by lane the largest distance from rest, and the largest drive or error
WORK_ROWS = 2


@inner(forceinline=True)
def _distances(first, last, memory, layout, work):  # type: ignore[no-untyped-def]
    """The rows of ``work`` for the units from ``first`` to ``last``; whether all their distances are finite."""
    buf, lanes = memory.buf, memory.context[LANES]
    drive, error = layout.drive * lanes, layout.error * lanes
    for i in range(WORK_ROWS * lanes):
        work[i] = 0.0
    odd = False
    for u in range(first, last):
        row = u * lanes
        for i in range(lanes):
            d, e = buf[ix(drive + row + i)], buf[ix(error + row + i)]
            away, size = abs(d - e), max(abs(d), abs(e))
            odd |= not (away < np.inf)
            work[ix(i)] = max(work[ix(i)], away)
            work[ix(lanes + i)] = max(work[ix(lanes + i)], size)
    return not odd


@inner(forceinline=True)
def _rests(v, memory, vertices, layout, rest):  # type: ignore[no-untyped-def]
    """Whether a vertex is at rest in every sample."""
    buf, shared, context = memory
    _, relative, absolute, rounding, work = rest
    lanes = context[LANES]
    first, last = vertices[v, FIRST], vertices[v, FIRST] + vertices[v, SIZE]
    drive, error, state, gain = layout.drive * lanes, layout.error * lanes, layout.state * lanes, layout.gain
    predicted = vertices[v, PREDICTED] == 1
    if not _distances(first, last, memory, layout, work):
        return False
    for i in range(lanes):
        if predicted and work[i] <= relative * work[lanes + i] + absolute:
            continue
        height = change = work[i] * 0
        for u in range(first, last):
            height = max(height, abs(buf[ix(state + u * lanes + i)]))
            d, e = buf[ix(drive + u * lanes + i)], buf[ix(error + u * lanes + i)]
            change = max(change, shared[ix(gain + u)] * abs(d - e))
        near = not predicted and work[i] <= relative * height + absolute
        if not (near or change <= rounding * height):
            return False
    return True


@inner
def restless(suspect, memory, vertices, layout, rest):  # type: ignore[no-untyped-def]
    """A free vertex that is not at rest, looked for from ``suspect`` upstream; -1 where there is none."""
    count = vertices.shape[0]
    for k in range(count):
        v = (suspect - k) % count
        if vertices[v, FREE] == 1 and not _rests(v, memory, vertices, layout, rest):
            return v
    return -1
