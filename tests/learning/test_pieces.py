"""Gradients of batches in pieces: those of the batch, to rounding, whoever finds them."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import CircuitFileError, ParameterError
from pcneuro.learning.examples import Examples
from pcneuro.learning.pieces import joined, summed
from pcneuro.learning.sources import AbstractSource, Gradients
from pcneuro.simulator.result import Status
from tests.learning.small import classifier, clusters
from tests.learning.sources_for_tests import SOURCES


def in_pieces(source: AbstractSource, samples: int) -> AbstractSource:
    return pcn.Distributed(None, samples=samples).of(source)


@pytest.mark.parametrize(
    ("parts", "order"),
    [("a", "a"), ("ab", "(ab)"), ("abc", "((ab)c)"), ("abcde", "(((ab)(cd))e)"), ("abcdefg", "(((ab)(cd))((ef)g))")],
)
def test_the_order_of_a_sum_is_that_of_its_length(parts, order):
    assert summed(list(parts), lambda left, right: f"({left}{right})") == order


@pytest.mark.parametrize("name", SOURCES)
def test_a_batch_in_pieces_has_the_gradients_of_the_batch(name):
    source, examples = SOURCES[name]()
    parameters = source.circuit.parameters
    whole = source.gradients(parameters, examples)
    divided = in_pieces(source, 7).gradients(parameters, examples)
    accuracy = 1e-5 if "float32" in name else 1e-12
    assert divided.loss == pytest.approx(whole.loss, rel=accuracy)
    assert divided.gradients.keys() == whole.gradients.keys()
    for parameter, gradient in whole.gradients.items():
        scale = np.abs(gradient).max()
        assert np.abs(divided.gradients[parameter] - gradient).max() <= accuracy * scale, parameter


def test_one_piece_is_the_batch():
    source, examples = SOURCES["noise"]()
    whole = source.gradients({}, examples)
    divided = in_pieces(source, len(examples)).gradients({}, examples)
    assert all(np.array_equal(divided.gradients[n], g) for n, g in whole.gradients.items())
    assert divided.loss == whole.loss


def test_how_the_first_piece_ended_that_was_not_completed_is_how_the_batch_did():
    some = {"W": np.ones(2)}
    parts = [Gradients(some, 1.0, *how) for how in ((), (Status.DIVERGED, "first"), (Status.INTERRUPTED, "second"))]
    assert summed(parts, joined).message == "first"


class Diverging(AbstractSource):
    """Diverges where a sample from number 8 on is among those that are given."""

    circuit = classifier()

    def gradients(self, parameters, examples, first=0):
        status = Status.DIVERGED if first + len(examples) > 8 else Status.COMPLETED
        return Gradients(dict(parameters), 1.0, status, f"from {first} on")

    def settings(self):
        return "Diverging()"


def test_pieces_after_one_that_was_not_completed_are_not_begun():
    ended = in_pieces(Diverging(), 4).gradients({}, clusters(20))
    assert (ended.status, ended.message) == (Status.DIVERGED, "from 8 on")
    trainer = pcn.Trainer(Diverging(), pcn.SGD(1), clusters(20), clusters(9), gradients=pcn.Distributed(None), batch=20)
    with pytest.warns(pcn.PcneuroWarning, match="epoch 1: from 0 on"):
        assert trainer.run(1).status is Status.DIVERGED


def test_parameters_of_a_tree_stay_one():
    graph = pcn.trace(
        lambda x, p: x @ p["W"] + p["b"],
        x=pcn.Input((4,)),
        p=pcn.Parameters({"W": np.ones((4, 3)) / 3, "b": np.zeros(3)}),
    )
    examples = Examples({"x": np.arange(40.0).reshape(10, 4) / 40}, {"out": np.eye(3)[np.arange(10) % 3]})
    found = in_pieces(pcn.Backprop(graph), 3).gradients({}, examples).gradients
    assert found["p"]["W"].shape == (4, 3)


def test_learning_in_pieces_goes_on_with_pieces_of_the_same_size_only(tmp_path):
    def trainer(samples, **settings):
        gradients = None if samples is None else pcn.Distributed(None, samples=samples)
        source = pcn.PredictiveCoding(pcn.Simulator(classifier()), 30.0)
        return pcn.Trainer(
            source, pcn.SGD(0.1), clusters(30), clusters(9, 5), batch=16, gradients=gradients, **settings
        )

    path = tmp_path / "checkpoint.pcn"
    trainer(8, checkpoint=path).run(1)
    on = trainer(8, checkpoint=path, resume=True).run(2)
    at_once = trainer(8).run(2)
    assert all(np.array_equal(on.parameters[n], a) for n, a in at_once.parameters.items())
    for other in (None, 4):
        with pytest.raises(CircuitFileError, match=r"another source of gradients .*in pieces of 8 samples there"):
            trainer(other, checkpoint=path, resume=True)


def test_what_divides_nothing_is_refused():
    arguments = pcn.Backprop(classifier()), pcn.SGD(0.1), clusters(9), clusters(9)
    with pytest.raises(ParameterError, match=r"gradients is .*; give pcn.Distributed\(client\), or None"):
        pcn.Trainer(*arguments, batch=4, gradients="two workers")
