"""Recording rows of a block of samples while time is stepped."""

from __future__ import annotations

from pcneuro.kernels.compiling import kernel
from pcneuro.kernels.dispatch import ix

# Columns of the table ``records``: first row copied, number of rows, every so many steps, offset in the record buffer,
# and the first of the rows that are added to what is copied (-1: none)
SOURCE, ROWS, EVERY, TARGET, ADDED, RECORD_COLUMNS = range(6)


@kernel
def copy_records(step, records, buf, record_buf, lanes):  # type: ignore[no-untyped-def]
    for r in range(records.shape[0]):
        if step % records[r, EVERY] == 0:
            n = records[r, ROWS] * lanes
            source = records[r, SOURCE] * lanes
            target = records[r, TARGET]
            if records[r, ADDED] < 0:
                for i in range(n):
                    record_buf[ix(target + i)] = buf[ix(source + i)]
            else:
                added = records[r, ADDED] * lanes
                for i in range(n):
                    record_buf[ix(target + i)] = buf[ix(source + i)] + buf[ix(added + i)]
            records[r, TARGET] = target + n


@kernel
def hold(records, buf, record_buf, lanes, step, steps):  # type: ignore[no-untyped-def]
    """Record ``steps`` steps of a block of samples that stays as it is. Writes as ``advance`` does."""
    for s in range(steps):
        copy_records(step + s, records, buf, record_buf, lanes)
