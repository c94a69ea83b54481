"""A noisy circuit with its data, and the engines that have noise, for tests."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from tests.circuits_for_tests import mlp

KINDS = (pcn.Reference(), pcn.Kernel(threads=1))
every_engine = pytest.mark.parametrize("engine", KINDS, ids=lambda e: type(e).__name__)


def noisy(**settings) -> tuple[pcn.Circuit, dict, dict]:
    noise = {
        "h1": pcn.WhiteNoise(0.2),
        "h2": pcn.OrnsteinUhlenbeck(np.linspace(0.1, 0.5, 6), 7.0),
        "h1.error": pcn.OrnsteinUhlenbeck(0.1, np.linspace(3.0, 9.0, 7)),
        "h2.error": pcn.OrnsteinUhlenbeck(0.2, 4.0),
        "out.error": pcn.WhiteNoise(0.1),
    }
    graph = mlp((5, 7, 6, 3))
    circuit = pcn.build_circuit(
        graph, error_tau={"h1": 4.0, "out": 3.0}, precision={"h1": 2.0}, noise=noise, **settings
    )
    generator = np.random.default_rng(3)
    return circuit, {"x": generator.normal(size=(37, 5))}, {"out": generator.normal(size=(37, 3))}


def arrays(result: pcn.Result) -> list[np.ndarray]:
    return [result.values[n] for n in ("h1", "h2")] + [result.errors[n] for n in ("h1", "h2", "out")]
