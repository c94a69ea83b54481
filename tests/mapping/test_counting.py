"""What axons reach, and the hypergraph that they are, held against loops over lists in plain Python."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from pcneuro.kernels.mapping.structures import SOURCE, TARGET
from pcneuro.mapping.counting import destinations
from pcneuro.mapping.partition.hypergraph import nets_of
from tests.mapping.networks_for_tests import random_axons


def ends(axons, part, source=None):
    """Of each axon, part -> synapses there, in the order of the first; before them where it begins, if asked for."""
    found = []
    for axon in range(axons.neuron.size):
        counts = Counter() if source is None else Counter({int(source[axon]): 0})
        counts.update(int(part[t]) for t in axons.target[axons.first[axon] : axons.first[axon + 1]])
        found.append(counts)
    return found


@pytest.mark.parametrize("seed", range(5))
def test_destinations_are_the_cores_of_the_synapses(seed):
    rng = np.random.default_rng(seed)
    axons = random_axons(rng, density=0.05)
    core = rng.integers(7, size=axons.neurons)
    at = destinations(axons, core)
    assert at.cores == core.max() + 1
    expected = ends(axons, core)
    np.testing.assert_array_equal(np.diff(at.begin), [len(counts) for counts in expected])
    assert at.destination.tolist() == [c for counts in expected for c in counts]
    assert at.synapses.tolist() == [number for counts in expected for number in counts.values()]


@pytest.mark.parametrize("seed", range(5))
def test_nets_begin_with_the_node_of_their_axon(seed):
    rng = np.random.default_rng(seed)
    axons = random_axons(rng, density=0.05)
    node = np.unique(rng.integers(20, size=axons.neurons), return_inverse=True)[1]
    sends = rng.random(axons.neuron.size)
    nets = nets_of(axons, node, sends)
    expected = ends(axons, node, node[axons.neuron])
    assert nets.pin.tolist() == [v for counts in expected for v in counts]
    times = [
        TARGET * n + (SOURCE if v == s else 0)
        for counts, s in zip(expected, nets.source, strict=True)
        for v, n in counts.items()
    ]
    assert nets.times.tolist() == times
    held = sum(expected, Counter())
    assert nets.synapses.tolist() == [held[v] for v in range(node.max() + 1)]
    for v in range(node.max() + 1):
        of_node = nets.net[nets.node_first[v] : nets.node_first[v + 1]]
        assert of_node.tolist() == [e for e, counts in enumerate(expected) if v in counts]


def test_without_neurons_there_is_no_core():
    axons = random_axons(np.random.default_rng(0), neurons=2, axons=0)
    none = destinations(axons, np.zeros(0, dtype=np.int64))
    assert (none.cores, none.destination.size) == (0, 0)
