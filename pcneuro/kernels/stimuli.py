"""What is given to a block of samples over time, written to it in the midst of a run."""

from __future__ import annotations

from pcneuro.kernels.arguments import (
    DEVIATION,
    FIRST_ROW,
    FIRST_TIME,
    FLAG,
    FLAG_READ,
    INTERVAL,
    KEPT,
    LAST_TIME,
    NUMBERS,
    PREDICTION,
    READ_FROM,
    SAMPLES,
    SWEPT,
    UNITS,
    WIDTH,
    Stimuli,
)
from pcneuro.kernels.compiling import inner
from pcneuro.kernels.dispatch import ACTIVE, LANES, OK, ix
from pcneuro.kernels.lists import run_list

CHUNK = 16
"""Units whose lanes are gone through at a time."""


@inner
def _put(k, position, memory, stimuli):  # type: ignore[no-untyped-def]
    """Give a block the values of row ``k`` at a position; returns whether any is another than before."""
    table, values, _, start = stimuli[:4]
    buf, lanes, active = memory.buf, memory.context[LANES], memory.context[ACTIVE]
    units, samples, row = table[k, UNITS], table[k, SAMPLES], table[k, FIRST_ROW]
    place = table[k, NUMBERS] + (position - table[k, FIRST_TIME]) * samples * units
    moved = False
    for first in range(0, units, CHUNK):
        last = min(first + CHUNK, units)
        for i in range(lanes):
            # Lanes without a sample repeat the last one.
            source = place if samples == 1 else place + (start + min(i, active - 1)) * units
            target = row * lanes + i
            for u in range(first, last):
                new = values[ix(source + u)]
                moved |= new != buf[ix(target + u * lanes)]
                buf[ix(target + u * lanes)] = new
    return moved


@inner
def _keep(memory, carried, room):  # type: ignore[no-untyped-def]
    """Copy the activity of free value neurons to ``room``, and to where a sweep reads that of leaves."""
    buf, lanes = memory.buf, memory.context[LANES]
    for v in range(carried.shape[0]):
        prediction, deviation = carried[v, PREDICTION] * lanes, carried[v, DEVIATION] * lanes
        kept, read = carried[v, KEPT] * lanes, carried[v, READ_FROM] * lanes
        for i in range(carried[v, WIDTH] * lanes):
            activity = buf[ix(prediction + i)] + buf[ix(deviation + i)]
            room[ix(kept + i)] = activity
            if read >= 0:
                buf[ix(read + i)] = activity


@inner
def _take_along(memory, carried, room):  # type: ignore[no-untyped-def]
    """Count the activity that was kept from the predictions as they are now."""
    buf, lanes = memory.buf, memory.context[LANES]
    for v in range(carried.shape[0]):
        prediction, deviation = carried[v, PREDICTION] * lanes, carried[v, DEVIATION] * lanes
        kept = carried[v, KEPT] * lanes
        for i in range(carried[v, WIDTH] * lanes):
            value, predicted = room[ix(kept + i)], buf[ix(prediction + i)]
            buf[ix(deviation + i)] = buf.dtype.type(0) if value == predicted else value - predicted


@inner
def _begin(memory, begun):  # type: ignore[no-untyped-def]
    """Let leaves be at their priors."""
    buf, lanes = memory.buf, memory.context[LANES]
    for v in range(begun.shape[0]):
        value, prior = begun[v, 0] * lanes, begun[v, 1] * lanes
        for i in range(begun[v, 2] * lanes):
            buf[ix(value + i)] = buf[ix(prior + i)]


@inner
def _zero(memory, zeroed):  # type: ignore[no-untyped-def]
    """Let rows of the state be zero."""
    buf, lanes = memory.buf, memory.context[LANES]
    for v in range(zeroed.shape[0]):
        for i in range(zeroed[v, 0] * lanes, (zeroed[v, 0] + zeroed[v, 1]) * lanes):
            buf[ix(i)] = 0


@inner
def _restarts(stimuli, step):  # type: ignore[no-untyped-def]
    """Whether neurons go back to the sweep before this step; writes which restart is to come."""
    restarts, played = stimuli.restarts, stimuli.played
    to_come = played.shape[0] - 1
    while played[to_come] < restarts.shape[0] and restarts[played[to_come]] < step:
        played[to_come] += 1
    return played[to_come] < restarts.shape[0] and restarts[played[to_come]] == step


@inner
def _sweep(operators, memory, flags, stimuli, restart):  # type: ignore[no-untyped-def]
    """Sweep, after which activities that were kept are taken along, or neurons begin anew; all has changed then."""
    status, _ = run_list(operators, memory, stimuli.sweep)
    if status != OK:
        return status
    if restart:
        _zero(memory, stimuli.zeroed)
    else:
        _take_along(memory, stimuli.carried, stimuli.room)
    for k in range(flags.shape[0]):
        flags[k] = 1
    return OK


@inner
def sweep_again(operators, memory, flags, stimuli):  # type: ignore[no-untyped-def]
    """Sweep anew as parameters have changed, and take the activities along. Writes as ``present`` does."""
    _keep(memory, stimuli.carried, stimuli.room)
    return _sweep(operators, memory, flags, stimuli, False)


@inner
def stimuli_of(stimuli, block, lanes):  # type: ignore[no-untyped-def]
    """Those of one block, of structures that have a row a block of what is written."""
    table, values, played, _, carried, sweep, room, held, restarts, zeroed, begun = stimuli
    start = block * lanes
    return Stimuli(table, values, played[block], start, carried, sweep, room[block], held, restarts, zeroed, begun)


@inner
def present(operators, memory, dirty, stimuli, step):  # type: ignore[no-untyped-def]
    """Let stimuli be what they are in a step; where predictions are held, a change brings a new sweep.

    Writes ``memory.buf``, ``dirty.flags``, ``stimuli.played`` and ``stimuli.room``. Returns the status of the kernels.
    """
    table, flags, played = stimuli.table, dirty.flags, stimuli.played
    restart = _restarts(stimuli, step)
    due, swept = restart, False
    for k in range(table.shape[0]):
        if min(step // table[k, INTERVAL], table[k, LAST_TIME]) != played[k]:
            due = True
            swept |= table[k, SWEPT] == 1
    if not due:
        return OK
    if stimuli.held and swept and not restart:
        _keep(memory, stimuli.carried, stimuli.room)
    changed = restart
    for k in range(table.shape[0]):
        position = min(step // table[k, INTERVAL], table[k, LAST_TIME])
        if position != played[k]:
            moved = _put(k, position, memory, stimuli)
            played[k] = position
            changed |= moved and table[k, SWEPT] == 1
            if moved:
                flags[table[k, FLAG]] = flags[table[k, FLAG_READ]] = 1
    if changed and (stimuli.held or restart):
        if restart:
            _begin(memory, stimuli.begun)
        return _sweep(operators, memory, flags, stimuli, restart)
    return OK
