"""A node moves to another core: what changes, exactly."""

from __future__ import annotations

from pcneuro.kernels.compiling import inner, kernel
from pcneuro.kernels.mapping.structures import AXONS_IN, AXONS_OUT, COMPARTMENTS, DESTINATIONS, SOURCE, SYNAPSES


@kernel
def settle(nets, cores):  # type: ignore[no-untyped-def]
    """Count everything in ``cores``, of which ``core``, ``slot``, ``limit`` are given and all numbers 0.

    Returns packets between cores, and by how much cores are beyond their limits, in all.
    """
    # Arrays by names of their own: a field is counted as a reference each time that it is read.
    core, slot, spans, reaches, where, count = (
        cores.core,
        cores.slot,
        cores.spans,
        cores.reaches,
        cores.where,
        cores.held,
    )
    used, limit, pin, times = cores.used, cores.limit, nets.pin, nets.times
    packets = 0.0
    beyond = 0
    for v in range(core.size):
        used[core[v], COMPARTMENTS] += nets.size[v]
        used[core[v], SYNAPSES] += nets.synapses[v]
    for e in range(nets.first.size - 1):
        start = end = slot[e]
        for k in range(nets.first[e], nets.first[e + 1]):
            c = core[pin[k]]
            at = find(where, start, end, c)
            if at == end:
                where[at] = c
                count[at] = 0
                end += 1
            count[at] += times[k]
        spans[e] = end - start
        for at in range(start, end):
            if count[at] > SOURCE:
                reaches[e] += 1
                used[where[at], AXONS_IN] += 1
        used[core[nets.source[e]], AXONS_OUT] += reaches[e]
        packets += nets.sends[e] * (spans[e] - 1)
        beyond += max(reaches[e] - limit[DESTINATIONS], 0)
    for c in range(used.shape[0]):
        for what in range(used.shape[1]):
            beyond += max(used[c, what] - limit[what], 0)
    return packets, beyond


@inner(forceinline=True)
def find(where, start, end, c):  # type: ignore[no-untyped-def]
    """Where core c stands among those of a net, from ``start`` on; ``end`` if it is not one of them."""
    while start < end and where[start] != c:
        start += 1
    return start


@inner(forceinline=True)
def _hold(used, limit, c, what, more):  # type: ignore[no-untyped-def]
    """Core c holds so much more of something; returns by how much more it is beyond the limit."""
    before = used[c, what]
    used[c, what] = before + more
    return max(before + more - limit[what], 0) - max(before - limit[what], 0)


@inner
def move(nets, cores, v, to):  # type: ignore[no-untyped-def]
    """Put node v on another core; returns how many more packets there are, and how much more is beyond limits."""
    # Arrays by names of their own: a field is counted as a reference each time that it is read.
    core, slot, spans, reaches, where, count = (
        cores.core,
        cores.slot,
        cores.spans,
        cores.reaches,
        cores.where,
        cores.held,
    )
    used, limit, net, node_times, source, sends = (
        cores.used,
        cores.limit,
        nets.net,
        nets.node_times,
        nets.source,
        nets.sends,
    )
    c = core[v]
    core[v] = to
    packets = 0.0
    beyond = 0
    for what, held in ((COMPARTMENTS, nets.size[v]), (SYNAPSES, nets.synapses[v])):
        beyond += _hold(used, limit, c, what, -held) + _hold(used, limit, to, what, held)
    for k in range(nets.node_first[v], nets.node_first[v + 1]):
        e, times = net[k], node_times[k]
        begin, end, reached = slot[e], slot[e] + spans[e], reaches[e]
        old, new = find(where, begin, end, c), find(where, begin, end, to)
        left = count[old] - times
        there = 0
        if new < end:
            there = count[new]
        if left == 0 and new < end:
            # Its place goes to the last.
            spans[e] -= 1
            where[old], count[old] = where[end - 1], count[end - 1]
            if new == end - 1:
                new = old
        elif left == 0:
            new = old
        elif new == end:
            spans[e] += 1
        where[new], count[new] = to, there + times
        if left > 0:
            count[old] = left
        if left <= SOURCE < left + times:
            reaches[e] -= 1
            beyond += _hold(used, limit, c, AXONS_IN, -1)
        if there <= SOURCE < there + times:
            reaches[e] += 1
            beyond += _hold(used, limit, to, AXONS_IN, 1)
        if times & SOURCE:
            beyond += _hold(used, limit, c, AXONS_OUT, -reached) + _hold(used, limit, to, AXONS_OUT, reaches[e])
        elif reaches[e] != reached:
            beyond += _hold(used, limit, core[source[e]], AXONS_OUT, reaches[e] - reached)
        farthest = limit[DESTINATIONS]
        beyond += max(reaches[e] - farthest, 0) - max(reached - farthest, 0)
        packets += sends[e] * (begin + spans[e] - end)
    return packets, beyond


@inner(forceinline=True)
def weigh(nets, cores, v):  # type: ignore[no-untyped-def]
    """What a move of node v would save: writes to ``cores.reached`` of each core in ``cores.near`` the sends of its
    axons that are there already. Returns how many cores these are, and what is to be subtracted.
    """
    slot, spans, where, count = cores.slot, cores.spans, cores.where, cores.held
    reached, near, net, node_times, sends = cores.reached, cores.near, nets.net, nets.node_times, nets.sends
    c = cores.core[v]
    number = 0
    away = 0.0
    for k in range(nets.node_first[v], nets.node_first[v + 1]):
        e = net[k]
        often = sends[e]
        if often > 0:
            alone = False
            for at in range(slot[e], slot[e] + spans[e]):
                other = where[at]
                if other == c:
                    alone = count[at] == node_times[k]
                else:
                    if reached[other] < 0:
                        reached[other] = 0.0
                        near[number] = other
                        number += 1
                    reached[other] += often
            if not alone:
                away += often
    return number, away


@inner(forceinline=True)
def cost_of(nets, cores, v, to):  # type: ignore[no-untyped-def]
    """How many more packets there are if node v moves to a core, with nothing moved."""
    slot, spans, where, held = cores.slot, cores.spans, cores.where, cores.held
    net, node_times, sends = nets.net, nets.node_times, nets.sends
    c = cores.core[v]
    more = 0.0
    for k in range(nets.node_first[v], nets.node_first[v + 1]):
        e = net[k]
        if sends[e] > 0:
            end = slot[e] + spans[e]
            if held[find(where, slot[e], end, c)] == node_times[k]:
                more -= sends[e]
            if find(where, slot[e], end, to) == end:
                more += sends[e]
    return more
