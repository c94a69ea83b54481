"""Samples, the order in which they come, and scores of feedforward predictions."""

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import ParameterError, ShapeError, UnknownNameError
from pcneuro.learning import Examples, batches, evaluate, examples
from tests.learning.small import classifier, clusters


def test_batches_cover_all_samples_once_and_depend_on_seed_and_epoch():
    one = list(batches(10, 4, 1, 0))
    assert [len(b) for b in one] == [4, 4, 2]
    assert sorted(np.concatenate(one)) == list(range(10))
    assert np.array_equal(np.concatenate(one), np.concatenate(list(batches(10, 4, 1, 0))))
    assert not np.array_equal(np.concatenate(one), np.concatenate(list(batches(10, 4, 2, 0))))
    assert not np.array_equal(np.concatenate(one), np.concatenate(list(batches(10, 4, 1, 1))))


def test_examples_of_different_numbers_and_none_are_refused():
    with pytest.raises(ShapeError, match="batch sizes differ"):
        Examples({"x": np.zeros((3, 4))}, {"out": np.zeros((4, 3))})
    with pytest.raises(ParameterError, match="no examples"):
        Examples({"x": np.zeros((0, 4))}, {"out": np.zeros((0, 3))})


def test_the_digest_tells_examples_apart():
    one = clusters()
    assert one.digest() == clusters().digest()
    assert one.digest() != clusters(seed=4).digest()
    assert one.digest() != one.take(slice(89)).digest()


def test_score_is_that_of_the_feedforward_prediction(monkeypatch):
    circuit, given = classifier(), clusters(12)
    result = pcn.Simulator(circuit).run(0.0, inputs=given.inputs, targets=given.targets)
    guess = result.predictions["out"].argmax(axis=1)
    for size in (examples.CHUNK_BYTES, 1000):  # all at once, and in several parts
        monkeypatch.setattr(examples, "CHUNK_BYTES", size)
        score = evaluate(circuit, circuit.parameters, given)
        assert score.loss == pytest.approx(result.loss / 12, rel=1e-12)
        assert score.accuracy == np.mean(guess == given.targets["out"].argmax(axis=1))


def test_every_element_of_a_sequence_counts():
    graph = pcn.trace(lambda x, W: pcn.vertex(x @ W, "out"), x=pcn.Input((2, 3)), W=pcn.Parameter(np.eye(3)))
    rows = np.eye(3)[[[0, 1], [2, 2]]]
    score = evaluate(
        pcn.build_circuit(graph), graph_parameters(graph), Examples({"x": rows}, {"out": np.eye(3)[[[0, 2], [2, 2]]]})
    )
    assert score.accuracy == 0.75


def graph_parameters(graph):
    return {name: node.source.value for name, node in graph.parameters.items()}


def test_there_is_no_accuracy_without_classes():
    circuit, given = classifier(), clusters(6)
    soft = Examples(given.inputs, {"out": np.full((6, 3), 1 / 3)})
    assert np.isnan(evaluate(circuit, circuit.parameters, soft).accuracy)


def test_the_output_to_score_must_be_one_that_has_a_target():
    circuit = classifier()
    with pytest.raises(UnknownNameError, match="did you mean 'out'"):
        evaluate(circuit, circuit.parameters, clusters(3), output="outt")


# Several outputs, and latents


def two_readouts(h, U, V):
    return {"a": pcn.vertex(h @ U, "a"), "b": pcn.vertex(h @ V, "b")}


RNG = np.random.default_rng(3)
U, V = RNG.normal(size=(4, 6)), RNG.normal(size=(4, 3))
WEIGHTS = {"U": pcn.Parameter(U), "V": pcn.Parameter(V)}
A, B = RNG.normal(size=(8, 6)), np.eye(3)[RNG.integers(0, 3, 8)]


def test_losses_of_several_outputs_add_up_and_the_accuracy_is_that_of_the_named_one():
    circuit = pcn.build_circuit(pcn.trace(two_readouts, h=pcn.Input((4,)), **WEIGHTS))
    x = RNG.normal(size=(8, 4))
    given = Examples({"h": x}, {"a": A, "b": B})
    loss = 0.5 * (((A - x @ U) ** 2).sum() + ((B - x @ V) ** 2).sum()) / 8
    score = evaluate(circuit, circuit.parameters, given)
    assert score.loss == pytest.approx(loss, rel=1e-12)
    assert np.isnan(score.accuracy)
    score = evaluate(circuit, circuit.parameters, given, output="b")
    assert score.loss == pytest.approx(loss, rel=1e-12)
    assert score.accuracy == np.mean((x @ V).argmax(axis=1) == B.argmax(axis=1))


def posterior(*parts):
    """Mean of z ~ N(0, 1) given linear observations with precision 1, each (targets, weights)."""
    precision = np.eye(4) + sum(weights @ weights.T for _, weights in parts)
    return sum(targets @ weights.T for targets, weights in parts) @ np.linalg.inv(precision)


def test_a_generative_circuit_is_scored_once_its_latents_are_inferred():
    """The loss knows all targets; the accuracy is that of a guess which does not know its own."""
    circuit = pcn.build_circuit(pcn.trace(two_readouts, h=pcn.Latent((4,), prior=0.0), **WEIGHTS))
    simulator = pcn.Simulator(circuit, dynamics=pcn.Strict(), integrator=pcn.Euler(0.2))
    source = pcn.PredictiveCoding(simulator, 3000.0)
    z = posterior((A, U), (B, V))
    loss = 0.5 * (((A - z @ U) ** 2).sum() + ((B - z @ V) ** 2).sum()) / 8
    score = source.score(circuit.parameters, Examples({}, {"a": A, "b": B}), "b")
    assert score.loss == pytest.approx(loss, rel=1e-9)
    guess = posterior((A, U)) @ V
    assert score.accuracy == np.mean(guess.argmax(axis=1) == B.argmax(axis=1)) < 1
    # One that is shown nothing but what it is to guess has no accuracy.
    alone = source.score(circuit.parameters, Examples({}, {"b": B}))
    only = posterior((B, V))
    assert alone.loss == pytest.approx(0.5 * ((B - only @ V) ** 2).sum() / 8, rel=1e-6)  # a follows slowly
    assert np.isnan(alone.accuracy)
