"""Single units: how a value neuron and its error neuron relax while nothing is received."""

from __future__ import annotations

import math

from pcneuro.kernels.compiling import inner, kernel
from pcneuro.kernels.events.arrays import BLOCK
from pcneuro.kernels.events.queue import blocks


@inner
def _later(network, state, block, steps):  # type: ignore[no-untyped-def]
    """Bring values of a block of units so many steps of Euler's method on, in which nothing is received. Writes x."""
    first = block * BLOCK
    last, power = 1.0, 1.0
    for u in range(first, min(first + BLOCK, network.units)):
        precision, gain = network.precision[u], network.gain[u]
        x, received = state.x[u], state.received[u]
        if steps == 0 or gain == 0.0:
            continue
        if precision == 0.0:
            state.x[u] = x + steps * gain * received
            continue
        if 1.0 - gain * precision != last:
            last = 1.0 - gain * precision
            power = last**steps
        goal = state.predicted[u] + received / precision
        state.x[u] = goal + (x - goal) * power


@kernel
def relaxed(error, received, slope, rate, time, decay):  # type: ignore[no-untyped-def]
    """An error so many ms later, while what is received changes by ``slope`` a ms; ``decay`` is exp(-rate * time)."""
    return received + (error - received) * decay + slope * (time - (1.0 - decay) / rate)


@kernel
def advance_sleeping(network, state, number):  # type: ignore[no-untyped-def]
    """Bring values of blocks that sleep to the begin of bin ``number``; they go on sleeping, and since when is kept.

    Writes x.
    """
    for block in range(blocks(network.units)):
        if state.since[block] >= 0:
            _later(network, state, block, number - state.since[block])


@kernel
def wake(network, state, block, now):  # type: ignore[no-untyped-def]
    """Bring a block of units to the present, in bins, if it sleeps: it wakes up. Writes x, since, awake."""
    since = state.since[block]
    if since >= 0:
        _later(network, state, block, int(now) - since)
        state.since[block] = -1
        state.awake[state.awake_count] = block
        state.awake_count += 1


@kernel
def refresh(network, state, u, now):  # type: ignore[no-untyped-def]
    """Bring a unit to the present. Writes x, at, last_decay; adds to received where that changes linearly."""
    if network.exact == 0:
        wake(network, state, u // BLOCK, now)
        return
    time = now - state.at[u]
    state.at[u] = now
    slope = state.received_slope[u] if state.lines else 0.0 * time
    if network.rate[u] > 0.0:
        error = network.precision[u] * (state.x[u] - state.predicted[u])
        # Units that are reached together have the same decay.
        rate, last = network.rate[u], state.last_decay
        if last[0] != time or last[1] != rate:
            last[0], last[1], last[2] = time, rate, math.exp(-rate * time)
        error = relaxed(error, state.received[u], slope, rate, time, last[2])
        state.x[u] = state.predicted[u] + error / network.precision[u]
    else:
        mean = state.received[u] + slope * time / 2
        state.x[u] += network.gain[u] * mean * time
    if state.lines:
        state.received[u] += slope * time


@kernel
def refresh_all(network, state, now):  # type: ignore[no-untyped-def]
    """Bring all units to the present, at exact times. Writes what ``refresh`` does."""
    for u in range(network.units):
        refresh(network, state, u, now)


@kernel
def touch(state, unit):  # type: ignore[no-untyped-def]
    """List a unit that something reaches; returns whether it is the first time. Writes touched, touched_units."""
    if state.touched[unit]:
        return False
    state.touched[unit] = 1
    state.touched_units[state.touched_count] = unit
    state.touched_count += 1
    return True
