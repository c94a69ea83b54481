"""Clamped and free vertices, latent roots, initial values, and the energies of outputs."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import (
    ParameterError,
)
from tests.circuits_for_tests import DYNAMICS, ENGINES, data_for, engines, every_dynamics, mlp, same, three_layers


@pytest.fixture(scope="module")
def network():
    return three_layers()


# Clamped and free


@engines
@every_dynamics
def test_a_clamped_hidden_vertex_stays_and_is_seen_by_its_children(network, engine, dynamics):
    inputs, targets = data_for(network.graph, 2)
    held = np.full((2, 7), 0.25)
    sim = pcn.Simulator(network, dynamics=dynamics, engine=engine)
    result = sim.run(30.0, inputs=inputs, targets=targets, clamp={"h1": held})
    np.testing.assert_array_equal(result.values["h1"], held)
    p = network.parameters
    h2 = np.tanh(held @ p["W2"] + p["b2"])
    np.testing.assert_allclose(result.predictions["h2"], h2, rtol=1e-13)
    np.testing.assert_allclose(result.errors["h1"], 1.5 * (held - np.tanh(inputs["x"] @ p["W1"] + p["b1"])), rtol=1e-12)
    freed = sim.run(10.0, clamp={})
    assert not np.array_equal(freed.values["h1"], held)


@engines
def test_generative_model_infers_its_latent_root(engine):
    """With a linear readout and a Gaussian prior the equilibrium is the posterior mean: the normal equations."""
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(3, 6))
    graph = pcn.trace(
        lambda z, W: z @ W, z=pcn.Latent((3,), prior=np.array([0.5, 0.0, -0.5])), W=pcn.Parameter(weights)
    )
    circuit = pcn.build_circuit(graph, precision={"z": 2.0, "out": 1.5})
    seen = rng.normal(size=(4, 6))
    sim = pcn.Simulator(circuit, dynamics=pcn.Strict(), engine=engine)
    result = sim.run(600.0, targets={"out": seen})
    prior = np.array([0.5, 0.0, -0.5])
    left = 1.5 * weights @ weights.T + 2.0 * np.eye(3)
    expected = np.linalg.solve(left, 1.5 * weights @ seen.T + 2.0 * prior[:, None]).T
    np.testing.assert_allclose(result.values["z"], expected, rtol=1e-8)


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


@engines
def test_initial_values_are_where_free_vertices_begin(network, engine):
    inputs, targets = data_for(network.graph, 2)
    begin = np.full((2, 7), 0.1)
    for dynamics in DYNAMICS:
        sim = pcn.Simulator(network, dynamics=dynamics, engine=engine)
        result = sim.run(0.0, inputs=inputs, targets=targets, initial={"h1": begin})
        np.testing.assert_allclose(result.values["h1"], begin, rtol=1e-14)
        sim.run(3.0)
        with pytest.raises(ParameterError, match="reset"):
            sim.run(1.0, initial={"h1": begin})


def test_targets_can_be_left_out_and_taken_away(network):
    inputs, targets = data_for(network.graph, 2)
    sim = pcn.Simulator(network)
    result = sim.run(20.0, inputs=inputs)
    assert result.loss == 0.0
    assert all(not g.any() for g in result.gradients.values())
    assert sim.run(20.0, targets=targets).loss > 0
    assert sim.run(2000.0, targets={}).energy == pytest.approx(0.0, abs=1e-20)


def test_state_is_readable_before_the_first_run(network):
    sim = pcn.Simulator(network)
    assert sim.time == 0.0
    p = network.parameters
    np.testing.assert_allclose(sim.values["h1"], np.tanh(p["b1"])[None], rtol=1e-14)
    assert not sim.errors["h1"].any()
    assert sim.gradients["W1"].shape == (5, 7)
    assert same(sim.parameters, p)


# Energies


@pytest.mark.parametrize("engine", ENGINES, ids=["Reference", "Kernel"])
@pytest.mark.parametrize(
    ("energy", "targets"),
    [
        (pcn.SoftmaxCrossEntropy(), np.eye(3)[[0, 2, 1, 1]]),
        (pcn.Bernoulli(), np.array([[0, 1, 1], [1, 0, 0], [0.5, 0.5, 0.5], [1, 1, 1]])),
        (pcn.SquaredError(), np.arange(12.0).reshape(4, 3) / 6),
    ],
    ids=["softmax", "bernoulli", "squared"],
)
def test_energies_give_their_gradients(engine, energy, targets):
    graph = mlp((5, 7, 3))
    circuit = pcn.build_circuit(graph, energies={"out": energy}, precision={"out": 0.7})
    inputs, _ = data_for(graph, 4)
    result = pcn.Simulator(circuit, integrator=pcn.Euler(10.0), engine=engine).run(
        50.0, inputs=inputs, targets={"out": targets}
    )
    reference = pcn.backprop(circuit, inputs, {"out": targets})
    assert pcn.compare(result, reference).worst < 1e-12
    assert result.loss == pytest.approx(reference.loss, rel=1e-12)
    strict = [
        pcn.Simulator(circuit, dynamics=pcn.Strict(), engine=e).run(30.0, inputs=inputs, targets={"out": targets})
        for e in ENGINES
    ]
    np.testing.assert_allclose(strict[0].errors["out"], strict[1].errors["out"], rtol=1e-10, atol=1e-13)


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
