"""A mapping is of one circuit with its weights: runs and files of others are refused, in one line."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import CircuitFileError, DataError
from pcneuro.mapping import Mapping, axons_of, traffic_of
from tests.circuits_for_tests import mlp

DATA = {"inputs": {"x": np.ones((1, 6))}, "targets": {"out": np.ones((1, 3))}}
REFUSED = r"^the result is of this circuit with other weights, .*: run this circuit, or map the one that ran"


@pytest.fixture(scope="module")
def circuit():
    return pcn.build_circuit(mlp((6, 9, 3)))


@pytest.fixture(scope="module")
def other(circuit):
    """The same circuit with one weight that is a little larger."""
    weights = circuit.parameters["W1"].copy()
    weights[0, 0] += 1e-12
    return circuit.with_parameters({"W1": weights})


def events_of(circuit, **settings):
    return pcn.Simulator(circuit, engine=pcn.EventDriven(0.05), **settings).run(10.0, **DATA)


def test_runs_with_other_weights_are_refused(circuit, other):
    result = events_of(circuit)
    traffic_of(axons_of(circuit), result)
    with pytest.raises(DataError, match=REFUSED):
        traffic_of(axons_of(other), result)
    with pytest.raises(DataError, match=REFUSED):
        pcn.map_circuit(other, "generic", result)


def test_weights_that_a_simulator_was_given_are_those_of_its_run(circuit, other):
    sim = pcn.Simulator(circuit, engine=pcn.EventDriven(0.05))
    sim.set_parameters(other.parameters)
    result = sim.run(10.0, **DATA)
    with pytest.raises(DataError, match=REFUSED):
        pcn.map_circuit(circuit, "generic", result)
    pcn.map_circuit(other, "generic", result)
    sim.set_parameters(circuit.parameters)
    pcn.map_circuit(circuit, "generic", sim.run(10.0, **DATA))


def test_numbers_of_fewer_bits_and_plasticity_are_of_the_same_circuit(circuit):
    pcn.map_circuit(circuit, "generic", events_of(circuit, dtype="float32"))
    plastic = circuit.with_plasticity({"W1": pcn.Hebbian(1000.0)})
    sim = pcn.Simulator(plastic, dynamics=pcn.Strict(), engine=pcn.EventDriven(0.0))
    result = sim.run(10.0, **DATA)
    assert not np.array_equal(result.parameters["W1"], circuit.parameters["W1"])
    pcn.map_circuit(plastic, "generic", result)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("given", [np.float32, np.float64])
def test_weights_are_the_same_in_whatever_numbers_they_are_given(circuit, dtype, given):
    weights = {name: (1.5 * value).astype(given) for name, value in circuit.parameters.items()}
    sim = pcn.Simulator(circuit, engine=pcn.EventDriven(0.05), dtype=dtype)
    sim.set_parameters(weights)
    result = sim.run(10.0, **DATA)
    for same in (weights, sim.parameters):
        pcn.map_circuit(circuit.with_parameters(same), "generic", result)
    with pytest.raises(DataError, match=REFUSED):
        pcn.map_circuit(circuit, "generic", result)


def test_mappings_in_files_are_held_against_the_weights(circuit, other, tmp_path):
    pcn.map_circuit(circuit, "generic", events_of(circuit)).to_netcdf(tmp_path / "mapping.nc")
    Mapping.read(tmp_path / "mapping.nc", circuit)
    circuit.save(tmp_path / "circuit.pcn")
    Mapping.read(tmp_path / "mapping.nc", pcn.load_circuit(tmp_path / "circuit.pcn"))
    with pytest.raises(CircuitFileError, match=r"^this mapping to generic is of this circuit with other weights, .*"):
        Mapping.read(tmp_path / "mapping.nc", other)


def test_a_digest_is_of_everything(circuit, other):
    assert circuit.digest == circuit.with_parameters(circuit.parameters).digest
    others = [other, circuit.with_delays({("x.value", "h1.error"): 1.0}), pcn.build_circuit(mlp((6, 9, 3)), tau=7.0)]
    assert len({circuit.digest, *(each.digest for each in others)}) == 4
