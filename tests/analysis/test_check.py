"""``pcn.check``: what agrees, what does not, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import ParameterError
from tests.circuits_for_tests import data_for, diverges, every_dynamics, mlp


def problem():
    circuit = pcn.build_circuit(mlp((3, 4, 2)))
    inputs, targets = data_for(circuit.graph, 2)
    return circuit, {"inputs": inputs, "targets": targets}


@every_dynamics
def test_agreement(dynamics):
    circuit, data = problem()
    actual = pcn.check(circuit, 20.0, "reference", dynamics=dynamics, **data)
    assert actual.agrees
    assert actual.worst < 1e-12
    assert [row.parameter for row in actual.populations.rows] == ["h1.value", "h1.error", "out.value", "out.error"]
    assert actual.result.records["h1.error"].sizes["time"] == 21
    assert str(actual).startswith("reference agrees")


def test_a_duration_that_is_rounded_is_warned_of_once():
    circuit = pcn.build_circuit(mlp((3, 4, 2)))
    inputs, targets = data_for(circuit.graph, 2)
    with pytest.warns(pcn.PcneuroWarning, match="no multiple of dt") as warned:
        check = pcn.check(circuit, 10.4, "reference", inputs=inputs, targets=targets)
    assert len(warned) == 1
    assert check.result.time == 10.0
    assert check.agrees


def test_disagreement():
    circuit, data = problem()
    actual = pcn.check(circuit, 20.0, "reference", dtype=np.float32, tolerance=1e-12, **data)
    assert not actual.agrees
    assert "does not agree" in str(actual)
    assert pcn.check(circuit, 20.0, "reference", dtype=np.float32, **data).agrees


@diverges
def test_what_is_refused():
    circuit, data = problem()
    with pytest.raises(ParameterError, match="unknown target 'brian3'"):
        pcn.check(circuit, 20.0, "brian3", **data)
    wild = circuit.with_parameters({**circuit.parameters, "W2": np.full((4, 2), 1e100)})
    with pytest.raises(ParameterError, match="nothing to agree with: diverged"):
        pcn.check(wild, 50.0, "reference", dynamics=pcn.Strict(), **data)
