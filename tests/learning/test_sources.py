"""Both sources of gradients give the same ones."""

import pytest

import pcneuro as pcn
from pcneuro.errors import ParameterError, PcneuroWarning
from tests.learning.small import classifier, clusters


def test_both_sources_give_the_same_gradients_and_loss():
    circuit = classifier()
    sources = pcn.PredictiveCoding(pcn.Simulator(circuit), 200.0), pcn.Backprop(circuit)
    parameters = {n: a + 0.1 for n, a in circuit.parameters.items()}
    own, exact = (source.gradients(parameters, clusters(10)) for source in sources)
    assert pcn.compare(own, exact).worst < 1e-7
    assert own.loss == pytest.approx(exact.loss, rel=1e-12)


def test_clamps_of_runs_before_are_not_learned_with():
    circuit, examples = classifier(), clusters(10)
    simulator = pcn.Simulator(circuit)
    simulator.run(10.0, inputs=examples.inputs, targets=examples.targets, clamp={"h": [[0.5] * 6] * 10})
    own = pcn.PredictiveCoding(simulator, 200.0).gradients({}, examples)
    assert pcn.compare(own, pcn.Backprop(circuit).gradients({}, examples)).worst < 1e-7


def test_backprop_of_a_graph_takes_squared_errors():
    graph, given = classifier().graph, clusters(5)
    actual = pcn.Backprop(graph).gradients({}, given)
    assert actual.loss == pytest.approx(pcn.backprop(graph, given.inputs, given.targets).loss)


def test_what_is_no_source_is_refused():
    with pytest.raises(ParameterError, match="needed is a pcneuro"):
        pcn.PredictiveCoding(classifier(), 100.0)
    for duration in (0, float("nan"), "100"):
        with pytest.raises(ParameterError, match="positive, finite number, in ms"):
            pcn.PredictiveCoding(pcn.Simulator(classifier()), duration)
    with pytest.raises(ParameterError, match="needs a Circuit or a Graph, got a str"):
        pcn.Backprop("circuit")


def test_feedback_weights_that_a_trainer_would_not_teach_are_named():
    learned = pcn.passes.apply(classifier(), [pcn.passes.LearnedFeedback(tau=1000.0)])
    feedback = next(name for name in learned.parameters if name.endswith("_feedback"))
    with pytest.warns(PcneuroWarning, match=rf"feedback weights .*'{feedback}'.* stay as they are"):
        pcn.PredictiveCoding(pcn.Simulator(learned), 100.0)
    fixed = pcn.passes.apply(classifier(), [pcn.passes.LearnedFeedback()])
    pcn.PredictiveCoding(pcn.Simulator(fixed), 100.0)
