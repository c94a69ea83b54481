"""Recording rows of a block of samples while time is stepped."""

from __future__ import annotations

from pcneuro.kernels.arguments import ADDED, EVERY, ROWS, SOURCE, TARGET
from pcneuro.kernels.compiling import inner, kernel
from pcneuro.kernels.dispatch import ix


@inner
def copy_records(records, buf, lanes, step):  # type: ignore[no-untyped-def]
    """Record what is due in the step of this number. Reads ``buf``, writes ``records``."""
    table, record_buf = records
    for r in range(table.shape[0]):
        if step % table[r, EVERY] == 0:
            n = table[r, ROWS] * lanes
            source = table[r, SOURCE] * lanes
            target = table[r, TARGET]
            if table[r, ADDED] < 0:
                for i in range(n):
                    record_buf[ix(target + i)] = buf[ix(source + i)]
            else:
                added = table[r, ADDED] * lanes
                for i in range(n):
                    record_buf[ix(target + i)] = buf[ix(source + i)] + buf[ix(added + i)]
            table[r, TARGET] = target + n


@kernel
def hold(records, buf, lanes, step, steps):  # type: ignore[no-untyped-def]
    """Record ``steps`` steps of a block of samples that stays as it is. Writes as ``loop.advance`` does."""
    for s in range(steps):
        copy_records(records, buf, lanes, step + s)
