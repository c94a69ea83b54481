"""Runs by events, and what they are held against."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from tests.circuits_for_tests import data_for, mlp, random_dag, same, three_layers

MODES = [pcn.TimeBinned(), pcn.Exact()]
modes = pytest.mark.parametrize("mode", MODES, ids=repr)
ALL_MODES = [*MODES, pcn.TimeBinned(cumulative=True), pcn.Exact(order=2)]
all_modes = pytest.mark.parametrize("mode", ALL_MODES, ids=repr)
DYNAMICS = [pcn.FixedPrediction(), pcn.Strict()]
both = pytest.mark.parametrize("dynamics", DYNAMICS, ids=repr)
# Order 2 is for fixed prediction.
modes_of_both = pytest.mark.parametrize(
    ("mode", "dynamics"),
    [(m, d) for d in DYNAMICS for m in ALL_MODES if not (m == pcn.Exact(order=2) and d == pcn.Strict())],
    ids=repr,
)


def by_events(circuit, data, duration, threshold, mode, threads=None, **settings) -> pcn.Result:
    engine = pcn.EventDriven(threshold, mode, threads=threads)
    return pcn.Simulator(circuit, engine=engine, **settings).run(duration, **data)


def clocked(circuit, data, duration, mode, **settings) -> pcn.Result:
    """What thresholds of zero lead to: Euler's steps, or continuous time."""
    if isinstance(mode, pcn.TimeBinned):
        return pcn.Simulator(circuit, **settings).run(duration, **data)
    return pcn.Simulator(circuit, integrator=pcn.RungeKutta4(0.25), **settings).run(duration, **data)


def examples():
    yield "mlp", pcn.build_circuit(mlp((5, 7, 6, 3))), 1.0
    yield "precision and tau", three_layers(), 1.0
    for seed in (1, 3, 6):
        yield f"dag {seed}", pcn.build_circuit(random_dag(seed), vertices="all"), 0.3


def data_of(circuit, batch=2, scale=1.0):
    inputs, targets = data_for(circuit.graph, batch, scale=scale)
    return {"inputs": inputs, "targets": targets}


def labelled(circuit, batch, scale):
    (output,) = circuit.graph.outputs.values()
    inputs, _ = data_for(circuit.graph, batch, scale=scale)
    return {"inputs": inputs, "targets": {"out": np.broadcast_to(np.eye(output.shape[-1])[1], (batch, *output.shape))}}


def away(actual: pcn.Result, wanted: pcn.Result) -> float:
    """Over all gradients together."""
    pairs = [(actual.gradients[n].ravel(), g.ravel()) for n, g in wanted.gradients.items()]
    ours, theirs = (np.concatenate(part) for part in zip(*pairs, strict=True))
    return float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs))


def equal(actual: pcn.Result, wanted: pcn.Result) -> bool:
    parts = ("values", "errors", "predictions", "gradients")
    return all(same(getattr(actual, part), getattr(wanted, part)) for part in parts)


def record_all(circuit, data, duration, mode, **settings) -> pcn.Result:
    sim = pcn.Simulator(circuit, engine=pcn.EventDriven(0.02, mode), **settings)
    return sim.run(duration, **data, events=pcn.RecordEvents())
