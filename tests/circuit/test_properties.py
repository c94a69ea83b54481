"""What vertices have is said in one place: a property that is added there is given, saved, loaded and shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import networkx
import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.circuit import properties
from pcneuro.circuit.properties import PerUnit, VertexProperties
from pcneuro.circuit.saving import fingerprint
from pcneuro.errors import CircuitFileError, ParameterError, UnknownNameError
from tests.circuits_for_tests import chain, mlp

NOISE = np.array([0.0, 0.5, 0.0, 1.5])


@dataclass(frozen=True, eq=False)
class WithNoise(VertexProperties):
    """A property more than there are."""

    jitter: Annotated[np.ndarray, PerUnit("jitter", heading="jitter/mV", number=0.0, zero_allowed=True)]


@pytest.fixture
def noise_is_known(monkeypatch):
    monkeypatch.setattr(properties, "VertexProperties", WithNoise)


def noisy():
    return pcn.build_circuit(mlp((3, 4, 2)), jitter={"h1": NOISE})


@pytest.mark.usefixtures("noise_is_known")
def test_a_property_that_is_added_is_saved_loaded_and_shown(tmp_path):
    circuit = noisy()
    np.testing.assert_array_equal(circuit.properties["h1"].jitter, NOISE)
    assert not circuit.properties["out"].jitter.any()
    circuit.save(tmp_path / "noisy.pcn")
    loaded = pcn.load_circuit(tmp_path / "noisy.pcn")
    np.testing.assert_array_equal(loaded.properties["h1"].jitter, NOISE)
    np.testing.assert_array_equal(loaded.properties["out"].jitter, np.zeros(2))
    assert fingerprint(loaded) == fingerprint(circuit) != fingerprint(pcn.build_circuit(mlp((3, 4, 2))))
    assert loaded.nx.nodes["h1.error"]["jitter"] == tuple(NOISE)
    assert loaded.nx.nodes["out.value"]["jitter"] == 0.0
    lines = str(loaded).splitlines()
    head = next(line for line in lines if line.startswith("population"))
    assert head.split() == ["population", "role", "shape", "value", "error", "tau/ms", "jitter/mV"]
    assert next(line for line in lines if line.startswith("h1")).split()[-1] == "0-1.5"
    loaded.write_graphml(tmp_path / "noisy.graphml")
    assert networkx.read_graphml(tmp_path / "noisy.graphml").nodes["h1.value"]["jitter"] == "0.0,0.5,0.0,1.5"
    assert (circuit.with_parameters({"b1": np.ones(4)}).properties["h1"].jitter == NOISE).all()


def test_circuits_of_before_are_read_and_remain_the_same(tmp_path, monkeypatch):
    before = pcn.build_circuit(mlp((3, 4, 2)))
    before.save(tmp_path / "before.pcn")
    digest, table = fingerprint(before), str(before)
    monkeypatch.setattr(properties, "VertexProperties", WithNoise)
    loaded = pcn.load_circuit(tmp_path / "before.pcn")
    assert not loaded.properties["h1"].jitter.any()
    assert fingerprint(loaded) == digest
    assert str(loaded) == table


def test_a_property_of_a_newer_version_is_named(tmp_path, monkeypatch):
    with monkeypatch.context() as newer:
        newer.setattr(properties, "VertexProperties", WithNoise)
        noisy().save(tmp_path / "noisy.pcn")
    with pytest.raises(CircuitFileError, match="unknown property of vertices 'jitter'; this pcneuro knows energy, err"):
        pcn.load_circuit(tmp_path / "noisy.pcn")


@pytest.mark.usefixtures("noise_is_known")
def test_what_does_not_fit_a_property_is_refused(tmp_path, monkeypatch):
    graph = mlp((3, 4, 2))
    with pytest.raises(ParameterError, match="jitter of vertex 'h1' must be finite and not negative, got -1"):
        pcn.build_circuit(graph, jitter=-1.0)
    with pytest.raises(ParameterError, match=r"jitter of vertex 'h1', of shape \(4,\), is of shape \(5,\)"):
        pcn.build_circuit(graph, jitter=np.ones(5))
    with pytest.raises(UnknownNameError, match="unknown vertex in jitter 'h3'"):
        pcn.build_circuit(graph, jitter={"h3": 1.0})
    with pytest.raises(UnknownNameError, match="unknown argument of build_circuit 'jitte': did you mean 'jitter'"):
        pcn.build_circuit(graph, jitte=1.0)
    for wrong in (np.ones(5), np.array([1.0, np.nan, 1.0, 1.0])):
        circuit = noisy()
        object.__setattr__(circuit.properties["h1"], "jitter", wrong)
        circuit.save(tmp_path / "wrong.pcn", overwrite=True)
        with pytest.raises(CircuitFileError, match="jitter of 'h1'"):
            pcn.load_circuit(tmp_path / "wrong.pcn")


def test_the_record_of_a_vertex_is_what_the_mappings_are_made_of():
    circuit = pcn.build_circuit(mlp((3, 4, 2)), tau=5.0, precision={"out": 2.0}, energies={"out": pcn.Bernoulli()})
    for name in circuit.vertices:
        assert circuit.tau[name] is circuit.properties[name].tau
        assert circuit.precision[name] is circuit.properties[name].precision
    assert circuit.energies == {"out": pcn.Bernoulli()}
    assert circuit.properties["h1"].energy is None
    with pytest.raises(ValueError, match="read-only"):
        circuit.tau["h1"][0] = 1.0


def test_an_energy_is_shown_by_its_kind():
    """Nothing shows it so far; a property of its kind, say of cells, would be shown so."""
    energy = properties.known_properties()["energy"]
    assert [energy.attribute(x) for x in (None, pcn.Bernoulli())] == ["", "bernoulli"]
    assert [energy.text(x) for x in (None, pcn.Bernoulli())] == ["-", "bernoulli"]
    graph = mlp((3, 4, 2))
    assert energy.is_default(graph, "out", pcn.SquaredError())
    assert energy.is_default(graph, "h1", None)
    assert not energy.is_default(graph, "out", pcn.Bernoulli())


@pytest.mark.parametrize("name", ["properties", "tau", "precision", "energies", "delays"])
def test_the_mappings_of_a_circuit_cannot_be_written_to(name):
    """What a simulation reads would else differ from the record, which is what is saved."""
    circuit = pcn.build_circuit(pcn.trace(lambda x, w: pcn.vertex(x * w, "h"), x=pcn.Input(()), w=pcn.Parameter(2.0)))
    with pytest.raises(TypeError, match="does not support item assignment"):
        getattr(circuit, name)["h"] = 5.0


@pytest.mark.parametrize("name", ["properties", "tau", "precision"])
def test_a_vertex_that_there_is_not(name):
    circuit = pcn.build_circuit(mlp((3, 4, 2)))
    with pytest.raises(UnknownNameError, match="unknown vertex 'hh1': did you mean 'h1'"):
        getattr(circuit, name)["hh1"]
    assert "hh1" not in getattr(circuit, name)
    assert getattr(circuit, name).get("hh1") is None


@pytest.mark.parametrize(("wrong", "right"), [("Tau", "tau"), ("precisions", "precision"), ("delay", "delays")])
def test_an_unknown_argument_is_told_with_the_nearest(wrong, right):
    with pytest.raises(UnknownNameError, match=f"unknown argument of build_circuit '{wrong}': did you mean '{right}'"):
        pcn.build_circuit(chain(2), **{wrong: 1.0})


def test_variances_of_vertices_without_axes_are_changed():
    """1 / an array without axes is a number, which is made read-only as arrays are."""
    graph = pcn.trace(lambda x: pcn.vertex(2.0 * x, "y"), x=pcn.Input(()))
    circuit = pcn.build_circuit(graph, precision=0.5, plasticity={"y": pcn.LearnedVariance(10.0)})
    assert circuit.learned["y.variance"] == 2.0
    assert circuit.with_parameters({"y.variance": np.array(4.0)}).precision["y"] == 0.25
