"""What vertices were some steps ago, for the leaves that close cycles with a delay: a ring of rows for each."""

from __future__ import annotations

from pcneuro.kernels.arguments import BREADTH, CHANGED, DELAY, PAST, PRESENT, RECALLED
from pcneuro.kernels.compiling import inner
from pcneuro.kernels.dispatch import LANES, ix


@inner
def keep(memory, rings, step):  # type: ignore[no-untyped-def]
    """Write the present activities where they are found again; those that they replace have been recalled."""
    buf, lanes = memory.buf, memory.context[LANES]
    for k in range(rings.shape[0]):
        size = rings[k, BREADTH] * lanes
        present, past = rings[k, PRESENT] * lanes, rings[k, PAST] * lanes + step % rings[k, DELAY] * size
        for i in range(size):
            buf[ix(past + i)] = buf[ix(present + i)]


@inner
def recall(memory, rings, step, flags):  # type: ignore[no-untyped-def]
    """Give leaves what was kept a delay before ``step``, and put up the flags of those that change."""
    buf, lanes = memory.buf, memory.context[LANES]
    for k in range(rings.shape[0]):
        size = rings[k, BREADTH] * lanes
        leaf, past = rings[k, RECALLED] * lanes, rings[k, PAST] * lanes + step % rings[k, DELAY] * size
        changed = 0
        for i in range(size):
            changed |= int(buf[ix(leaf + i)] != buf[ix(past + i)])
            buf[ix(leaf + i)] = buf[ix(past + i)]
        flags[rings[k, CHANGED]] = changed
