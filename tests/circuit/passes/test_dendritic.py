"""Apical dendrites: silent in the self-predicting state, with errors where there is a target, and learned silence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro import passes

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(3, 6)), RNG.normal(size=(3, 2))
ENGINES = {"kernel": pcn.Kernel(), "reference": pcn.Reference()}


@pytest.fixture(scope="module")
def circuit() -> pcn.Circuit:
    def layers(x, W1, b1, W2, W3):  # type: ignore[no-untyped-def]
        h1 = pcn.vertex(np.tanh(x @ W1 + b1), "h1")
        h2 = pcn.vertex(np.tanh(h1 @ W2), "h2")
        return pcn.vertex(h2 @ W3, "y")

    shapes = {"W1": (6, 5), "b1": (5,), "W2": (5, 4), "W3": (4, 2)}
    leaves = {name: pcn.Parameter(RNG.normal(size=shape) / 3) for name, shape in shapes.items()}
    return pcn.build_circuit(pcn.trace(layers, x=pcn.Input((6,)), **leaves))


def simulator(circuit: pcn.Circuit, engine: str = "kernel") -> pcn.Simulator:
    return pcn.Simulator(circuit, dynamics=pcn.Strict(), integrator=pcn.Euler(1.0), engine=ENGINES[engine])


@pytest.mark.parametrize("engine", ENGINES)
def test_apical_potentials_are_zero_in_the_self_predicting_state(circuit: pcn.Circuit, engine: str) -> None:
    result = simulator(passes.apply(circuit, passes.Dendritic()), engine).run(600.0, inputs={"x": X})
    for name in ("h1_apical", "h2_apical", "h1_basal", "h2_basal", "y_basal"):
        np.testing.assert_allclose(result.values[name], 0.0, atol=1e-8)
    forward = pcn.backprop(circuit.graph, inputs={"x": X}, targets={"y": Y})
    np.testing.assert_allclose(result.values["y"], forward.values["y"], atol=1e-8)


def test_what_is_left_of_a_weak_target_is_the_error_of_feedback_alignment(circuit: pcn.Circuit) -> None:
    """With transposed weights that come down, and weak teaching, differences at basal dendrites are backprop's errors.

    At equilibrium f(u) - f(basal) is apical_gain f'(basal) apical to first order, and what comes down with interneurons
    that see the layer above by (1 - nudging) of its difference is W^T times that: a factor a layer.
    """
    gain, nudging, teaching = 0.2, 0.1, 1e-4
    dendritic = passes.apply(circuit, passes.Dendritic(gain, nudging, teaching))
    weights = circuit.parameters
    down = {"h1_top_down": weights["W2"].T, "h2_top_down": weights["W3"].T}
    down |= {name.replace("top_down", "lateral"): -value for name, value in down.items()}
    result = simulator(dendritic.with_parameters(down)).run(1500.0, inputs={"x": X}, targets={"y": Y})
    exact = pcn.backprop(circuit.graph, inputs={"x": X}, targets={"y": Y})
    factor = teaching
    for name in ("y", "h2", "h1"):
        wanted = factor * exact.errors[name] * (1.0 if name == "y" else 1 - exact.values[name] ** 2)
        np.testing.assert_allclose(-result.values[f"{name}_basal"], wanted, rtol=0, atol=2e-3 * np.abs(wanted).max())
        factor *= gain * (1 - nudging)


def test_interneurons_learn_to_silence_apical_dendrites(circuit: pcn.Circuit) -> None:
    learning = passes.apply(circuit, passes.Dendritic(tau_interneurons=100.0, self_predicting=False))
    stream = pcn.TimedArray(np.random.default_rng(3).normal(size=(40, 6)), dt=100.0, periodic=True)
    running = simulator(learning)
    record = [pcn.Record("h2_apical", every=50.0)]

    def mean(duration: float) -> float:
        return float(
            np.abs(running.run(duration, inputs={"x": stream}, record=record).records["h2_apical.value"]).mean()
        )

    first = mean(1000.0)
    running.run(30000.0, inputs={"x": stream})
    assert mean(4000.0) < 0.1 * first


def chain(depth: int, activation: Any = np.tanh, batch: tuple[int, ...] = (3,)) -> tuple[pcn.Circuit, np.ndarray]:
    """A chain of ``depth`` layers, the last linear, and its inputs."""
    rng = np.random.default_rng(depth)
    sizes = (*(4, 5, 3, 6, 4)[:depth], 2)

    def layers(x, **theta):  # type: ignore[no-untyped-def]
        for k in range(depth):
            x = x @ theta[f"W{k}"] + theta[f"b{k}"]
            x = pcn.vertex(activation(x) if k < depth - 1 else x, f"v{k}")
        return x

    theta = {f"W{k}": pcn.Parameter(rng.normal(size=sizes[k : k + 2]) / 2) for k in range(depth)}
    theta |= {f"b{k}": pcn.Parameter(rng.normal(size=sizes[k + 1]) / 4) for k in range(depth)}
    graph = pcn.trace(layers, x=pcn.Input((sizes[0],)), **theta)
    return pcn.build_circuit(graph, tau=5.0), rng.normal(size=(*batch, sizes[0]))


@pytest.mark.parametrize("engine", ["kernel", pytest.param("reference", marks=pytest.mark.long)])
@pytest.mark.parametrize("depth", [1, 2, 5])
@pytest.mark.parametrize("activation", [np.tanh, pcn.ops.relu, pcn.ops.sigmoid], ids=["tanh", "relu", "sigmoid"])
def test_chains_of_any_depth_and_activation_predict_themselves(depth: int, activation: Any, engine: str) -> None:
    circuit, x = chain(depth, activation)
    made = passes.apply(circuit, passes.Dendritic())
    result = simulator(made, engine).run(600.0, inputs={"x": x})
    output = f"v{depth - 1}"
    forward = pcn.backprop(circuit.graph, inputs={"x": x}, targets={output: np.zeros((3, 2))})
    np.testing.assert_allclose(result.values[output], forward.values[output], atol=1e-8)
    for k in range(depth - 1):
        np.testing.assert_allclose(result.values[f"v{k}_apical"], 0.0, atol=1e-8)
        np.testing.assert_allclose(activation(result.values[f"v{k}"]), forward.values[f"v{k}"], atol=1e-8)


def test_samples_of_a_batch_do_not_know_of_each_other_and_engines_agree() -> None:
    circuit, x = chain(3)
    made, y = passes.apply(circuit, passes.Dendritic()), np.ones((3, 2))
    both = {name: simulator(made, name).run(40.0, inputs={"x": x}, targets={"v2": y}) for name in ENGINES}
    alone = [simulator(made).run(40.0, inputs={"x": x[k : k + 1]}, targets={"v2": y[:1]}) for k in range(3)]
    plain = simulator(made).run(40.0, inputs={"x": x[0]}, targets={"v2": y[0]})
    for name in made.vertices:
        np.testing.assert_allclose(both["kernel"].values[name], both["reference"].values[name], rtol=0, atol=1e-12)
        joined = np.concatenate([one.values[name] for one in alone])
        np.testing.assert_allclose(joined, both["kernel"].values[name], rtol=0, atol=1e-12)
        np.testing.assert_allclose(np.squeeze(plain.values[name]), joined[0], rtol=0, atol=1e-12)


def test_plasticity_is_that_of_the_equations_and_files_keep_it(circuit: pcn.Circuit, tmp_path: Path) -> None:
    """One Euler step of each weight, from potentials that were recorded, and a file that runs bit for bit."""
    made = passes.apply(circuit, passes.Dendritic(tau=200.0, tau_interneurons=50.0, self_predicting=False, seed=4))
    made.save(tmp_path / "circuit")
    loaded = pcn.load_circuit(tmp_path / "circuit")
    ran = {}
    for name, one in (("made", made), ("loaded", loaded)):
        running = simulator(one)
        before = running.run(20.0, inputs={"x": X}, targets={"y": Y})
        ran[name] = before, running.run(1.0, inputs={"x": X}, targets={"y": Y})
    before, after = ran["made"]
    for name, value in ran["loaded"][1].parameters.items():
        np.testing.assert_array_equal(value, after.parameters[name])
    v = before.values
    pre = {
        "W1": (X, "h1_basal", 200.0),
        "W2": (np.tanh(v["h1"]), "h2_basal", 200.0),
        "W3": (np.tanh(v["h2"]), "y_basal", 200.0),
        "h1_to_interneurons": (np.tanh(v["h1"]), "h1_predicted", 50.0),
        "h1_lateral": (np.tanh(v["h1_interneurons"]), "h1_apical", 50.0),
        "h2_to_interneurons": (np.tanh(v["h2"]), "h2_predicted", 50.0),
        "h2_lateral": (v["h2_interneurons"], "h2_apical", 50.0),
    }
    for name, (activity, difference, tau) in pre.items():
        wanted = before.parameters[name] - activity.T @ v[difference] / tau
        np.testing.assert_allclose(after.parameters[name], wanted, rtol=0, atol=1e-12)


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")  # Brian2 calls what its own dependencies have renamed.
def test_brian2_agrees_with_the_kernel() -> None:
    circuit, x = chain(3)
    made = passes.apply(circuit, passes.Dendritic())
    given: dict[str, Any] = {"inputs": {"x": x[0]}, "targets": {"v2": np.ones(2)}}
    found = pcn.check(made, 20.0, "brian2-rate", dynamics=pcn.Strict(), integrator=pcn.Euler(1.0), **given)
    assert found.agrees, str(found)


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"energies": {"y": pcn.SoftmaxCrossEntropy()}}, "energies"),
        ({"precision": 2.0}, "precisions"),
        ({"error_tau": 2.0}, "time constants of errors"),
        ({"noise": pcn.WhiteNoise(0.1)}, "noise"),
        ({"plasticity": pcn.Hebbian(10.0)}, "plasticity"),
        ({"delays": 2.0}, "delays"),
        ({"tau": {"h1": np.arange(1.0, 6.0)}}, "time constants of 'h1'"),
    ],
)
def test_what_cells_do_not_have_is_refused(circuit: pcn.Circuit, settings: dict[str, Any], what: str) -> None:
    with pytest.raises(pcn.PcneuroError, match=f"Dendritic is for a chain of dense layers.* {what}"):
        passes.apply(pcn.build_circuit(circuit.graph, **settings), passes.Dendritic())


def test_it_is_applied_once(circuit: pcn.Circuit) -> None:
    graph = pcn.trace(
        lambda x, W, h_top_down: pcn.vertex(pcn.vertex(x @ W, "h") @ h_top_down, "y"),
        x=pcn.Input((3,)),
        W=pcn.Parameter(np.ones((3, 3))),
        h_top_down=pcn.Parameter(np.ones((3, 3))),
    )
    with pytest.raises(pcn.PcneuroError, match="would add 'h_top_down', and the circuit has that already"):
        passes.apply(pcn.build_circuit(graph), passes.Dendritic())
    with pytest.raises(pcn.PcneuroError, match="cycles"):
        passes.apply(passes.apply(circuit, passes.Dendritic()), passes.Dendritic())


def test_other_circuits_are_refused() -> None:
    graph = pcn.trace(lambda x, W: np.sin(x @ W) * x, x=pcn.Input((3,)), W=pcn.Parameter(np.ones((3, 3))))
    with pytest.raises(pcn.PcneuroError, match="Dendritic is for a chain of dense layers"):
        passes.apply(pcn.build_circuit(graph), passes.Dendritic())


def test_a_function_of_several_nodes_is_refused() -> None:
    circuit, _ = chain(2, lambda x: 1 / (1 + np.exp(-x)))
    with pytest.raises(pcn.PcneuroError, match=r"more than one bias and functions of one operand.*at 'v0'"):
        passes.apply(circuit, passes.Dendritic())
