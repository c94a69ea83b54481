"""The one compiled program: the loop that steps time with an explicit Runge-Kutta tableau."""

from __future__ import annotations

import numpy as np

from pcneuro.kernels.compiling import inner, kernel
from pcneuro.kernels.dispatch import LANES, OK, call_op, ix
from pcneuro.kernels.euler import INFINITE, euler_rows
from pcneuro.kernels.euler import MOVED as MOVED_BIT
from pcneuro.kernels.lists import run_list
from pcneuro.kernels.records import copy_records
from pcneuro.kernels.subnormals import flush, restore
from pcneuro.kernels.tile import VECTOR_BYTES

# Fields of the int64 array ``plan``
STATE, DRIVE, ERROR, GAIN, UNITS, STAGES, START, SEEN = range(8)
# Columns of ``updates``: instructions from ... to, the flags that it depends on in ``dependencies`` from ... to, the
# flag that says it ran, the vertex whose error it computes (-1: none), and whether it ends at the drive of one
CODE, CODE_END, DEPENDENCY, DEPENDENCY_END, RAN, VERTEX, DRIVES, UPDATE_COLUMNS = range(8)
# Columns of ``groups``: update steps from ... to, what they depend on outside in ``dependencies`` from ... to, and the
# flag that says that one of them ran (CODE, CODE_END, DEPENDENCY, DEPENDENCY_END, RAN)
BUSY, GROUP_COLUMNS = RAN, RAN + 1
# Columns of ``vertices``: first unit, units; the flags that say that its state changed, and changed for its readers;
# that its error was computed, and changed for its readers; that its drive was computed; whether it is free; has errors
FIRST, SIZE, MOVED, SENT_STATE, ERRED, SENT_ERROR, DRIVEN, FREE, PREDICTED, VERTEX_COLUMNS = range(10)
# The flags that are up in the first step only: one that all update steps read but those of predictions, and theirs,
# which is down where the feedforward sweep has just computed them
FRESH, UNSWEPT = 0, 1
# Fields of ``limits``: how far from rest a vertex may be, relatively and absolutely, and the rounding of its state
RELATIVE, ABSOLUTE, ROUNDING, LIMITS = range(4)
# Rows of ``work``: by lane the largest distance from rest, and the largest drive or error
WORK_ROWS = 2


@inner
def _rests(vertices, v, buf, shared, plan, limits, work, lanes):  # type: ignore[no-untyped-def]
    """Whether a vertex is at rest in every sample of a block: what ``Settled.holds`` says. Writes ``work``."""
    first, last = vertices[v, FIRST], vertices[v, FIRST] + vertices[v, SIZE]
    drive, error, state = plan[DRIVE] * lanes, plan[ERROR] * lanes, plan[STATE] * lanes
    predicted = vertices[v, PREDICTED] == 1
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
    if odd:
        return False
    for i in range(lanes):
        if predicted and work[i] <= limits[RELATIVE] * work[lanes + i] + limits[ABSOLUTE]:
            continue
        height = change = work[i] * 0
        for u in range(first, last):
            height = max(height, abs(buf[ix(state + u * lanes + i)]))
            d, e = buf[ix(drive + u * lanes + i)], buf[ix(error + u * lanes + i)]
            change = max(change, shared[ix(plan[GAIN] + u)] * abs(d - e))
        near = not predicted and work[i] <= limits[RELATIVE] * height + limits[ABSOLUTE]
        if not (near or change <= limits[ROUNDING] * height):
            return False
    return True


@inner
def _restless(vertices, suspect, buf, shared, plan, limits, work, lanes):  # type: ignore[no-untyped-def]
    """A free vertex that is not at rest, looked for from ``suspect`` upstream; -1 where there is none."""
    count = vertices.shape[0]
    for k in range(count):
        v = (suspect - k) % count
        if vertices[v, FREE] == 1 and not _rests(vertices, v, buf, shared, plan, limits, work, lanes):
            return v
    return -1


@inner
def _sent(buf, source, seen, size, tolerance, largest):  # type: ignore[no-untyped-def]
    """Whether values are further from those that were sent last than the tolerance, a share of ``largest``; then send.

    ``largest`` is an array of one number: the largest there has been, these values included.
    """
    away = tolerance * 0
    for i in range(size):
        value = buf[ix(source + i)]
        largest[0] = max(largest[0], abs(value))
        away = max(away, abs(value - buf[ix(seen + i)]))
    if not away > tolerance * largest[0]:
        return 0
    for i in range(size):
        buf[ix(seen + i)] = buf[ix(source + i)]
    return 1


@inner
def _flag(vertices, v, flags, buf, plan, lanes, moved, tolerance, largest):  # type: ignore[no-untyped-def]
    """Put up the flags of a vertex whose state has moved or not."""
    flags[vertices[v, MOVED]] = moved
    sent = int(moved)
    if moved and tolerance > 0:
        row, size = vertices[v, FIRST] * lanes, vertices[v, SIZE] * lanes
        state, seen = plan[STATE] * lanes + row, plan[SEEN] * lanes + row
        sent = _sent(buf, state, seen, size, tolerance, largest[v : v + 1])
    flags[vertices[v, SENT_STATE]] = sent


@inner
def _evaluate(
    table,
    code,
    updates,
    groups,
    dependencies,
    vertices,
    flags,
    buf,
    shared,
    ints,
    context,
    plan,
    tolerance,
    largest,
    drives,
):  # type: ignore[no-untyped-def]
    """Run the update steps of which something that they read has changed. Returns the status of the kernels.

    Those that end at a drive are left as they are unless ``drives``.

    A group is passed over where nothing has changed that it reads from outside, and none of it ran last time.
    """
    for g in range(groups.shape[0]):
        awake = flags[groups[g, BUSY]]
        for k in range(groups[g, DEPENDENCY], groups[g, DEPENDENCY_END]):
            awake |= flags[dependencies[k]]
        if awake == 1:
            first, last = groups[g, CODE], groups[g, CODE_END]
            status, ran = _run_updates(
                first,
                last,
                table,
                code,
                updates,
                dependencies,
                vertices,
                flags,
                buf,
                shared,
                ints,
                context,
                plan,
                tolerance,
                largest,
                drives,
            )
            # An update step that is left as it is keeps its group awake.
            flags[groups[g, BUSY]] = ran if drives else 1
            if status != OK:
                return status
    return OK


@inner
def _run_updates(
    first,
    last,
    table,
    code,
    updates,
    dependencies,
    vertices,
    flags,
    buf,
    shared,
    ints,
    context,
    plan,
    tolerance,
    largest,
    drives,
):  # type: ignore[no-untyped-def]
    """Run those of the update steps from ``first`` to ``last`` that have to. Returns (status, whether one ran)."""
    lanes = context[LANES]
    ran = 0
    for c in range(first, last):
        if not drives and updates[c, DRIVES] == 1:
            continue
        changed = 0
        for k in range(updates[c, DEPENDENCY], updates[c, DEPENDENCY_END]):
            changed |= flags[dependencies[k]]
        flags[updates[c, RAN]] = changed
        ran |= changed
        if changed == 1:
            for i in range(updates[c, CODE], updates[c, CODE_END]):
                status = call_op(table[code[i, 0]], buf, shared, ints, code[i, 1], context)
                if status != OK:
                    return status, ran
        v = updates[c, VERTEX]
        if v >= 0:
            if changed == 1 and tolerance > 0:
                row = vertices[v, FIRST] * lanes
                error, seen = plan[ERROR] * lanes + row, (plan[SEEN] + plan[UNITS]) * lanes + row
                size = vertices[v, SIZE] * lanes
                # An error is small or large beside those of all populations.
                changed = _sent(buf, error, seen, size, tolerance, largest[vertices.shape[0] :]) | flags[FRESH]
            flags[vertices[v, SENT_ERROR]] = changed
    return OK, ran


@kernel
def refresh(
    table,
    code,
    updates,
    groups,
    dependencies,
    vertices,
    flags,
    buf,
    shared,
    ints,
    context,
    plan,
    tolerance,
    largest,
    tail,
):  # type: ignore[no-untyped-def]
    """Bring errors of a block up to date with its state, and what comes of them but drives; then run ``tail``.

    Runs the update steps that the next time step would run first, which runs them again to the same effect. Returns
    the kernels' status.
    """
    before = flush(buf)
    status = _evaluate(
        table,
        code,
        updates,
        groups,
        dependencies,
        vertices,
        flags,
        buf,
        shared,
        ints,
        context,
        plan,
        tolerance,
        largest,
        False,
    )
    if status == OK:
        status, _ = run_list(table, tail, buf, shared, ints, context)
    restore(before)
    return status


@inner
def _advance(
    table,
    code,
    updates,
    groups,
    dependencies,
    vertices,
    flags,
    buf,
    shared,
    ints,
    context,
    plan,
    tableau,
    weights,
    tolerance,
    largest,
    limits,
    work,
    records,
    record_buf,
    step,
    steps,
):  # type: ignore[no-untyped-def]
    """What ``advance`` does, however the thread is set."""
    lanes = context[LANES]
    state, drive, error = plan[STATE] * lanes, plan[DRIVE] * lanes, plan[ERROR] * lanes
    units, stages, gain = plan[UNITS], plan[STAGES], plan[GAIN]
    start = plan[START] * lanes
    slope = start + units * lanes
    size = units * lanes
    suspect = vertices.shape[0] - 1
    vectors = lanes % (VECTOR_BYTES // buf.itemsize) == 0
    for s in range(steps):
        if stages > 1:
            for i in range(size):
                buf[ix(start + i)] = buf[ix(state + i)]
        for stage in range(stages):
            if stage > 0:
                for v in range(vertices.shape[0]):
                    moved = False
                    for u in range(vertices[v, FIRST], vertices[v, FIRST] + vertices[v, SIZE]):
                        g = shared[ix(gain + u)]
                        for i in range(u * lanes, (u + 1) * lanes):
                            total = buf[ix(start + i)] * 0
                            for j in range(stage):
                                total += tableau[stage, j] * buf[ix(slope + j * size + i)]
                            new = buf[ix(start + i)] + g * total
                            moved |= new != buf[ix(state + i)]
                            buf[ix(state + i)] = new
                    _flag(vertices, v, flags, buf, plan, lanes, moved, tolerance, largest)
            status = _evaluate(
                table,
                code,
                updates,
                groups,
                dependencies,
                vertices,
                flags,
                buf,
                shared,
                ints,
                context,
                plan,
                tolerance,
                largest,
                True,
            )
            if status != OK:
                return status, s, True
            if stage == 0 and limits.shape[0] == LIMITS:
                suspect = _restless(vertices, suspect, buf, shared, plan, limits, work, lanes)
                if suspect < 0:
                    # What has run now is not known to the next step, which evaluates everything.
                    flags[FRESH] = flags[UNSWEPT] = 1
                    return OK, s, True
            if stage == 0:
                copy_records(step + s, records, buf, record_buf, lanes)
            if stages > 1:
                for i in range(size):
                    buf[ix(slope + stage * size + i)] = buf[ix(drive + i)] - buf[ix(error + i)]
            fresh, flags[FRESH], flags[UNSWEPT] = flags[FRESH], 0, 0
        bad = False
        for v in range(vertices.shape[0]):
            awake = vertices[v, FREE] == 1 and (
                stages > 1 or flags[vertices[v, ERRED]] | flags[vertices[v, DRIVEN]] | fresh == 1
            )
            if not awake:
                flags[vertices[v, MOVED]] = flags[vertices[v, SENT_STATE]] = 0
                continue
            moved = False
            if stages == 1 and vectors:
                f, n = vertices[v, FIRST], vertices[v, SIZE]
                row = f * lanes
                told = euler_rows(buf, shared, state + row, drive + row, error + row, gain + f, n, lanes)
                moved, bad = told & MOVED_BIT != 0, bad or told & INFINITE != 0
            else:
                for u in range(vertices[v, FIRST], vertices[v, FIRST] + vertices[v, SIZE]):
                    g = shared[ix(gain + u)]
                    for i in range(u * lanes, (u + 1) * lanes):
                        old = buf[ix(state + i)]
                        if stages == 1:
                            new = old + g * (buf[ix(drive + i)] - buf[ix(error + i)])
                        else:
                            total = buf[ix(start + i)] * 0
                            for j in range(stages):
                                total += weights[j] * buf[ix(slope + j * size + i)]
                            new = buf[ix(start + i)] + g * total
                        buf[ix(state + i)] = new
                        moved |= new != old
                        bad |= not (abs(new) < np.inf)
            _flag(vertices, v, flags, buf, plan, lanes, moved, tolerance, largest)
        if bad:
            return OK, s, False
    return OK, steps, True


@kernel
def advance(
    table,
    code,
    updates,
    groups,
    dependencies,
    vertices,
    flags,
    buf,
    shared,
    ints,
    context,
    plan,
    tableau,
    weights,
    tolerance,
    largest,
    limits,
    work,
    records,
    record_buf,
    step,
    steps,
):  # type: ignore[no-untyped-def]
    """Step one block of samples ``steps`` times from step number ``step``.

    Reads the update steps (state -> drive and error), the per-unit ``gain`` in ``shared``, and the tableau (A:
    ``tableau``, b: ``weights``). Writes the state rows of ``buf``, its scratch rows, ``flags``, ``work``,
    ``record_buf`` and the target column of ``records``. A vertex whose error and drive are as they were stays as it is,
    if one stage makes a step. Where ``limits`` are given, it stops before the first step at whose beginning all free
    vertices are at rest. Returns (status, steps done, finite): ``finite`` is False where the state ceased to be finite
    in the step after the last one counted as done.
    """
    before = flush(buf)
    told = _advance(
        table,
        code,
        updates,
        groups,
        dependencies,
        vertices,
        flags,
        buf,
        shared,
        ints,
        context,
        plan,
        tableau,
        weights,
        tolerance,
        largest,
        limits,
        work,
        records,
        record_buf,
        step,
        steps,
    )
    restore(before)
    return told
