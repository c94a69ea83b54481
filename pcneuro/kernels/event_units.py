"""Units by themselves: how a value neuron and its error neuron relax while nothing is received."""

from __future__ import annotations

import math

from numba import njit

from pcneuro.kernels.event_arrays import (
    AT,
    AWAKE,
    AWAKE_COUNT,
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
    X,
)
from pcneuro.kernels.event_queue import CACHE


@njit(cache=CACHE, nogil=True, error_model="numpy")
def later(x, predicted, received, precision, gain, steps):  # type: ignore[no-untyped-def]
    """A value so many steps of Euler's method later, in which nothing is received."""
    if steps == 0 or gain == 0.0:
        return x
    if precision == 0.0:
        return x + steps * gain * received
    goal = predicted + received / precision
    return goal + (x - goal) * (1.0 - gain * precision) ** steps


@njit(cache=CACHE, nogil=True, error_model="numpy")
def relaxed(error, received, slope, rate, time, decay):  # type: ignore[no-untyped-def]
    """An error so many ms later, while what is received changes by ``slope`` a ms; ``decay`` is exp(-rate * time)."""
    return received + (error - received) * decay + slope * (time - (1.0 - decay) / rate)


@njit(cache=CACHE, nogil=True, error_model="numpy")
def asleep(number, values, predicted, received, since, precision, gain):  # type: ignore[no-untyped-def]
    """Bring values of units that sleep to the begin of step ``number``. Writes ``values``."""
    for u in range(values.size):
        if since[u] >= 0:
            values[u] = later(values[u], predicted[u], received[u], precision[u], gain[u], number - since[u])


@njit(cache=CACHE, nogil=True, error_model="numpy")
def ahead(found, x, predicted, received, slopes, precision, rate, time):  # type: ignore[no-untyped-def]
    """Values of units that relax, ``time`` ms after x. Writes ``found``."""
    for u in range(x.size):
        if rate[u] > 0.0:
            decay = math.exp(-rate[u] * time[u])
            error = relaxed(precision[u] * (x[u] - predicted[u]), received[u], slopes[u], rate[u], time[u], decay)
            found[u] = predicted[u] + error / precision[u]


@njit(cache=CACHE, nogil=True, error_model="numpy")
def refresh(net, state, u, now):  # type: ignore[no-untyped-def]
    """Bring a unit to the present; in bins those that sleep, which wake up."""
    if net.index[EXACT] == 0:
        if state.index[state.index[SINCE] + u] >= 0:
            steps = int(now) - state.index[state.index[SINCE] + u]
            state.real[state.index[X] + u] = later(
                state.real[state.index[X] + u],
                state.real[state.index[PREDICTED] + u],
                state.real[state.index[RECEIVED] + u],
                net.real[net.index[PRECISION] + u],
                net.real[net.index[GAIN] + u],
                steps,
            )
            state.index[state.index[SINCE] + u] = -1
            state.index[state.index[AWAKE] + state.index[AWAKE_COUNT]] = u
            state.index[AWAKE_COUNT] += 1
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
        state.real[state.index[X] + u] += net.real[net.index[GAIN] + u] * state.real[state.index[RECEIVED] + u] * time
    if state.index[LINES]:
        state.real[state.index[RECEIVED] + u] += slope * time


@njit(cache=CACHE, nogil=True, error_model="numpy")
def touch(state, unit):  # type: ignore[no-untyped-def]
    """List a unit that something reaches; returns whether it is the first time."""
    if state.index[state.index[TOUCHED] + unit]:
        return False
    state.index[state.index[TOUCHED] + unit] = 1
    state.index[state.index[TOUCHED_UNITS] + state.index[TOUCHED_COUNT]] = unit
    state.index[TOUCHED_COUNT] += 1
    return True
