"""Conduction delays of a mapping: kept by projection and by pair of cores, and held against what a chip can delay."""

from __future__ import annotations

import csv

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.circuit.synapses import extent
from pcneuro.errors import CapacityError, CircuitFileError, PcneuroWarning
from pcneuro.mapping import AssumedRate, Mapping, axons_of, chip_of
from pcneuro.mapping import files as mapping_files
from pcneuro.mapping.against_sanafe import hold_against_sanafe, write_sanafe
from tests.circuits_for_tests import mlp
from tests.extras import with_sanafe
from tests.mapping.networks_for_tests import small_chip

RATE = AssumedRate(1.0, steps=10, dt=1.0)


def delayed(delays=None):
    delays = pcn.UniformDelay(1.0, 9.0, seed=2) if delays is None else delays
    return pcn.build_circuit(mlp((5, 7, 4, 3)), delays=delays)


def by_hand(circuit, core):
    """Populations and cores of both ends -> all delays of their synapses."""
    axons = axons_of(circuit)
    found: dict = {}
    for axon, neuron in enumerate(axons.neuron):
        for k in range(axons.first[axon], axons.first[axon + 1]):
            target = axons.target[k]
            names = (axons.populations[axons.population[n]] for n in (neuron, target))
            found.setdefault((*names, int(core[neuron]), int(core[target])), []).append(float(axons.delay[k]))
    return {key: (min(each), max(each)) for key, each in found.items()}


def rows_of(mapping):
    data = mapping.data
    names = data["population_name"].values
    ends = (names[data["delay_from"].values], names[data["delay_to"].values])
    cores = (data["delay_from_core"].values, data["delay_to_core"].values)
    keys = zip(*(end.tolist() for end in (*ends, *cores)), strict=True)
    return dict(zip(keys, map(tuple, data["delay"].values.tolist()), strict=True))


def test_delays_are_kept_by_projection_and_pair_of_cores(tmp_path):
    circuit = delayed()
    made = pcn.map_circuit(circuit, small_chip(neurons=9), RATE)
    assert made.data.sizes["core"] > 2
    rows = rows_of(made)
    assert rows == by_hand(circuit, made.data["core_of"].values)
    # What the circuit itself says of its delays.
    for edge, bounds in extent(circuit).items():
        of = [each for (source, target, *_), each in rows.items() if (source, target) == edge]
        assert (min(low for low, _ in of), max(high for _, high in of)) == pytest.approx(bounds, rel=1e-6)
    made.to_netcdf(tmp_path / "mapping.nc")
    assert rows_of(Mapping.read(tmp_path / "mapping.nc", circuit)) == rows
    made.to_csv(tmp_path / "tables")
    with open(tmp_path / "tables" / "delays.csv", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    kept = {
        (row["from_population"], row["to_population"], int(row["from_core"]), int(row["to_core"])): (
            float(row["ms_low"]),
            float(row["ms_high"]),
        )
        for row in lines
    }
    assert kept == rows
    assert "Conduction delays:" in str(made)
    assert "x.value -> h1.error" in str(made)


def test_without_delays_there_are_none():
    made = pcn.map_circuit(pcn.build_circuit(mlp((5, 7, 3))), "loihi", RATE)
    assert made.data.sizes["delayed"] == 0
    assert "delay" not in str(made)


def test_a_projection_without_delays_is_left_out():
    made = pcn.map_circuit(delayed({("x.value", "h1.error"): 2.0}), "generic", RATE)
    assert set(rows_of(made).values()) == {(2.0, 2.0)}
    assert {key[:2] for key in rows_of(made)} == {("x.value", "h1.error")}


def test_a_chip_that_cannot_delay_so_long_refuses_in_one_line():
    edge = ("h2.error", "h1.value")
    pcn.map_circuit(delayed({edge: 62.0}), "loihi", RATE)
    with pytest.raises(CapacityError) as refused:
        pcn.map_circuit(delayed({edge: 63.0}), "loihi", RATE)
    assert str(refused.value) == (
        "from neuron 0 of h2.error to neuron 0 of h1.value it takes 63 ms, 63 steps of 1 ms, and a synapse of loihi "
        "delays by at most 62 (delay_steps): make delays shorter or dt longer, or take a chip with more delay_steps"
    )
    # Steps are those of the run.
    half = pcn.Simulator(delayed({edge: 40.0}), engine=pcn.EventDriven(0.1), integrator=pcn.Euler(0.5))
    result = half.run(2.0, inputs={"x": np.ones((1, 5))}, targets={"out": np.ones((1, 3))})
    with pytest.raises(CapacityError, match=r"40 ms, 80 steps of 0\.5 ms"):
        pcn.map_circuit(half.circuit, "loihi", result)


def test_the_limits_are_those_that_are_published():
    limits = {name: chip_of(name).core.delay_steps for name in ("loihi", "spinnaker1", "truenorth", "generic")}
    assert limits == {"loihi": 62, "spinnaker1": 16 + 8 * 16, "truenorth": 15, "generic": None}


@pytest.mark.parametrize(
    ("chip", "rate", "told"),
    [
        ("loihi", RATE, "delays by 62 steps at most, 62 ms"),
        ("loihi", AssumedRate(0.1, steps=10), "delays by 62 steps at most: not checked, as dt is not known"),
        ("generic", RATE, "by how many steps a synapse of generic can delay is not known"),
    ],
)
def test_what_a_chip_can_delay_is_noted(chip, rate, told):
    assert told in str(pcn.map_circuit(delayed(), chip, rate))


def test_files_whose_delays_are_of_no_population_or_core_are_refused(tmp_path):
    made = pcn.map_circuit(delayed(), "generic", RATE)
    for name, value, told in (
        ("delay_to", 99, "delay_to has 99 in it"),
        ("delay_from_core", 99, "delay_from_core has 99"),
        ("delay", np.array([3.0, 1.0]), "a shortest delay is longer"),
    ):
        data = made.data.copy(deep=True)
        data[name].values[0] = value
        mapping_files.write(Mapping(data, made.chip), tmp_path / f"{name}.nc", overwrite=False)
        with pytest.raises(CircuitFileError, match=told):
            Mapping.read(tmp_path / f"{name}.nc")


@with_sanafe
def test_sanafe_replays_circuits_with_delays_without_them_and_says_so(tmp_path):
    circuit = delayed()
    sim = pcn.Simulator(circuit, engine=pcn.EventDriven(0.05))
    data = {"inputs": {"x": np.ones((1, 5))}, "targets": {"out": np.ones((1, 3))}}
    result = sim.run(30.0, events=pcn.RecordEvents(), **data)
    made = pcn.map_circuit(circuit, "loihi", result)
    held = hold_against_sanafe(made, circuit, result)
    assert held.agrees, str(held)
    with pytest.warns(PcneuroWarning, match="conduction delays are not in the files"):
        write_sanafe(made, circuit, result, tmp_path / "files")
    with pytest.raises(CircuitFileError, match="another circuit"):
        hold_against_sanafe(made, delayed({}), result)
