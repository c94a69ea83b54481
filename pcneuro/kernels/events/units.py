"""Units by themselves: how a value neuron and its error neuron relax while nothing is received."""

from __future__ import annotations

import math

from pcneuro.kernels.compiling import inner, kernel
from pcneuro.kernels.events.arrays import (
    AT,
    AWAKE,
    AWAKE_COUNT,
    BLOCK,
    EXACT,
    GAIN,
    LAST_DECAY,
    LINES,
    PRECISION,
    PREDICTED,
    RATE,
    RECEIVED,
    RECEIVED_SLOPE,
    SINCE,
    TOUCHED,
    TOUCHED_COUNT,
    TOUCHED_UNITS,
    UNITS,
    Net,
    State,
    X,
)
from pcneuro.kernels.events.borrowed import borrowed
from pcneuro.kernels.events.queue import blocks


@kernel
def lent(net, state):  # type: ignore[no-untyped-def]
    """The same, for functions that it goes on to: no references are counted."""
    return (
        Net(borrowed(net.index), borrowed(net.real), borrowed(net.time), borrowed(net.target)),
        State(borrowed(state.index), borrowed(state.real), borrowed(state.time)),
    )


@inner
def _later(net, state, block, steps):  # type: ignore[no-untyped-def]
    """Bring values of a block of units so many steps of Euler's method on, in which nothing is received."""
    real, first = state.real, block * BLOCK
    last, power = 1.0, 1.0
    for u in range(first, min(first + BLOCK, net.index[UNITS])):
        precision, gain = net.real[net.index[PRECISION] + u], net.real[net.index[GAIN] + u]
        x, received = real[state.index[X] + u], real[state.index[RECEIVED] + u]
        if steps == 0 or gain == 0.0:
            continue
        if precision == 0.0:
            real[state.index[X] + u] = x + steps * gain * received
            continue
        if 1.0 - gain * precision != last:
            last = 1.0 - gain * precision
            power = last**steps
        goal = real[state.index[PREDICTED] + u] + received / precision
        real[state.index[X] + u] = goal + (x - goal) * power


@kernel
def relaxed(error, received, slope, rate, time, decay):  # type: ignore[no-untyped-def]
    """An error so many ms later, while what is received changes by ``slope`` a ms; ``decay`` is exp(-rate * time)."""
    return received + (error - received) * decay + slope * (time - (1.0 - decay) / rate)


@kernel
def asleep(net, state, number):  # type: ignore[no-untyped-def]
    """Bring values of blocks that sleep to the begin of bin ``number``; they go on sleeping, and since when is kept."""
    for block in range(blocks(net.index[UNITS])):
        if state.index[state.index[SINCE] + block] >= 0:
            _later(net, state, block, number - state.index[state.index[SINCE] + block])


@kernel
def wake(net, state, block, now):  # type: ignore[no-untyped-def]
    """Bring a block of units to the present, in bins, if it sleeps: it wakes up."""
    since = state.index[SINCE] + block
    if state.index[since] >= 0:
        _later(net, state, block, int(now) - state.index[since])
        state.index[since] = -1
        state.index[state.index[AWAKE] + state.index[AWAKE_COUNT]] = block
        state.index[AWAKE_COUNT] += 1


@kernel
def refresh(net, state, u, now):  # type: ignore[no-untyped-def]
    """Bring a unit to the present."""
    if net.index[EXACT] == 0:
        wake(net, state, u // BLOCK, now)
        return
    time = now - state.time[state.index[AT] + u]
    state.time[state.index[AT] + u] = now
    slope = state.real[state.index[RECEIVED_SLOPE] + u] if state.index[LINES] else 0.0 * time
    if net.real[net.index[RATE] + u] > 0.0:
        error = net.real[net.index[PRECISION] + u] * (
            state.real[state.index[X] + u] - state.real[state.index[PREDICTED] + u]
        )
        # Units that are reached together have the same decay.
        rate, last = net.real[net.index[RATE] + u], state.index[LAST_DECAY]
        if state.time[last] != time or state.time[last + 1] != rate:
            state.time[last], state.time[last + 1], state.time[last + 2] = time, rate, math.exp(-rate * time)
        error = relaxed(error, state.real[state.index[RECEIVED] + u], slope, rate, time, state.time[last + 2])
        state.real[state.index[X] + u] = (
            state.real[state.index[PREDICTED] + u] + error / net.real[net.index[PRECISION] + u]
        )
    else:
        mean = state.real[state.index[RECEIVED] + u] + slope * time / 2
        state.real[state.index[X] + u] += net.real[net.index[GAIN] + u] * mean * time
    if state.index[LINES]:
        state.real[state.index[RECEIVED] + u] += slope * time


@kernel
def refresh_all(net, state, now):  # type: ignore[no-untyped-def]
    """Bring all units to the present, at exact times."""
    for u in range(net.index[UNITS]):
        refresh(net, state, u, now)


@kernel
def touch(state, unit):  # type: ignore[no-untyped-def]
    """List a unit that something reaches; returns whether it is the first time."""
    if state.index[state.index[TOUCHED] + unit]:
        return False
    state.index[state.index[TOUCHED] + unit] = 1
    state.index[state.index[TOUCHED_UNITS] + state.index[TOUCHED_COUNT]] = unit
    state.index[TOUCHED_COUNT] += 1
    return True
