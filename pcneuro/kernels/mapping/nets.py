"""A hypergraph of axons, sorted by node."""

from __future__ import annotations

from pcneuro.kernels.compiling import kernel


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
