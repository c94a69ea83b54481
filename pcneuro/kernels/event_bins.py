"""Events in bins of dt: in each, first all events, then a step of Euler's method of all units that are awake."""

from __future__ import annotations

from numba import njit

from pcneuro.kernels.event_arrays import (
    AWAKE,
    AWAKE_COUNT,
    DONE,
    DOWN,
    ENTRY,
    EXIT,
    GAIN,
    NODES,
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
from pcneuro.kernels.event_queue import CACHE, arrives
from pcneuro.kernels.events import backward, deliver, forward, hear, record


@njit(cache=CACHE, nogil=True, error_model="numpy")
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


@njit(cache=CACHE, nogil=True, error_model="numpy")
def _beyond(change, residue, threshold, cumulative):  # type: ignore[no-untyped-def]
    """Whether a change is to be sent: itself, or all that was not sent of it up to now, summed over bins."""
    return change != 0.0 and (abs(change) >= threshold or (cumulative and abs(residue + change) >= threshold))


@njit(cache=CACHE, nogil=True, error_model="numpy")
def _values(net, state, now, cumulative):  # type: ignore[no-untyped-def]
    """Value neurons send."""
    for a in range(state.index[AWAKE_COUNT]):
        u = state.index[state.index[AWAKE] + a]
        change = state.real[state.index[X] + u] - state.real[state.index[SENT_VALUE] + u]
        if net.index[net.index[EXIT] + u] >= 0 and _beyond(
            change, state.real[state.index[RESIDUE_VALUE] + u], net.real[net.index[VALUE_THRESHOLD] + u], cumulative
        ):
            state.real[state.index[SENT_VALUE] + u] = state.real[state.index[X] + u]
            state.real[state.index[RESIDUE_VALUE] + u] = 0
            record(state, now, u, change)
            hear(net, state, net.index[net.index[EXIT] + u], change, change * 0)
        else:
            state.real[state.index[RESIDUE_VALUE] + u] += change


@njit(cache=CACHE, nogil=True, error_model="numpy")
def _errors(net, state, now, cumulative):  # type: ignore[no-untyped-def]
    """Error neurons send."""
    for a in range(state.index[AWAKE_COUNT]):
        u = state.index[state.index[AWAKE] + a]
        error = net.real[net.index[PRECISION] + u] * (
            state.real[state.index[X] + u] - state.real[state.index[PREDICTED] + u]
        )
        change = error - state.real[state.index[SENT] + u]
        if _beyond(change, state.real[state.index[RESIDUE] + u], net.real[net.index[THRESHOLD] + u], cumulative):
            state.real[state.index[SENT] + u] = error
            state.real[state.index[RESIDUE] + u] = 0
            if net.index[STRICT] == 0:
                record(state, now, net.index[UNITS] + u, change)
            if net.index[net.index[ENTRY] + u] >= 0:
                hear(net, state, net.index[net.index[ENTRY] + u], change, change * 0)
        else:
            state.real[state.index[RESIDUE] + u] += change


@njit(cache=CACHE, nogil=True, error_model="numpy")
def _quiet(net, state, u, cumulative):  # type: ignore[no-untyped-def]
    """Whether a unit has nothing more to say unless it receives something."""
    error = net.real[net.index[PRECISION] + u] * (
        state.real[state.index[X] + u] - state.real[state.index[PREDICTED] + u]
    )
    free = net.real[net.index[GAIN] + u] > 0.0
    goal = state.real[state.index[RECEIVED] + u] if free and net.real[net.index[PRECISION] + u] > 0.0 else error
    if cumulative:
        if error != state.real[state.index[SENT] + u] or goal != state.real[state.index[SENT] + u]:
            return False
    elif (
        abs(goal - state.real[state.index[SENT] + u]) >= net.real[net.index[THRESHOLD] + u]
        or abs(error - state.real[state.index[SENT] + u]) >= net.real[net.index[THRESHOLD] + u]
    ):
        return False
    if net.index[STRICT] == 0 or not free or net.index[net.index[EXIT] + u] < 0:
        return True
    if net.real[net.index[PRECISION] + u] == 0.0:
        return state.real[state.index[RECEIVED] + u] == 0.0
    x, sent = state.real[state.index[X] + u], state.real[state.index[SENT_VALUE] + u]
    target = (
        state.real[state.index[PREDICTED] + u]
        + state.real[state.index[RECEIVED] + u] / net.real[net.index[PRECISION] + u]
    )
    if cumulative:
        return x == sent and target == sent
    return (
        abs(target - sent) < net.real[net.index[VALUE_THRESHOLD] + u]
        and abs(x - sent) < net.real[net.index[VALUE_THRESHOLD] + u]
    )


@njit(cache=CACHE, nogil=True, error_model="numpy")
def _step(net, state, n, cumulative):  # type: ignore[no-untyped-def]
    """A step of all that are awake. Who has nothing more to say sleeps, from bin ``since`` on."""
    kept = 0
    for a in range(state.index[AWAKE_COUNT]):
        u = state.index[state.index[AWAKE] + a]
        error = net.real[net.index[PRECISION] + u] * (
            state.real[state.index[X] + u] - state.real[state.index[PREDICTED] + u]
        )
        state.real[state.index[X] + u] += net.real[net.index[GAIN] + u] * (
            state.real[state.index[RECEIVED] + u] - error
        )
        if _quiet(net, state, u, cumulative):
            state.index[state.index[SINCE] + u] = n + 1
        else:
            state.index[state.index[AWAKE] + kept] = u
            kept += 1
    state.index[AWAKE_COUNT] = kept


@njit(cache=CACHE, nogil=True, error_model="numpy")
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


@njit(cache=CACHE, nogil=True, error_model="numpy")
def bins(step, steps, net, state, cumulative):  # type: ignore[no-untyped-def]
    """Do ``steps`` bins from number ``step`` on, of one sample. Returns how many were done, and why it stopped."""
    for n in range(step, step + steps):
        why = full(net, state)
        if why != DONE:
            return n - step, why
        speak(n, net, state, cumulative)
        _step(net, state, n, cumulative)
    return steps, DONE
