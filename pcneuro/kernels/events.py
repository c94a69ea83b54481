"""What events go through: axons, dendrites and back, for neurons that speak only when they have something new to say.

A *unit* is a value neuron x with its error neuron e = Pi (x - p), where x and the prediction p are counted from where x
was at the sweep. With what it has received from other errors, f,

    tau dx/dt = f - e,    so that    x -> p + f / Pi    and    e -> f    at the rate lambda = Pi / tau

as long as p and f stay. Value neurons send x, error neurons send e, each as the change since it was last sent. Under
fixed prediction p = 0, and only errors are sent.

Nodes are the units of all populations of a circuit in single units, in topological order: *sources* (value neurons),
*sums* over synapses, and *functions*. What value neurons send goes up, to predictions (``forward``); what error neurons
send goes down, through the same dendrites, to value neurons (``backward``). Populations are worked through in their
order, so that each node that hears of something is computed once.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from pcneuro.kernels.dispatch import ix
from pcneuro.kernels.event_arrays import (
    ACTIVITY,
    ADJOINT,
    ARRIVAL,
    AT,
    AWAKE,
    AWAKE_COUNT,
    BASE,
    BEGIN,
    CHANGED,
    CHANGED_COUNT,
    CHANGED_NODES,
    CODES,
    CONSTANTS,
    CONTRIBUTIONS,
    DELAY,
    DERIVATIVE,
    DIRTY,
    DIRTY_COUNT,
    DIRTY_NODES,
    DOWN,
    EVENTS,
    EXACT,
    FIRST,
    FORMULA,
    FUNCTION,
    GAIN,
    GATE,
    GATES,
    INCOMING,
    INCOMING_SLOPE,
    KIND,
    KNOWN,
    LAST_DECAY,
    LINES,
    MEAN,
    NUMBERS,
    OFFSET,
    OPERAND_FIRST,
    OPERAND_NODE,
    OPERAND_SLOPE,
    OPERAND_WEIGHT,
    OPERANDS,
    PENDING,
    POPULATION,
    PRECISION,
    PREDICTED,
    QUEUE_CHANGE,
    QUEUE_DOWN,
    QUEUE_KEY,
    QUEUE_TIME,
    QUEUE_UP,
    RATE,
    RECEIVED,
    RECEIVED_SLOPE,
    RECORD_CHANGE,
    RECORD_CODE,
    RECORD_TIME,
    RECORDED,
    RECORDS,
    SENDS_DOWN,
    SENDS_UP,
    SINCE,
    SLOPES,
    SOURCE,
    STACK,
    STRICT,
    SUM,
    TARGET,
    TO,
    TOP,
    TOUCHED,
    TOUCHED_COUNT,
    TOUCHED_UNITS,
    UNIT,
    UNITS,
    UP,
    USER_FIRST,
    USERS,
    WEIGHT,
    X,
)
from pcneuro.kernels.event_queue import CACHE, drop, push, slopes_of
from pcneuro.kernels.formulas import evaluate


@njit(cache=CACHE, nogil=True, error_model="numpy", forceinline=True)
def hear(net, state, node, change, slope):  # type: ignore[no-untyped-def]
    """Add a change to what a node has still to hear of."""
    state.real[state.index[INCOMING] + node] += change
    if state.index[LINES]:
        state.real[state.index[INCOMING_SLOPE] + node] += slope
    if state.index[state.index[DIRTY] + node] == 0:
        state.index[state.index[DIRTY] + node] = 1
        p = net.index[net.index[POPULATION] + node]
        count = state.index[state.index[DIRTY_COUNT] + p]
        if count >= 0:
            state.index[state.index[DIRTY_NODES] + net.index[net.index[OFFSET] + p] + count] = node
            state.index[state.index[DIRTY_COUNT] + p] = count + 1
            if count == 0:
                state.index[PENDING] += 1
                state.index[TOP] = max(state.index[TOP], p)


@njit(cache=CACHE, nogil=True, error_model="numpy", forceinline=True)
def _row(real, heard, weights, weight, count, change):  # type: ignore[no-untyped-def]
    """Add a row of weights, times a change, to what is heard; neither is a slice, which would count references."""
    for k in range(count):
        real[ix(heard + k)] += weights[ix(weight + k)] * change


@njit(cache=CACHE, nogil=True, error_model="numpy", forceinline=True)
def _arrive(net, state, fan, group, change, slope):  # type: ignore[no-untyped-def]
    """A group of synapses passes a change on."""
    change, slope = net.real.dtype.type(change), net.real.dtype.type(slope)
    at = net.index[fan + BEGIN] + group
    begin, end = net.index[at], net.index[at + 1]
    base, weight = net.index[net.index[fan + BASE] + group], net.index[fan + WEIGHT]
    if base >= 0:
        p = net.index[net.index[fan + TO] + group]
        if state.index[state.index[DIRTY_COUNT] + p] == 0:
            state.index[PENDING] += 1
            state.index[TOP] = max(state.index[TOP], p)
        state.index[state.index[DIRTY_COUNT] + p] = -1
        _row(state.real, state.index[INCOMING] + base, net.real, weight + begin, end - begin, change)
        if state.index[LINES]:
            _row(state.real, state.index[INCOMING_SLOPE] + base, net.real, weight + begin, end - begin, slope)
    else:
        target = net.index[fan + TARGET]
        for k in range(begin, end):
            w = net.real[weight + k]
            hear(net, state, net.target[target + k], w * change, w * slope)


@njit(cache=CACHE, nogil=True, error_model="numpy")
def _under_way(net, state, fan, time, node, group, change, slope):  # type: ignore[no-untyped-def]
    push(state, QUEUE_UP if fan == UP else QUEUE_DOWN, time, (node << 32) | group, change, slope)


@njit(cache=CACHE, nogil=True, error_model="numpy")
def deliver(net, state, fan):  # type: ignore[no-untyped-def]
    """The first event under way arrives, and goes on to synapses with longer delays. Returns the node that sent it."""
    queue = QUEUE_UP if fan == UP else QUEUE_DOWN
    time, key = state.time[state.index[queue + QUEUE_TIME]], state.index[state.index[queue + QUEUE_KEY]]
    node, group = key >> 32, key & 0xFFFFFFFF
    change = state.real[state.index[queue + QUEUE_CHANGE]]
    slope = change * 0
    if state.index[LINES]:
        slope += state.real[state.index[slopes_of(queue)]]
    drop(state, queue)
    if group + 1 < net.index[net.index[fan + FIRST] + node + 1]:
        delay = net.index[fan + DELAY] + group
        _under_way(net, state, fan, time - net.time[delay] + net.time[delay + 1], node, group + 1, change, slope)
    _arrive(net, state, fan, group, change, slope)
    return node


@njit(cache=CACHE, nogil=True, error_model="numpy", forceinline=True)
def send(net, state, fan, node, change, slope, now):  # type: ignore[no-untyped-def]
    """A node sends a change along all its synapses: at once, or after their delays."""
    at = net.index[fan + FIRST] + node
    first, last = net.index[at], net.index[at + 1]
    if first == last:
        return
    state.index[state.index[SENDS_UP if fan == UP else SENDS_DOWN] + node] += 1
    for group in range(first, last):
        delay = net.time[net.index[fan + DELAY] + group]
        if delay > 0.0:
            _under_way(net, state, fan, now + delay, node, group, change, slope)
            return
        _arrive(net, state, fan, group, change, slope)


@njit(cache=CACHE, nogil=True, error_model="numpy", forceinline=True)
def record(state, now, code, change):  # type: ignore[no-untyped-def]
    """Count an event, and keep it where there is a place for events."""
    state.index[state.index[EVENTS] + code] += 1
    if state.index[RECORDS]:
        n = state.index[RECORDED]
        (
            state.time[state.index[RECORD_TIME] + n],
            state.index[state.index[RECORD_CODE] + n],
            state.real[state.index[RECORD_CHANGE] + n],
        ) = now, code, change
        state.index[RECORDED] = n + 1


@njit(cache=CACHE, nogil=True, error_model="numpy")
def _apply(net, state, p, k, begin, end, out):  # type: ignore[no-untyped-def]
    """A formula of function population p at its unit k."""
    first = net.index[net.index[OPERAND_FIRST] + p]
    for j in range(first, net.index[net.index[OPERAND_FIRST] + p + 1]):
        if net.index[net.index[OPERAND_NODE] + j] >= 0:
            state.time[state.index[OPERANDS] + j - first] = state.real[
                state.index[ACTIVITY] + net.index[net.index[OPERAND_NODE] + j] + k
            ]
        else:
            state.time[state.index[OPERANDS] + j - first] = net.real[
                net.index[CONSTANTS] + net.index[net.index[OPERAND_WEIGHT] + j] + k
            ]
    codes, numbers = net.index[net.index[CODES] :], net.time[net.index[NUMBERS] :]
    operands, stack = state.time[state.index[OPERANDS] :], state.time[state.index[STACK] :]
    return evaluate(codes, numbers, begin, end, operands, out, stack)


@njit(cache=CACHE, nogil=True, error_model="numpy")
def _up(net, state, p, node):  # type: ignore[no-untyped-def]
    """A node of population p hears of changes of values; returns by how much it changes itself."""
    change = state.real[state.index[INCOMING] + node]
    state.real[state.index[INCOMING] + node] = 0
    state.index[state.index[DIRTY] + node] = 0
    if net.index[net.index[KIND] + p] == FUNCTION:
        k = node - net.index[net.index[OFFSET] + p]
        before = state.real[state.index[ACTIVITY] + node]
        state.real[state.index[ACTIVITY] + node] = _apply(
            net, state, p, k, net.index[net.index[FORMULA] + 2 * p + 0], net.index[net.index[FORMULA] + 2 * p + 1], 0.0
        )
        for j in range(net.index[net.index[OPERAND_FIRST] + p], net.index[net.index[OPERAND_FIRST] + p + 1]):
            at = net.index[net.index[OPERAND_SLOPE] + j]
            if at >= 0:
                begin, end = net.index[net.index[DERIVATIVE] + 2 * j + 0], net.index[net.index[DERIVATIVE] + 2 * j + 1]
                state.real[state.index[SLOPES] + at + k] = _apply(
                    net, state, p, k, begin, end, state.real[state.index[ACTIVITY] + node]
                )
                state.index[GATES] += 1
                if state.index[state.index[CHANGED] + node] == 0:
                    state.index[state.index[CHANGED] + node] = 1
                    state.index[state.index[CHANGED_NODES] + state.index[CHANGED_COUNT]] = node
                    state.index[CHANGED_COUNT] += 1
        change = state.real[state.index[ACTIVITY] + node] - before
    else:
        state.real[state.index[ACTIVITY] + node] += change
    return change


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


@njit(cache=CACHE, nogil=True, error_model="numpy", forceinline=True)
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


@njit(cache=CACHE, nogil=True, error_model="numpy", forceinline=True)
def touch(state, unit):  # type: ignore[no-untyped-def]
    """List a unit that something reaches; returns whether it is the first time."""
    if state.index[state.index[TOUCHED] + unit]:
        return False
    state.index[state.index[TOUCHED] + unit] = 1
    state.index[state.index[TOUCHED_UNITS] + state.index[TOUCHED_COUNT]] = unit
    state.index[TOUCHED_COUNT] += 1
    return True


@njit(cache=CACHE, nogil=True, error_model="numpy")
def _upward(net, state, p, node, now):  # type: ignore[no-untyped-def]
    change = _up(net, state, p, node)
    if change == 0.0:
        return
    unit = net.index[net.index[MEAN] + node]
    if unit >= 0:
        if touch(state, unit):
            refresh(net, state, unit, now)
        state.real[state.index[PREDICTED] + unit] += change
    for q in range(net.index[net.index[USER_FIRST] + p], net.index[net.index[USER_FIRST] + p + 1]):
        hear(
            net,
            state,
            net.index[net.index[OFFSET] + net.index[net.index[USERS] + q]] + node - net.index[net.index[OFFSET] + p],
            change * 0,
            change * 0,
        )
    send(net, state, UP, node, change, change * 0, now)


@njit(cache=CACHE, nogil=True, error_model="numpy")
def _to_all_units(net, state, first, count, now):  # type: ignore[no-untyped-def]
    """All value neurons of a population receive what has been heard, in bins: as rows, without lists."""
    real, index, time = state.real, state.index, state.time
    unit = net.index[net.index[UNIT] + first]
    incoming, dirty = index[INCOMING] + first, index[DIRTY] + first
    if unit >= 0:
        received, since, arrival = index[RECEIVED] + unit, index[SINCE] + unit, index[ARRIVAL] + unit
        for k in range(count):
            if index[ix(since + k)] >= 0 and real[ix(incoming + k)] != 0.0:
                refresh(net, state, unit + k, now)
        for k in range(count):
            if time[ix(arrival + k)] == np.inf and real[ix(incoming + k)] != 0.0:
                time[ix(arrival + k)] = now
        for k in range(count):
            real[ix(received + k)] += real[ix(incoming + k)]
    for k in range(count):
        real[ix(incoming + k)] = 0
        index[ix(dirty + k)] = 0


@njit(cache=CACHE, nogil=True, error_model="numpy")
def _to_units(net, state, nodes, first, count, whole, now):  # type: ignore[no-untyped-def]
    """Value neurons receive what has been heard, of ``count`` nodes from ``first`` on, or those listed at ``nodes``."""
    # Where arrays begin is looked up once: the compiler cannot know that nothing here changes it.
    real, index, lines = state.real, state.index, state.index[LINES]
    incoming, slopes, dirty = index[INCOMING], index[INCOMING_SLOPE], index[DIRTY]
    unit_of, received, received_slope = net.index[UNIT], index[RECEIVED], index[RECEIVED_SLOPE]
    arrival, touched = index[ARRIVAL], index[TOUCHED]
    for a in range(count):
        node = first + a if whole else index[nodes + a]
        change = real[incoming + node]
        real[incoming + node] = 0
        index[dirty + node] = 0
        slope = change * 0
        if lines:
            slope = real[slopes + node]
            real[slopes + node] = 0
        unit = net.index[unit_of + node]
        if unit < 0 or (change == 0.0 and slope == 0.0):
            continue
        if index[touched + unit] == 0:
            touch(state, unit)
            refresh(net, state, unit, now)
        if state.time[arrival + unit] == np.inf:
            state.time[arrival + unit] = now
        real[received + unit] += change
        if lines:
            real[received_slope + unit] += slope


@njit(cache=CACHE, nogil=True, error_model="numpy")
def _through_sums(net, state, nodes, first, count, whole, now):  # type: ignore[no-untyped-def]
    """Sums send on what comes back to them; under strict dynamics once that has changed by enough."""
    real, index, strict, lines = state.real, state.index, net.index[STRICT], state.index[LINES]
    incoming, slopes, dirty = index[INCOMING], index[INCOMING_SLOPE], index[DIRTY]
    for a in range(count):
        node = first + a if whole else index[nodes + a]
        change = real[incoming + node]
        real[incoming + node] = 0
        index[dirty + node] = 0
        slope = change * 0
        if lines:
            slope = real[slopes + node]
            real[slopes + node] = 0
        if strict == 0:
            if change != 0.0 or slope != 0.0:
                send(net, state, DOWN, node, change, slope, now)
            continue
        real[index[ADJOINT] + node] += change
        change = real[index[ADJOINT] + node] - real[index[KNOWN] + node]
        gate = net.real[net.index[GATE] + node]
        if change != 0.0 and abs(change) >= gate:
            real[index[KNOWN] + node] = real[index[ADJOINT] + node]
            if gate >= 0.0:
                record(state, now, 2 * net.index[UNITS] + node, change)
            send(net, state, DOWN, node, change, slope, now)


@njit(cache=CACHE, nogil=True, error_model="numpy")
def _through_functions(net, state, p, nodes, first, count, whole):  # type: ignore[no-untyped-def]
    """Functions pass on what comes back to them, times their derivatives."""
    real, index, strict, lines = state.real, state.index, net.index[STRICT], state.index[LINES]
    incoming, incoming_slope, dirty = index[INCOMING], index[INCOMING_SLOPE], index[DIRTY]
    begin, end = net.index[net.index[OPERAND_FIRST] + p], net.index[net.index[OPERAND_FIRST] + p + 1]
    for a in range(count):
        node = first + a if whole else index[nodes + a]
        change = real[incoming + node]
        real[incoming + node] = 0
        index[dirty + node] = 0
        slope = change * 0
        if lines:
            slope = real[incoming_slope + node]
            real[incoming_slope + node] = 0
        if strict != 0:
            real[index[ADJOINT] + node] += change
        elif change == 0.0 and slope == 0.0:
            continue
        k = node - first
        for j in range(begin, end):
            at = net.index[net.index[OPERAND_SLOPE] + j]
            if at < 0:
                continue
            index[GATES] += 1
            factor = real[index[SLOPES] + at + k]
            passed = factor * change
            if strict != 0:
                whole_of_it = factor * real[index[ADJOINT] + node]
                passed = whole_of_it - real[index[CONTRIBUTIONS] + at + k]
                if passed == 0.0:
                    continue
                real[index[CONTRIBUTIONS] + at + k] = whole_of_it
            hear(net, state, net.index[net.index[OPERAND_NODE] + j] + k, passed, factor * slope)


@njit(cache=CACHE, nogil=True, error_model="numpy")
def _work(net, state, p, now, up):  # type: ignore[no-untyped-def]
    """All nodes of a population that heard of something."""
    first, count = net.index[net.index[OFFSET] + p], state.index[state.index[DIRTY_COUNT] + p]
    state.index[state.index[DIRTY_COUNT] + p] = 0
    state.index[PENDING] -= 1
    whole = count < 0
    if whole:
        count = net.index[net.index[OFFSET] + p + 1] - first
    nodes = state.index[DIRTY_NODES] + first
    kind = net.index[net.index[KIND] + p]
    if up:
        for a in range(count):
            _upward(net, state, p, first + a if whole else state.index[nodes + a], now)
    elif kind == SOURCE and whole and net.index[EXACT] == 0:
        _to_all_units(net, state, first, count, now)
    elif kind == SOURCE:
        _to_units(net, state, nodes, first, count, whole, now)
    elif kind == SUM:
        _through_sums(net, state, nodes, first, count, whole, now)
    else:
        _through_functions(net, state, p, nodes, first, count, whole)


@njit(cache=CACHE, nogil=True, error_model="numpy")
def forward(net, state, p, now):  # type: ignore[no-untyped-def]
    """What has been heard from value neurons goes up to predictions, from population p on."""
    while state.index[PENDING] > 0:
        if state.index[state.index[DIRTY_COUNT] + p] != 0:
            _work(net, state, p, now, True)
        p += 1
    # Functions whose derivatives are others now send back something else.
    for a in range(state.index[CHANGED_COUNT]):
        node = state.index[state.index[CHANGED_NODES] + a]
        state.index[state.index[CHANGED] + node] = 0
        hear(
            net, state, node, state.real[state.index[INCOMING] + node] * 0, state.real[state.index[INCOMING] + node] * 0
        )
    state.index[CHANGED_COUNT] = 0


@njit(cache=CACHE, nogil=True, error_model="numpy")
def backward(net, state, now):  # type: ignore[no-untyped-def]
    """What has been heard from error neurons goes down to value neurons."""
    p = state.index[TOP]
    state.index[TOP] = 0
    while state.index[PENDING] > 0:
        if state.index[state.index[DIRTY_COUNT] + p] != 0:
            _work(net, state, p, now, False)
        p -= 1
