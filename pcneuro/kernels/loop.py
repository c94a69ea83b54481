"""The one compiled program: instruction lists, and the loop that steps time with an explicit Runge-Kutta tableau."""

from __future__ import annotations

import numpy as np
from numba import njit

from pcneuro.kernels.cache import usable
from pcneuro.kernels.dispatch import LANES, OK, call_op, ix

CACHE = usable()

# Fields of the int64 array ``plan``
STATE, DRIVE, ERROR, GAIN, UNITS, STAGES, START, RECORDS = range(8)
# Columns of the table ``records``: first row copied, number of rows, every so many steps, offset in the record buffer
SOURCE, ROWS, EVERY, TARGET = range(4)


@njit(cache=CACHE, nogil=True, error_model="numpy")
def execute(table, code, buf, shared, ints, context):  # type: ignore[no-untyped-def]
    """Run a list of instructions, (opcode, position of its arguments) a row. Returns (status, failed instruction)."""
    for i in range(code.shape[0]):
        status = call_op(table[code[i, 0]], buf, shared, ints, code[i, 1], context)
        if status != OK:
            return status, i
    return OK, -1


@njit(cache=CACHE, nogil=True, error_model="numpy")
def _copy_records(step, records, buf, record_buf, lanes):  # type: ignore[no-untyped-def]
    for r in range(records.shape[0]):
        if step % records[r, EVERY] == 0:
            n = records[r, ROWS] * lanes
            source = records[r, SOURCE] * lanes
            target = records[r, TARGET]
            for i in range(n):
                record_buf[ix(target + i)] = buf[ix(source + i)]
            records[r, TARGET] = target + n


@njit(cache=CACHE, nogil=True, error_model="numpy")
def _records_due(step, records):  # type: ignore[no-untyped-def]
    due = False
    for r in range(records.shape[0]):
        due = due or step % records[r, EVERY] == 0
    return due


@njit(cache=CACHE, nogil=True, error_model="numpy")
def advance(table, rhs, observe, buf, shared, ints, context, plan, tableau, weights, records, record_buf, step, steps):  # type: ignore[no-untyped-def]
    """Step one block of samples ``steps`` times from step number ``step``.

    Reads code ``rhs`` (state -> drive and error), ``observe`` (run before a record is taken), the per-unit ``gain``
    in ``shared``, and the tableau (A: ``tableau``, b: ``weights``). Writes the state rows of ``buf``, its scratch rows,
    ``record_buf`` and the target column of ``records``. Returns (status, steps done, finite): ``finite`` is False
    where the state ceased to be finite in the step after the last one counted as done.
    """
    lanes = context[LANES]
    state, drive, error = plan[STATE] * lanes, plan[DRIVE] * lanes, plan[ERROR] * lanes
    units, stages, gain = plan[UNITS], plan[STAGES], plan[GAIN]
    start = plan[START] * lanes
    slope = start + units * lanes
    size = units * lanes
    for s in range(steps):
        if stages > 1:
            for i in range(size):
                buf[ix(start + i)] = buf[ix(state + i)]
        for stage in range(stages):
            if stage > 0:
                for u in range(units):
                    g = shared[ix(gain + u)]
                    for i in range(u * lanes, (u + 1) * lanes):
                        total = buf[ix(start + i)] * 0
                        for j in range(stage):
                            total += tableau[stage, j] * buf[ix(slope + j * size + i)]
                        buf[ix(state + i)] = buf[ix(start + i)] + g * total
            status, _ = execute(table, rhs, buf, shared, ints, context)
            if status != OK:
                return status, s, True
            if stage == 0 and _records_due(step + s, records):
                status, _ = execute(table, observe, buf, shared, ints, context)
                if status != OK:
                    return status, s, True
                _copy_records(step + s, records, buf, record_buf, lanes)
            if stages > 1:
                for i in range(size):
                    buf[ix(slope + stage * size + i)] = buf[ix(drive + i)] - buf[ix(error + i)]
        bad = 0
        for u in range(units):
            g = shared[ix(gain + u)]
            for i in range(u * lanes, (u + 1) * lanes):
                if stages == 1:
                    new = buf[ix(state + i)] + g * (buf[ix(drive + i)] - buf[ix(error + i)])
                else:
                    total = buf[ix(start + i)] * 0
                    for j in range(stages):
                        total += weights[j] * buf[ix(slope + j * size + i)]
                    new = buf[ix(start + i)] + g * total
                buf[ix(state + i)] = new
                bad |= not (abs(new) < np.inf)
        if bad:
            return OK, s, False
    return OK, steps, True
