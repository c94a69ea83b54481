"""Axons as a hypergraph: nets are axons, nodes the neurons that stay together."""

from __future__ import annotations

import numpy as np

from pcneuro.kernels.mapping.nets import sort_by_node
from pcneuro.kernels.mapping.structures import SOURCE, TARGET, Nets
from pcneuro.mapping.axons import Axons
from pcneuro.mapping.counting import ends_of, sums


def nets_of(axons: Axons, node: np.ndarray, sends: np.ndarray) -> Nets:
    """The hypergraph of axons whose neurons are of nodes ``node`` (neurons,) int64, and which send so often."""
    nodes = int(node.max(initial=-1)) + 1
    source = node[axons.neuron]
    begin, pin, times = ends_of(axons, node, nodes, source)
    times *= TARGET
    times[begin[:-1]] += SOURCE
    synapses = sums(node, axons.fan_in, nodes)
    size = sums(node, axons.compartments, nodes)
    node_first = np.zeros(nodes + 1, dtype=np.int64)
    net, node_times = np.empty_like(pin), np.empty_like(times)
    sort_by_node(begin, pin, times, node_first, net, node_times)
    sends = np.ascontiguousarray(sends, dtype=np.float64)
    return Nets(begin, pin, times, source.astype(np.int32), sends, size, synapses, node_first, net, node_times)
