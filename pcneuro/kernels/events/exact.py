"""Events at the times at which they are due: between them there is a closed form; a heap has the next of each unit.

Order 1: events carry changes of a value, which holds until the next. Order 2 (fixed prediction): they carry changes of
a value and of its slope, and receivers extrapolate (quantised state systems of first and second order, Kofman & Junco
2001; Kofman 2002).
"""

from __future__ import annotations

import math

import numpy as np

from pcneuro.kernels.compiling import inner, kernel
from pcneuro.kernels.events.arrays import (
    DONE,
    DOWN,
    ENTRY,
    EXIT,
    GAIN,
    LINES,
    PAUSE,
    PAUSED,
    POPULATION,
    PRECISION,
    PREDICTED,
    QUEUE_DOWN,
    QUEUE_UP,
    RATE,
    RECEIVED,
    RECEIVED_SLOPE,
    SENT,
    SENT_AT,
    SENT_SLOPE,
    SENT_VALUE,
    SIMPLE,
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
from pcneuro.kernels.events.bins import full
from pcneuro.kernels.events.passes import backward, forward
from pcneuro.kernels.events.queue import arrives, first_due, next_due, schedule
from pcneuro.kernels.events.rows import crossing, schedule_rows, settle_touched
from pcneuro.kernels.events.units import lent, refresh, touch

ROUNDS = 80
"""Most steps of Newton's method, each of which at least halves the bracket."""


@inner
def _bent(u):  # type: ignore[no-untyped-def]
    """exp(-u) - 1 + u, where u is small, too."""
    if u < 0.02:
        return u * u * (1 / 2 - u * (1 / 6 - u * (1 / 24 - u * (1 / 120 - u * (1 / 720 - u / 5040)))))
    return math.expm1(-u) + u


@inner
def _root(start, slope, bend, goal, low, high):  # type: ignore[no-untyped-def]
    """Where start + slope u + bend (exp(-u) - 1 + u) is ``goal``, which it is once in (low, high], monotonously.

    Newton's method within a bracket, which is first found where ``high`` is infinite.
    """
    rises = start + slope * low + bend * _bent(low) < goal
    # Where the parabola is there, which this is at first.
    tilt, away = slope - bend * math.expm1(-low), goal - (start + slope * low + bend * _bent(low))
    if away == 0.0:
        return low
    bow = bend * math.exp(-low)
    root = tilt * tilt + 2.0 * bow * away
    width = 2.0 * away / (tilt + math.copysign(math.sqrt(root), away)) if root > 0.0 else abs(away)
    width = max(abs(width), 1e-12)
    u = low + width
    while high == np.inf and width < 1e300:
        value = start + slope * u + bend * _bent(u)
        if (value >= goal) == rises:
            high = u
        else:
            low = u
            width *= 2.0
            u = low + width
    if high == np.inf:
        return high
    if not low < u < high:
        u = 0.5 * (low + high)
    for _ in range(ROUNDS):
        value = start + slope * u + bend * _bent(u) - goal
        if value == 0.0:
            break
        if (value > 0.0) == rises:
            high = u
        else:
            low = u
        ahead = slope - bend * math.expm1(-u)
        new = u - value / ahead if ahead != 0.0 else 0.5 * (low + high)
        if not (low < new < high):
            new = 0.5 * (low + high)
        if abs(new - u) <= 1e-15 * u:
            break
        u = new
    return u


@kernel
def crossing_of_lines(error, received, slope, sent, sent_slope, rate, threshold, now):  # type: ignore[no-untyped-def]
    """As ``crossing``, where both what is received and what was sent change linearly; ``sent`` is that of now.

    With u = rate * time, the difference is D + G u + C (exp(-u) - 1 + u), which turns round once at most.
    """
    start = error - sent
    if start != 0.0 and abs(start) >= threshold:
        return now
    if rate == 0.0:
        tilt = slope - sent_slope
        return now + (math.copysign(threshold, tilt) - start) / tilt if tilt != 0.0 else np.inf
    bend = error - received + slope / rate
    tilt = (received - error) - sent_slope / rate
    low = 0.0
    final = tilt + bend
    if bend != 0.0:
        left = final / bend
        if 0.0 < left < 1.0:
            turn = -math.log(left)
            top = start + tilt * turn + bend * _bent(turn)
            if abs(top) >= threshold:
                goal = math.copysign(threshold, top)
                return now + _root(start, tilt, bend, goal, 0.0, turn) / rate
            low = turn
    if final == 0.0:
        # What was sent runs beside what comes in the end.
        end = start - bend
        if abs(end) <= threshold:
            return np.inf
        return now + _root(start, tilt, bend, math.copysign(threshold, end), low, np.inf) / rate
    return now + _root(start, tilt, bend, math.copysign(threshold, final), low, np.inf) / rate


@inner
def _next(net, state, u, now):  # type: ignore[no-untyped-def]
    """When a unit, which is up to date, sends next."""
    real, when = state.real, np.inf
    rate, received = net.real[net.index[RATE] + u], real[state.index[RECEIVED] + u]
    if net.index[net.index[ENTRY] + u] >= 0:
        error = net.real[net.index[PRECISION] + u] * (real[state.index[X] + u] - real[state.index[PREDICTED] + u])
        sent, threshold = real[state.index[SENT] + u], net.real[net.index[THRESHOLD] + u]
        if state.index[LINES]:
            slope, sent_slope = real[state.index[RECEIVED_SLOPE] + u], real[state.index[SENT_SLOPE] + u]
            sent = sent + sent_slope * (now - state.time[state.index[SENT_AT] + u])
            return crossing_of_lines(error, received, slope, sent, sent_slope, rate, threshold, now)
        when = crossing(error, received, sent, rate, threshold, now)
    if net.index[STRICT] != 0 and net.index[net.index[EXIT] + u] >= 0:
        x, sent_value = real[state.index[X] + u], real[state.index[SENT_VALUE] + u]
        limit, gain = net.real[net.index[VALUE_THRESHOLD] + u], net.real[net.index[GAIN] + u]
        if rate > 0.0:
            goal = real[state.index[PREDICTED] + u] + received / net.real[net.index[PRECISION] + u]
            when = min(when, crossing(x, goal, sent_value, rate, limit, now))
        elif abs(x - sent_value) >= limit:
            when = now
        elif received != 0.0 and gain > 0.0:
            far = limit - math.copysign(1.0, received) * (x - sent_value)
            when = min(when, now + far / (gain * abs(received)))
    return when


@kernel
def schedule_all(net, state, now):  # type: ignore[no-untyped-def]
    """Set when units are due, of all of them."""
    units = net.index[UNITS]
    if state.index[SIMPLE]:
        schedule_rows(net, state, 0, units, now)
        return
    for u in range(units):
        schedule(state, u, _next(net, state, u, now), units)


@inner
def _speak(net, state, u, now):  # type: ignore[no-untyped-def]
    """A unit that is due, and up to date, sends its value or its error: what is farther beyond its threshold."""
    precision = net.real[net.index[PRECISION] + u]
    error = precision * (state.real[state.index[X] + u] - state.real[state.index[PREDICTED] + u])
    sent = state.real[state.index[SENT] + u]
    if state.index[LINES]:
        sent = sent + state.real[state.index[SENT_SLOPE] + u] * (now - state.time[state.index[SENT_AT] + u])
    away, threshold = error - sent, net.real[net.index[THRESHOLD] + u]
    if net.index[STRICT] != 0 and net.index[net.index[EXIT] + u] >= 0:
        far, limit = (
            state.real[state.index[X] + u] - state.real[state.index[SENT_VALUE] + u],
            net.real[net.index[VALUE_THRESHOLD] + u],
        )
        mute = net.index[net.index[ENTRY] + u] < 0
        if mute or precision == 0.0 or abs(far) * threshold >= abs(away) * limit:
            if abs(far) < limit and net.real[net.index[GAIN] + u] > 0.0:
                # It is there but for rounding.
                far = math.copysign(limit, far)
                state.real[state.index[X] + u] = state.real[state.index[SENT_VALUE] + u] + far
            change = state.real[state.index[X] + u] - state.real[state.index[SENT_VALUE] + u]
            state.real[state.index[SENT_VALUE] + u] = state.real[state.index[X] + u]
            record(state, now, u, change)
            node = net.index[net.index[EXIT] + u]
            hear(net, state, node, change, change * 0)
            forward(net, state, net.index[net.index[POPULATION] + node], now)
            backward(net, state, now)
            return
    if abs(away) < threshold and net.real[net.index[RATE] + u] > 0.0:
        away = math.copysign(threshold, away)
        error = sent + away
        state.real[state.index[X] + u] = state.real[state.index[PREDICTED] + u] + error / precision
    state.real[state.index[SENT] + u] = error
    change = state.real[state.index[X] + u] * 0 + away
    slope = change * 0
    if state.index[LINES]:
        new = net.real[net.index[RATE] + u] * (state.real[state.index[RECEIVED] + u] - error)
        slope = slope + (new - state.real[state.index[SENT_SLOPE] + u])
        state.real[state.index[SENT_SLOPE] + u] = new
        state.time[state.index[SENT_AT] + u] = now
    if net.index[STRICT] == 0:
        record(state, now, net.index[UNITS] + u, change)
    if net.index[net.index[ENTRY] + u] >= 0:
        hear(net, state, net.index[net.index[ENTRY] + u], change, slope)
        backward(net, state, now)


@kernel
def exact(until, net, state):  # type: ignore[no-untyped-def]
    """All events up to time ``until`` (ms) of one sample, in the order of time. Returns why it stopped."""
    net, state = lent(net, state)
    for _ in range(PAUSE):
        first, second = arrives(state, QUEUE_UP), arrives(state, QUEUE_DOWN)
        earliest = min(next_due(state), first, second)
        if not earliest <= until:
            return DONE
        why = full(net, state)
        if why != DONE:
            return why
        if first == earliest:
            node = deliver(net, state, UP)
            forward(net, state, net.index[net.index[POPULATION] + node], earliest)
            backward(net, state, earliest)
        elif second == earliest:
            deliver(net, state, DOWN)
            backward(net, state, earliest)
        else:
            unit = first_due(state)
            touch(state, unit)
            refresh(net, state, unit, earliest)
            _speak(net, state, unit, earliest)
        if state.index[SIMPLE]:
            settle_touched(net, state, earliest)
            continue
        for a in range(state.index[TOUCHED_COUNT]):
            u = state.index[state.index[TOUCHED_UNITS] + a]
            state.index[state.index[TOUCHED] + u] = 0
            schedule(state, u, _next(net, state, u, earliest), net.index[UNITS])
        state.index[TOUCHED_COUNT] = 0
    return PAUSED
