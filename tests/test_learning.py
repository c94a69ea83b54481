"""Learning by a circuit's gradients is learning by backprop's, batch for batch."""

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import ParameterError, ShapeError, UnknownNameError
from pcneuro.learning import SGD, Backprop, Examples, PredictiveCoding, batches, evaluate, train
from pcneuro.result import Status

GENERATOR = np.random.default_rng(3)


def classifier() -> pcn.Circuit:
    def network(x, W1, b1, W2):
        h = pcn.vertex(np.tanh(x @ W1 + b1), "h")
        return pcn.vertex(h @ W2, "out")

    generator = np.random.default_rng(0)
    graph = pcn.trace(
        network,
        x=pcn.Input((4,)),
        W1=pcn.Parameter(generator.normal(size=(4, 6)) / 2),
        b1=pcn.Parameter(np.zeros(6)),
        W2=pcn.Parameter(generator.normal(size=(6, 3)) / 2),
    )
    return pcn.build_circuit(graph, energies={"out": pcn.SoftmaxCrossEntropy()})


def clusters(samples: int = 90) -> Examples:
    labels = np.arange(samples) % 3
    centres = np.array([[2.0, 0, 0, 1], [0, 2, 1, 0], [-1, 0, 2, -1]])
    return Examples(
        {"x": centres[labels] + 0.3 * GENERATOR.normal(size=(samples, 4))},
        {"out": np.eye(3)[labels]},
    )


@pytest.fixture(scope="module")
def sources():
    circuit = classifier()
    simulator = pcn.Simulator(circuit)
    return PredictiveCoding(simulator, 200.0), Backprop(circuit)


def test_both_sources_give_the_same_gradients_and_loss(sources):
    examples = clusters(10)
    parameters = {n: a + 0.1 for n, a in sources[0].circuit.parameters.items()}
    own, exact = (source.gradients(parameters, examples) for source in sources)
    assert pcn.compare(own, exact).worst < 1e-7
    assert own.loss == pytest.approx(exact.loss, rel=1e-12)


def test_both_sources_learn_the_same_from_the_same_start(sources):
    learn, test = clusters(), clusters(30)
    runs = [list(train(s, SGD(0.5), learn, test, epochs=3, batch=16, seed=7)) for s in sources]
    for own, exact in zip(*runs, strict=True):
        assert own.number == exact.number
        assert own.test.accuracy == exact.test.accuracy
        assert own.train.loss == pytest.approx(exact.train.loss, rel=1e-6)
    first, last = runs[0][0], runs[0][-1]
    assert [epoch.number for epoch in runs[0]] == [0, 1, 2, 3]
    assert last.train.loss < 0.3 * first.train.loss
    assert last.test.accuracy > 0.95


def test_an_update_subtracts_the_mean_gradient(sources):
    learn = clusters(5)
    start = sources[1].circuit.parameters
    _, epoch = train(sources[1], SGD(0.1), learn, learn, epochs=1, batch=5)
    total = pcn.backprop(sources[1].circuit, learn.inputs, learn.targets).gradients
    for name, value in epoch.parameters.items():
        np.testing.assert_allclose(value, start[name] - 0.1 * total[name] / 5, rtol=1e-12, atol=1e-15)


def test_batches_cover_all_samples_once_and_depend_on_seed_and_epoch():
    one = list(batches(10, 4, 1, 0))
    assert [len(b) for b in one] == [4, 4, 2]
    assert sorted(np.concatenate(one)) == list(range(10))
    assert np.array_equal(np.concatenate(one), np.concatenate(list(batches(10, 4, 1, 0))))
    assert not np.array_equal(np.concatenate(one), np.concatenate(list(batches(10, 4, 2, 0))))
    assert not np.array_equal(np.concatenate(one), np.concatenate(list(batches(10, 4, 1, 1))))


def test_score_is_that_of_the_feedforward_prediction():
    circuit, examples = classifier(), clusters(12)
    simulator = pcn.Simulator(circuit)
    result = simulator.run(0.0, inputs=examples.inputs, targets=examples.targets)
    score = evaluate(circuit, circuit.parameters, examples)
    guess = result.predictions["out"].argmax(axis=1)
    assert score.loss == pytest.approx(result.loss / 12, rel=1e-12)
    assert score.accuracy == np.mean(guess == examples.targets["out"].argmax(axis=1))


def test_learning_stops_where_it_diverges_and_keeps_the_last_finite_parameters(sources):
    learn = clusters(20)
    with pytest.raises(ParameterError, match="learning rate is 0"):
        SGD(0.0)
    *_, last = train(sources[1], SGD(1e308), learn, learn, epochs=5, batch=10)
    assert last.status is Status.DIVERGED
    assert "lower the rate of SGD(rate=1e+308)" in last.message
    assert all(np.isfinite(a).all() for a in last.parameters.values())


def test_learning_stops_when_it_is_told_to(sources):
    learn = clusters(20)
    seen = []

    def stop(share):
        seen.append(share)
        return len(seen) < 3

    epochs = list(train(sources[1], SGD(0.1), learn, learn, epochs=5, batch=10, each_batch=stop))
    assert seen == [0.5, 1.0, 0.5]
    assert [e.number for e in epochs] == [0, 1, 2]
    assert epochs[-1].status is Status.INTERRUPTED


@pytest.mark.parametrize(("epochs", "batch"), [(-1, 4), (1, 0), (1, 21)])
def test_epochs_and_batch_out_of_range_are_refused(sources, epochs, batch):
    learn = clusters(20)
    with pytest.raises(ParameterError, match="1 to 20"):
        next(train(sources[1], SGD(0.1), learn, learn, epochs=epochs, batch=batch))


def test_examples_of_different_numbers_are_refused():
    with pytest.raises(ShapeError, match="batch sizes differ"):
        Examples({"x": np.zeros((3, 4))}, {"out": np.zeros((4, 3))})


def test_the_output_to_score_must_be_one_that_has_a_target():
    circuit = classifier()
    with pytest.raises(UnknownNameError, match="did you mean 'out'"):
        evaluate(circuit, circuit.parameters, clusters(3), output="outt")
