"""Whether a block of samples is at rest: what ``Settled.holds`` says, vertex by vertex."""

from __future__ import annotations

import numpy as np

from pcneuro.kernels.arguments import DRIVE, FREE, GAIN, LEAK, PREDICTED, SIZE, STATE
from pcneuro.kernels.compiling import inner
from pcneuro.kernels.dispatch import LANES, ix

# Rows of ``Rest.work``: by lane the largest distance from rest, and the largest drive or error
WORK_ROWS = 2


@inner(forceinline=True)
def _distances(v, memory, states, work):  # type: ignore[no-untyped-def]
    """The rows of ``work`` for row ``v`` of the states; whether all its distances are finite."""
    buf, lanes = memory.buf, memory.context[LANES]
    drive, leak = states[v, DRIVE] * lanes, states[v, LEAK] * lanes
    for i in range(WORK_ROWS * lanes):
        work[i] = 0.0
    odd = False
    for u in range(states[v, SIZE]):
        row = u * lanes
        for i in range(lanes):
            d, e = buf[ix(drive + row + i)], buf[ix(leak + row + i)]
            away, size = abs(d - e), max(abs(d), abs(e))
            odd |= not (away < np.inf)
            work[ix(i)] = max(work[ix(i)], away)
            work[ix(lanes + i)] = max(work[ix(lanes + i)], size)
    return not odd


@inner(forceinline=True)
def _rests(v, memory, states, rest):  # type: ignore[no-untyped-def]
    """Whether row ``v`` of the states is at rest in every sample."""
    buf, shared, context = memory
    relative, absolute, rounding, work = rest.relative, rest.absolute, rest.rounding, rest.work
    lanes = context[LANES]
    state, drive, leak = states[v, STATE] * lanes, states[v, DRIVE] * lanes, states[v, LEAK] * lanes
    gain, predicted = states[v, GAIN], states[v, PREDICTED] == 1
    if not _distances(v, memory, states, work):
        return False
    for i in range(lanes):
        if predicted and work[i] <= relative * work[lanes + i] + absolute:
            continue
        height = change = work[i] * 0
        for u in range(states[v, SIZE]):
            high = abs(buf[ix(state + u * lanes + i)])
            # Beside infinity, under a mask, everything would be at rest.
            height = max(height, high) if high < np.inf else height
            d, e = buf[ix(drive + u * lanes + i)], buf[ix(leak + u * lanes + i)]
            change = max(change, shared[ix(gain + u)] * abs(d - e))
        near = not predicted and work[i] <= relative * height + absolute
        if not (near or change <= rounding * height):
            return False
    return True


@inner
def restless(suspect, memory, states, rest):  # type: ignore[no-untyped-def]
    """A row of the states that moves and is not at rest, looked for from ``suspect`` upstream; -1: there is none."""
    count = states.shape[0]
    for k in range(count):
        v = (suspect - k) % count
        if states[v, FREE] == 1 and not _rests(v, memory, states, rest):
            return v
    return -1
