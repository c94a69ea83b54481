"""Saved circuits: what comes back is what was saved, and nothing else is let in."""

from __future__ import annotations

import os

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.circuit import saving as storage
from pcneuro.errors import CircuitFileError, OutputError
from tests.archives_for_tests import rewrite
from tests.circuits_for_tests import data_for, mlp, not_inferred, random_dag, scalar_graph


def circuits():
    gate = pcn.elementwise("x*tanh(x/2)")

    def other(z, x, w):
        y = gate(np.where([True, False], x, z) @ w) * np.pad(np.prod(z), (0, 0))
        return {"a": np.hypot(y, 1.0), "b": pcn.ops.softmax(y.reshape(2, 1), axis=0)}

    special = pcn.trace(other, z=pcn.Latent((2,), prior=0.5), x=pcn.Input((2,)), w=pcn.Parameter(np.eye(2)))
    return [
        pcn.build_circuit(scalar_graph()),
        pcn.build_circuit(mlp((3, 4, 2)), tau={"h1": np.arange(1.0, 5.0)}, energies={"out": pcn.Bernoulli()}),
        pcn.build_circuit(random_dag(3), vertices="all", precision=2.0),
        pcn.build_circuit(special),
    ]


@not_inferred
@pytest.mark.parametrize("number", range(4))
def test_round_trip(number, tmp_path):
    circuit = circuits()[number]
    path = tmp_path / "c.pcn"
    circuit.save(path)
    loaded = pcn.load_circuit(path)
    assert storage.fingerprint(loaded) == storage.fingerprint(circuit)
    assert loaded.vertices == circuit.vertices
    assert loaded.energies == circuit.energies
    inputs, targets = data_for(circuit.graph, 2)
    if number == 1:
        targets = {"out": np.array([[0.0, 1.0], [1.0, 0.0]])}
    results = [pcn.Simulator(c).run(30.0, inputs=inputs, targets=targets) for c in (circuit, loaded)]
    for name, gradient in results[0].gradients.items():
        np.testing.assert_array_equal(gradient, results[1].gradients[name])


def test_the_fingerprint_ignores_parameters_and_sees_all_else():
    circuit = pcn.build_circuit(mlp((3, 4, 2)))
    assert storage.fingerprint(circuit.with_parameters({"b1": np.ones(4)})) == storage.fingerprint(circuit)
    for other in (
        pcn.build_circuit(mlp((3, 4, 2)), tau=9.0),
        pcn.build_circuit(mlp((3, 5, 2))),
        pcn.build_circuit(mlp((3, 4, 2)), vertices="all"),
        pcn.build_circuit(mlp((3, 4, 2)), energies={"out": pcn.Bernoulli()}),
    ):
        assert storage.fingerprint(other) != storage.fingerprint(circuit)


def test_nothing_is_overwritten_unasked(tmp_path):
    circuit = circuits()[0]
    path = tmp_path / "c.pcn"
    path.write_text("precious")
    with pytest.raises(OutputError, match="exists already"):
        circuit.save(path)
    assert path.read_text() == "precious"
    circuit.save(path, overwrite=True)
    assert pcn.load_circuit(path).vertices == circuit.vertices
    assert [p.name for p in tmp_path.iterdir()] == ["c.pcn"]


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    circuit = circuits()[1]
    path = tmp_path / "c.pcn"
    circuit.save(path)
    before = path.read_bytes()

    def full(*args, **kwargs):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"No space left on device; what was there is as it was"):
        circuit.save(path, overwrite=True)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["c.pcn"]
    monkeypatch.undo()
    with pytest.raises(OutputError, match="cannot write"):
        circuit.save(tmp_path / "none" / "c.pcn")


def test_every_truncation_is_noticed(tmp_path):
    path = tmp_path / "c.pcn"
    circuits()[1].save(path)
    whole = path.read_bytes()
    for size in (*range(0, len(whole), max(1, len(whole) // 40)), len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(CircuitFileError) as caught:
            pcn.load_circuit(path)
        assert "\n" not in str(caught.value)
    with pytest.raises(CircuitFileError, match="cannot read"):
        pcn.load_circuit(tmp_path / "missing")
    with pytest.raises(CircuitFileError, match="cannot read"):
        pcn.load_circuit(tmp_path)


def entry(facts, name):
    return next(e for e in facts["nodes"] if e["name"] == name)


CHANGES = {
    "a version of tomorrow": lambda f: f.update(version=3),
    "another format": lambda f: f.update(format="something"),
    "no nodes": lambda f: f.pop("nodes"),
    "a cycle": lambda f: entry(f, "h1")["operands"].__setitem__(0, "out"),
    "an operand unknown": lambda f: entry(f, "h1").update(operands=["nowhere"]),
    "an operator unknown": lambda f: entry(f, "h1").update(kind="os.system"),
    "a dunder for an operator": lambda f: entry(f, "h1").update(kind="__class__"),
    "code in an expression": lambda f: entry(f, "h1")["attributes"].update(
        function="__import__('os').system('touch /tmp/pwned')", variables=["x"]
    ),
    "an attribute too many": lambda f: entry(f, "h1")["attributes"].update(evil=1),
    "a shape that is wrong": lambda f: entry(f, "h1").update(shape=[7]),
    "a name used twice": lambda f: entry(f, "h1").update(name="out"),
    "a bad name": lambda f: entry(f, "h1").update(name="../../etc"),
    "a vertex unknown": lambda f: f.update(vertices=["nowhere"]),
    "no output among the vertices": lambda f: f.update(vertices=["h1"]),
    "an input among the vertices": lambda f: f["vertices"].append("x"),
    "an energy unknown": lambda f: f.update(energies={"out": "eval"}),
    "an array unknown": lambda f: entry(f, "W1")["attributes"].update(value={"array": "nowhere"}),
    "operands of the wrong type": lambda f: entry(f, "h1").update(operands=3),
    "null": lambda f: f.update(nodes=None),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_file_that_lies_is_refused(change, tmp_path):
    path = tmp_path / "c.pcn"
    pcn.build_circuit(mlp((3, 4, 2))).save(path)
    rewrite(path, lambda facts, arrays: change(facts))
    with pytest.raises(CircuitFileError) as caught:
        pcn.load_circuit(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            lambda f: entry(f, "h1").update(kind="x"),
            "unknown operator 'x'; this pcneuro knows .*contract, .*map, .*sum",
        ),
        (lambda f: entry(f, "h1").update(kind=["x"]), r"unknown operator \['x'\]; this pcneuro knows"),
        (lambda f: entry(f, "W1").update(kind="y"), "unknown leaf 'y'; this pcneuro knows constant, input, latent"),
        (
            lambda f: f.update(energies={"out": "z"}),
            "unknown energy 'z'; this pcneuro knows bernoulli, softmax_cross_entropy, squared_error",
        ),
        (lambda f: f.update(energies={}), "there is no 'out' in it"),
    ],
)
def test_what_this_version_does_not_know_is_named(change, text, tmp_path):
    path = tmp_path / "c.pcn"
    pcn.build_circuit(mlp((3, 4, 2))).save(path)
    rewrite(path, lambda facts, arrays: change(facts))
    with pytest.raises(CircuitFileError, match=f"c.pcn holds no valid circuit: {text}") as caught:
        pcn.load_circuit(path)
    assert "Error" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_objects_in_arrays_are_refused(tmp_path):
    """An object array is a pickle; NumPy is told never to read one."""

    class Trap:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "pwned"),))

    path = tmp_path / "c.pcn"
    with path.open("wb") as file:
        np.savez(file, facts=np.array([Trap()], dtype=object))
    with pytest.raises(CircuitFileError):
        pcn.load_circuit(path)
    assert not (tmp_path / "pwned").exists()


def test_snapshots_and_circuits_are_told_apart(tmp_path):
    circuit = circuits()[0]
    circuit.save(tmp_path / "circuit")
    sim = pcn.Simulator(circuit)
    sim.store(tmp_path / "snapshot")
    with pytest.raises(CircuitFileError, match="no circuit of pcneuro"):
        pcn.load_circuit(tmp_path / "snapshot")
    with pytest.raises(CircuitFileError, match="no snapshot of pcneuro"):
        sim.restore(tmp_path / "circuit")
