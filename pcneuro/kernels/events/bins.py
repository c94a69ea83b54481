"""Events in bins of dt: in each, first all events, then a step of Euler's method of all units that are awake."""

from __future__ import annotations

import numpy as np

from pcneuro.kernels.compiling import inner, kernel
from pcneuro.kernels.dispatch import ix
from pcneuro.kernels.events.arrays import (
    AWAKE,
    AWAKE_COUNT,
    BLOCK,
    CHANGE,
    DONE,
    DOWN,
    ENTRY,
    EXIT,
    GAIN,
    NODES,
    NOT_FINITE,
    PRECISION,
    PREDICTED,
    QUEUE_DOWN,
    QUEUE_FULL,
    QUEUE_UP,
    QUEUED,
    RECEIVED,
    RECORD_FULL,
    RECORDED,
    RECORDS,
    RESIDUE,
    RESIDUE_VALUE,
    ROOM,
    ROOM_DOWN,
    ROOM_UP,
    SENT,
    SENT_VALUE,
    SINCE,
    STRICT,
    THRESHOLD,
    TOUCHED,
    TOUCHED_COUNT,
    TOUCHED_UNITS,
    UNITS,
    UP,
    VALUE_THRESHOLD,
    X,
)
from pcneuro.kernels.events.axons import deliver, hear, record
from pcneuro.kernels.events.passes import backward, forward
from pcneuro.kernels.events.queue import arrives
from pcneuro.kernels.events.units import lent


@kernel
def full(net, state):  # type: ignore[no-untyped-def]
    """Whether there may be no room for what an event or a bin brings."""
    if state.index[QUEUE_UP + QUEUED] + net.index[ROOM_UP] >= state.index[QUEUE_UP + ROOM]:
        return QUEUE_FULL
    if state.index[QUEUE_DOWN + QUEUED] + net.index[ROOM_DOWN] >= state.index[QUEUE_DOWN + ROOM]:
        return QUEUE_FULL
    most = 2 * net.index[UNITS] + net.index[NODES]
    if state.index[RECORDS] and state.index[RECORDED] + most > state.index[RECORDS]:
        return RECORD_FULL
    return DONE


@inner(forceinline=True)
def _beyond(change, residue, threshold, cumulative):  # type: ignore[no-untyped-def]
    """Whether a change is to be sent: itself, or all that was not sent of it up to now, summed over bins."""
    return change != 0.0 and (abs(change) >= threshold or (cumulative and abs(residue) >= threshold))


@inner(forceinline=True)
def _some(real, shared, change, residue, threshold, count, cumulative):  # type: ignore[no-untyped-def]
    """Whether some of these changes are to be sent, after they were added to residues."""
    found = 0
    if cumulative:
        for k in range(count):
            real[ix(residue + k)] += real[ix(change + k)]
    for k in range(count):
        beyond = _beyond(real[ix(change + k)], real[ix(residue + k)], shared[ix(threshold + k)], cumulative)
        found += 1 if beyond else 0
    return found > 0


@inner
def _values(net, state, now, cumulative):  # type: ignore[no-untyped-def]
    """Value neurons send."""
    real, index, shared = state.real, state.index, net.real
    for a in range(index[AWAKE_COUNT]):
        first = index[index[AWAKE] + a] * BLOCK
        count = min(BLOCK, net.index[UNITS] - first)
        change, x, sent = index[CHANGE] + first, index[X] + first, index[SENT_VALUE] + first
        residue, threshold = index[RESIDUE_VALUE] + first, net.index[VALUE_THRESHOLD] + first
        for k in range(count):
            real[ix(change + k)] = real[ix(x + k)] - real[ix(sent + k)]
        if not _some(real, shared, change, residue, threshold, count, cumulative):
            continue
        for k in range(count):
            away, node = real[change + k], net.index[net.index[EXIT] + first + k]
            if node >= 0 and _beyond(away, real[residue + k], shared[threshold + k], cumulative):
                real[sent + k], real[residue + k] = real[x + k], 0
                record(state, now, first + k, away)
                hear(net, state, node, away, away * 0)


@inner
def _errors(net, state, now, cumulative):  # type: ignore[no-untyped-def]
    """Error neurons send."""
    # Where arrays begin is looked up once: the compiler cannot know that nothing here changes it.
    real, index, shared = state.real, state.index, net.real
    strict, entry = net.index[STRICT], net.index[ENTRY]
    for a in range(index[AWAKE_COUNT]):
        first = index[index[AWAKE] + a] * BLOCK
        count = min(BLOCK, net.index[UNITS] - first)
        change, x, predicted, sent = (
            index[CHANGE] + first,
            index[X] + first,
            index[PREDICTED] + first,
            index[SENT] + first,
        )
        residue, threshold, precision = (
            index[RESIDUE] + first,
            net.index[THRESHOLD] + first,
            net.index[PRECISION] + first,
        )
        for k in range(count):
            error = shared[ix(precision + k)] * (real[ix(x + k)] - real[ix(predicted + k)])
            real[ix(change + k)] = error - real[ix(sent + k)]
        if not _some(real, shared, change, residue, threshold, count, cumulative):
            continue
        for k in range(count):
            away = real[change + k]
            if _beyond(away, real[residue + k], shared[threshold + k], cumulative):
                real[sent + k], real[residue + k] = shared[precision + k] * (real[x + k] - real[predicted + k]), 0
                # Who has nobody to tell says nothing.
                node = net.index[entry + first + k]
                if node >= 0:
                    if strict == 0:
                        record(state, now, net.index[UNITS] + first + k, away)
                    hear(net, state, node, away, away * 0)


@inner
def _value_is_quiet(net, state, u, cumulative):  # type: ignore[no-untyped-def]
    """Whether a free value neuron has nothing more to say unless its unit receives something."""
    received, precision = state.real[state.index[RECEIVED] + u], net.real[net.index[PRECISION] + u]
    if precision == 0.0:
        return received == 0.0
    x, sent = state.real[state.index[X] + u], state.real[state.index[SENT_VALUE] + u]
    target = state.real[state.index[PREDICTED] + u] + received / precision
    if cumulative:
        return x == sent and target == sent
    limit = net.real[net.index[VALUE_THRESHOLD] + u]
    return abs(target - sent) < limit and abs(x - sent) < limit


@inner
def _step_of(net, state, first, count, cumulative):  # type: ignore[no-untyped-def]
    """A step of a block of units. Returns whether their errors have nothing more to say, and all are finite."""
    real, index, shared = state.real, state.index, net.real
    x, predicted, sent, received = (
        index[X] + first,
        index[PREDICTED] + first,
        index[SENT] + first,
        index[RECEIVED] + first,
    )
    precision, gain, threshold = net.index[PRECISION] + first, net.index[GAIN] + first, net.index[THRESHOLD] + first
    loud = wild = 0
    for k in range(count):
        factor, step = shared[ix(precision + k)], shared[ix(gain + k)]
        drive, mean, told = real[ix(received + k)], real[ix(predicted + k)], real[ix(sent + k)]
        new = real[ix(x + k)] + step * (drive - factor * (real[ix(x + k)] - mean))
        real[ix(x + k)] = new
        error = factor * (new - mean)
        goal = drive if step > 0.0 and factor > 0.0 else error
        if cumulative:
            quiet = error == told and goal == told
        else:
            # All that follows lies between the goal and one of the last two errors, also where steps overshoot (by
            # less than they go); and the last error is as near to what was told, or else was sent in this bin.
            limit = shared[ix(threshold + k)]
            quiet = abs(goal - told) < limit and abs(error - told) < limit
        loud += 0 if quiet else 1
        wild += 0 if abs(new) < np.inf else 1
    return loud == 0, wild == 0


@inner
def _step(net, state, n, cumulative):  # type: ignore[no-untyped-def]
    """A step of all that are awake. Blocks that have nothing more to say sleep, from bin ``since`` on.

    Returns whether all are finite.
    """
    index, kept, all_finite = state.index, 0, True
    for a in range(index[AWAKE_COUNT]):
        block = index[index[AWAKE] + a]
        first = block * BLOCK
        count = min(BLOCK, net.index[UNITS] - first)
        quiet, finite = _step_of(net, state, first, count, cumulative)
        all_finite = all_finite and finite
        if quiet and net.index[STRICT] != 0:
            for u in range(first, first + count):
                free = net.real[net.index[GAIN] + u] > 0.0
                if free and net.index[net.index[EXIT] + u] >= 0 and not _value_is_quiet(net, state, u, cumulative):
                    quiet = False
                    break
        if quiet:
            index[index[SINCE] + block] = n + 1
        else:
            index[index[AWAKE] + kept] = block
            kept += 1
    index[AWAKE_COUNT] = kept
    return all_finite


@kernel
def speak(n, net, state, cumulative):  # type: ignore[no-untyped-def]
    """All events of bin ``n``: what is sent in it, and what arrives. Units are not stepped."""
    now = float(n)
    if net.index[STRICT] != 0:
        _values(net, state, now, cumulative)
        while arrives(state, QUEUE_UP) <= now:
            deliver(net, state, UP)
        forward(net, state, 0, now)
    _errors(net, state, now, cumulative)
    while arrives(state, QUEUE_DOWN) <= now:
        deliver(net, state, DOWN)
    backward(net, state, now)
    for a in range(state.index[TOUCHED_COUNT]):
        u = state.index[state.index[TOUCHED_UNITS] + a]
        state.index[state.index[TOUCHED] + u] = 0
    state.index[TOUCHED_COUNT] = 0


@kernel
def bins(step, steps, net, state, cumulative):  # type: ignore[no-untyped-def]
    """Do ``steps`` bins from number ``step`` on, of one sample. Returns how many were done, and why it stopped."""
    net, state = lent(net, state)
    for n in range(step, step + steps):
        why = full(net, state)
        if why != DONE:
            return n - step, why
        speak(n, net, state, cumulative)
        if not _step(net, state, n, cumulative):
            return n - step, NOT_FINITE
    return steps, DONE
