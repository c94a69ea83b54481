"""Nodes go to where they save packets, one after the other: alone where there is room, else two change places."""

from __future__ import annotations

import math

from pcneuro.kernels.compiling import inner, kernel
from pcneuro.kernels.mapping.chance import below, shuffle, uniform
from pcneuro.kernels.mapping.moving import cost_of, move, weigh
from pcneuro.kernels.mapping.structures import COMPARTMENTS, SYNAPSES

_ROOMS_TRIED = 8
"""Cores that a node of an overfull one asks for room at random, if there is none where its axons are."""


@kernel
def sweep(nets, cores, order, waiting, seen, state, temperature, least):  # type: ignore[no-untyped-def]
    """Ask every node once, in an order; returns how many more packets there are, and how much more beyond limits.

    A step that takes more beyond limits is never done, one that takes less always. Of others, one that saves more than
    ``least`` packets is done, and at a ``temperature`` also one that costs d, with probability exp(-d / temperature)
    (Metropolis et al. 1953). ``order`` is (nodes,) int64; ``waiting`` int32, whatever its size, holds by pair
    of cores the last node that waits for another to change with, ``seen`` (cores,) int64 the last that was asked; both
    -1 at first. ``state`` is a generator's.
    """
    packets = 0.0
    beyond = 0
    for v in order:
        c = cores.core[v]
        seen[c] = v
        if _overfull(cores, c):
            more, out = _leave(nets, cores, v, state)
        else:
            more, out = _improve(nets, cores, v, waiting, seen, state, temperature, least)
        packets += more
        beyond += out
    return packets, beyond


@inner(forceinline=True)
def _overfull(cores, c):  # type: ignore[no-untyped-def]
    for what in range(cores.used.shape[1]):
        if cores.used[c, what] > cores.limit[what]:
            return True
    return False


@inner
def _has_room(nets, cores, v, c):  # type: ignore[no-untyped-def]
    """Whether core c takes node v by what simply adds up."""
    return (
        cores.used[c, COMPARTMENTS] + nets.size[v] <= cores.limit[COMPARTMENTS]
        and cores.used[c, SYNAPSES] + nets.synapses[v] <= cores.limit[SYNAPSES]
    )


@inner(forceinline=True)
def _most(state, temperature, least):  # type: ignore[no-untyped-def]
    """How much the next step may cost: below 0, it has to save something."""
    if temperature > 0:
        return -temperature * math.log(1.0 - uniform(state))
    return -least


@inner(forceinline=True)
def _nearest(nets, cores, v):  # type: ignore[no-untyped-def]
    """The core to which v costs least, and what; and the same among those with room; -1 where there is none."""
    number, away = weigh(nets, cores, v)
    # Arrays by names of their own: a field is counted as a reference each time that it is read.
    near, reached, used = cores.near, cores.reached, cores.used
    most_size = cores.limit[COMPARTMENTS] - nets.size[v]
    most_synapses = cores.limit[SYNAPSES] - nets.synapses[v]
    best, free = -1, -1
    cost, free_cost = 0.0, 0.0
    for k in range(number):
        c = near[k]
        more = away - reached[c]
        reached[c] = -1.0
        if best < 0 or more < cost:
            best, cost = c, more
        if (free < 0 or more < free_cost) and (
            used[c, COMPARTMENTS] <= most_size and used[c, SYNAPSES] <= most_synapses
        ):
            free, free_cost = c, more
    return best, cost, free, free_cost


@inner
def _leave(nets, cores, v, state):  # type: ignore[no-untyped-def]
    """Take v from a core that is overfull, if less is beyond limits then."""
    c = cores.core[v]
    _, _, free, _ = _nearest(nets, cores, v)
    for k in range(_ROOMS_TRIED + 1):
        to = free if k == 0 else below(state, cores.used.shape[0])
        if to >= 0 and to != c and _has_room(nets, cores, v, to):
            more, out = move(nets, cores, v, to)
            if out < 0:
                return more, out
            move(nets, cores, v, c)
    return 0.0, 0


@inner(forceinline=True)
def _improve(nets, cores, v, waiting, seen, state, temperature, least):  # type: ignore[no-untyped-def]
    c = cores.core[v]
    best, cost, free, free_cost = _nearest(nets, cores, v)
    most = _most(state, temperature, least)
    if best >= 0 and best != free and cost <= most:
        number = cores.used.shape[0]
        mine, other = (c * number + best) % waiting.size, (best * number + c) % waiting.size
        partner = waiting[other]
        if partner < 0 or cores.core[partner] != best:
            partner = seen[best]
        # Together they save no more than one and the other alone: axons of both stay where they are.
        if partner >= 0 and cores.core[partner] == best and cost + cost_of(nets, cores, partner, c) <= most:
            more, out = move(nets, cores, v, best)
            again, beyond = move(nets, cores, partner, c)
            more += again
            out += beyond
            if out < 0 or (out == 0 and more <= most):
                waiting[other] = -1
                return more, out
            move(nets, cores, partner, best)
            move(nets, cores, v, c)
        waiting[mine] = v
    if free >= 0 and free_cost <= most:
        more, out = move(nets, cores, v, free)
        if out <= 0:
            return more, out
        move(nets, cores, v, c)
    return 0.0, 0


@kernel
def mix(order, state):  # type: ignore[no-untyped-def]
    """Put an order into random order, with a generator's ``state``."""
    shuffle(state, order)
