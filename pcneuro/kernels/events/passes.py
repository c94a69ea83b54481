"""Passes of events through the synaptic network, up to predictions and back down, from neurons that send on change.

A *unit* is a value neuron x with its error neuron e = Pi (x - p), where x and the prediction p are counted from where x
was at the sweep. With what it has received from other errors, f,

    tau dx/dt = f - e,    so that    x -> p + f / Pi    and    e -> f    at the rate lambda = Pi / tau

as long as p and f stay. Value neurons send x, error neurons send e, each as the change since it was last sent. Under
fixed prediction p = 0, and only errors are sent.

Nodes are the units of all populations of a circuit in single units, in topological order: *sources* (value neurons),
*sums* over synapses, and *functions*. What value neurons send goes up, to predictions (``forward``); what error neurons
send goes down, through the same dendrites, to value neurons (``backward``). Populations are worked through in their
order, so that each node that has input to take in is computed once.
"""

from __future__ import annotations

import numpy as np

from pcneuro.kernels.compiling import inner, kernel
from pcneuro.kernels.dispatch import ix
from pcneuro.kernels.events.arrays import BLOCK, FUNCTION, SOURCE, SUM
from pcneuro.kernels.events.axons import accumulate, record, send
from pcneuro.kernels.events.formulas import evaluate
from pcneuro.kernels.events.rows import receive_listed, receive_rows
from pcneuro.kernels.events.units import refresh, touch, wake


@inner
def _apply(network, state, p, k, begin, end, out):  # type: ignore[no-untyped-def]
    """The value of codes[begin:end] of function population p at its unit k. Writes operands, stack."""
    first, operands = network.operand_first[p], state.operands
    for j in range(first, network.operand_first[p + 1]):
        if network.operand_node[j] >= 0:
            operands[j - first] = state.activity[network.operand_node[j] + k]
        else:
            operands[j - first] = network.constants[network.operand_weight[j] + k]
    return evaluate(network.codes, network.numbers, begin, end, operands, out, state.stack)


@inner(forceinline=True)
def _take_in(state, lines, node):  # type: ignore[no-untyped-def]
    """The input of a node, a change and one of slope, which is then zero. Writes incoming, incoming_slope, dirty."""
    change = state.incoming[node]
    state.incoming[node] = 0
    state.dirty[node] = 0
    slope = change * 0
    if lines:
        slope += state.incoming_slope[node]
        state.incoming_slope[node] = 0
    return change, slope


@inner
def _compute(network, state, p, node):  # type: ignore[no-untyped-def]
    """A node of population p takes in changes of values; returns by how much it changes itself.

    Writes activity, slopes, changed, changed_nodes; adds to gates.
    """
    change, _ = _take_in(state, 0, node)
    if network.kind[p] == FUNCTION:
        k = node - network.offset[p]
        before = state.activity[node]
        state.activity[node] = _apply(network, state, p, k, network.formula[2 * p], network.formula[2 * p + 1], 0.0)
        for j in range(network.operand_first[p], network.operand_first[p + 1]):
            at = network.operand_slope[j]
            if at >= 0:
                begin, end = network.derivative[2 * j], network.derivative[2 * j + 1]
                state.slopes[at + k] = _apply(network, state, p, k, begin, end, state.activity[node])
                state.gates += 1
                if state.changed[node] == 0:
                    state.changed[node] = 1
                    state.changed_nodes[state.changed_count] = node
                    state.changed_count += 1
        # What is an infinity, under a mask, and stays there, has not changed.
        change = change * 0 if state.activity[node] == before else state.activity[node] - before
    else:
        state.activity[node] += change
    return change


@inner
def _upward(network, state, p, node, now):  # type: ignore[no-untyped-def]
    """A node is computed anew, and tells what reads it. Adds to predicted; writes arrival, and what it reaches."""
    change = _compute(network, state, p, node)
    if change == 0.0:
        return
    unit = network.mean[node]
    if unit >= 0:
        if touch(state, unit):
            refresh(network, state, unit, now)
        if state.arrival[unit] == np.inf:
            state.arrival[unit] = now
        state.predicted[unit] += change
    for q in range(network.user_first[p], network.user_first[p + 1]):
        user = network.offset[network.users[q]] + node - network.offset[p]
        accumulate(network, state, user, change * 0, change * 0)
    send(network, state, network.up, state.up, node, change, change * 0, now)


@inner
def _to_all_units(network, state, first, count, now):  # type: ignore[no-untyped-def]
    """All value neurons of a population receive their input, in bins: as rows, without lists.

    Adds to received; writes arrival, incoming, dirty, and wakes blocks.
    """
    unit = network.unit[first]
    incoming, dirty = state.incoming, state.dirty
    if unit >= 0:
        received, arrival = state.received, state.arrival
        for block in range(unit // BLOCK, (unit + count - 1) // BLOCK + 1):
            if state.since[block] >= 0:
                for k in range(max(block * BLOCK - unit, 0), min((block + 1) * BLOCK - unit, count)):
                    if incoming[ix(first + k)] != 0.0:
                        wake(network, state, block, now)
                        break
        for k in range(count):
            if arrival[ix(unit + k)] == np.inf and incoming[ix(first + k)] != 0.0:
                arrival[ix(unit + k)] = now
        for k in range(count):
            received[ix(unit + k)] += incoming[ix(first + k)]
    for k in range(count):
        incoming[ix(first + k)] = 0
        dirty[ix(first + k)] = 0


@inner
def _to_units(network, state, first, count, whole, now):  # type: ignore[no-untyped-def]
    """Value neurons receive their input: ``count`` from node ``first`` on, or the nodes that are listed there.

    Adds to received, received_slope; writes arrival, and touches units.
    """
    lines = state.lines
    for a in range(count):
        node = first + a if whole else state.dirty_nodes[first + a]
        change, slope = _take_in(state, lines, node)
        unit = network.unit[node]
        if unit < 0 or (change == 0.0 and slope == 0.0):
            continue
        if state.touched[unit] == 0:
            touch(state, unit)
            refresh(network, state, unit, now)
        if state.arrival[unit] == np.inf:
            state.arrival[unit] = now
        state.received[unit] += change
        if lines:
            state.received_slope[unit] += slope


@inner
def _through_sums(network, state, first, count, whole, now):  # type: ignore[no-untyped-def]
    """Sums send on what comes back to them; under strict dynamics once that has changed by enough.

    Adds to adjoint; writes known, records and sends.
    """
    strict, lines = network.strict, state.lines
    for a in range(count):
        node = first + a if whole else state.dirty_nodes[first + a]
        change, slope = _take_in(state, lines, node)
        if strict == 0:
            if change != 0.0 or slope != 0.0:
                send(network, state, network.down, state.down, node, change, slope, now)
            continue
        state.adjoint[node] += change
        change = state.adjoint[node] - state.known[node]
        gate = network.gate[node]
        if change != 0.0 and abs(change) >= gate:
            state.known[node] = state.adjoint[node]
            if gate >= 0.0:
                record(state, now, 2 * network.units + node, change)
            send(network, state, network.down, state.down, node, change, slope, now)


@inner
def _through_functions(network, state, p, first, count, whole):  # type: ignore[no-untyped-def]
    """Functions pass on what comes back to them, times their derivatives.

    Reads slopes; adds to adjoint, gates; writes contributions, and accumulates input of operands.
    """
    strict, lines = network.strict, state.lines
    begin, end = network.operand_first[p], network.operand_first[p + 1]
    for a in range(count):
        node = first + a if whole else state.dirty_nodes[first + a]
        change, slope = _take_in(state, lines, node)
        if strict != 0:
            state.adjoint[node] += change
        elif change == 0.0 and slope == 0.0:
            continue
        k = node - first
        for j in range(begin, end):
            at = network.operand_slope[j]
            if at < 0:
                continue
            state.gates += 1
            factor = state.slopes[at + k]
            passed = factor * change
            if strict != 0:
                contribution = factor * state.adjoint[node]
                passed = contribution - state.contributions[at + k]
                if passed == 0.0:
                    continue
                state.contributions[at + k] = contribution
            accumulate(network, state, network.operand_node[j] + k, passed, factor * slope)


@inner
def _work(network, state, p, now, up):  # type: ignore[no-untyped-def]
    """All nodes of a population that have input to take in. Writes dirty_count, pending, and what they reach."""
    first, count = network.offset[p], state.dirty_count[p]
    state.dirty_count[p] = 0
    state.pending -= 1
    whole = count < 0
    if whole:
        count = network.offset[p + 1] - first
    kind = network.kind[p]
    if up:
        for a in range(count):
            _upward(network, state, p, first + a if whole else state.dirty_nodes[first + a], now)
    elif kind == SOURCE and whole and network.exact == 0:
        _to_all_units(network, state, first, count, now)
    elif kind == SOURCE and state.simple and whole:
        receive_rows(network, state, first, count, now)
    elif kind == SOURCE and state.simple:
        receive_listed(network, state, first, count)
    elif kind == SOURCE:
        _to_units(network, state, first, count, whole, now)
    elif kind == SUM:
        _through_sums(network, state, first, count, whole, now)
    else:
        _through_functions(network, state, p, first, count, whole)


@kernel
def forward(network, state, p, now):  # type: ignore[no-untyped-def]
    """What value neurons sent goes up to predictions, from population p on, until no input is pending."""
    while state.pending > 0:
        if state.dirty_count[p] != 0:
            _work(network, state, p, now, True)
        p += 1
    # Functions whose derivatives are others now send back something else.
    for a in range(state.changed_count):
        node = state.changed_nodes[a]
        state.changed[node] = 0
        accumulate(network, state, node, state.incoming[node] * 0, state.incoming[node] * 0)
    state.changed_count = 0


@kernel
def backward(network, state, now):  # type: ignore[no-untyped-def]
    """What error neurons sent goes down to value neurons, until no input is pending."""
    p = state.top
    state.top = 0
    while state.pending > 0:
        if state.dirty_count[p] != 0:
            _work(network, state, p, now, False)
        p -= 1
