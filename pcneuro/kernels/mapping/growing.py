"""Cores are filled one after the other, each time with the node that most axons of the core end at, or begin."""

from __future__ import annotations

from pcneuro.kernels.compiling import inner, kernel

_SET_ASIDE = -2
"""Place of a node that did not find room in the core that is being filled."""


@inner
def _up(heap, place, score, k):  # type: ignore[no-untyped-def]
    """Let the node at place k of a heap rise: the largest score is at 0."""
    v = heap[k]
    while k > 0:
        above = (k - 1) // 2
        if score[heap[above]] >= score[v]:
            break
        heap[k] = heap[above]
        place[heap[k]] = k
        k = above
    heap[k] = v
    place[v] = k


@inner
def _down(heap, place, score, size, k):  # type: ignore[no-untyped-def]
    v = heap[k]
    while 2 * k + 1 < size:
        below = 2 * k + 1
        if below + 1 < size and score[heap[below + 1]] > score[heap[below]]:
            below += 1
        if score[heap[below]] <= score[v]:
            break
        heap[k] = heap[below]
        place[heap[k]] = k
        k = below
    heap[k] = v
    place[v] = k


@inner
def _take(heap, place, score, size):  # type: ignore[no-untyped-def]
    """Take the first out of a heap of ``size``."""
    v = heap[0]
    place[v] = -1
    if size > 1:
        heap[0] = heap[size - 1]
        place[heap[0]] = 0
        _down(heap, place, score, size - 1, 0)
    return v


@inner
def _tie(nets, v, here, most, core, score, heap, place, stamp, size):  # type: ignore[no-untyped-def]
    """Raise the scores of nodes that are tied to v, which has come to core ``here``; returns the size of the heap."""
    first, pin, net, sends = nets.first, nets.pin, nets.net, nets.sends
    for k in range(nets.node_first[v], nets.node_first[v + 1]):
        e = net[k]
        pins = first[e + 1] - first[e]
        if stamp[e] != here and sends[e] > 0 and 1 < pins <= most:
            stamp[e] = here
            for at in range(first[e], first[e + 1]):
                u = pin[at]
                if core[u] < 0:
                    score[u] += sends[e] / (pins - 1)
                    if place[u] == -1:
                        heap[size] = u
                        place[u] = size
                        size += 1
                    if place[u] >= 0:
                        _up(heap, place, score, place[u])
    return size


@kernel
def grow(nets, order, room, most, core, score, heap, place, stamp, taken):  # type: ignore[no-untyped-def]
    """Fill cores of ``room`` (compartments, synapses); returns how many were filled.

    A core begins with the node that is tied most closely to the one before, else with the next of ``order`` (nodes,).
    A node's score is the sends of its axons, in or out, that the core has already, each over its number of other pins.
    Writes ``core`` (nodes,), -1 at first. Scratch: ``score``, float64 and 0, ``heap``, ``place``, -1, (nodes,),
    ``stamp`` (nets,), -1, and ``taken`` (nodes,), int64.
    """
    here, begun, size, next_seed = 0, 0, 0, 0
    held_size, held_synapses, members = 0, 0, 0
    nodes = order.size
    done = 0
    while done < nodes:
        v = -1
        while size > 0:
            u = _take(heap, place, score, size)
            size -= 1
            if members == 0 or (held_size + nets.size[u] <= room[0] and held_synapses + nets.synapses[u] <= room[1]):
                v = u
                break
            taken[begun] = u
            begun += 1
            place[u] = _SET_ASIDE
        if v < 0 and members > 0 and begun == 0:
            while core[order[next_seed]] >= 0:
                next_seed += 1
            u = order[next_seed]
            if held_size + nets.size[u] <= room[0] and held_synapses + nets.synapses[u] <= room[1]:
                v = u
        if v < 0 and members > 0:
            # Full: of those that found no room, all tied to this core, the one with most ties begins the next.
            here += 1
            held_size, held_synapses, members = 0, 0, 0
            best = -1
            for k in range(begun):
                if best < 0 or score[taken[k]] > score[best]:
                    best = taken[k]
            for k in range(begun):
                score[taken[k]] = 0.0
                place[taken[k]] = -1
            begun = 0
            v = best
        if v < 0:
            while core[order[next_seed]] >= 0:
                next_seed += 1
            v = order[next_seed]
        core[v] = here
        score[v] = 0.0
        held_size += nets.size[v]
        held_synapses += nets.synapses[v]
        members += 1
        done += 1
        size = _tie(nets, v, here, most, core, score, heap, place, stamp, size)
    return here + 1
