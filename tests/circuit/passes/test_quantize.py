"""Weights of a few bits: their levels in closed form, in all engines, files and views, and how learning goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro import passes
from pcneuro.learning.examples import evaluate

Nearest, Quantize, Stochastic = passes.Nearest, passes.Quantize, passes.Stochastic
RNG = np.random.default_rng(3)
X, Y = RNG.normal(size=(8, 6)), RNG.normal(size=(8, 4))


def network(dtype: type = np.float64) -> pcn.Circuit:
    weights = {"W1": RNG.normal(size=(6, 5)), "b": np.zeros(5), "W2": RNG.normal(size=(5, 4))}
    graph = pcn.trace(
        lambda x, W1, b, W2: pcn.vertex(np.tanh(x @ W1 + b), "h") @ W2,
        x=pcn.Input((6,)),
        **{name: pcn.Parameter(value.astype(dtype)) for name, value in weights.items()},
    )
    return pcn.build_circuit(graph)


@pytest.fixture(scope="module")
def circuit() -> pcn.Circuit:
    return network()


@pytest.mark.parametrize("bits", range(1, 17))
@pytest.mark.parametrize("rounding", [Nearest(), Stochastic(4)], ids=str)
def test_weights_are_next_to_what_they_were_on_levels_that_are_exact(circuit, bits, rounding):
    made = passes.apply(circuit, Quantize(bits, rounding=rounding))
    before, after = circuit.parameters["W1"], made.parameters["W1"]
    scale, most = np.abs(before).max(), max(2 ** (bits - 1) - 1, 1)
    numbers = np.rint(after / scale * most)
    np.testing.assert_array_equal(after, scale * (numbers / most))
    furthest = {Nearest: 0.5, Stochastic: 1.0}[type(rounding)] * (1 if bits > 1 else 2)
    assert (np.abs(after - before) * most / scale).max() <= furthest + 1e-9
    np.testing.assert_array_equal(made.parameters["b"], 0.0)
    # What is on levels stays.
    again = passes.apply(made, Quantize(bits, rounding=rounding))
    np.testing.assert_array_equal(again.parameters["W1"], after)


def test_one_bit_is_the_sign(circuit):
    made = passes.apply(circuit, Quantize(1, scale=0.25))
    np.testing.assert_array_equal(made.parameters["W2"], 0.25 * np.sign(circuit.parameters["W2"]))


def test_what_is_beyond_the_scale_saturates(circuit):
    made = passes.apply(circuit, Quantize(4, ["W1"], scale=0.5))
    weights = circuit.parameters["W1"]
    np.testing.assert_array_equal(
        made.parameters["W1"][np.abs(weights) > 0.5], 0.5 * np.sign(weights)[np.abs(weights) > 0.5]
    )
    np.testing.assert_array_equal(made.parameters["W2"], circuit.parameters["W2"])


@pytest.mark.parametrize("bits", [1, 2, 5])
def test_the_mean_of_stochastic_rounding_is_what_was_rounded(bits):
    draws, most = 4000, max(2 ** (bits - 1) - 1, 1)
    value = 0.237
    graph = pcn.trace(lambda x, W: x * W, x=pcn.Input((draws,)), W=pcn.Parameter(np.full(draws, value)))
    made = passes.apply(pcn.build_circuit(graph), Quantize(bits, scale=1.0, rounding=Stochastic(1)))
    step = (1 if bits > 1 else 2) / most
    # A number of two values a step apart has a deviation of half a step at most; five of the mean's are allowed.
    assert abs(made.parameters["W"].mean() - value) < 5 * step / 2 / np.sqrt(draws)
    assert np.unique(made.parameters["W"]).size == 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_seeds_decide_and_values_of_files_are_those_that_were_written(dtype, tmp_path: Path):
    circuit = network(dtype)
    made, same, other = (passes.apply(circuit, Quantize(5, rounding=Stochastic(s))) for s in (1, 1, 2))
    np.testing.assert_array_equal(made.parameters["W1"], same.parameters["W1"])
    assert (made.parameters["W1"] != other.parameters["W1"]).any()
    made.save(tmp_path / "circuit")
    loaded = pcn.load_circuit(tmp_path / "circuit")
    np.testing.assert_array_equal(loaded.parameters["W1"], made.parameters["W1"])
    assert str(loaded) == str(made)
    assert "Stochastic(seed=1)" in str(made)
    for each in (made, loaded):
        again = each.with_parameters(circuit.parameters)
        np.testing.assert_array_equal(again.parameters["W1"], made.parameters["W1"])
        np.testing.assert_array_equal(each.with_parameters(each.parameters).parameters["W1"], made.parameters["W1"])


@pytest.mark.parametrize("engine", [pcn.Kernel(), pcn.Reference(), pcn.EventDriven(0.01)], ids=str)
def test_all_engines_and_backprop_run_the_rounded_weights(circuit, engine):
    made = passes.apply(circuit, Quantize(3))
    plain = circuit.with_parameters(made.parameters)
    runs = []
    for each, parameters in ((made, circuit.parameters), (plain, made.parameters)):
        simulator = pcn.Simulator(each, engine=engine)
        simulator.set_parameters(parameters)
        runs.append(simulator.run(20.0, inputs={"x": X}, targets={"out": Y}))
    rounded = pcn.backprop(made, {"x": X}, {"out": Y}, parameters=circuit.parameters)
    exact = pcn.backprop(plain, {"x": X}, {"out": Y})
    for name in ("W1", "b", "W2"):
        np.testing.assert_array_equal(runs[0].gradients[name], runs[1].gradients[name])
        np.testing.assert_array_equal(rounded.gradients[name], exact.gradients[name])


def test_gradients_come_to_the_exact_ones_in_first_order_of_the_step(circuit):
    exact = pcn.backprop(circuit, {"x": X}, {"out": Y}).gradients["W1"]
    away = []
    for bits in (8, 12, 16):
        made = passes.apply(circuit, Quantize(bits))
        away.append(np.linalg.norm(pcn.backprop(made, {"x": X}, {"out": Y}).gradients["W1"] - exact))
    orders = np.log(np.divide(away[:-1], away[1:])) / np.log(2**4)
    np.testing.assert_allclose(orders, 1.0, atol=0.2)


def test_a_trainer_adds_gradients_of_rounded_weights_to_weights_in_full_precision(circuit):
    made = passes.apply(circuit, Quantize(3, ["W1", "W2"]))
    examples = pcn.Examples({"x": X}, {"out": Y})
    trainer = pcn.Trainer(
        pcn.Backprop(made), pcn.SGD(0.01), examples, examples, batch=len(X), parameters=circuit.parameters
    )
    kept = {name: array.copy() for name, array in trainer.parameters.items()}
    trainer.run(3)
    for _ in range(3):
        scales = {name: np.abs(kept[name]).max() for name in ("W1", "W2")}
        rounded = kept | {n: scale * np.rint(3 * kept[n] / scale) / 3 for n, scale in scales.items()}
        gradients = pcn.backprop(circuit, {"x": X}, {"out": Y}, parameters=rounded).gradients
        kept = {name: kept[name] - 0.01 * gradients[name] / len(X) for name in kept}
    for name, array in kept.items():
        np.testing.assert_allclose(trainer.parameters[name], array, rtol=1e-12, atol=1e-14)
    score = evaluate(made, trainer.parameters, examples)
    assert score.loss == evaluate(made, made.with_parameters(trainer.parameters).parameters, examples).loss


def test_trees_are_named_as_a_whole():
    tree = {"W": RNG.normal(size=(3, 2)), "b": RNG.normal(size=2)}
    graph = pcn.trace(lambda x, p: x @ p["W"] + p["b"], x=pcn.Input((3,)), p=pcn.Parameters(tree))
    made = passes.apply(pcn.build_circuit(graph), Quantize(1, ["p"]))
    for name, values in tree.items():
        np.testing.assert_array_equal(made.parameters["p"][name], np.abs(values).max() * np.sign(values))


def test_what_it_cannot_serve_is_refused_by_name(circuit):
    plastic = circuit.with_plasticity({"W2": pcn.Hebbian(tau=100.0)})
    with pytest.raises(pcn.PcneuroError, match="Quantize of 'W2', which Hebbian"):
        passes.apply(plastic, Quantize(4))
    made = passes.apply(plastic, Quantize(4, ["W1"]))
    with pytest.raises(pcn.PcneuroError, match="plasticity of 'W1': Hebbian would change it off its levels of 4 bits"):
        made.with_plasticity(pcn.Hebbian(tau=100.0))
    with pytest.raises(pcn.PcneuroError, match="Dale has other parameters in the place of 'W1'"):
        passes.apply(circuit, [Quantize(4, ["W1"]), passes.Dale(2.0)])
    with pytest.raises(pcn.PcneuroError, match="parameter of Quantize 'W3'"):
        passes.apply(circuit, Quantize(4, ["W3"]))
    bare = pcn.build_circuit(pcn.trace(lambda x: np.tanh(x), x=pcn.Input((3,))))
    with pytest.raises(pcn.PcneuroError, match="no parameters"):
        passes.apply(bare, Quantize(4))
