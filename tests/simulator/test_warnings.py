"""What a run warns of, once: latents that its dynamics do not infer, and divergence, with time and cure."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from tests.circuits_for_tests import chain, engines


def food() -> pcn.Circuit:
    """Bogacz (2017): the size of food, seen as light, with g(v) = v^2, prior 3 and observation 2."""
    return pcn.build_circuit(pcn.trace(lambda v: pcn.vertex(v**2, "u"), v=pcn.Latent((), prior=3.0)))


@engines
def test_a_latent_that_is_not_inferred_is_named_once(engine):
    circuit, targets = food(), {"u": 2.0}
    sim = pcn.Simulator(circuit, engine=engine, integrator=pcn.Euler(0.1))
    sim.run(10.0)
    sim.run(0.0, targets=targets)
    with pytest.warns(
        pcn.PcneuroWarning, match=r"FixedPrediction does not infer the free latent 'v'.*use dynamics=pcn\.Strict\(\)"
    ) as caught:
        sim.run(50.0, targets=targets)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    sim.run(50.0)
    # Strict dynamics do what the warning says: the mode is the root of 2 phi^3 - 3 phi - 3.
    inferred = pcn.Simulator(circuit, dynamics=pcn.Strict(), engine=engine).run(500.0, targets=targets)
    np.testing.assert_allclose(inferred.values["v"], np.roots([2.0, 0.0, -3.0, -3.0]).real.max(), rtol=1e-6)
    pcn.Simulator(circuit, engine=engine).run(50.0, targets=targets, clamp={"v": 1.0})


def below(z, y):
    """Latents of which one is observed through two vertices, and the other not at all."""
    h = pcn.vertex(np.tanh(z), "h")
    return {"seen": pcn.vertex(2.0 * h, "seen"), "unseen": pcn.vertex(3.0 * y, "unseen")}


@pytest.mark.parametrize("clamped", [{"targets": {"seen": [1.0]}}, {"clamp": {"h": [0.5]}}])
def test_only_latents_above_what_is_clamped_are_named(clamped):
    graph = pcn.trace(below, z=pcn.Latent((1,)), y=pcn.Latent((1,)))
    sim = pcn.Simulator(pcn.build_circuit(graph))
    with pytest.warns(pcn.PcneuroWarning, match="the free latent 'z': it holds"):
        list(sim.stream(5.0, **clamped))
    pcn.Simulator(sim.circuit).run(5.0, clamp={"z": [0.1], "h": [0.1], "seen": [0.1]})
    with pytest.warns(pcn.PcneuroWarning, match="the free latents 'z', 'y': it holds"):
        pcn.Simulator(sim.circuit).run(5.0, targets={"seen": [1.0], "unseen": [1.0]})


def test_every_way_to_run_names_a_latent_that_is_not_inferred():
    circuit, targets = food(), {"u": [2.0, 2.0]}
    named = "does not infer the free latent 'v'"
    with pytest.warns(pcn.PcneuroWarning, match=named):
        pcn.wavefront(pcn.Simulator(circuit), 5.0, targets=targets)
    with pytest.warns(pcn.PcneuroWarning, match=named):
        pcn.check(circuit, 5.0, "reference", targets=targets)
    examples = pcn.Examples({}, {"u": np.full(2, 2.0)})
    with pytest.warns(pcn.PcneuroWarning, match=named) as caught:
        pcn.PredictiveCoding(pcn.Simulator(circuit), 5.0).gradients({}, examples)
    assert caught[0].filename == __file__


# Divergence is seen


@engines
def test_divergence_is_a_warning_with_population_time_and_cure(engine):
    circuit = pcn.build_circuit(chain(3, 10.0))
    data = {"inputs": {"x": 1.0}, "targets": {"v3": 0.0}}
    sim = pcn.Simulator(circuit, dynamics=pcn.Strict(), engine=engine)
    with pytest.warns(pcn.PcneuroWarning, match=r"population 'v\d' is no longer finite at \d+ ms; try dt") as caught:
        result = sim.run(500.0, **data)
    assert [str(warning.message) for warning in caught] == [result.message]
    assert caught[0].filename == __file__
    sim.reset()
    with pytest.warns(pcn.PcneuroWarning, match="population 'v") as caught:
        list(sim.stream(500.0, **data))
    assert len(caught) == 1


def test_a_cure_is_not_what_is_used_already():
    """Numbers that outgrow float32 at any dt."""
    circuit = pcn.build_circuit(chain(6, 1e10))
    sim = pcn.Simulator(circuit, dtype=np.float32)
    with pytest.warns(pcn.PcneuroWarning, match="scale the weights$"):
        sim.run(100.0, inputs={"x": 1e-35}, targets={"v6": 1e30})


def test_a_training_that_diverges_is_a_warning_once():
    circuit = pcn.build_circuit(chain(2, 3.0))
    examples = pcn.Examples({"x": np.ones(4)}, {"v2": np.zeros(4)})
    trainer = pcn.Trainer(
        pcn.PredictiveCoding(pcn.Simulator(circuit), 50.0), pcn.SGD(1e200), examples, examples, batch=2
    )
    with pytest.warns(pcn.PcneuroWarning, match="epoch 1: .*lower the rate of SGD") as caught:
        learned = trainer.run(3)
    assert [str(warning.message) for warning in caught] == [learned.message]
    assert learned.status == "diverged"
    assert caught[0].filename == __file__


def test_a_gradient_that_outgrows_numbers_first_has_the_cure_of_its_step():
    """Activities still are finite, and their product is not; a step of the length that is named settles."""
    W = 2.0 * np.random.default_rng(0).normal(size=(4, 9))
    circuit = pcn.build_circuit(pcn.trace(lambda z, W: z @ W, z=pcn.Latent((4,), prior=0.0), W=pcn.Parameter(W)))
    data = {"targets": {"out": np.ones(9)}}
    sim = pcn.Simulator(circuit, dynamics=pcn.Strict())
    rate = 1 + np.linalg.eigvalsh(W @ W.T).max()
    steps = int(200 * np.log(10) / np.log(0.1 * rate - 1))  # errors of 1e200
    with pytest.warns(pcn.PcneuroWarning, match=r"the gradient of 'W' is not finite.*; or try dt = ") as caught:
        sim.run(steps, **data)
    dt = float(str(caught[0].message).split("try dt = ")[1].split(" ms")[0])
    settled = pcn.Simulator(circuit, dynamics=pcn.Strict(), integrator=pcn.Euler(dt)).run(dt * 2000, **data)
    np.testing.assert_allclose(settled.values["z"][0], np.ones(9) @ W.T @ np.linalg.inv(np.eye(4) + W @ W.T), rtol=1e-9)


def test_an_infinite_derivative_is_told_as_such():
    """The norm has a kink at zero: no other weights and no other dynamics would help."""
    graph = pcn.trace(lambda x: np.sqrt(np.sum(x**2)), x=pcn.Parameter(np.zeros(3)))
    simulator = pcn.Simulator(pcn.build_circuit(graph, vertices="all"))
    with pytest.warns(pcn.PcneuroWarning) as caught:
        result = simulator.run(100.0, targets={"out": 1.0})
    assert result.status is pcn.Status.DIVERGED
    assert "derivative is infinite" in result.message
    assert "scale the weights" not in result.message
    assert [str(w.message) for w in caught] == [result.message]
