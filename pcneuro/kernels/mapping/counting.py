"""What of each axon ends where: on which cores, or at which nodes of a hypergraph."""

from __future__ import annotations

from pcneuro.kernels.compiling import kernel

NOWHERE = -1
"""Where an axon begins that is not asked where it does."""


@kernel
def count_ends(first, target, part, source, stamp):  # type: ignore[no-untyped-def]
    """How many pairs of an axon and a part there are, such as a core, where it has synapses or begins.

    ``first`` and ``target`` are an ``Axons``', ``part`` (neurons,) int64 says of which part each neuron is, ``source``
    (axons,) int64 in which part an axon begins, or NOWHERE. ``stamp`` (parts,) int64 is scratch, -1 at first.
    """
    count = 0
    for axon in range(first.size - 1):
        if source[axon] != NOWHERE:
            stamp[source[axon]] = axon
            count += 1
        for k in range(first[axon], first[axon + 1]):
            p = part[target[k]]
            if stamp[p] != axon:
                stamp[p] = axon
                count += 1
    return count


@kernel
def list_ends(first, target, part, source, place, begin, end, synapses):  # type: ignore[no-untyped-def]
    """List these pairs: part and synapses there, by axon, from ``begin[axon]`` on, in the order of their first synapse.

    The part where an axon begins is the first of its own, with as many synapses as end there, or none. ``place``
    (parts,) int64 is scratch, -1 at first. Writes ``begin`` (axons + 1,) int64, ``end`` and ``synapses`` (pairs,)
    int32.
    """
    at = 0
    for axon in range(first.size - 1):
        begin[axon] = at
        if source[axon] != NOWHERE:
            place[source[axon]] = at
            end[at] = source[axon]
            synapses[at] = 0
            at += 1
        for k in range(first[axon], first[axon + 1]):
            p = part[target[k]]
            if place[p] < begin[axon]:
                place[p] = at
                end[at] = p
                synapses[at] = 0
                at += 1
            synapses[place[p]] += 1
    begin[first.size - 1] = at
