"""Cores change places on a mesh by simulated annealing (Kirkpatrick, Gelatt & Vecchi 1983)."""

from __future__ import annotations

import math

from pcneuro.kernels.compiling import inner, kernel
from pcneuro.kernels.mapping.chance import below, uniform


@inner
def _price(ties, c, slot, x, y, without):  # type: ignore[no-untyped-def]
    """What packets of core c would cost from a slot at x, y, but for those to and from one core."""
    first, other, packets, xs, ys = ties.first, ties.other, ties.packets, ties.x, ties.y
    along, across = 0.0, 0.0
    for k in range(first[c], first[c + 1]):
        b = other[k]
        if b != without:
            at = slot[b]
            along += packets[k] * abs(x - xs[at])
            across += packets[k] * abs(y - ys[at])
    return along * ties.prices[0] + across * ties.prices[1]


@inner
def _exchange(ties, slot, holder, c, to):  # type: ignore[no-untyped-def]
    """What it costs more if core c goes to a slot, and what is there to where c was."""
    here, b = slot[c], holder[to]
    x, y, xs, ys = ties.x[here], ties.y[here], ties.x[to], ties.y[to]
    more = _price(ties, c, slot, xs, ys, b) - _price(ties, c, slot, x, y, b)
    if b >= 0:
        more += _price(ties, b, slot, x, y, c) - _price(ties, b, slot, xs, ys, c)
    return more


@inner
def _change(slot, holder, c, to):  # type: ignore[no-untyped-def]
    here, b = slot[c], holder[to]
    slot[c] = to
    holder[to] = c
    holder[here] = b
    if b >= 0:
        slot[b] = here


@kernel
def anneal(ties, slot, holder, steps, hot, cold, near, state):  # type: ignore[no-untyped-def]
    """Try ``steps`` exchanges, at temperatures from ``hot`` to ``cold``; writes to ``slot`` and ``holder``.

    ``slot`` (cores,) int64 is where each core is, ``holder`` (slots,) int64 which core is in a slot, or -1. Every other
    exchange is with a slot at most ``near`` from that of a core with which there are packets.
    """
    cores, slots = slot.size, holder.size
    for step in range(steps):
        c = below(state, cores)
        degree = ties.first[c + 1] - ties.first[c]
        to = below(state, slots)
        if step % 2 and degree > 0:
            other = ties.other[ties.first[c] + below(state, degree)]
            to = (slot[other] + below(state, 2 * near + 1) - near + slots) % slots
        if to != slot[c]:
            more = _exchange(ties, slot, holder, c, to)
            if more <= 0 or uniform(state) < math.exp(-more / (hot * (cold / hot) ** (step / steps))):
                _change(slot, holder, c, to)


@kernel
def descend(ties, slot, holder, least):  # type: ignore[no-untyped-def]
    """Try each exchange once, and do those that save more than ``least``; returns how many that were."""
    done = 0
    for c in range(slot.size):
        for to in range(holder.size):
            if to != slot[c] and _exchange(ties, slot, holder, c, to) < -least:
                _change(slot, holder, c, to)
                done += 1
    return done
