"""Neurons that speak only when they have something new to say: errors that are sent as changes, by bins and exactly.

A *unit* is an error neuron with its value neuron. With what it has received, f, and its own error e = Pi (v - vhat),

    tau dv/dt = f - e,    so that    de/dt = lambda (f - e),    lambda = Pi / tau,

between events: e goes to f monotonically. It sends e - sent, and sets sent = e, once that is at least its threshold.
What it sends goes through dendrites (``relay``) to the f of other units.

Arrays of units have the units of one sample; those of edges and dendrites are the same for all samples but ``slopes``.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from pcneuro.kernels.cache import usable

CACHE = usable()

# Counters of a sample: units touched, units awake, synaptic operations, multiplications in dendrites, units in the heap
TOUCHED, AWAKE, SYNAPSES, GATES, HEAPED, COUNTERS = range(6)


@njit(cache=CACHE, nogil=True, error_model="numpy")
def relay(node, change, way, incoming, touched, touched_units, counters):  # type: ignore[no-untyped-def]
    """Send a change on from ``node`` along all edges, through other nodes of dendrites to units.

    ``way`` is (first, last, targets, slopes, weights, place, stack, carried). Edge k has the factor slopes[k] or,
    behind those, weights[k - slopes.size]; ``place`` is a node's unit, or -1. Adds to ``incoming``, lists units that
    receive something for the first time in ``touched_units``; writes ``stack`` and ``carried``, which have room for as
    many as there are nodes and edges.
    """
    first, last, targets, slopes, weights, place, stack, carried = way
    stack[0], carried[0] = node, change
    depth = 1
    gates = slopes.size
    while depth:
        depth -= 1
        here, what = stack[depth], carried[depth]
        begin, end = first[here], last[here]
        if end <= gates:
            counters[GATES] += end - begin
        else:
            counters[SYNAPSES] += end - begin
        for k in range(begin, end):
            factor = slopes[k] if k < gates else weights[k - gates]
            unit = place[targets[k]]
            if unit >= 0:
                if touched[unit] == 0:
                    touched[unit] = 1
                    touched_units[counters[TOUCHED]] = unit
                    counters[TOUCHED] += 1
                incoming[unit] += factor * what
            else:
                stack[depth], carried[depth] = targets[k], factor * what
                depth += 1


@njit(cache=CACHE, nogil=True, error_model="numpy")
def later(deviation, received, precision, gain, steps):  # type: ignore[no-untyped-def]
    """A deviation so many steps of Euler's method later, in which nothing is received."""
    if steps == 0:
        return deviation
    if precision == 0.0:
        return deviation + steps * gain * received
    goal = received / precision
    return goal + (deviation - goal) * (1.0 - gain * precision) ** steps


@njit(cache=CACHE, nogil=True, error_model="numpy")
def bins(  # type: ignore[no-untyped-def]
    step,
    steps,
    deviation,
    received,
    sent,
    since,
    awake,
    counters,
    precision,
    gain,
    threshold,
    entry,
    way,
    incoming,
    touched,
    touched_units,
    sizes,
):
    """Do ``steps`` bins from number ``step`` on, of one sample.

    In each bin all errors that are far enough from what was sent are sent; then all units that are awake step by
    Euler's method. A unit whose error can come no further than its threshold sleeps, from bin ``since`` on (-1: it is
    awake), until it receives something.
    """
    for n in range(step, step + steps):
        for a in range(counters[AWAKE]):
            i = awake[a]
            error = precision[i] * deviation[i]
            change = error - sent[i]
            if change != 0.0 and abs(change) >= threshold[i]:
                sent[i] = error
                sizes[i] += 1
                if entry[i] >= 0:
                    relay(entry[i], change, way, incoming, touched, touched_units, counters)
        for a in range(counters[TOUCHED]):
            i = touched_units[a]
            touched[i] = 0
            if since[i] >= 0:
                deviation[i] = later(deviation[i], received[i], precision[i], gain[i], n - since[i])
                since[i] = -1
                awake[counters[AWAKE]] = i
                counters[AWAKE] += 1
            received[i] += incoming[i]
            incoming[i] = 0.0
        counters[TOUCHED] = 0
        kept = 0
        for a in range(counters[AWAKE]):
            i = awake[a]
            deviation[i] += gain[i] * (received[i] - precision[i] * deviation[i])
            error = precision[i] * deviation[i]
            goal = received[i] if gain[i] > 0.0 and precision[i] > 0.0 else error
            if abs(goal - sent[i]) < threshold[i] and abs(error - sent[i]) < threshold[i]:
                since[i] = n + 1
            else:
                awake[kept] = i
                kept += 1
        counters[AWAKE] = kept


@njit(cache=CACHE, nogil=True, error_model="numpy")
def crossing(error, received, sent, rate, threshold, now):  # type: ignore[no-untyped-def]
    """When an error will be ``threshold`` away from what was sent, if nothing more is received: infinite if never."""
    gap = received - sent
    if rate == 0.0 or abs(gap) <= threshold:
        return np.inf
    goal = sent + math.copysign(threshold, gap)
    ahead, beyond = received - error, received - goal
    if beyond * gap <= 0.0:
        # By rounding the goal is where the error goes to, and never is.
        return np.inf
    # Both have the sign of the gap: the error is on this side of the goal, or just there.
    if abs(ahead) <= abs(beyond):
        return now
    return now + math.log(ahead / beyond) / rate


@njit(cache=CACHE, nogil=True, error_model="numpy")
def sift_up(at, heap, where, due):  # type: ignore[no-untyped-def]
    unit = heap[at]
    while at > 0:
        above = (at - 1) // 2
        other = heap[above]
        if due[other] < due[unit] or (due[other] == due[unit] and other < unit):
            break
        heap[at], where[other] = other, at
        at = above
    heap[at], where[unit] = unit, at


@njit(cache=CACHE, nogil=True, error_model="numpy")
def sift_down(at, heap, where, due, count):  # type: ignore[no-untyped-def]
    unit = heap[at]
    while True:
        below = 2 * at + 1
        if below >= count:
            break
        other = heap[below]
        if below + 1 < count:
            right = heap[below + 1]
            if due[right] < due[other] or (due[right] == due[other] and right < other):
                below, other = below + 1, right
        if due[unit] < due[other] or (due[unit] == due[other] and unit < other):
            break
        heap[at], where[other] = other, at
        at = below
    heap[at], where[unit] = unit, at


@njit(cache=CACHE, nogil=True, error_model="numpy")
def schedule(unit, when, heap, where, due, counters):  # type: ignore[no-untyped-def]
    """Set when a unit is due; the heap has every unit that is, the earliest (and of those the lowest) first."""
    due[unit] = when
    at = where[unit]
    if at < 0:
        if when == np.inf:
            return
        at = counters[HEAPED]
        heap[at], where[unit] = unit, at
        counters[HEAPED] = at + 1
        sift_up(at, heap, where, due)
    elif when == np.inf:
        end = counters[HEAPED] - 1
        counters[HEAPED] = end
        where[unit] = -1
        if at < end:
            moved = heap[end]
            heap[at], where[moved] = moved, at
            sift_up(at, heap, where, due)
            sift_down(where[moved], heap, where, due, end)
    else:
        sift_up(at, heap, where, due)
        sift_down(where[unit], heap, where, due, counters[HEAPED])


@njit(cache=CACHE, nogil=True, error_model="numpy")
def exact(  # type: ignore[no-untyped-def]
    until,
    error,
    received,
    sent,
    at,
    due,
    heap,
    where,
    counters,
    rate,
    threshold,
    entry,
    way,
    incoming,
    touched,
    touched_units,
    sizes,
):
    """All events up to time ``until`` (ms) of one sample, in the order of time.

    ``error`` is that at time ``at``, ``due`` when a unit sends next.
    """
    while counters[HEAPED] and due[heap[0]] <= until:
        i = heap[0]
        now = due[i]
        gap = received[i] - sent[i]
        if abs(error[i] - sent[i]) < threshold[i]:
            error[i] = sent[i] + math.copysign(threshold[i], gap)
        at[i] = now
        change = error[i] - sent[i]
        sent[i] = error[i]
        sizes[i] += 1
        schedule(i, crossing(error[i], received[i], sent[i], rate[i], threshold[i], now), heap, where, due, counters)
        if entry[i] >= 0:
            relay(entry[i], change, way, incoming, touched, touched_units, counters)
        for a in range(counters[TOUCHED]):
            j = touched_units[a]
            touched[j] = 0
            error[j] = received[j] + (error[j] - received[j]) * math.exp(-rate[j] * (now - at[j]))
            at[j] = now
            received[j] += incoming[j]
            incoming[j] = 0.0
            when = crossing(error[j], received[j], sent[j], rate[j], threshold[j], now)
            schedule(j, when, heap, where, due, counters)
        counters[TOUCHED] = 0
