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
from pcneuro.kernels.events.arrays import (
    ARRIVAL,
    AT,
    BLOCK,
    CHANGE,
    DIRTY,
    DUE,
    ENTRY,
    GAIN,
    INCOMING,
    PRECISION,
    PREDICTED,
    RATE,
    RECEIVED,
    SENT,
    THRESHOLD,
    TOUCHED,
    TOUCHED_COUNT,
    TOUCHED_UNITS,
    UNIT,
    UNITS,
    WORK,
    X,
)
from pcneuro.kernels.events.queue import reschedule, schedule
from pcneuro.kernels.events.units import touch


@inner(forceinline=True)
def _relaxed(x, predicted, received, precision, gain, rate, decay, time):  # type: ignore[no-untyped-def]
    """A value ``time`` ms later, in which nothing was received; ``decay`` is exp(-rate * time)."""
    error = precision * (x - predicted)
    there = predicted + (received + (error - received) * decay) / precision
    moved = there if rate > 0.0 else x + gain * received * time
    # Rounding moves nothing in no time.
    return x if time == 0.0 else moved


@inner(forceinline=True)
def _ratio(error, received, sent, rate, threshold, speaks):  # type: ignore[no-untyped-def]
    """exp(rate * time) when an error will be ``threshold`` away from what was sent: infinite if never.

    Nothing more is received. By rounding the goal may be where the error goes to, and is never reached; or the error
    may be there already.
    """
    gap = received - sent
    goal = sent + math.copysign(threshold, gap)
    ahead, beyond = received - error, received - goal
    ratio = 1.0 if abs(ahead) <= abs(beyond) else np.float64(ahead / beyond)
    never = (rate == 0.0) | (abs(gap) <= threshold) | (beyond * gap <= 0.0)
    ratio = np.inf if never else ratio
    ratio = 1.0 if (error != sent) & (abs(error - sent) >= threshold) else ratio
    return ratio if speaks else np.inf


@inner(forceinline=True)
def _due(now, logarithm, rate):  # type: ignore[no-untyped-def]
    # Now, where that is the time. What is not a number is never due.
    later = now + logarithm / rate
    return now if logarithm == 0.0 else later


@kernel
def crossing(error, received, sent, rate, threshold, now):  # type: ignore[no-untyped-def]
    """When an error will be ``threshold`` away from what was sent, if nothing more is received: infinite if never."""
    return _due(now, math.log(_ratio(error, received, sent, rate, threshold, True)), rate)


@inner
def _relax(net, state, unit, count, now):  # type: ignore[no-untyped-def]
    """Bring units to the present."""
    real, time, shared = state.real, state.time, net.real
    x, predicted, received = state.index[X] + unit, state.index[PREDICTED] + unit, state.index[RECEIVED] + unit
    precision, gain, rate = net.index[PRECISION] + unit, net.index[GAIN] + unit, net.index[RATE] + unit
    at, work = state.index[AT] + unit, state.index[WORK]
    for k in range(count):
        time[ix(work + k)] = -shared[ix(rate + k)] * (now - time[ix(at + k)])
    apply_one("exp", time, work, work, count)
    for k in range(count):
        real[ix(x + k)] = _relaxed(
            real[ix(x + k)],
            real[ix(predicted + k)],
            real[ix(received + k)],
            shared[ix(precision + k)],
            shared[ix(gain + k)],
            shared[ix(rate + k)],
            time[ix(work + k)],
            now - time[ix(at + k)],
        )
        time[ix(at + k)] = now


@kernel
def schedule_rows(net, state, unit, count, now):  # type: ignore[no-untyped-def]
    """Set when units, which are up to date, are due."""
    real, time, shared = state.real, state.time, net.real
    x, predicted, received = state.index[X] + unit, state.index[PREDICTED] + unit, state.index[RECEIVED] + unit
    precision, rate, threshold = net.index[PRECISION] + unit, net.index[RATE] + unit, net.index[THRESHOLD] + unit
    sent, entry, due = state.index[SENT] + unit, net.index[ENTRY] + unit, state.index[DUE] + unit
    for k in range(count):
        time[ix(due + k)] = _ratio(
            shared[ix(precision + k)] * (real[ix(x + k)] - real[ix(predicted + k)]),
            real[ix(received + k)],
            real[ix(sent + k)],
            shared[ix(rate + k)],
            shared[ix(threshold + k)],
            net.index[ix(entry + k)] >= 0,
        )
    apply_one("log", time, due, due, count)
    for k in range(count):
        time[ix(due + k)] = _due(now, time[ix(due + k)], shared[ix(rate + k)])
    for block in range(unit // BLOCK, (unit + count - 1) // BLOCK + 1):
        reschedule(state, block, net.index[UNITS])


@kernel
def receive_rows(net, state, first, count, now):  # type: ignore[no-untyped-def]
    """All value neurons of a population, from node ``first`` on, receive what has been heard."""
    real, time, index = state.real, state.time, state.index
    unit, incoming, dirty = net.index[net.index[UNIT] + first], index[INCOMING] + first, index[DIRTY] + first
    if unit >= 0:
        _relax(net, state, unit, count, now)
        received, arrival = index[RECEIVED] + unit, index[ARRIVAL] + unit
        for k in range(count):
            if time[ix(arrival + k)] == np.inf and real[ix(incoming + k)] != 0.0:
                time[ix(arrival + k)] = now
        for k in range(count):
            real[ix(received + k)] += real[ix(incoming + k)]
        schedule_rows(net, state, unit, count, now)
    for k in range(count):
        real[ix(incoming + k)] = 0
        index[ix(dirty + k)] = 0


@kernel
def receive_listed(net, state, nodes, count):  # type: ignore[no-untyped-def]
    """Value neurons of listed nodes are touched by what has been heard, and receive it with ``settle_touched``."""
    real, index = state.real, state.index
    for a in range(count):
        node = index[nodes + a]
        unit = net.index[net.index[UNIT] + node]
        if unit >= 0 and real[index[INCOMING] + node] != 0.0:
            touch(state, unit)
            real[index[CHANGE] + unit] += real[index[INCOMING] + node]
        real[index[INCOMING] + node] = 0
        index[index[DIRTY] + node] = 0


@kernel
def settle_touched(net, state, now):  # type: ignore[no-untyped-def]
    """Touched units are brought to the present, receive what came for them, and are due anew."""
    real, time, index, shared = state.real, state.time, state.index, net.real
    units, work, count = index[TOUCHED_UNITS], index[WORK], index[TOUCHED_COUNT]
    index[TOUCHED_COUNT] = 0
    for a in range(count):
        u = index[units + a]
        index[index[TOUCHED] + u] = 0
        time[work + a] = -shared[net.index[RATE] + u] * (now - time[index[AT] + u])
    apply_one("exp", time, work, work, count)
    for a in range(count):
        u = index[units + a]
        predicted, precision, rate = (
            real[index[PREDICTED] + u],
            shared[net.index[PRECISION] + u],
            shared[net.index[RATE] + u],
        )
        received, change = real[index[RECEIVED] + u], real[index[CHANGE] + u]
        x = real[index[X] + u]
        gain, ago = shared[net.index[GAIN] + u], now - time[index[AT] + u]
        real[index[X] + u] = _relaxed(x, predicted, received, precision, gain, rate, time[work + a], ago)
        time[index[AT] + u] = now
        if change != 0.0:
            if time[index[ARRIVAL] + u] == np.inf:
                time[index[ARRIVAL] + u] = now
            real[index[RECEIVED] + u] += change
            real[index[CHANGE] + u] = 0
        error, sent = precision * (real[index[X] + u] - predicted), real[index[SENT] + u]
        threshold, speaks = shared[net.index[THRESHOLD] + u], net.index[net.index[ENTRY] + u] >= 0
        time[work + a] = _ratio(error, real[index[RECEIVED] + u], sent, rate, threshold, speaks)
    apply_one("log", time, work, work, count)
    for a in range(count):
        u = index[units + a]
        schedule(state, u, _due(now, time[work + a], shared[net.index[RATE] + u]), net.index[UNITS])
