"""Brian2 at the level of spikes: decoded errors against those of the rate circuit, and how the difference falls."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import pcneuro as pcn
from circuits.lstm import lstm
from pcneuro.errors import ParameterError
from pcneuro.export import brian2
from pcneuro.export.brian2 import spikes as spikes_module
from pcneuro.export.spiking import (
    Decoding,
    IntegrateAndFire,
    LeakyIntegrateAndFire,
    Seeded,
    SendOnDelta,
    Spiking,
    Staggered,
)
from pcneuro.simulator.result import agreement
from tests.circuits_for_tests import data_for, every_dynamics, mlp

# Brian2 calls what its own dependencies have renamed.
pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")


DURATION = 350.0
"""ms: the window in which errors are decoded, after a time in which the circuit settles."""
SHORTLY_DECODED = Spiking(decoding=Decoding(window=50.0))
"""For what does not depend on how exact errors are."""


def problem():
    circuit = pcn.build_circuit(mlp((5, 7, 6, 3)))
    inputs, targets = data_for(circuit.graph, 2)
    return circuit, {"inputs": inputs, "targets": targets}


def away(actual, wanted) -> float:
    """The largest of all populations' relative errors."""
    assert actual.errors.keys() == wanted.errors.keys()
    return float(np.max([agreement(n, actual.errors[n], error).relative_error for n, error in wanted.errors.items()]))


def cosine(actual, wanted) -> float:
    return float(np.min([row.cosine for row in pcn.compare(actual, wanted).rows]))


@every_dynamics
def test_three_layers(dynamics):
    circuit, data = problem()
    # Strict dynamics settle later, and here errors are held against the narrowest limit.
    wanted = pcn.Simulator(circuit, dynamics=dynamics).run(500.0, **data)
    actual = brian2.spiking(circuit, **data, dynamics=dynamics).run(500.0)
    assert away(actual, wanted) < 0.003
    assert cosine(actual, wanted) > 0.99999


def test_lstm_cell():
    circuit = lstm(length=2, vocabulary=4, hidden=3)
    (output,) = circuit.graph.outputs.values()
    inputs, _ = data_for(circuit.graph, 1, scale=0.5)
    targets = {"out": np.broadcast_to(np.eye(output.shape[-1])[1], output.shape)}
    wanted = pcn.Simulator(circuit).run(DURATION, inputs=inputs, targets=targets)
    actual = brian2.spiking(circuit, inputs=inputs, targets=targets).run(DURATION)
    assert away(actual, wanted) < 0.01
    assert cosine(actual, wanted) > 0.999


def order(circuit, data, wanted, variants) -> float:
    """Slope of log error over log of the number that is varied."""
    errors = []
    for spiking, duration in variants.values():
        errors.append(away(brian2.spiking(circuit, **data, spiking=spiking).run(duration), wanted))
    return float(np.polyfit(np.log(list(variants)), np.log(errors), 1)[0])


def test_error_falls_with_neurons_and_with_time():
    circuit, data = problem()
    wanted = pcn.Simulator(circuit).run(2000.0, **data)
    numbers = (3, 100)
    staggered = {n: (Spiking(IntegrateAndFire(n)), DURATION) for n in numbers}
    assert -1.4 < order(circuit, data, wanted, staggered) < -0.8
    drawn = {n: (Spiking(IntegrateAndFire(n, phases=Seeded(3))), DURATION) for n in numbers}
    assert -0.75 < order(circuit, data, wanted, drawn) < -0.3
    windows = {
        w: (Spiking(IntegrateAndFire(10, phases=Seeded(3)), decoding=Decoding(window=w)), 150.0 + w)
        for w in (100.0, 1000.0)
    }
    assert -1.4 < order(circuit, data, wanted, windows) < -0.7


def test_leaky_neurons():
    """The inverted f-I curve leaves no dead zone; docs/exports.md has these limits."""
    circuit, data = problem()
    wanted = pcn.Simulator(circuit).run(DURATION, **data)
    for dt, limit in ((1.0, 0.05), (0.2, 0.03)):
        settings = {"integrator": pcn.Euler(dt), "spiking": Spiking(LeakyIntegrateAndFire())}
        actual = brian2.spiking(circuit, **data, **settings).run(DURATION)
        assert away(actual, wanted) < limit
        assert cosine(actual, wanted) > 0.998


def test_values_sent_by_their_changes():
    circuit, data = problem()
    strict = {"dynamics": pcn.Strict()}
    wanted = pcn.Simulator(circuit, **strict).run(DURATION, **data)
    actual = brian2.spiking(circuit, **data, spiking=Spiking(values=SendOnDelta(0.005)), **strict).run(DURATION)
    assert away(actual, wanted) < 0.005
    coarse = brian2.spiking(circuit, **data, spiking=Spiking(values=SendOnDelta(0.5)), **strict).run(DURATION)
    assert away(coarse, wanted) > 0.02


def test_baseline_cancels_and_noise_does_not_shift():
    circuit, data = problem()
    wanted = pcn.Simulator(circuit).run(DURATION, **data)
    actual = brian2.spiking(circuit, **data, spiking=Spiking(IntegrateAndFire(baseline=20.0))).run(DURATION)
    assert away(actual, wanted) < 0.003
    import brian2 as library

    library.seed(1)
    noisy = brian2.spiking(circuit, **data, spiking=Spiking(IntegrateAndFire(noise=0.5))).run(DURATION)
    assert 0.003 < away(noisy, wanted) < 0.06


def test_spikes_are_what_is_received():
    """What is received at the end is the filtered sum of the recorded spikes; their number, the monitor's count."""
    circuit, data = problem()
    spiking = Spiking(decoding=Decoding(window=100.0))
    record = [pcn.Record("h1", "error")]
    network = brian2.spiking(circuit, **data, spiking=spiking, spikes=["h1"], record=record)
    actual = network.run(200.0)
    spikes = actual.spikes["h1"]
    assert len(spikes) == int(network.spike_monitors["h1"].num_spikes) > 1000
    assert set(spikes["sign"]) == {-1, 1}
    jump = np.array(network.groups["h1"].jump).item()
    kept = 1.0 - 1.0 / 2.5
    for sample, unit in ((0, 0), (1, 6)):
        own = spikes[(spikes["sample"] == sample) & (spikes["unit"] == unit)]
        # A spike of step k is received from step k + 1 on.
        age = 200 - 1 - np.rint(own["time"])
        received = jump * float(np.sum(own["sign"] * kept**age))
        np.testing.assert_allclose(actual.records["h1.error"].values[-1, sample, unit], received, rtol=1e-9, atol=1e-12)


def test_a_run_goes_on_and_begins_again():
    circuit, data = problem()
    settings = {"spiking": SHORTLY_DECODED, "spikes": ["out"], "record": [pcn.Record("h1", "error")]}
    network = brian2.spiking(circuit, **data, **settings)
    wanted = network.run(200.0)
    network.reset()
    network.run(100.0)
    actual = network.run(100.0)
    for name, error in wanted.errors.items():
        np.testing.assert_allclose(actual.errors[name], error, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(actual.spikes["out"], wanted.spikes["out"])
    np.testing.assert_array_equal(actual.records["h1.error"], wanted.records["h1.error"].isel(time=slice(100, None)))


@pytest.mark.long
def test_standalone_is_built_once():
    circuit, data = problem()
    program = brian2.spiking(circuit, **data, spikes=["h1"], target="cpp_standalone")
    here = brian2.spiking(circuit, **data, spikes=["h1"])
    other = {"inputs": {"x": 0.5 * data["inputs"]["x"]}}
    for given in ({}, other, {"parameters": {name: 1.5 * a for name, a in circuit.parameters.items()}}):
        program.reset(**given)
        here.reset(**given)
        actual, wanted = program.run(300.0), here.run(300.0)
        np.testing.assert_array_equal(actual.spikes["h1"], wanted.spikes["h1"])
        for part in ("errors", "values", "gradients", "predictions"):
            for name, array in getattr(wanted, part).items():
                np.testing.assert_allclose(getattr(actual, part)[name], array, rtol=1e-10, atol=1e-13)
    with pytest.raises(ParameterError, match=r"reset\(\)"):
        program.run(300.0)
    program.reset()
    with pytest.raises(ParameterError, match="built for 300"):
        program.run(400.0)


def test_script(tmp_path):
    circuit, data = problem()
    script = tmp_path / "circuit.py"
    brian2.script(circuit, script, 300.0, **data, spiking=Spiking(values=SendOnDelta()))
    script.write_text(script.read_text() + "\n    np.save('mean.npy', np.array(groups['h1'].mean[:]))\n")
    done = subprocess.run([sys.executable, script.name], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    wanted = brian2.spiking(circuit, **data, spiking=Spiking(values=SendOnDelta())).run(300.0)
    np.testing.assert_allclose(np.load(tmp_path / "mean.npy"), wanted.errors["h1"].ravel(), rtol=1e-9, atol=1e-12)


def test_steps_with_which_spikes_are_unstable_are_refused():
    """Where the kernel's steps still are stable."""
    _, data = problem()
    circuit = pcn.build_circuit(mlp((5, 7, 6, 3)), tau=3.0)
    strict = {"dynamics": pcn.Strict()}
    wanted = pcn.Simulator(circuit, **strict).run(DURATION, **data)
    assert wanted.status == "completed"
    with pytest.raises(ParameterError, match=r"unstable at dt = 1 ms: use dt = 0\.\d+ ms"):
        brian2.spiking(circuit, **data, **strict)
    actual = brian2.spiking(circuit, **data, **strict, integrator=pcn.Euler(0.25)).run(DURATION)
    assert away(actual, wanted) < 0.01
    np.testing.assert_allclose(actual.predictions["out"], wanted.predictions["out"], atol=2e-3)


def test_phases():
    drawn = Staggered().draw(3, 4)
    assert drawn.shape == (3, 2, 4)
    np.testing.assert_array_equal(drawn[1, 0], [0.125, 0.375, 0.625, 0.875])
    np.testing.assert_array_equal(Seeded(2).draw(3, 4), Seeded(2).draw(3, 4))
    assert (Seeded(2).draw(3, 4) != Seeded(3).draw(3, 4)).any()


def test_what_is_refused():
    circuit, data = problem()
    for text, make in (
        ("units is 0", lambda: IntegrateAndFire(units=0)),
        ("rate is -1", lambda: IntegrateAndFire(rate=-1.0)),
        ("noise is nan", lambda: IntegrateAndFire(noise=float("nan"))),
        ("scale of h1 is 0", lambda: IntegrateAndFire(scale={"h1": 0.0})),
        ("give Staggered", lambda: IntegrateAndFire(phases="staggered")),
        ("seed is -1", lambda: Seeded(-1)),
        ("window is 0", lambda: Decoding(window=0.0)),
        ("threshold is inf", lambda: SendOnDelta(float("inf"))),
        ("tau is 0", lambda: LeakyIntegrateAndFire(tau=0)),
        ("errors is 3", lambda: Spiking(errors=3)),
        ("more than a spike", lambda: brian2.spiking(circuit, **data, spiking=Spiking(IntegrateAndFire(rate=2000.0)))),
        ("shorter than a step", lambda: brian2.spiking(circuit, **data, integrator=pcn.Euler(5.0))),
        ("window of 250 ms", lambda: brian2.spiking(circuit, **data).run(100.0)),
        ("'h9'", lambda: brian2.spiking(circuit, **data, spikes=["h9"])),
        ("'h9'", lambda: brian2.spiking(circuit, **data, spiking=Spiking(IntegrateAndFire(scale={"h9": 1.0})))),
        ("spiking neurons would take", lambda: brian2.spiking(circuit, **data, memory=1e5)),
        ("not kept", lambda: brian2.spiking(circuit, **data).spikes("h1")),
    ):
        with pytest.raises(ParameterError, match=text):
            make()


def test_a_check_that_is_too_short_is_refused_before_there_is_a_network(monkeypatch):
    """Brian2 complains of a network that never ran, object by object."""
    monkeypatch.setattr(spikes_module, "SpikingNetwork", lambda *_: pytest.fail("a network was made"))
    circuit, data = problem()
    with pytest.raises(ParameterError, match="a window of 250 ms, and the run has 100 ms: run for longer"):
        pcn.check(circuit, 100.0, "brian2-spiking", **data)
