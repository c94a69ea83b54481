"""Events on their way: sent along synapses at once or after delays, accumulated as input of nodes, and counted."""

from __future__ import annotations

import numpy as np

from pcneuro.kernels.compiling import inner, kernel
from pcneuro.kernels.dispatch import ix
from pcneuro.kernels.events.queue import drop, push

GROUP_BITS = 32
"""Of a key in ``Axons``, for the group of synapses; the node stands above them."""
GROUP = (1 << GROUP_BITS) - 1


@inner(forceinline=True)
def message(away, quantum, most):  # type: ignore[no-untyped-def]
    """What is sent of a change that is to be sent: the nearest multiple of the quantum, if there is one."""
    if quantum == 0.0:
        return away
    count = min(max(np.rint(abs(away) / quantum), quantum / quantum), most)
    return np.copysign(count * quantum, away)


@kernel
def accumulate(network, state, node, change, slope):  # type: ignore[no-untyped-def]
    """Add a change to the input that a node has to take in.

    Reads ``network.population, offset``. Adds to incoming, incoming_slope; writes dirty, dirty_nodes, dirty_count,
    pending, top.
    """
    state.incoming[node] += change
    if state.lines:
        state.incoming_slope[node] += slope
    if state.dirty[node] == 0:
        state.dirty[node] = 1
        p = network.population[node]
        count = state.dirty_count[p]
        if count >= 0:
            state.dirty_nodes[network.offset[p] + count] = node
            state.dirty_count[p] = count + 1
            if count == 0:
                state.pending += 1
                state.top = max(state.top, p)


@inner(forceinline=True)
def _add_row(incoming, node, weights, synapse, count, change):  # type: ignore[no-untyped-def]
    """Add a row of weights from ``synapse`` on, times a change, to the input from ``node`` on."""
    for k in range(count):
        incoming[ix(node + k)] += weights[ix(synapse + k)] * change


@inner
def _arrive(network, state, fan_out, group, change, slope):  # type: ignore[no-untyped-def]
    """A group of synapses passes a change on. Reads ``fan_out``; changes what ``accumulate`` does."""
    weight = fan_out.weight
    change, slope = weight.dtype.type(change), weight.dtype.type(slope)
    begin, end = fan_out.begin[group], fan_out.begin[group + 1]
    base = fan_out.base[group]
    if base >= 0:
        p = fan_out.to[group]
        if state.dirty_count[p] == 0:
            state.pending += 1
            state.top = max(state.top, p)
        state.dirty_count[p] = -1
        _add_row(state.incoming, base, weight, begin, end - begin, change)
        if state.lines:
            _add_row(state.incoming_slope, base, weight, begin, end - begin, slope)
    else:
        target = fan_out.target
        for k in range(begin, end):
            w = weight[k]
            accumulate(network, state, target[k], w * change, w * slope)


@kernel
def deliver(network, state, fan_out, axons):  # type: ignore[no-untyped-def]
    """The first event under way arrives, and goes on to synapses with longer delays. Returns the node that sent it.

    Reads ``fan_out``; changes the heap of ``axons``, and what ``accumulate`` does.
    """
    time, key = axons.time[0], axons.key[0]
    node, group = key >> GROUP_BITS, key & GROUP
    change = axons.change[0]
    slope = change * 0
    if state.lines:
        slope += axons.slope[0]
    drop(axons, state.lines)
    if group + 1 < fan_out.first[node + 1]:
        later = time - fan_out.delay[group] + fan_out.delay[group + 1]
        push(axons, later, (node << GROUP_BITS) | (group + 1), change, slope, state.lines)
    _arrive(network, state, fan_out, group, change, slope)
    return node


@kernel
def send(network, state, fan_out, axons, node, change, slope, now):  # type: ignore[no-untyped-def]
    """A node sends a change along all its synapses: at once, or after their delays.

    Reads ``fan_out``; adds to ``axons.sends``, and changes its heap, and what ``accumulate`` does.
    """
    first, last = fan_out.first[node], fan_out.first[node + 1]
    if first == last:
        return
    axons.sends[node] += 1
    for group in range(first, last):
        delay = fan_out.delay[group]
        if delay > 0.0:
            push(axons, now + delay, (node << GROUP_BITS) | group, change, slope, state.lines)
            return
        _arrive(network, state, fan_out, group, change, slope)


@kernel
def record(state, now, code, change):  # type: ignore[no-untyped-def]
    """Count an event, and keep it where there is room for events.

    Adds to events; writes record_time, record_code, record_change, recorded.
    """
    state.events[code] += 1
    if state.records:
        n = state.recorded
        state.record_time[n], state.record_code[n], state.record_change[n] = now, code, change
        state.recorded = n + 1
