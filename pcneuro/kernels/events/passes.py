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

import numpy as np

from pcneuro.kernels.compiling import inner, kernel
from pcneuro.kernels.dispatch import ix
from pcneuro.kernels.events.arrays import (
    ACTIVITY,
    ADJOINT,
    ARRIVAL,
    BLOCK,
    CHANGED,
    CHANGED_COUNT,
    CHANGED_NODES,
    CODES,
    CONSTANTS,
    CONTRIBUTIONS,
    DERIVATIVE,
    DIRTY,
    DIRTY_COUNT,
    DIRTY_NODES,
    DOWN,
    EXACT,
    FORMULA,
    FUNCTION,
    GATE,
    GATES,
    INCOMING,
    INCOMING_SLOPE,
    KIND,
    KNOWN,
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
    PREDICTED,
    RECEIVED,
    RECEIVED_SLOPE,
    SIMPLE,
    SINCE,
    SLOPES,
    SOURCE,
    STACK,
    STRICT,
    SUM,
    TOP,
    TOUCHED,
    UNIT,
    UNITS,
    UP,
    USER_FIRST,
    USERS,
)
from pcneuro.kernels.events.axons import hear, record, send
from pcneuro.kernels.events.formulas import evaluate
from pcneuro.kernels.events.rows import receive_listed, receive_rows
from pcneuro.kernels.events.units import refresh, touch, wake


@inner
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


@inner
def _up(net, state, p, node):  # type: ignore[no-untyped-def]
    """A node of population p hears of changes of values; returns by how much it changes itself."""
    change, _ = _taken(state.real, state.index, 0, node)
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


@inner
def _upward(net, state, p, node, now):  # type: ignore[no-untyped-def]
    change = _up(net, state, p, node)
    if change == 0.0:
        return
    unit = net.index[net.index[MEAN] + node]
    if unit >= 0:
        if touch(state, unit):
            refresh(net, state, unit, now)
        if state.time[state.index[ARRIVAL] + unit] == np.inf:
            state.time[state.index[ARRIVAL] + unit] = now
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


@inner
def _to_all_units(net, state, first, count, now):  # type: ignore[no-untyped-def]
    """All value neurons of a population receive what has been heard, in bins: as rows, without lists."""
    real, index, time = state.real, state.index, state.time
    unit = net.index[net.index[UNIT] + first]
    incoming, dirty = index[INCOMING] + first, index[DIRTY] + first
    if unit >= 0:
        received, arrival = index[RECEIVED] + unit, index[ARRIVAL] + unit
        for block in range(unit // BLOCK, (unit + count - 1) // BLOCK + 1):
            if index[index[SINCE] + block] >= 0:
                for k in range(max(block * BLOCK - unit, 0), min((block + 1) * BLOCK - unit, count)):
                    if real[ix(incoming + k)] != 0.0:
                        wake(net, state, block, now)
                        break
        for k in range(count):
            if time[ix(arrival + k)] == np.inf and real[ix(incoming + k)] != 0.0:
                time[ix(arrival + k)] = now
        for k in range(count):
            real[ix(received + k)] += real[ix(incoming + k)]
    for k in range(count):
        real[ix(incoming + k)] = 0
        index[ix(dirty + k)] = 0


@inner(forceinline=True)
def _taken(real, index, lines, node):  # type: ignore[no-untyped-def]
    """What a node has to hear of, a change and one of slope, which it then has heard."""
    at = index[INCOMING] + node
    change = real[at]
    real[at] = 0
    index[index[DIRTY] + node] = 0
    slope = change * 0
    if lines:
        at = index[INCOMING_SLOPE] + node
        slope += real[at]
        real[at] = 0
    return change, slope


@inner
def _to_units(net, state, nodes, first, count, whole, now):  # type: ignore[no-untyped-def]
    """Value neurons receive what has been heard, of ``count`` nodes from ``first`` on, or those listed at ``nodes``."""
    # Where arrays begin is looked up once: the compiler cannot know that nothing here changes it.
    real, index, lines = state.real, state.index, state.index[LINES]
    unit_of, received, received_slope = net.index[UNIT], index[RECEIVED], index[RECEIVED_SLOPE]
    arrival, touched = index[ARRIVAL], index[TOUCHED]
    for a in range(count):
        node = first + a if whole else index[nodes + a]
        change, slope = _taken(real, index, lines, node)
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


@inner
def _through_sums(net, state, nodes, first, count, whole, now):  # type: ignore[no-untyped-def]
    """Sums send on what comes back to them; under strict dynamics once that has changed by enough."""
    real, index, strict, lines = state.real, state.index, net.index[STRICT], state.index[LINES]
    for a in range(count):
        node = first + a if whole else index[nodes + a]
        change, slope = _taken(real, index, lines, node)
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


@inner
def _through_functions(net, state, p, nodes, first, count, whole):  # type: ignore[no-untyped-def]
    """Functions pass on what comes back to them, times their derivatives."""
    real, index, strict, lines = state.real, state.index, net.index[STRICT], state.index[LINES]
    begin, end = net.index[net.index[OPERAND_FIRST] + p], net.index[net.index[OPERAND_FIRST] + p + 1]
    for a in range(count):
        node = first + a if whole else index[nodes + a]
        change, slope = _taken(real, index, lines, node)
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


@inner
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
    elif kind == SOURCE and state.index[SIMPLE] and whole:
        receive_rows(net, state, first, count, now)
    elif kind == SOURCE and state.index[SIMPLE]:
        receive_listed(net, state, nodes, count)
    elif kind == SOURCE:
        _to_units(net, state, nodes, first, count, whole, now)
    elif kind == SUM:
        _through_sums(net, state, nodes, first, count, whole, now)
    else:
        _through_functions(net, state, p, nodes, first, count, whole)


@kernel
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


@kernel
def backward(net, state, now):  # type: ignore[no-untyped-def]
    """What has been heard from error neurons goes down to value neurons."""
    p = state.index[TOP]
    state.index[TOP] = 0
    while state.index[PENDING] > 0:
        if state.index[state.index[DIRTY_COUNT] + p] != 0:
            _work(net, state, p, now, False)
        p -= 1
