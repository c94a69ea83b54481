"""Bins of dt: in each, first all events, then a step of Euler's method of all units that are awake."""

from __future__ import annotations

import numpy as np

from pcneuro.kernels.compiling import inner, kernel
from pcneuro.kernels.dispatch import ix
from pcneuro.kernels.events.arrays import BLOCK, DONE, NOT_FINITE, QUEUE_FULL, RECORD_FULL
from pcneuro.kernels.events.axons import accumulate, deliver, message, record
from pcneuro.kernels.events.passes import backward, forward
from pcneuro.kernels.events.queue import arrives


@kernel
def full(network, state):  # type: ignore[no-untyped-def]
    """Why there may be no room for what an event or a bin brings; DONE where there is."""
    if state.up.queued + network.room_up >= state.up.room:
        return QUEUE_FULL
    if state.down.queued + network.room_down >= state.down.room:
        return QUEUE_FULL
    most = 2 * network.units + network.nodes
    if state.records and state.recorded + most > state.records:
        return RECORD_FULL
    return DONE


@inner(forceinline=True)
def _beyond(change, residue, threshold, cumulative):  # type: ignore[no-untyped-def]
    """Whether a change is to be sent: itself, or all that was not sent of it up to now, summed over bins."""
    return change != 0.0 and (abs(change) >= threshold or (cumulative and abs(residue) >= threshold))


@inner(forceinline=True)
def _some(change, residue, threshold, first, count, cumulative):  # type: ignore[no-untyped-def]
    """Whether some changes of units from ``first`` on are to be sent, after they were added to residues."""
    several = 0
    if cumulative:
        for k in range(count):
            residue[ix(first + k)] += change[ix(first + k)]
    for k in range(count):
        u = ix(first + k)
        several += 1 if _beyond(change[u], residue[u], threshold[u], cumulative) else 0
    return several > 0


@inner
def _send_values(network, state, now, cumulative):  # type: ignore[no-untyped-def]
    """Value neurons of blocks that are awake send.

    Reads x, awake; writes change, sent_value; adds to residue_value, to input of nodes, to events.
    """
    change, x, sent, residue = state.change, state.x, state.sent_value, state.residue_value
    threshold = network.value_threshold
    for a in range(state.awake_count):
        first = state.awake[a] * BLOCK
        count = min(BLOCK, network.units - first)
        for k in range(count):
            change[ix(first + k)] = x[ix(first + k)] - sent[ix(first + k)]
        if not _some(change, residue, threshold, first, count, cumulative):
            continue
        for u in range(first, first + count):
            away, node = change[u], network.exit[u]
            if node >= 0 and _beyond(away, residue[u], threshold[u], cumulative):
                sent[u], residue[u] = x[u], 0
                record(state, now, u, away)
                accumulate(network, state, node, away, away * 0)


@inner
def _send_errors(network, state, now, cumulative):  # type: ignore[no-untyped-def]
    """Error neurons of blocks that are awake send.

    Reads x, predicted, awake; writes change, sent; adds to residue, to input of nodes, to events.
    """
    change, x, predicted, sent, residue = state.change, state.x, state.predicted, state.sent, state.residue
    threshold, precision = network.threshold, network.precision
    for a in range(state.awake_count):
        first = state.awake[a] * BLOCK
        count = min(BLOCK, network.units - first)
        for k in range(count):
            u = ix(first + k)
            error = precision[u] * (x[u] - predicted[u])
            change[u] = error - sent[u]
        if not _some(change, residue, threshold, first, count, cumulative):
            continue
        for u in range(first, first + count):
            away = change[u]
            if _beyond(away, residue[u], threshold[u], cumulative):
                if network.quantum[u] == 0.0:
                    sent[u] = precision[u] * (x[u] - predicted[u])
                else:
                    away = message(away, network.quantum[u], network.most[u])
                    sent[u] += away
                residue[u] = 0
                # Who has nobody to send to sends nothing.
                node = network.entry[u]
                if node >= 0:
                    if network.strict == 0:
                        record(state, now, network.units + u, away)
                    accumulate(network, state, node, away, away * 0)


@inner
def _value_is_quiet(network, state, u, cumulative):  # type: ignore[no-untyped-def]
    """Whether a free value neuron will send nothing more unless its unit receives something."""
    received, precision = state.received[u], network.precision[u]
    if precision == 0.0:
        return received == 0.0
    x, sent = state.x[u], state.sent_value[u]
    target = state.predicted[u] + received / precision
    if cumulative:
        return x == sent and target == sent
    limit = network.value_threshold[u]
    return abs(target - sent) < limit and abs(x - sent) < limit


@inner
def _step_block(network, state, first, count, cumulative):  # type: ignore[no-untyped-def]
    """A step of a block of units. Returns whether their errors will send nothing more, and all are finite. Writes x."""
    x, predicted, sent, received = state.x, state.predicted, state.sent, state.received
    precision, gain, threshold = network.precision, network.gain, network.threshold
    loud = wild = 0
    for k in range(count):
        u = ix(first + k)
        factor, step = precision[u], gain[u]
        drive, mean, known = received[u], predicted[u], sent[u]
        last = factor * (x[u] - mean)
        new = x[u] + step * (drive - last)
        x[u] = new
        error = factor * (new - mean)
        goal = drive if step > 0.0 and factor > 0.0 else error
        if cumulative:
            quiet = error == known and goal == known
        else:
            # All that follows lies between the goal and one of the last two errors, also where steps overshoot (by
            # less than they go); and the last error is as near to what was sent, or else was sent in this bin, or
            # was more than a message could say.
            limit = threshold[u]
            quiet = abs(goal - known) < limit and abs(error - known) < limit
            quiet = quiet and (network.quantum[u] == 0.0 or abs(last - known) < limit)
        loud += 0 if quiet else 1
        wild += 0 if abs(new) < np.inf else 1
    return loud == 0, wild == 0


@inner
def _step(network, state, n, cumulative):  # type: ignore[no-untyped-def]
    """A step of all that are awake. Blocks that will send nothing more sleep, from bin ``n`` + 1 on.

    Returns whether all are finite. Writes x, since, awake, awake_count.
    """
    kept, all_finite = 0, True
    for a in range(state.awake_count):
        block = state.awake[a]
        first = block * BLOCK
        count = min(BLOCK, network.units - first)
        quiet, finite = _step_block(network, state, first, count, cumulative)
        all_finite = all_finite and finite
        if quiet and network.strict != 0:
            for u in range(first, first + count):
                free = network.gain[u] > 0.0
                if free and network.exit[u] >= 0 and not _value_is_quiet(network, state, u, cumulative):
                    quiet = False
                    break
        if quiet:
            state.since[block] = n + 1
        else:
            state.awake[kept] = block
            kept += 1
    state.awake_count = kept
    return all_finite


@kernel
def exchange_events(n, network, state, cumulative):  # type: ignore[no-untyped-def]
    """All events of bin ``n``: what is sent in it, and what arrives. Units are not stepped, other state changes."""
    now = float(n)
    if network.strict != 0:
        _send_values(network, state, now, cumulative)
        while arrives(state.up) <= now:
            deliver(network, state, network.up, state.up)
        forward(network, state, 0, now)
    _send_errors(network, state, now, cumulative)
    while arrives(state.down) <= now:
        deliver(network, state, network.down, state.down)
    backward(network, state, now)
    for a in range(state.touched_count):
        state.touched[state.touched_units[a]] = 0
    state.touched_count = 0


@kernel
def advance_bins(step, steps, network, state, cumulative):  # type: ignore[no-untyped-def]
    """Do ``steps`` bins from number ``step`` on, of one sample. Returns how many were done, and why it stopped."""
    for n in range(step, step + steps):
        why = full(network, state)
        if why != DONE:
            return n - step, why
        exchange_events(n, network, state, cumulative)
        if not _step(network, state, n, cumulative):
            return n - step, NOT_FINITE
    return steps, DONE
