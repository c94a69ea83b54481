"""Events at the times at which they are due: between them there is a closed form; a heap has the next of each unit.

Order 1: events carry changes of a value, which holds until the next. Order 2 (fixed prediction): they carry changes of
a value and of its slope, and receivers extrapolate (quantised state systems of first and second order, Kofman & Junco
2001; Kofman 2002).
"""

from __future__ import annotations

import math

import numpy as np

from pcneuro.kernels.compiling import inner, kernel
from pcneuro.kernels.events.arrays import DONE, PAUSE, PAUSED
from pcneuro.kernels.events.axons import accumulate, deliver, message, record
from pcneuro.kernels.events.bins import full
from pcneuro.kernels.events.passes import backward, forward
from pcneuro.kernels.events.queue import arrives, first_due, next_due, schedule
from pcneuro.kernels.events.rows import crossing, schedule_rows, settle_touched
from pcneuro.kernels.events.units import refresh, touch

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
    # Squares are of shares of the largest, whatever the unit of errors.
    scale = max(abs(tilt), abs(bow), abs(away))
    tilt, bow, away = tilt / scale, bow / scale, away / scale
    root = tilt * tilt + 2.0 * bow * away
    width = 2.0 * away / (tilt + math.copysign(math.sqrt(root), away)) if root > 0.0 else abs(away)
    width = max(float(abs(width)), 1e-12)
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
def _next(network, state, u, now):  # type: ignore[no-untyped-def]
    """When a unit, which is up to date, sends next."""
    when = np.inf
    rate, received = network.rate[u], state.received[u]
    if network.entry[u] >= 0:
        error = network.precision[u] * (state.x[u] - state.predicted[u])
        sent, threshold = state.sent[u], network.threshold[u]
        if state.lines:
            slope, sent_slope = state.received_slope[u], state.sent_slope[u]
            sent = sent + sent_slope * (now - state.sent_at[u])
            return crossing_of_lines(error, received, slope, sent, sent_slope, rate, threshold, now)
        when = crossing(error, received, sent, rate, threshold, now)
    if network.strict != 0 and network.exit[u] >= 0:
        x, sent_value = state.x[u], state.sent_value[u]
        limit, gain = network.value_threshold[u], network.gain[u]
        if rate > 0.0:
            goal = state.predicted[u] + received / network.precision[u]
            when = min(when, crossing(x, goal, sent_value, rate, limit, now))
        elif abs(x - sent_value) >= limit:
            when = now
        elif received != 0.0 and gain > 0.0:
            far = limit - math.copysign(1.0, received) * (x - sent_value)
            when = min(when, now + far / (gain * abs(received)))
    return when


@kernel
def schedule_all(network, state, now):  # type: ignore[no-untyped-def]
    """Set when units are due, of all of them. Writes due, block_due, heap, where."""
    units = network.units
    if state.simple:
        schedule_rows(network, state, 0, units, now)
        return
    for u in range(units):
        schedule(state, u, _next(network, state, u, now), units)


@inner
def _send_due(network, state, u, now):  # type: ignore[no-untyped-def]
    """A unit that is due, and up to date, sends its value or its error: what is farther beyond its threshold.

    Writes x, sent, sent_value, sent_slope, sent_at, records, and what passes of events do.
    """
    precision = network.precision[u]
    error = precision * (state.x[u] - state.predicted[u])
    sent = state.sent[u]
    if state.lines:
        sent = sent + state.sent_slope[u] * (now - state.sent_at[u])
    away, threshold = error - sent, network.threshold[u]
    if network.strict != 0 and network.exit[u] >= 0:
        far, limit = state.x[u] - state.sent_value[u], network.value_threshold[u]
        mute = network.entry[u] < 0
        if mute or precision == 0.0 or abs(far) / limit >= abs(away) / threshold:
            if abs(far) < limit and network.gain[u] > 0.0:
                # It is there but for rounding.
                far = math.copysign(limit, far)
                state.x[u] = state.sent_value[u] + far
            change = state.x[u] - state.sent_value[u]
            state.sent_value[u] = state.x[u]
            record(state, now, u, change)
            node = network.exit[u]
            accumulate(network, state, node, change, change * 0)
            forward(network, state, network.population[node], now)
            backward(network, state, now)
            return
    if abs(away) < threshold and network.rate[u] > 0.0:
        away = math.copysign(threshold, away)
        error = sent + away
        state.x[u] = state.predicted[u] + error / precision
    if network.quantum[u] != 0.0:
        away = message(away, network.quantum[u], network.most[u])
        error = sent + away
    state.sent[u] = error
    change = state.x[u] * 0 + away
    slope = change * 0
    if state.lines:
        new = network.rate[u] * (state.received[u] - error)
        slope = slope + (new - state.sent_slope[u])
        state.sent_slope[u] = new
        state.sent_at[u] = now
    if network.strict == 0:
        record(state, now, network.units + u, change)
    if network.entry[u] >= 0:
        accumulate(network, state, network.entry[u], change, slope)
        backward(network, state, now)


@kernel
def advance_exact(until, network, state):  # type: ignore[no-untyped-def]
    """All events up to time ``until`` (ms) of one sample, in the order of time. Returns why it stopped."""
    for _ in range(PAUSE):
        first, second = arrives(state.up), arrives(state.down)
        earliest = min(next_due(state), first, second)
        if not earliest <= until:
            return DONE
        why = full(network, state)
        if why != DONE:
            return why
        if first == earliest:
            node = deliver(network, state, network.up, state.up)
            forward(network, state, network.population[node], earliest)
            backward(network, state, earliest)
        elif second == earliest:
            deliver(network, state, network.down, state.down)
            backward(network, state, earliest)
        else:
            unit = first_due(state)
            touch(state, unit)
            refresh(network, state, unit, earliest)
            _send_due(network, state, unit, earliest)
        if state.simple:
            settle_touched(network, state, earliest)
            continue
        for a in range(state.touched_count):
            u = state.touched_units[a]
            state.touched[u] = 0
            schedule(state, u, _next(network, state, u, earliest), network.units)
        state.touched_count = 0
    return PAUSED
