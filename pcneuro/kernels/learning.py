"""The loop over time steps while parameters change, too: all blocks of samples take a step before any takes the next.

Each sum over samples is over the blocks in their order, so that results depend on neither threads nor pieces.
"""

from __future__ import annotations

import numpy as np

from pcneuro.kernels.arguments import (
    BACKWARD,
    CODE_FROM,
    CODE_TO,
    COLUMNS,
    COUNT,
    DECAY,
    DRIVE_ROW,
    FLAG_OF,
    FRESH,
    GAIN_ROW,
    HIGHEST,
    INPUTS,
    INTERVAL_STEPS,
    LEAKS,
    LEARNED_FROM,
    LEARNED_TO,
    LOWEST,
    POST,
    PRE,
    PRECISION_ROW,
    RATE,
    ROOM,
    SCALED,
    TIME_CONSTANT,
    UNIT_COUNT,
    UNSWEPT,
    VALUE_ROW,
    VARIANCE_ROW,
    ZERO_FROM,
    ZERO_TO,
    Dirty,
    Memory,
    Records,
)
from pcneuro.kernels.compiling import inner, kernel
from pcneuro.kernels.dispatch import LANES, OK, PANEL, PART, PARTS, call_op, ix
from pcneuro.kernels.lists import run_list
from pcneuro.kernels.loop import keep_slope, keep_start, move, move_stage
from pcneuro.kernels.noise import noise_of
from pcneuro.kernels.records import copy_records
from pcneuro.kernels.rings import keep, recall
from pcneuro.kernels.stimuli import present, stimuli_of, sweep_again
from pcneuro.kernels.subnormals import flush, restore
from pcneuro.kernels.uncounted import uncounted
from pcneuro.kernels.updates import evaluate


@inner(forceinline=True)
def bounded(new, low, high):  # type: ignore[no-untyped-def]
    """A number within bounds; what is none stays so."""
    new = low if new < low else new
    return high if new > high else new


@inner
def follow(shared, value, drive, count, numbers):  # type: ignore[no-untyped-def]
    """Parameter += rate (drive - decay parameter), within bounds. Returns whether all is finite."""
    rate, decay, low, high = numbers[RATE], numbers[DECAY], numbers[LOWEST], numbers[HIGHEST]
    odd = False
    for i in range(count):
        old = shared[ix(value + i)]
        new = bounded(old + rate * (shared[ix(drive + i)] - decay * old), low, high)
        odd |= not (abs(new) < np.inf)
        shared[ix(value + i)] = new
    return not odd


@inner
def follow_outer(shared, buf, lanes, value, pre, rows, post, columns, panel, breadth, numbers):  # type: ignore[no-untyped-def]
    """The same where the drive is presynaptic times postsynaptic activity of one sample, in one pass over weights.

    Postsynaptic activities are gathered in ``breadth`` numbers of ``shared`` from ``panel`` on.
    """
    rate, decay, low, high = numbers[RATE], numbers[DECAY], numbers[LOWEST], numbers[HIGHEST]
    odd = False
    for first in range(0, columns, breadth):
        width = min(breadth, columns - first)
        for n in range(width):
            shared[ix(panel + n)] = buf[ix((post + first + n) * lanes)]
        for m in range(rows):
            x, row = buf[ix((pre + m) * lanes)], value + m * columns + first
            for n in range(width):
                old = shared[ix(row + n)]
                new = bounded(old + rate * (x * shared[ix(panel + n)] - decay * old), low, high)
                odd |= not (abs(new) < np.inf)
                shared[ix(row + n)] = new
    return not odd


@inner
def _combined(shared, row, tableau_row, stages, numbers):  # type: ignore[no-untyped-def]
    """Parameter = start + rate * (sum over stages of the tableau's numbers times slopes), within bounds."""
    count, value, room = row[COUNT], row[VALUE_ROW], row[ROOM]
    rate, low, high = numbers[RATE], numbers[LOWEST], numbers[HIGHEST]
    odd = False
    for i in range(count):
        total = shared.dtype.type(0)
        for j in range(stages):
            total += tableau_row[j] * shared[ix(room + (j + 1) * count + i)]
        new = bounded(shared[ix(room + i)] + rate * total, low, high)
        odd |= not (abs(new) < np.inf)
        shared[ix(value + i)] = new
    return not odd


@inner
def _sloped(shared, row, stage, numbers):  # type: ignore[no-untyped-def]
    """Write the slope of a stage, drive - decay parameter; before the first, where the step begins."""
    count, value, drive, room = row[COUNT], row[VALUE_ROW], row[DRIVE_ROW], row[ROOM]
    decay = numbers[DECAY]
    if stage == 0:
        for i in range(count):
            shared[ix(room + i)] = shared[ix(value + i)]
    slope = room + (stage + 1) * count
    for i in range(count):
        shared[ix(slope + i)] = shared[ix(drive + i)] - decay * shared[ix(value + i)]


@inner
def _gains(shared, learning):  # type: ignore[no-untyped-def]
    """Write what one step multiplies slopes by where that follows a precision: the twin of integrators' ``gain``."""
    for k in range(learning.gains.shape[0]):
        row = learning.gains[k]
        for u in range(row[UNIT_COUNT]):
            precision = shared[ix(row[PRECISION_ROW] + u)]
            tau = learning.taus[row[TIME_CONSTANT] + u]
            leak = shared.dtype.type(1)
            if row[SCALED] == 1:
                tau *= precision
            if row[LEAKS] == 1:
                leak = precision
            gain = learning.dt / tau
            if learning.exact and leak > 0:
                gain = -np.expm1(-learning.dt * leak / tau) / leak
            shared[ix(row[GAIN_ROW] + u)] = gain


@inner
def reweighted(operators, shared, learning):  # type: ignore[no-untyped-def]
    """Compute what follows from parameters alone: precisions, gains, and what all samples share."""
    for k in range(learning.table.shape[0]):
        row = learning.table[k]
        if row[VARIANCE_ROW] >= 0:
            for u in range(row[COUNT]):
                shared[ix(row[VARIANCE_ROW] + u)] = 1 / shared[ix(row[VALUE_ROW] + u)]
    _gains(shared, learning)
    if learning.refreshed.shape[0] == 0:
        return OK
    status, _ = run_list(operators, Memory(shared, shared, learning.context), learning.refreshed)
    return status


@kernel
def reweigh(operators, shared, learning):  # type: ignore[no-untyped-def]
    """The same, for who calls from outside. Writes ``shared``; returns the status of the kernels."""
    return reweighted(operators, shared, learning)


@inner
def _sum_drives(group, operators, blocks, learning):  # type: ignore[no-untyped-def]
    """Sum the drives of a group over all samples. Adds to ``blocks.shared``, writes ``learning.contexts``."""
    table, ints = operators
    bufs, shared, _ = blocks
    row = learning.groups[group]
    for k in range(row[ZERO_FROM], row[ZERO_TO]):
        first = learning.zeroed[k, 0]
        for i in range(learning.zeroed[k, 1]):
            shared[ix(first + i)] = 0
    for i in range(row[CODE_FROM], row[CODE_TO]):
        for part in range(learning.parts[i]):
            for b in range(bufs.shape[0]):
                context = learning.contexts[b]
                context[PART], context[PARTS], context[PANEL] = part, learning.parts[i], learning.panel
                code = learning.code[i]
                status = call_op(table[code[0]], bufs[b], shared, ints, code[1], context)
                if status != OK:
                    return status
    if row[BACKWARD] == 1:
        status, _ = run_list(operators, Memory(shared, shared, learning.context), learning.backward)
        return status
    return OK


@inner
def _follow_group(group, blocks, learning):  # type: ignore[no-untyped-def]
    """Let the parameters of a group follow their drives. Returns whether all are finite."""
    bufs, shared, contexts = blocks
    finite = True
    for k in range(learning.groups[group, LEARNED_FROM], learning.groups[group, LEARNED_TO]):
        row, numbers = learning.table[k], learning.numbers[k]
        if row[PRE] >= 0:
            lanes, rows, columns = contexts[0, LANES], row[COUNT] // row[COLUMNS], row[COLUMNS]
            value, panel, breadth = row[VALUE_ROW], learning.panel, learning.breadth
            finite &= follow_outer(
                shared, bufs[0], lanes, value, row[PRE], rows, row[POST], columns, panel, breadth, numbers
            )
        else:
            finite &= follow(shared, row[VALUE_ROW], row[DRIVE_ROW], row[COUNT], numbers)
    return finite


@inner
def _tell(group, flags, learning):  # type: ignore[no-untyped-def]
    """Put up the flags of the parameters of a group in all blocks."""
    for k in range(learning.groups[group, LEARNED_FROM], learning.groups[group, LEARNED_TO]):
        for b in range(flags.shape[0]):
            flags[b, learning.table[k, FLAG_OF]] = 1


@inner
def _sweep_all(operators, blocks, flags, stimuli):  # type: ignore[no-untyped-def]
    """Where predictions are held, sweep again in all blocks."""
    if not stimuli.held:
        return OK
    for b in range(blocks.bufs.shape[0]):
        memory = Memory(blocks.bufs[b], blocks.shared, blocks.contexts[b])
        status = sweep_again(operators, memory, flags[b], stimuli_of(stimuli, b, memory.context[LANES]))
        if status != OK:
            return status
    return OK


@inner
def _begin(operators, blocks, tables, layout, dirty, tableau, stimuli, step):  # type: ignore[no-untyped-def]
    """Begin a step in all blocks: stimuli are what they are in it."""
    for b in range(blocks.bufs.shape[0]):
        memory = Memory(blocks.bufs[b], blocks.shared, blocks.contexts[b])
        of = Dirty(dirty.flags[b], dirty.largest[b], dirty.tolerance)
        status = present(operators, memory, of, stimuli_of(stimuli, b, memory.context[LANES]), step)
        if status != OK:
            return status
        keep(memory, tables.rings, step)
        if tableau.weights.shape[0] > 1:
            keep_start(memory, tables.states, layout)
    return OK


@inner
def _stage(stage, operators, blocks, tables, layout, dirty, tableau, records, learning, step):  # type: ignore[no-untyped-def]
    """Bring all blocks up to date at a stage of a step, and record what it begins with."""
    for b in range(blocks.bufs.shape[0]):
        memory = Memory(blocks.bufs[b], blocks.shared, blocks.contexts[b])
        flags = dirty.flags[b]
        of = Dirty(flags, dirty.largest[b], dirty.tolerance)
        if stage > 0:
            move_stage(stage, memory, tables.states, layout, of, tableau)
        status = evaluate(operators, memory, tables, layout, of, True)
        if status == OK and learning.groups[0, LEARNED_TO] > 0:
            status, _ = run_list(operators, memory, learning.tail)
        if status != OK:
            return status
        if stage == 0:
            copy_records(Records(records.table[b], records.buf[b]), memory.buf, memory.context[LANES], step)
        if tableau.weights.shape[0] > 1:
            keep_slope(stage, memory, tables.states, layout)
        learning.fresh[b], flags[FRESH], flags[UNSWEPT] = flags[FRESH], 0, 0
        for k in range(INPUTS, INPUTS + layout.inputs):
            flags[k] = 0
    return OK


@inner
def _learn_stage(stage, operators, blocks, flags, tableau, learning, held):  # type: ignore[no-untyped-def]
    """Sum the drives at a stage, and take what is integrated to the next one. Returns (status, whether finite).

    Where one stage makes a step, or weights are held in it, they go on at its end, by ``_follow_group``.
    """
    stages = tableau.weights.shape[0]
    status = _sum_drives(0, operators, blocks, learning)
    if status != OK or stages == 1 or held:
        return status, True
    finite = True
    for k in range(learning.groups[0, LEARNED_TO]):
        row, numbers = learning.table[k], learning.numbers[k]
        _sloped(blocks.shared, row, stage, numbers)
        if stage + 1 < stages:
            finite &= _combined(blocks.shared, row, tableau.matrix[stage + 1], stage + 1, numbers)
        else:
            finite &= _combined(blocks.shared, row, tableau.weights, stages, numbers)
    _tell(0, flags, learning)
    return reweighted(operators, blocks.shared, learning), finite


@inner
def _at_intervals(operators, blocks, tables, layout, dirty, stimuli, learning, step):  # type: ignore[no-untyped-def]
    """Change what is due before this step, with the errors of the state as it is. Returns (status, whether finite)."""
    due = False
    for group in range(1, learning.groups.shape[0]):
        due |= step % learning.groups[group, INTERVAL_STEPS] == 0
    if not due:
        return OK, True
    for b in range(blocks.bufs.shape[0]):
        memory = Memory(blocks.bufs[b], blocks.shared, blocks.contexts[b])
        of = Dirty(dirty.flags[b], dirty.largest[b], dirty.tolerance)
        status = evaluate(operators, memory, tables, layout, of, False)
        if status == OK:
            status, _ = run_list(operators, memory, learning.tail)
        if status != OK:
            return status, True
    for group in range(1, learning.groups.shape[0]):
        if step % learning.groups[group, INTERVAL_STEPS] == 0:
            status = _sum_drives(group, operators, blocks, learning)
            if status != OK:
                return status, True
    finite = True
    for group in range(1, learning.groups.shape[0]):
        if step % learning.groups[group, INTERVAL_STEPS] == 0:
            finite &= _follow_group(group, blocks, learning)
            _tell(group, dirty.flags, learning)
    status = reweighted(operators, blocks.shared, learning)
    if status == OK:
        status = _sweep_all(operators, blocks, dirty.flags, stimuli)
    return status, finite


@inner
def _end(operators, blocks, tables, layout, dirty, tableau, stimuli, noise, learning, step):  # type: ignore[no-untyped-def]
    """Take all blocks, and what is integrated with them, to the end of a step. Returns (status, whether finite)."""
    once = learning.groups[0, LEARNED_TO] > 0 and (tableau.weights.shape[0] == 1 or stimuli.held)
    finite = True
    # Errors may stand where states do: what reads them comes first.
    if once:
        finite &= _follow_group(0, blocks, learning)
    for b in range(blocks.bufs.shape[0]):
        memory = Memory(blocks.bufs[b], blocks.shared, blocks.contexts[b])
        lanes, flags = memory.context[LANES], dirty.flags[b]
        of = Dirty(flags, dirty.largest[b], dirty.tolerance)
        finite &= move(learning.fresh[b], memory, tables.states, layout, of, tableau, noise_of(noise, b, lanes), step)
        recall(memory, tables.rings, step + 1, flags)
    if not (once and finite):
        return OK, finite
    _tell(0, dirty.flags, learning)
    status = reweighted(operators, blocks.shared, learning)
    if status == OK:
        status = _sweep_all(operators, blocks, dirty.flags, stimuli)
    return status, finite


@inner(forceinline=True)
def _learn(operators, blocks, tables, layout, dirty, tableau, stimuli, noise, records, learning, step, steps):  # type: ignore[no-untyped-def]
    """What ``learn`` does, however the thread is set."""
    for s in range(steps):
        status = _begin(operators, blocks, tables, layout, dirty, tableau, stimuli, step + s)
        if status != OK:
            return status, s, True
        copy_records(Records(learning.records, learning.recorded), blocks.shared, 1, step + s)
        finite = True
        for stage in range(tableau.weights.shape[0]):
            status = _stage(stage, operators, blocks, tables, layout, dirty, tableau, records, learning, step + s)
            if status == OK and learning.groups[0, LEARNED_TO] > 0 and (stage == 0 or not stimuli.held):
                status, kept = _learn_stage(stage, operators, blocks, dirty.flags, tableau, learning, stimuli.held)
                finite &= kept
            if status != OK:
                return status, s, True
        status, moved = _end(operators, blocks, tables, layout, dirty, tableau, stimuli, noise, learning, step + s)
        finite &= moved
        if status == OK and finite:
            status, finite = _at_intervals(operators, blocks, tables, layout, dirty, stimuli, learning, step + s + 1)
        if status != OK:
            return status, s, True
        if not finite:
            return OK, s, False
    return OK, steps, True


@kernel
def learn(operators, blocks, tables, layout, dirty, tableau, stimuli, noise, records, learning, step, steps):  # type: ignore[no-untyped-def]
    """Step all blocks of samples together, as ``loop.advance`` does one, while parameters change.

    What is of one block there has a row a block here: ``dirty.flags`` and ``dirty.largest``, ``stimuli.played`` and
    ``stimuli.room``, ``noise.eta`` and ``noise.drawn``, ``records``. Writes these, ``blocks.bufs``, ``blocks.shared``,
    and ``learning.contexts``, ``learning.fresh`` and ``learning.recorded``. Returns what ``advance`` does.
    """
    operators, blocks, tables, dirty = uncounted(operators), uncounted(blocks), uncounted(tables), uncounted(dirty)
    tableau, stimuli, noise = uncounted(tableau), uncounted(stimuli), uncounted(noise)
    records, learning = uncounted(records), uncounted(learning)
    before = flush(blocks.shared)
    outcome = _learn(operators, blocks, tables, layout, dirty, tableau, stimuli, noise, records, learning, step, steps)
    restore(before)
    return outcome
