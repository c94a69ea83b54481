"""What is sent: along synapses at once, or under way for as long as they are delayed; and how it is counted."""

from __future__ import annotations

from pcneuro.kernels.compiling import inner, kernel
from pcneuro.kernels.dispatch import ix
from pcneuro.kernels.events.arrays import (
    BASE,
    BEGIN,
    DELAY,
    DIRTY,
    DIRTY_COUNT,
    DIRTY_NODES,
    EVENTS,
    FIRST,
    INCOMING,
    INCOMING_SLOPE,
    LINES,
    OFFSET,
    PENDING,
    POPULATION,
    QUEUE_CHANGE,
    QUEUE_DOWN,
    QUEUE_KEY,
    QUEUE_TIME,
    QUEUE_UP,
    RECORD_CHANGE,
    RECORD_CODE,
    RECORD_TIME,
    RECORDED,
    RECORDS,
    SENDS_DOWN,
    SENDS_UP,
    TARGET,
    TO,
    TOP,
    UP,
    WEIGHT,
)
from pcneuro.kernels.events.queue import drop, push, slopes_of


@kernel
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


@inner(forceinline=True)
def _row(real, heard, weights, weight, count, change):  # type: ignore[no-untyped-def]
    """Add a row of weights, times a change, to what is heard; neither is a slice, which would count references."""
    for k in range(count):
        real[ix(heard + k)] += weights[ix(weight + k)] * change


@inner
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


@inner
def _under_way(state, fan, time, node, group, change, slope):  # type: ignore[no-untyped-def]
    push(state, QUEUE_UP if fan == UP else QUEUE_DOWN, time, (node << 32) | group, change, slope)


@kernel
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
        _under_way(state, fan, time - net.time[delay] + net.time[delay + 1], node, group + 1, change, slope)
    _arrive(net, state, fan, group, change, slope)
    return node


@kernel
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
            _under_way(state, fan, now + delay, node, group, change, slope)
            return
        _arrive(net, state, fan, group, change, slope)


@kernel
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
