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
from pcneuro.kernels.event_axons import deliver, hear, record
from pcneuro.kernels.event_queue import CACHE, arrives
from pcneuro.kernels.events import backward, forward


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
        elif cumulative:
            state.real[state.index[RESIDUE_VALUE] + u] += change


@njit(cache=CACHE, nogil=True, error_model="numpy")
def _errors(net, state, now, cumulative):  # type: ignore[no-untyped-def]
    """Error neurons send."""
    # Where arrays begin is looked up once: the compiler cannot know that nothing here changes it.
    real, index, shared = state.real, state.index, net.real
    awake, x, predicted, sent, residue = index[AWAKE], index[X], index[PREDICTED], index[SENT], index[RESIDUE]
    precision, threshold, entry, strict = (
        net.index[PRECISION],
        net.index[THRESHOLD],
        net.index[ENTRY],
        net.index[STRICT],
    )
    for a in range(index[AWAKE_COUNT]):
        u = index[awake + a]
        error = shared[precision + u] * (real[x + u] - real[predicted + u])
        change = error - real[sent + u]
        if _beyond(change, real[residue + u], shared[threshold + u], cumulative):
            real[sent + u] = error
            real[residue + u] = 0
            # Who has nobody to tell says nothing.
            if net.index[entry + u] >= 0:
                if strict == 0:
                    record(state, now, net.index[UNITS] + u, change)
                hear(net, state, net.index[entry + u], change, change * 0)
        elif cumulative:
            real[residue + u] += change


@njit(cache=CACHE, nogil=True, error_model="numpy")
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


@njit(cache=CACHE, nogil=True, error_model="numpy")
def _step(net, state, n, cumulative):  # type: ignore[no-untyped-def]
    """A step of all that are awake. Who has nothing more to say sleeps, from bin ``since`` on."""
    real, index, shared = state.real, state.index, net.real
    awake, x, predicted, sent, received = index[AWAKE], index[X], index[PREDICTED], index[SENT], index[RECEIVED]
    precision, gain, threshold = net.index[PRECISION], net.index[GAIN], net.index[THRESHOLD]
    since, exit_, strict = index[SINCE], net.index[EXIT], net.index[STRICT]
    kept = 0
    for a in range(index[AWAKE_COUNT]):
        u = index[awake + a]
        factor, step = shared[precision + u], shared[gain + u]
        drive, mean, told = real[received + u], real[predicted + u], real[sent + u]
        new = real[x + u] + step * (drive - factor * (real[x + u] - mean))
        real[x + u] = new
        error = factor * (new - mean)
        free = step > 0.0
        goal = drive if free and factor > 0.0 else error
        if cumulative:
            quiet = error == told and goal == told
        else:
            quiet = abs(goal - told) < shared[threshold + u] and abs(error - told) < shared[threshold + u]
        if quiet and strict != 0 and free and net.index[exit_ + u] >= 0:
            quiet = _value_is_quiet(net, state, u, cumulative)
        if quiet:
            index[since + u] = n + 1
        else:
            index[awake + kept] = u
            kept += 1
    index[AWAKE_COUNT] = kept


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
