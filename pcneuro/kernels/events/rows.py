"""Units at exact times as rows, under fixed prediction: what many of them receive at once, and when each then is due.

Exponentials and logarithms are taken of whole rows, and conditions choose between values, so that the compiler makes
vector code of the rest.
"""

from __future__ import annotations

import math

import numpy as np

from pcneuro.kernels.compiling import inner, kernel
from pcneuro.kernels.dispatch import ix
from pcneuro.kernels.elementwise import apply_one
from pcneuro.kernels.events.arrays import BLOCK
from pcneuro.kernels.events.queue import reschedule, schedule
from pcneuro.kernels.events.units import touch


@inner(forceinline=True)
def _divisor(x):  # type: ignore[no-untyped-def]
    """A number, or 1 where it is 0 and the quotient is not used: the same type, and no condition to branch at."""
    return x + (x == 0.0)


@inner(forceinline=True)
def _relaxed(x, predicted, received, precision, gain, rate, decay, time):  # type: ignore[no-untyped-def]
    """A value ``time`` ms later, in which nothing was received; ``decay`` is exp(-rate * time)."""
    error = precision * (x - predicted)
    there = predicted + (received + (error - received) * decay) / _divisor(precision)
    moved = there if rate > 0.0 else x + gain * received * time
    # Rounding moves nothing in no time.
    return x if time == 0.0 else moved


@inner(forceinline=True)
def _ratio(error, received, sent, rate, threshold, sends):  # type: ignore[no-untyped-def]
    """exp(rate * time) when an error will be ``threshold`` away from what was sent: infinite if never.

    Nothing more is received. By rounding the goal may be where the error goes to, and is never reached; or the error
    may be there already.
    """
    gap = received - sent
    goal = sent + math.copysign(threshold, gap)
    ahead, beyond = received - error, received - goal
    ratio = 1.0 if abs(ahead) <= abs(beyond) else np.float64(ahead / _divisor(beyond))
    # Of signs: a product of the two may be too small or too large for a number.
    never = (rate == 0.0) | (abs(gap) <= threshold) | (beyond * math.copysign(1.0, gap) <= 0.0)
    ratio = np.inf if never else ratio
    ratio = 1.0 if (error != sent) & (abs(error - sent) >= threshold) else ratio
    return ratio if sends else np.inf


@inner(forceinline=True)
def _due(now, logarithm, rate):  # type: ignore[no-untyped-def]
    """When that is, by the logarithm of ``_ratio``: now, where it is 0. What is not a number is never due."""
    later = now + logarithm / _divisor(rate)
    return now if logarithm == 0.0 else later


@kernel
def crossing(error, received, sent, rate, threshold, now):  # type: ignore[no-untyped-def]
    """When an error will be ``threshold`` away from what was sent, if nothing more is received: infinite if never."""
    return _due(now, math.log(_ratio(error, received, sent, rate, threshold, True)), rate)


@inner
def _relax(network, state, unit, count, now):  # type: ignore[no-untyped-def]
    """Bring units to the present. Writes x, at, work."""
    x, at, work, predicted, received = state.x, state.at, state.work, state.predicted, state.received
    precision, gain, rate = network.precision, network.gain, network.rate
    for k in range(count):
        work[ix(k)] = -rate[ix(unit + k)] * (now - at[ix(unit + k)])
    apply_one("exp", work, 0, 0, count)
    for k in range(count):
        u = ix(unit + k)
        ago = now - at[u]
        x[u] = _relaxed(x[u], predicted[u], received[u], precision[u], gain[u], rate[u], work[ix(k)], ago)
        at[u] = now


@kernel
def schedule_rows(network, state, unit, count, now):  # type: ignore[no-untyped-def]
    """Set when units, which are up to date, are due. Writes due, block_due, heap, where."""
    x, predicted, received, sent, due = state.x, state.predicted, state.received, state.sent, state.due
    precision, rate, threshold, entry = network.precision, network.rate, network.threshold, network.entry
    for k in range(count):
        u = ix(unit + k)
        error = precision[u] * (x[u] - predicted[u])
        due[u] = _ratio(error, received[u], sent[u], rate[u], threshold[u], entry[u] >= 0)
    apply_one("log", due, unit, unit, count)
    for k in range(count):
        due[ix(unit + k)] = _due(now, due[ix(unit + k)], rate[ix(unit + k)])
    for block in range(unit // BLOCK, (unit + count - 1) // BLOCK + 1):
        reschedule(state, block, network.units)


@kernel
def receive_rows(network, state, first, count, now):  # type: ignore[no-untyped-def]
    """All value neurons of a population, from node ``first`` on, receive their input, and are due anew.

    Adds to received; writes arrival, incoming, dirty, and what bringing them up to date and scheduling them does.
    """
    unit, incoming, dirty = network.unit[first], state.incoming, state.dirty
    if unit >= 0:
        _relax(network, state, unit, count, now)
        received, arrival = state.received, state.arrival
        for k in range(count):
            if arrival[ix(unit + k)] == np.inf and incoming[ix(first + k)] != 0.0:
                arrival[ix(unit + k)] = now
        for k in range(count):
            received[ix(unit + k)] += incoming[ix(first + k)]
        schedule_rows(network, state, unit, count, now)
    for k in range(count):
        incoming[ix(first + k)] = 0
        dirty[ix(first + k)] = 0


@kernel
def receive_listed(network, state, first, count):  # type: ignore[no-untyped-def]
    """Value neurons of nodes listed from ``first`` on are touched by input, and receive it in ``settle_touched``.

    Reads dirty_nodes; adds to change; writes incoming, dirty, touched, touched_units.
    """
    incoming, dirty, change = state.incoming, state.dirty, state.change
    for a in range(count):
        node = state.dirty_nodes[first + a]
        unit = network.unit[node]
        if unit >= 0 and incoming[node] != 0.0:
            touch(state, unit)
            change[unit] += incoming[node]
        incoming[node] = 0
        dirty[node] = 0


@kernel
def settle_touched(network, state, now):  # type: ignore[no-untyped-def]
    """Touched units are brought to the present, receive what came for them, and are due anew.

    Reads touched_units, sent; adds to received; writes x, at, arrival, change, touched, work, and when they are due.
    """
    work, units, count = state.work, state.touched_units, state.touched_count
    state.touched_count = 0
    for a in range(count):
        u = units[a]
        state.touched[u] = 0
        work[a] = -network.rate[u] * (now - state.at[u])
    apply_one("exp", work, 0, 0, count)
    for a in range(count):
        u = units[a]
        predicted, precision, rate = state.predicted[u], network.precision[u], network.rate[u]
        received, change = state.received[u], state.change[u]
        ago = now - state.at[u]
        state.x[u] = _relaxed(state.x[u], predicted, received, precision, network.gain[u], rate, work[a], ago)
        state.at[u] = now
        if change != 0.0:
            if state.arrival[u] == np.inf:
                state.arrival[u] = now
            state.received[u] += change
            state.change[u] = 0
        error = precision * (state.x[u] - predicted)
        sends = network.entry[u] >= 0
        work[a] = _ratio(error, state.received[u], state.sent[u], rate, network.threshold[u], sends)
    apply_one("log", work, 0, 0, count)
    for a in range(count):
        u = units[a]
        schedule(state, u, _due(now, work[a], network.rate[u]), network.units)
