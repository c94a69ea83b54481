"""Axons as a hypergraph."""

from __future__ import annotations

import numpy as np

from pcneuro.kernels.mapping.nets import count_pins, list_pins, sort_by_node
from pcneuro.kernels.mapping.structures import Nets
from pcneuro.mapping.axons import Axons


def nets_of(axons: Axons, node: np.ndarray, sends: np.ndarray) -> Nets:
    """The hypergraph of axons whose neurons are of nodes ``node`` (neurons,) int64, and which send so often."""
    nodes = int(node.max(initial=-1)) + 1
    source = node[axons.neuron]
    pins = count_pins(axons.first, axons.target, source, node, np.full(nodes, -1))
    begin = np.zeros(axons.neuron.size + 1, dtype=np.int64)
    pin, times = (np.empty(pins, dtype=np.int32) for _ in range(2))
    synapses = np.zeros(nodes, dtype=np.int64)
    list_pins(axons.first, axons.target, source, node, np.full(nodes, -1), begin, pin, times, synapses)
    size = np.bincount(node, weights=axons.compartments, minlength=nodes).astype(np.int64)
    node_first = np.zeros(nodes + 1, dtype=np.int64)
    net, node_times = np.empty_like(pin), np.empty_like(times)
    sort_by_node(begin, pin, times, node_first, net, node_times)
    sends = np.ascontiguousarray(sends, dtype=np.float64)
    return Nets(begin, pin, times, source.astype(np.int32), sends, size, synapses, node_first, net, node_times)
