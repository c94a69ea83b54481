"""The update steps of a time step: those run of which something that they depend on has changed, by dirty flags."""

from __future__ import annotations

import numpy as np

from pcneuro.kernels.arguments import (
    BESIDE,
    BUSY,
    CODE,
    CODE_END,
    DEPENDENCY,
    DEPENDENCY_END,
    DRIVES,
    FIRST,
    FRESH,
    MOVED,
    RAN,
    SENT_ERROR,
    SENT_STATE,
    SIZE,
    STATE,
    VERTEX,
)
from pcneuro.kernels.compiling import inner, kernel
from pcneuro.kernels.dispatch import LANES, OK, call_op, ix
from pcneuro.kernels.lists import run_list
from pcneuro.kernels.subnormals import flush, restore
from pcneuro.kernels.uncounted import uncounted


@inner
def _send(buf, source, sent, size, tolerance, largest):  # type: ignore[no-untyped-def]
    """Whether values are further from those that were sent last than the tolerance, a share of ``largest``; then send.

    Reads ``buf`` from ``source`` on, writes what is sent there from ``sent`` on. ``largest`` is an array of one number:
    the largest there has been, these values included.
    """
    away = tolerance * 0
    for i in range(size):
        value, known = buf[ix(source + i)], buf[ix(sent + i)]
        # What is under a mask of an infinity is no measure for the others.
        if abs(value) < np.inf:
            largest[0] = max(largest[0], abs(value))
        away = away if value == known else max(away, abs(value - known))
    if not away > tolerance * largest[0]:
        return 0
    for i in range(size):
        buf[ix(sent + i)] = buf[ix(source + i)]
    return 1


@inner(forceinline=True)
def flag_state(v, moved, fresh, memory, states, layout, dirty):  # type: ignore[no-untyped-def]
    """Put up the flags of a row of the states that has moved or not.

    In a ``fresh`` step what was sent last is nothing that readers have read: whatever has moved is sent.
    """
    flags, largest, tolerance = dirty
    flags[states[v, MOVED]] = moved
    sent = int(moved)
    if moved and tolerance > 0:
        lanes = memory.context[LANES]
        source, target = states[v, STATE] * lanes, (layout.sent + states[v, FIRST]) * lanes
        size = states[v, SIZE] * lanes
        sent = _send(memory.buf, source, target, size, tolerance, largest[states[v, BESIDE] :]) | fresh
    flags[states[v, SENT_STATE]] = sent


@inner(forceinline=True)
def _flag_error(v, changed, memory, states, layout, dirty):  # type: ignore[no-untyped-def]
    """Put up the flag of a vertex whose error has changed or not, as its readers see it."""
    flags, largest, tolerance = dirty
    if changed == 1 and tolerance > 0:
        lanes = memory.context[LANES]
        row, size = states[v, FIRST] * lanes, states[v, SIZE] * lanes
        error, target = layout.error * lanes + row, (layout.sent + layout.units) * lanes + row
        # An error is small or large beside those of all populations.
        changed = _send(memory.buf, error, target, size, tolerance, largest[states.shape[0] :]) | flags[FRESH]
    flags[states[v, SENT_ERROR]] = changed


@inner(forceinline=True)
def _run(first, last, operators, memory, tables, layout, dirty, drives):  # type: ignore[no-untyped-def]
    """Run those of the update steps from ``first`` to ``last`` that have to. Returns (status, whether one ran)."""
    table, ints = operators
    buf, shared, context = memory
    code, updates, _, dependencies, states, _ = tables
    flags = dirty.flags
    ran = 0
    for k in range(first, last):
        if not drives and updates[k, DRIVES] == 1:
            continue
        changed = 0
        for d in range(updates[k, DEPENDENCY], updates[k, DEPENDENCY_END]):
            changed |= flags[dependencies[d]]
        flags[updates[k, RAN]] = changed
        ran |= changed
        if changed == 1:
            for i in range(updates[k, CODE], updates[k, CODE_END]):
                status = call_op(table[code[i, 0]], buf, shared, ints, code[i, 1], context)
                if status != OK:
                    return status, ran
        if updates[k, VERTEX] >= 0:
            _flag_error(updates[k, VERTEX], changed, memory, states, layout, dirty)
    return OK, ran


@inner(forceinline=True)
def evaluate(operators, memory, tables, layout, dirty, drives):  # type: ignore[no-untyped-def]
    """Run the update steps of which something that they depend on has changed. Returns the status of the kernels.

    Those that end at a drive are left as they are unless ``drives``. A group is passed over where nothing has changed
    that it depends on outside, and none of it ran last time. Writes ``memory.buf`` and ``dirty``.
    """
    groups, dependencies, flags = tables.groups, tables.dependencies, dirty.flags
    for g in range(groups.shape[0]):
        awake = flags[groups[g, BUSY]]
        for k in range(groups[g, DEPENDENCY], groups[g, DEPENDENCY_END]):
            awake |= flags[dependencies[k]]
        if awake == 1:
            first, last = groups[g, CODE], groups[g, CODE_END]
            status, ran = _run(first, last, operators, memory, tables, layout, dirty, drives)
            # An update step that is left as it is keeps its group awake.
            flags[groups[g, BUSY]] = ran if drives else 1
            if status != OK:
                return status
    return OK


@kernel
def refresh(operators, memory, tables, layout, dirty, tail):  # type: ignore[no-untyped-def]
    """Bring errors of a block up to date with its state, and what comes of them but drives; then run ``tail``.

    Runs the update steps that the next time step would run first, which runs them again to the same effect. Writes
    ``memory.buf`` and ``dirty``. Returns the kernels' status.
    """
    operators, memory, tables, dirty = uncounted(operators), uncounted(memory), uncounted(tables), uncounted(dirty)
    before = flush(memory.buf)
    status = evaluate(operators, memory, tables, layout, dirty, False)
    if status == OK:
        status, _ = run_list(operators, memory, tail)
    restore(before)
    return status
