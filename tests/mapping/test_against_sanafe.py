"""Mappings against SANA-FE, an independent simulator of chips: equal counts, and energies and times within rounding."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import DataError, OutputError
from pcneuro.export import sanafe
from pcneuro.mapping.activity import assumed, traffic_in_steps, traffic_of
from pcneuro.mapping.against_sanafe import (
    hardware_of,
    hold_network,
    replay_of,
    write_network,
)
from pcneuro.mapping.axons import Axons
from pcneuro.mapping.chips import chip_of
from pcneuro.mapping.of_circuit import axons_of
from pcneuro.mapping.traffic import Traffic
from tests.circuits.small import small
from tests.extras import with_sanafe
from tests.mapping.networks_for_tests import random_axons, random_mapping, small_chip

LOIHI = chip_of("loihi")


def drawn(seed: int):
    """A random network on some cores of a random mesh, with the prices of Loihi or of a made-up chip."""
    rng = np.random.default_rng(seed)
    width, height, each = (int(n) for n in rng.integers(1, 7, size=3))
    chip = small_chip(width, height, each)
    if seed % 2:
        chip = LOIHI
    sizes = {"neurons": int(rng.integers(2, 90)), "axons": int(rng.integers(1, 120)), "density": rng.uniform(0, 0.3)}
    at, slot, traffic = random_mapping(rng, chip, **sizes)
    return at.axons, at.core, slot, chip, traffic


def check(held) -> None:
    assert held.agrees, str(held)
    assert len(held.rows) == 8


@with_sanafe
@pytest.mark.parametrize("seed", [*range(20), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(20, 200))])
def test_random_networks_are_counted_alike(seed):
    check(hold_network(*drawn(seed)))


def mapped(name: str, duration: float = 12.0):
    """A small circuit under fixed prediction, its neurons on cores in turn."""
    made = small(name)
    sim = pcn.Simulator(made.circuit, engine=pcn.EventDriven(0.02))
    result = sim.run(duration, inputs=made.inputs, targets=made.targets, events=pcn.RecordEvents())
    axons = axons_of(made.circuit)
    cores = 7
    core = np.arange(axons.neurons) * cores // axons.neurons
    slot = np.random.default_rng(0).permutation(LOIHI.mesh.slots)[:cores]
    return axons, core, slot, LOIHI, traffic_of(axons, result), result


@with_sanafe
@pytest.mark.parametrize("name", ["mlp", "cnn", "rnn", "chain"])
def test_circuits_are_counted_alike(name):
    *mapping, result = mapped(name)
    held = hold_network(*mapping)
    check(held)
    # Of the first sample, all of whose events SANA-FE has seen
    operations = result.activity["Effective_MACs"].sel(batch=0).sum().item()
    assert {row.quantity: row.sanafe for row in held.rows}["events at synapses"] == operations > 0


@with_sanafe
@pytest.mark.parametrize("dynamics", [pcn.FixedPrediction(), pcn.Strict()], ids=repr)
@pytest.mark.parametrize("name", ["lstm", pytest.param("transformer", marks=pytest.mark.long), "mlp"])
def test_dendrites_that_send_by_themselves_are_counted_alike(name, dynamics):
    made = small(name)
    settings = {"dynamics": dynamics, "engine": pcn.EventDriven(0.05)}
    data = {"inputs": made.inputs, "targets": made.targets}
    axons = axons_of(made.circuit)
    traffic = traffic_in_steps(axons, pcn.Simulator(made.circuit, **settings), 6.0, **data)
    result = pcn.Simulator(made.circuit, **settings).run(6.0, events=pcn.RecordEvents(), **data)
    whole = traffic_of(axons, result)
    np.testing.assert_array_equal(traffic.sends, whole.sends)
    if whole.raster is not None:
        assert all(np.array_equal(a, b) for a, b in zip(traffic.raster, whole.raster, strict=True))
    core = np.arange(axons.neurons) % 5
    held = hold_network(axons, core, np.arange(5) * 3, LOIHI, traffic)
    check(held)
    operations = result.activity["Effective_MACs"].sel(batch=0).sum().item()
    assert held.rows[1].sanafe == operations


def brute(axons: Axons, core: np.ndarray, traffic: Traffic) -> tuple[int, int, int]:
    """Events, events at synapses and packets, one after the other."""
    synapses = packets = 0
    for axon in traffic.raster[1]:
        ends = axons.target[axons.first[axon] : axons.first[axon + 1]]
        synapses += len(ends)
        packets += len({int(core[end]) for end in ends})
    return len(traffic.raster[1]), synapses, packets


@with_sanafe
def test_counts_are_those_of_plain_loops():
    mapping = drawn(4)
    rows = hold_network(*mapping).rows
    assert tuple(row.sanafe for row in rows[:3]) == brute(mapping[0], mapping[1], mapping[4])


@with_sanafe
def test_files_are_the_network(tmp_path):
    import sanafe as library

    mapping = drawn(3)
    paths = write_network(*mapping, tmp_path / "new", high=True)
    assert [path.name for path in paths] == [sanafe.ARCHITECTURE, sanafe.NETWORK]
    axons, core, slot, chip, traffic = mapping
    replay = replay_of(axons, core, slot, traffic)
    architecture = library.load_arch(str(paths[0]))
    other = sanafe.replayed(library, architecture, library.load_net(str(paths[1]), architecture), replay.steps)
    ours = sanafe.run(hardware_of(chip, replay, "high"), replay)
    for name in ("fired", "synapses", "hops", "energy", "time", "packets"):
        np.testing.assert_array_equal(getattr(other, name), getattr(ours, name))
    with pytest.raises(OutputError, match="exists"):
        write_network(*mapping, tmp_path / "new")
    write_network(*mapping, tmp_path / "new", overwrite=True)
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="exists, and is no folder"):
        write_network(*mapping, tmp_path / "file")
    with pytest.raises(OutputError, match="the path of the folder is empty"):
        write_network(*mapping, "")


def test_an_event_of_several_packets_is_one_with_their_price():
    axons, core, slot, chip, traffic = drawn(2)
    messages = chip.messages.model_copy(update={"packets_a_graded_event": 3})
    replay = replay_of(axons, core, slot, traffic)
    one, three = (hardware_of(c, replay, "low") for c in (chip, chip.model_copy(update={"messages": messages})))
    assert three.energies["hop_east_west"] == 3 * one.energies["hop_east_west"]
    assert three.energies["synapse"] == one.energies["synapse"]


@with_sanafe
def test_chips_without_prices_are_compared_by_counts():
    axons, core, slot, _, traffic = drawn(2)
    bare = small_chip(6, 6, 6).model_copy(update={"energy": type(LOIHI.energy)()})
    held = hold_network(axons, core, slot, bare, traffic)
    assert held.agrees
    assert [row.quantity for row in held.rows if "energy" in row.quantity] == []


def test_what_is_wrong_is_told():
    axons = random_axons(np.random.default_rng(0))
    core, slot = np.zeros(axons.neurons, dtype=np.int64), np.zeros(1, dtype=np.int64)
    with pytest.raises(DataError, match="does not say in which step"):
        replay_of(axons, core, slot, assumed(axons, 0.1, steps=5))
    raster = np.array([1, 1]), np.array([2, 2])
    twice = Traffic(np.zeros(axons.neuron.size), 3.0, np.zeros(axons.neuron.size), raster=raster)
    with pytest.raises(DataError, match="sends twice in one step"):
        replay_of(axons, core, slot, twice)
    with pytest.raises(DataError, match="do not fit together"):
        sanafe.Replay(core, axons.first[:3], axons.target, raster[0], raster[1], 3)
