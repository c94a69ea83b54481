"""What holds under spikes: circuits of error neurons in pairs, and of neurons with one sign, beside their rates."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro import passes
from tests.circuits_for_tests import data_for, mlp

# Brian2 calls what its own dependencies have renamed.
pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")


@pytest.mark.parametrize(
    "dynamics", [pcn.FixedPrediction(), pytest.param(pcn.Strict(), marks=pytest.mark.long)], ids=str
)
def test_split_errors_and_interneurons_agree_with_rates(dynamics: pcn.Strict) -> None:
    circuit = passes.apply(pcn.build_circuit(mlp((4, 4, 3, 2))), [passes.SplitErrors(), passes.Dale(tau=5.0)])
    inputs, targets = data_for(circuit.graph, 1)
    held = pcn.check(circuit, 300.0, "brian2-spiking", inputs=inputs, targets=targets, dynamics=dynamics)
    # Interneurons that have come to what they follow have no error left, and so none that could be relative to it.
    silent = {f"{name}_interneurons.error" for name in ("x", "h1", "h2")}
    rows = [row for row in (*held.populations.rows, *held.gradients.rows) if row.parameter not in silent]
    assert max(row.relative_error for row in rows) < held.tolerance, held
    assert {"h1_interneurons.value", "h2.error"} <= {row.parameter for row in rows}
    largest = max(np.abs(error).max() for error in held.other.errors.values())
    assert all(np.abs(held.other.errors[name.partition(".")[0]]).max() < 0.01 * largest for name in silent)
