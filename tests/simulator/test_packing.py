"""Runs side by side are the runs alone, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.simulator.packing import Packed, PlannedCall
from tests.circuits.small import MAKERS
from tests.circuits_for_tests import DYNAMICS, diverges, mlp, not_inferred

FEW = 4
"""Samples a run: a quarter of the vectors of all processors is full with four, in single precision, too."""


def calls_of(circuit, data, **settings):
    """One call for each run's data, each of a simulator of its own."""
    records = settings.pop("record", [])
    return [PlannedCall(pcn.Simulator(circuit, **settings), 12.0, None, each, records) for each in data]


def alone(call):
    return call.simulator.run(call.duration, record=call.records, **call.data)


def assert_side_by_side(circuit, data, **settings):
    calls = calls_of(circuit, data, **settings)
    given = [call.run_data for call in calls]
    (key,) = {call.key(each) for call, each in zip(calls, given, strict=True)}
    assert key is not None
    packed = Packed.of(calls, given)
    assert packed is not None
    wanted = [alone(call) for call in calls_of(circuit, data, **settings)]
    for number, one in enumerate(wanted):
        simulator = pcn.Simulator(circuit, **{k: v for k, v in settings.items() if k != "record"})
        got = packed.result(number, simulator, None, 1.0)
        for group in ("values", "errors", "predictions", "gradients"):
            for name, array in getattr(one, group).items():
                np.testing.assert_array_equal(getattr(got, group)[name], array, strict=True, err_msg=f"{group}: {name}")
        assert (got.loss, got.energy, got.status, got.message) == (one.loss, one.energy, one.status, one.message)
        assert got.records.identical(one.records)
        drop = {"seconds"}
        assert {k: v for k, v in got.stats.items() if k not in drop} == {
            k: v for k, v in one.stats.items() if k not in drop
        }
        # The simulator goes on from there as the other does.
        assert got.time == simulator.time == one.time


@not_inferred
@pytest.mark.parametrize("dynamics", DYNAMICS, ids=repr)
@pytest.mark.parametrize("name", MAKERS)
def test_every_circuit(name, dynamics):
    data = []
    for seed in range(5):
        small = MAKERS[name](np.random.default_rng(seed))
        groups = {"inputs": small.inputs, "targets": small.targets, "clamp": small.latents}
        # Batches of other sizes among them.
        few = {
            group: {n: np.repeat(np.atleast_1d(a), FEW, axis=0)[: FEW + seed % 2] for n, a in each.items()}
            for group, each in groups.items()
        }
        data.append(few)
    circuit = MAKERS[name](np.random.default_rng(0)).circuit
    dtype = np.float32 if name in ("mlp", "cnn") else np.float64
    record = [pcn.Record(circuit.vertices[-1], "error", every=2.0)]
    assert_side_by_side(circuit, data, dynamics=dynamics, dtype=dtype, record=record, integrator=pcn.Euler(0.5))


def two_layers(runs, **settings):
    rng = np.random.default_rng(3)
    data = [
        {"inputs": {"x": rng.normal(size=(FEW, 5))}, "targets": {"out": rng.normal(size=(FEW, 3))}} for _ in range(runs)
    ]
    return pcn.build_circuit(mlp((5, 70, 3)), **settings), data


@pytest.mark.parametrize("integrator", [pcn.RungeKutta4(1.0), pcn.ExponentialEuler(2.0)], ids=repr)
def test_integrators_and_more_than_one_block_of_samples(integrator):
    circuit, data = two_layers(19, precision={"h1": 2.0}, error_tau={"h1": 3.0})
    assert_side_by_side(circuit, data, integrator=integrator, record=[pcn.Record("h1", "value", units=[0, 3])])


def key_of(circuit, data, until=None, **settings):
    call = PlannedCall(pcn.Simulator(circuit, **settings), None if until else 5.0, until, data, [])
    return call.key(call.run_data)


def test_what_depends_on_other_samples_is_left_alone():
    """Whoever shares a run's noise, weights, thresholds or end with others is not stepped with them."""
    circuit, (data, *_) = two_layers(1)
    assert key_of(circuit, data) is not None
    for settings in (
        {"engine": pcn.Kernel(tolerance=1e-3)},
        {"engine": pcn.EventDriven(threshold=0.0)},
        {"engine": pcn.Reference()},
        {"schedule": pcn.FastForward()},
        {"until": pcn.Settled(limit=50.0)},
    ):
        assert key_of(circuit, data, **settings) is None
    for made in ({"noise": {"h1": pcn.WhiteNoise(0.1)}}, {"plasticity": {"W1": pcn.Hebbian(0.1)}}, {"delays": 2.0}):
        assert key_of(two_layers(1, **made)[0], data) is None


def test_another_circuit_step_or_type_is_another_simulation():
    circuit, (data, *_) = two_layers(1)
    keys = [
        key_of(circuit, data),
        key_of(two_layers(1)[0], data),
        key_of(circuit, data, integrator=pcn.Euler(0.5)),
        key_of(circuit, data, dtype=np.float32),
        key_of(circuit, data, dynamics=pcn.Strict()),
        key_of(circuit, {"inputs": data["inputs"]}),
    ]
    assert len(set(keys)) == len(keys)
    assert keys[0] == key_of(circuit, data)


@diverges
def test_where_one_diverges_all_are_left_alone():
    circuit = pcn.build_circuit(
        pcn.trace(lambda x: pcn.vertex(pcn.vertex(2.0 * x, "h") ** 2, "out"), x=pcn.Input((2,)))
    )
    data = [{"inputs": {"x": np.ones((FEW, 2))}, "targets": {"out": np.full((FEW, 2), t)}} for t in (3.0, 1e200, 5.0)]
    settings = {"dynamics": pcn.Strict(), "integrator": pcn.Euler(1.0)}
    calls = calls_of(circuit, data, **settings)
    assert Packed.of(calls, [call.run_data for call in calls]) is None
    assert [alone(call).status for call in calls_of(circuit, data, **settings)] == [
        "completed",
        "diverged",
        "completed",
    ]
