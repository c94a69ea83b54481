"""Conduction delays in the file of a circuit, and files in which something is wrong with them."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.circuit.saving import fingerprint
from pcneuro.errors import CircuitFileError
from tests.archives_for_tests import rewrite
from tests.circuits_for_tests import mlp, scalar_graph

ALL_KINDS = {
    ("x.value", "h1.error"): 2.0,
    ("h1.value", "h2.error"): pcn.SynapticDelays(np.arange(15.0).reshape(3, 5)),
    ("h2.error", "h1.value"): pcn.UniformDelay(1.0, 5.0, seed=3),
    ("h2.value", "out.error"): pcn.ConstantDelay(4.0),
    ("out.error", "h2.value"): pcn.LognormalDelay(2.0, 0.5, least=1.0),
}


@pytest.fixture
def circuit() -> pcn.Circuit:
    """With a delay of each kind."""
    return pcn.build_circuit(mlp((4, 3, 5, 2)), delays=ALL_KINDS)


def test_round_trip(circuit, tmp_path):
    circuit.save(tmp_path / "c.pcn")
    loaded = pcn.load_circuit(tmp_path / "c.pcn")
    assert loaded.delays == circuit.delays
    assert list(loaded.delays) == list(circuit.delays)
    assert fingerprint(loaded) == fingerprint(circuit)


def _of(delays: list, kind: str) -> dict:
    """What a file has of the first delay of a kind."""
    return next(entry for entry in delays if entry["kind"] == kind)["attributes"]


DAMAGE = {
    "a negative delay": lambda d: _of(d, "ConstantDelay").update(ms=-1.0),
    "a text for a delay": lambda d: _of(d, "ConstantDelay").update(ms="4"),
    "an unknown kind": lambda d: d[0].update(kind="Delay"),
    "an unknown setting": lambda d: _of(d, "ConstantDelay").update(seed=1),
    "a missing setting": lambda d: _of(d, "UniformDelay").pop("low"),
    "a missing array": lambda d: _of(d, "SynapticDelays").update(values={"array": "none"}),
    "an array of another shape": lambda d: _of(d, "SynapticDelays").update(values={"array": "tau/h1"}),
    "an edge that is none": lambda d: d[0].update(edge=["h1.value", "h1.error"]),
    "an edge of three": lambda d: d[0].update(edge=["h1.value", "h1.error", "h2.error"]),
    "an edge twice": lambda d: d.append(d[0]),
    "no edge": lambda d: d[0].pop("edge"),
    "no list": lambda d: d.__setitem__(0, 3),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_refused(circuit, tmp_path, damage):
    circuit.save(tmp_path / "c.pcn")
    rewrite(tmp_path / "c.pcn", lambda facts, arrays: None)
    assert pcn.load_circuit(tmp_path / "c.pcn").delays == circuit.delays
    rewrite(tmp_path / "c.pcn", lambda facts, arrays: DAMAGE[damage](facts["delays"]))
    with pytest.raises(CircuitFileError) as caught:
        pcn.load_circuit(tmp_path / "c.pcn")
    assert "\n" not in str(caught.value)


def test_a_file_without_delays_is_as_it_was(tmp_path):
    """Nothing about them is written, so that fingerprints of circuits without any stay what they were."""
    from pcneuro.files import read_archive

    pcn.build_circuit(scalar_graph()).save(tmp_path / "c.pcn")
    facts, _ = read_archive(tmp_path / "c.pcn", "circuit")
    assert "delays" not in facts
