"""Latent roots without a prior, targets that come and go, and the state before the first run."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from tests.circuits_for_tests import data_for, engines, same, three_layers


@pytest.fixture(scope="module")
def network():
    return three_layers()


@engines
def test_latent_without_a_prior_finds_the_least_squares(engine):
    rng = np.random.default_rng(1)
    weights = rng.normal(size=(2, 5))
    graph = pcn.trace(lambda z, W: z @ W, z=pcn.Latent((2,)), W=pcn.Parameter(weights))
    circuit = pcn.build_circuit(graph)
    seen = rng.normal(size=5)
    sim = pcn.Simulator(circuit, dynamics=pcn.Strict(), integrator=pcn.ExponentialEuler(0.5), engine=engine)
    start = np.array([[3.0, -2.0]])
    result = sim.run(600.0, targets={"out": seen}, initial={"z": start})
    expected = np.linalg.lstsq(weights.T, seen, rcond=None)[0]
    np.testing.assert_allclose(result.values["z"][0], expected, rtol=1e-7)
    assert "z" not in result.errors


def test_targets_can_be_left_out_and_taken_away(network):
    inputs, targets = data_for(network.graph, 2)
    sim = pcn.Simulator(network)
    result = sim.run(20.0, inputs=inputs)
    assert result.loss == 0.0
    assert all(not g.any() for g in result.gradients.values())
    assert sim.run(20.0, targets=targets).loss > 0
    assert sim.run(2000.0, targets={}).energy == pytest.approx(0.0, abs=1e-20)


@engines
@pytest.mark.parametrize("timed", [False, True], ids=["array", "stream"])
def test_an_output_is_freed_by_what_it_was_given_by(network, engine, timed, tmp_path):
    """``clamp={}`` frees what ``clamp=`` holds, an output, too, and leaves targets; ``targets={}`` the other way."""
    inputs, targets = data_for(network.graph, 2)
    held = {name: pcn.TimedArray(np.stack([y, *[y + 1.0] * 20]), 3.0) if timed else y for name, y in targets.items()}
    names = set(held)
    sim = pcn.Simulator(network, engine=engine)
    sim.run(4.0, inputs=inputs, clamp=held)
    assert set(sim.clamped) == names
    sim.run(4.0, targets={})
    assert set(sim.clamped) == names, "clamps are no targets"
    sim.store(tmp_path / "held")
    sim.run(4.0, clamp={})
    assert not sim.clamped
    sim.restore(tmp_path / "held")
    sim.run(4.0, targets=targets)
    sim.run(4.0, clamp={})
    assert set(sim.clamped) == names, "given as targets now"
    sim.run(4.0, clamp=held)
    assert same(sim.clamped, {name: y + timed for name, y in targets.items()})
    assert sim.run(4.0, clamp={}).loss == 0.0
    sim.run(4.0, targets=held)
    sim.run(4.0, clamp={})
    assert set(sim.clamped) == names
    assert sim.run(4.0, targets={}).loss == 0.0


def test_what_is_clamped_is_read_and_not_written(network):
    inputs, targets = data_for(network.graph, 2)
    sim = pcn.Simulator(network)
    first = sim.run(20.0, inputs=inputs, targets=targets)
    sim.clamped["out"][...] = 3.0
    np.testing.assert_array_equal(sim.clamped["out"], targets["out"])
    sim.reset()
    assert same(sim.run(20.0).gradients, first.gradients)


def test_state_is_readable_before_the_first_run(network):
    sim = pcn.Simulator(network)
    assert sim.time == 0.0
    p = network.parameters
    np.testing.assert_allclose(sim.values["h1"], np.tanh(p["b1"])[None], rtol=1e-14)
    assert not sim.errors["h1"].any()
    assert sim.gradients["W1"].shape == (5, 7)
    assert same(sim.parameters, p)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("prior", [None, 0.5])
def test_latents_of_more_samples_than_a_block_has(dtype, prior):
    graph = pcn.trace(
        lambda z, W: pcn.vertex(np.tanh(z @ W), "out"),
        z=pcn.Latent((3,), prior=prior),
        W=pcn.Parameter(np.linspace(-1, 1, 6).reshape(3, 2)),
    )
    circuit = pcn.build_circuit(graph)
    targets = {"out": np.random.default_rng(0).normal(size=(70, 2))}
    runs = [
        pcn.Simulator(circuit, dynamics=pcn.Strict(), engine=engine, dtype=dtype).run(20.0, targets=targets)
        for engine in (pcn.Kernel(), pcn.Reference())
    ]
    for name, value in runs[1].values.items():
        np.testing.assert_allclose(runs[0].values[name], value, rtol=0, atol=1e-5 if dtype is np.float32 else 1e-13)
