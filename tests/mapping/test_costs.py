"""Counts, energies, times and loads of links against plain loops over events and their ways."""

import dataclasses
import math

import numpy as np
import pytest

from pcneuro.mapping.chips import chip_of
from pcneuro.mapping.costs import Range, counts_of, energy_of, latency_of, links_of
from pcneuro.mapping.counting import destinations
from pcneuro.mapping.traffic import Traffic
from tests.mapping.networks_for_tests import axons_of_lists, random_mapping, small_chip

BOUNDS = ("low", "high")


def events(at, slot, traffic):
    """Every packet of a raster: step, axon, source core, destination core, synapses there."""
    axons = at.axons
    for step, axon in zip(*traffic.raster, strict=True):
        ends = axons.target[axons.first[axon] : axons.first[axon + 1]]
        for core in sorted({int(at.core[t]) for t in ends}):
            yield int(step), axon, int(at.core[axons.neuron[axon]]), core, sum(at.core[t] == core for t in ends)


def way(mesh, source, destination):
    """The links of a packet's way: direction, and the tile that it leaves, along the row first."""
    (x, y), (to_x, to_y) = (divmod(int(slot) // mesh.cores_a_tile, mesh.height) for slot in (source, destination))
    while x != to_x:
        yield ("east" if x < to_x else "west"), x, y
        x += 1 if x < to_x else -1
    while y != to_y:
        yield ("north" if y < to_y else "south"), x, y
        y += 1 if y < to_y else -1


@pytest.fixture(params=range(8))
def mapping(request):
    rng = np.random.default_rng(request.param)
    chip = small_chip(*(int(n) for n in rng.integers(1, 5, size=3)))
    return (*random_mapping(rng, chip), chip)


def test_counts_are_those_of_every_packet(mapping):
    at, slot, traffic, chip = mapping
    counted = counts_of(at, slot, chip, traffic)
    packets = list(events(at, slot, traffic))
    ways = [list(way(chip.mesh, slot[source], slot[core])) for _, _, source, core, _ in packets]
    assert counted.sample.sent == len(traffic.raster[0])
    assert counted.sample.packets == len(packets)
    assert counted.sample.off_core == sum(source != core for _, _, source, core, _ in packets)
    assert counted.sample.synapses == sum(synapses for *_, synapses in packets)
    assert counted.sample.hops_east_west == sum(d in ("east", "west") for each in ways for d, *_ in each)
    assert counted.sample.hops_north_south == sum(d in ("north", "south") for each in ways for d, *_ in each)
    axons = at.axons
    updates = sum(
        axons.learns[axons.first[a] : axons.first[a + 1]].sum() for a in np.flatnonzero(traffic.plasticity == 1)
    )
    assert counted.updates == updates
    assert counted.plasticity.sent == traffic.plasticity.sum()
    assert (counted.compartments, counted.steps) == (sum(max(1, (axons.neuron == n).sum()) for n in range(40)), 7)


@pytest.mark.parametrize("bound", BOUNDS)
def test_energies_are_those_of_every_operation(mapping, bound):
    at, slot, traffic, chip = mapping
    counted = counts_of(at, slot, chip, traffic)
    priced = energy_of(counted, chip)
    price = {what: getattr(chip.price(what), bound) for what in type(chip.energy).model_fields}
    parts = dict.fromkeys(("synapses", "neurons", "messages", "hops"), 0.0)
    parts["neurons"] += counted.compartments * 7 * price["neuron_access"]
    parts["neurons"] += len(traffic.raster[0]) * (price["neuron_update"] + price["spike"])
    for _, _, source, core, synapses in events(at, slot, traffic):
        parts["messages"] += price["message_out"] + price["message_in"]
        parts["synapses"] += synapses * price["synapse"]
        for direction, *_ in way(chip.mesh, slot[source], slot[core]):
            parts["hops"] += price["hop_east_west" if direction in ("east", "west") else "hop_north_south"]
    assert {part: getattr(priced.parts[part], bound) for part in parts} == pytest.approx(parts, rel=1e-12)
    assert getattr(priced.sample, bound) == pytest.approx(sum(parts.values()), rel=1e-12)
    once = counts_of(at, slot, chip, dataclasses.replace(traffic, sends=traffic.plasticity)).sample
    learning = counted.updates * price["plasticity"] + once.sent * price["spike"]
    learning += once.packets * (price["message_out"] + price["message_in"])
    learning += once.hops_east_west * price["hop_east_west"] + once.hops_north_south * price["hop_north_south"]
    assert getattr(priced.parts["plasticity"], bound) == pytest.approx(learning, rel=1e-12)
    assert getattr(priced.gradient, bound) == pytest.approx(sum(parts.values()) + learning, rel=1e-12)
    assert priced.unpriced == ()


def times_of_steps(at, slot, traffic, chip, bound):
    """(steps, cores) twice: what neurons of each core take, and what its packets do."""
    time = {what: getattr(chip.time(what), bound) for what in type(chip.latency).model_fields}
    generation, processing = np.zeros((7, at.cores)), np.zeros((7, at.cores))
    generation += at.compartments * time["neuron_access"]
    for step, axon in zip(*traffic.raster, strict=True):
        generation[step, at.core[at.axons.neuron[axon]]] += time["neuron_update"] + time["spike"]
    for step, _, source, core, synapses in events(at, slot, traffic):
        generation[step, source] += time["message_out"]
        processing[step, core] += time["message_in"] + synapses * time["synapse"]
    return generation, processing


@pytest.mark.parametrize("at_once", [1, 1 << 20])
def test_a_step_takes_as_long_as_its_slowest_core(mapping, at_once, monkeypatch):
    monkeypatch.setattr("pcneuro.mapping.costs.latency.NUMBERS_AT_ONCE", at_once)
    at, slot, traffic, chip = mapping
    timed = latency_of(at, chip, traffic)
    for bound in BOUNDS:
        generation, processing = times_of_steps(at, slot, traffic, chip, bound)
        slowest = np.maximum(generation, processing).max(axis=1)
        assert getattr(timed.sample, bound) == pytest.approx(slowest.sum(), rel=1e-12)
        assert getattr(timed.step, bound) == pytest.approx(slowest.mean(), rel=1e-12)
        assert getattr(timed.longest, bound) == pytest.approx(slowest.max(), rel=1e-12)
    limiting = np.maximum(generation, processing).argmax(axis=1)
    waits = np.bincount(limiting, slowest, at.cores)
    assert waits[timed.core] == pytest.approx(waits.max())
    assert timed.share == pytest.approx(waits.max() / slowest.sum())
    mine = limiting == timed.core
    by_packets = (processing > generation)[mine, timed.core]
    assert timed.processing == (slowest[mine][by_packets].sum() > slowest[mine][~by_packets].sum())
    assert not timed.of_means
    means = latency_of(at, chip, dataclasses.replace(traffic, raster=None))
    assert means.of_means
    assert means.longest is None
    for bound in BOUNDS:
        generation, processing = (t.mean(axis=0) for t in times_of_steps(at, slot, traffic, chip, bound))
        assert getattr(means.step, bound) == pytest.approx(max(generation.max(), processing.max()), rel=1e-12)
        assert getattr(means.sample, bound) <= getattr(timed.sample, bound) * (1 + 1e-12)


def test_loads_of_links_are_those_of_every_way(mapping):
    at, slot, traffic, chip = mapping
    found = links_of(at, slot, chip, traffic.sends)
    mesh = chip.mesh
    loads = {"east": np.zeros((mesh.height, mesh.width - 1)), "north": np.zeros((mesh.height - 1, mesh.width))}
    loads |= {"west": np.zeros_like(loads["east"]), "south": np.zeros_like(loads["north"])}
    longest = 0
    for _, _, source, core, _ in events(at, slot, traffic):
        hops = list(way(mesh, slot[source], slot[core]))
        longest = max(longest, len(hops))
        for direction, x, y in hops:
            loads[direction][y - (direction == "south"), x - (direction == "west")] += 1
    for direction, load in loads.items():
        np.testing.assert_array_equal(getattr(found, direction), load)
    assert sum(found.longest) == longest
    counted = counts_of(at, slot, chip, traffic).sample
    assert (found.hops_east_west, found.hops_north_south) == (counted.hops_east_west, counted.hops_north_south)
    assert (found.hops, found.packets) == (counted.hops, counted.packets)


def test_loads_of_means_are_never_below_none(mapping):
    """Numbers that are not whole, of samples that differ: a link that no way takes has no packets at all."""
    at, slot, traffic, chip = mapping
    rng = np.random.default_rng(5)
    sends = rng.random(traffic.sends.size) * (rng.random(traffic.sends.size) < 0.2)
    found = links_of(at, slot, chip, sends)
    taken = links_of(at, slot, chip, np.sign(sends))
    for direction in ("east", "west", "north", "south"):
        np.testing.assert_array_equal(getattr(found, direction) > 0, getattr(taken, direction) > 0)
        assert getattr(found, direction).min(initial=0.0) == 0


# A pair of neurons, by hand: x on one core sends to both neurons of another, two hops east and one north of it


PAIR = axons_of_lists([[1, 2], [2]], {"x.value": 1, "h.error": 2}, neuron=[0, 1], unit=[0, 1, 2])
APART = destinations(PAIR, np.array([0, 1, 1]), 2)
SLOTS = np.array([0, 5])
"""On a mesh of 3 x 2: the tiles at (0, 0) and (2, 1)."""
THREE = Traffic(np.array([3.0, 1.0]), 4.0, np.array([1.0, 0.0]))


def test_a_pair_of_neurons_by_hand():
    chip = chip_of("loihi").model_copy(update={"mesh": small_chip(3, 2).mesh})
    counted = counts_of(APART, SLOTS, chip, THREE)
    sample = counted.sample
    assert (sample.sent, sample.packets, sample.off_core, sample.synapses) == (4, 4, 3, 7)
    assert (sample.hops_east_west, sample.hops_north_south) == (6, 3)
    assert (counted.updates, counted.plasticity.packets) == (2, 1)
    parts = energy_of(counted, chip).parts
    assert parts["synapses"] == Range(7 * 24.0, 7 * 35.5)
    assert parts["neurons"].low == pytest.approx(3 * 4 * 51.2 + 4 * (21.6 + 69.3), rel=1e-15)
    assert parts["messages"] == Range(4 * 111.0, 4 * 111.0)
    assert parts["hops"].high == pytest.approx(6 * 3.0 + 3 * 4.2, rel=1e-15)
    assert parts["plasticity"].low == pytest.approx(2 * 120.0 + 69.3 + 111.0 + 2 * 3.0 + 4.0, rel=1e-15)


def test_a_graded_event_of_two_packets_is_two_packets():
    one, two = (small_chip(3, 2).model_copy(update={"messages": messages(k)}) for k in (1, 2))
    for count in ("packets", "off_core", "hops_east_west", "hops_north_south"):
        assert getattr(counts_of(APART, SLOTS, two, THREE).sample, count) == 2 * getattr(
            counts_of(APART, SLOTS, one, THREE).sample, count
        )
    assert counts_of(APART, SLOTS, two, THREE).sample.synapses == 7
    assert links_of(APART, SLOTS, two, THREE.sends).hops == 18
    single, double = (latency_of(APART, chip, THREE) for chip in (one, two))
    assert double.step.low > single.step.low


def messages(packets):
    return type(small_chip().messages)(graded=True, packets_a_graded_event=packets)


# What is not known


def without(chip, *operations, of="energy"):
    prices = getattr(chip, of).model_copy(update=dict.fromkeys(operations))
    return chip.model_copy(update={of: prices})


def test_a_price_that_is_missing_is_named_and_its_part_is_not_known():
    chip = without(small_chip(3, 2), "message_in", "plasticity")
    priced = energy_of(counts_of(APART, SLOTS, chip, THREE), chip)
    assert priced.unpriced == ("message_in", "plasticity")
    assert [part for part, cost in priced.parts.items() if cost is None] == ["messages", "plasticity"]
    assert priced.sample is None
    assert priced.gradient is None
    assert all(priced.parts[part].low > 0 for part in ("synapses", "neurons", "hops"))
    silent = dataclasses.replace(THREE, plasticity=np.zeros(2))
    complete = without(small_chip(3, 2), "plasticity")
    assert energy_of(counts_of(APART, SLOTS, complete, silent), complete).unpriced == ()


@pytest.mark.parametrize("name", ["loihi2", "generic", "brainscales2"])
def test_chips_without_prices_have_counts_only(name):
    chip = chip_of(name)
    slots = SLOTS if chip.mesh.slots > 5 else np.zeros(2, dtype=np.int64)
    counted = counts_of(APART, slots, chip, THREE)
    assert counted.sample.synapses == 7
    priced = energy_of(counted, chip)
    assert not [part for part, cost in priced.parts.items() if cost is not None and cost.high > 0]
    assert priced.sample is None
    assert {"synapse", "neuron_access", "message_out"} <= set(priced.unpriced)
    timed = latency_of(APART, chip, THREE)
    assert (timed.step, timed.sample, timed.longest, timed.core) == (None, None, None, -1)
    assert timed.unpriced == ("neuron_access", "neuron_update", "spike", "message_out", "message_in", "synapse")


def test_exact_times_have_no_steps():
    chip = small_chip(3, 2)
    exact = dataclasses.replace(THREE, steps=math.nan)
    priced = energy_of(counts_of(APART, SLOTS, chip, exact), chip)
    assert priced.parts["neurons"] is None
    assert priced.unpriced == ("neuron_access",)
    assert priced.parts["synapses"] is not None
    assert latency_of(APART, chip, exact).step is None
    truenorth = chip_of("truenorth")
    assert energy_of(counts_of(APART, SLOTS, truenorth, exact), truenorth).sample is not None


def test_the_longest_way_is_told_by_both_kinds_of_hops():
    assert links_of(APART, np.array([0, 4]), small_chip(3, 2), THREE.sends).longest == (2, 0)


def test_no_events_cost_what_compartments_do():
    chip = small_chip(3, 2)
    none = Traffic(np.zeros(2), 4.0, np.zeros(2), raster=(np.zeros(0, dtype=np.int64),) * 2)
    priced = energy_of(counts_of(APART, SLOTS, chip, none), chip)
    assert priced.sample == priced.parts["neurons"]
    assert priced.sample.low == 3 * 4 * chip.price("neuron_access").low
    timed = latency_of(APART, chip, none)
    assert timed.step.low == 2 * chip.time("neuron_access").low
    assert timed.core == 1
    found = links_of(APART, SLOTS, chip, none.sends)
    assert (found.hops, found.longest) == (0, (0, 0))
