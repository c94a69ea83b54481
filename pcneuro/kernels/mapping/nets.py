"""Hypergraphs of axons: built from their synapses, made coarser, and sorted by node."""

from __future__ import annotations

from pcneuro.kernels.compiling import kernel
from pcneuro.kernels.mapping.structures import SOURCE, TARGET


@kernel
def count_pins(first, target, source, node, stamp):  # type: ignore[no-untyped-def]
    """How many pins the axons have, whose synapses end at neurons ``target`` of nodes ``node`` (neurons,) int64.

    ``source`` (axons,) int64 are the nodes where they begin. ``stamp`` (nodes,) int64 is scratch, -1 at first.
    """
    count = 0
    for axon in range(first.size - 1):
        stamp[source[axon]] = axon
        count += 1
        for k in range(first[axon], first[axon + 1]):
            v = node[target[k]]
            if stamp[v] != axon:
                stamp[v] = axon
                count += 1
    return count


@kernel
def list_pins(first, target, source, node, place, begin, pin, times, synapses):  # type: ignore[no-untyped-def]
    """Write them: ``begin`` (axons + 1,), ``pin`` and ``times`` (pins,); adds to ``synapses`` (nodes,).

    ``place`` (nodes,) int64 is scratch, -1 at first.
    """
    at = 0
    for axon in range(first.size - 1):
        begin[axon] = at
        place[source[axon]] = at
        pin[at] = source[axon]
        times[at] = SOURCE
        at += 1
        for k in range(first[axon], first[axon + 1]):
            v = node[target[k]]
            if place[v] < begin[axon]:
                place[v] = at
                pin[at] = v
                times[at] = 0
                at += 1
            times[place[v]] += TARGET
            synapses[v] += 1
    begin[first.size - 1] = at


@kernel
def sort_by_node(first, pin, times, node_first, net, node_times):  # type: ignore[no-untyped-def]
    """Write the nets of each node, in order: ``node_first`` (nodes + 1,), 0 at first, ``net``, ``node_times``."""
    nodes = node_first.size - 1
    for k in range(pin.size):
        node_first[pin[k] + 1] += 1
    for v in range(nodes):
        node_first[v + 1] += node_first[v]
    for e in range(first.size - 1):
        for k in range(first[e], first[e + 1]):
            at = node_first[pin[k]]
            net[at] = e
            node_times[at] = times[k]
            node_first[pin[k]] = at + 1
    for v in range(nodes, 0, -1):
        node_first[v] = node_first[v - 1]
    node_first[0] = 0
