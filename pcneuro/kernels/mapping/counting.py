"""What of each axon ends on which core."""

from __future__ import annotations

from pcneuro.kernels.compiling import kernel


@kernel
def count_destinations(first, target, core, stamp):  # type: ignore[no-untyped-def]
    """How many pairs of an axon and a core there are that it has synapses on.

    ``first`` and ``target`` are an ``Axons``', ``core`` (neurons,) int64. ``stamp`` (cores,) int64 is scratch, -1 at
    first.
    """
    count = 0
    for axon in range(first.size - 1):
        for k in range(first[axon], first[axon + 1]):
            c = core[target[k]]
            if stamp[c] != axon:
                stamp[c] = axon
                count += 1
    return count


@kernel
def list_destinations(first, target, core, place, begin, destination, synapses):  # type: ignore[no-untyped-def]
    """List these pairs: core and synapses there, by axon, from ``begin[axon]`` on, in the order of their first synapse.

    ``place`` (cores,) int64 is scratch, -1 at first. Writes ``begin`` (axons + 1,), ``destination`` and ``synapses``
    (pairs,), all int64.
    """
    at = 0
    for axon in range(first.size - 1):
        begin[axon] = at
        for k in range(first[axon], first[axon + 1]):
            c = core[target[k]]
            if place[c] < begin[axon]:
                place[c] = at
                destination[at] = c
                synapses[at] = 0
                at += 1
            synapses[place[c]] += 1
    begin[first.size - 1] = at
