"""Cores placed on a mesh: against all placements that there are, and the snake curve."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from pcneuro.errors import CapacityError
from pcneuro.mapping.counting import destinations
from pcneuro.mapping.mesh import Mesh
from pcneuro.mapping.placement import hop_cost, place, snake
from tests.mapping.networks import axons_from, random_matrix

PRICES = 3.0, 4.2


def one_neuron_a_core(rng, cores, density=0.6):
    axons = axons_from(random_matrix(rng, cores, density))
    return destinations(axons, np.arange(cores), cores), rng.integers(0, 20, axons.neuron.size).astype(float)


@pytest.mark.parametrize(
    ("width", "height", "cores_a_tile", "cores", "instances"),
    [
        (3, 3, 1, 7, 10),
        (2, 2, 2, 7, 10),
        (4, 2, 1, 8, 10),
        (2, 1, 4, 7, 10),
        (7, 1, 1, 7, 10),
        pytest.param(3, 3, 1, 9, 100, marks=pytest.mark.long),
        pytest.param(3, 1, 3, 9, 100, marks=pytest.mark.long),
    ],
)
def test_few_cores_are_where_they_cost_least(width, height, cores_a_tile, cores, instances):
    mesh = Mesh(width, height, cores_a_tile)
    everywhere = np.array(list(permutations(range(mesh.slots), cores)), dtype=np.int8)
    best = []
    for seed in range(instances):
        at, sends = one_neuron_a_core(np.random.default_rng(seed), cores - seed % 3)
        source, destination, packets = at.traffic(sends)
        costs = np.zeros(len(everywhere))
        for a, b, many in zip(source, destination, packets, strict=True):
            east_west, north_south = mesh.hops(everywhere[:, a], everywhere[:, b])
            costs += many * (PRICES[0] * east_west + PRICES[1] * north_south)
        slot = place(at, mesh, sends, *PRICES, seed=seed)
        assert np.unique(slot).size == slot.size
        best.append(hop_cost(mesh, slot, source, destination, packets, *PRICES) <= costs.min() * (1 + 1e-12))
    assert np.mean(best) >= 0.99, np.mean(best)


def test_never_worse_than_the_snake_and_the_same_for_a_seed():
    mesh = Mesh(5, 4, 4)
    for seed in range(3):
        at, sends = one_neuron_a_core(np.random.default_rng(seed), 60, 0.1)
        slot = place(at, mesh, sends, *PRICES, seed=seed)
        traffic = at.traffic(sends)
        assert hop_cost(mesh, slot, *traffic, *PRICES) < hop_cost(mesh, snake(mesh)[:60], *traffic, *PRICES)
        assert place(at, mesh, sends, *PRICES, seed=seed).tobytes() == slot.tobytes()


def test_a_chain_lies_along_the_snake():
    """A core with packets for the next one only: a hop each is the least, and the snake's."""
    mesh = Mesh(4, 3)
    axons = axons_from(np.eye(12, k=1))
    at, sends = destinations(axons, np.arange(12), 12), np.ones(11)
    assert hop_cost(mesh, snake(mesh), *at.traffic(sends), 1.0, 1.0) == 11
    assert place(at, mesh, sends, 1.0, 1.0).tolist() == snake(mesh).tolist()


def test_the_snake_goes_from_tile_to_tile_beside_it():
    mesh = Mesh(3, 4, 2)
    slots = snake(mesh)
    east_west, north_south = mesh.hops(slots[:-1], slots[1:])
    assert sorted(slots) == list(range(mesh.slots))
    assert (east_west + north_south).tolist() == ([0, 1] * mesh.slots)[: mesh.slots - 1]


def test_more_cores_than_the_mesh_has_are_refused():
    at, sends = one_neuron_a_core(np.random.default_rng(0), 5)
    with pytest.raises(CapacityError, match=r"5 cores do not fit on a mesh of 2 x 2 tiles with 1 core each"):
        place(at, Mesh(2, 2), sends, *PRICES)


def test_cores_without_packets_stay_on_the_snake():
    at, sends = one_neuron_a_core(np.random.default_rng(0), 4)
    assert place(at, Mesh(3, 2), 0 * sends, *PRICES).tolist() == [0, 1, 3, 2]
