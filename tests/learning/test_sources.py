"""Both sources of gradients give the same ones."""

import pickle

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import ParameterError, PcneuroWarning
from pcneuro.learning.examples import batches
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


def noisy():
    return pcn.build_circuit(classifier().graph, noise={"h": pcn.WhiteNoise(0.3)})


def drawn():
    messages = pcn.passes.QuantizeErrors(4, 1.0, rounding=pcn.passes.Stochastic(3))
    return pcn.passes.apply(classifier(), [messages])


@pytest.mark.parametrize("engine", [pcn.Kernel(), pcn.Reference()], ids=repr)
@pytest.mark.parametrize("made", [noisy, drawn])
def test_what_is_drawn_differs_by_the_number_of_the_samples_and_is_the_same_once_more(made, engine):
    examples, steps = clusters(6), 5
    source = pcn.PredictiveCoding(pcn.Simulator(made(), engine=engine), float(steps))
    found = [source.gradients({}, examples, first).gradients["W1"] for first in (0, 6, 12, 6)]
    assert not any(np.array_equal(found[a], found[b]) for a, b in ((0, 1), (1, 2), (0, 2)))
    np.testing.assert_array_equal(found[1], found[3])
    # A run of one's own has what a fresh simulator has.
    data = {"inputs": examples.inputs, "targets": examples.targets}
    source.simulator.reset()
    after = source.simulator.run(float(steps), **data).gradients["W1"]
    np.testing.assert_array_equal(after, pcn.Simulator(made(), engine=engine).run(float(steps), **data).gradients["W1"])
    np.testing.assert_array_equal(after, found[0])


def test_both_engines_draw_alike_for_each_number():
    sources = [pcn.PredictiveCoding(pcn.Simulator(noisy(), engine=e), 5.0) for e in (pcn.Kernel(), pcn.Reference())]
    for first in (0, 7):
        one, other = (source.gradients({}, clusters(6), first) for source in sources)
        assert pcn.compare(one, other).worst < 1e-12


def test_a_trainer_numbers_samples_on_from_batch_to_batch():
    """So that no batch has the noise of another: its updates are those of gradients at these numbers."""
    source, learn, rate = pcn.PredictiveCoding(pcn.Simulator(noisy()), 5.0), clusters(6), 0.1
    trainer = pcn.Trainer(source, pcn.SGD(rate), learn, clusters(6), batch=6)
    found = trainer.run(2).parameters["W1"]
    parameters = dict(source.circuit.parameters)
    for update in range(2):
        (order,) = batches(6, 6, update + 1, 0)
        gradients = source.gradients(parameters, learn.take(order), 6 * update).gradients
        parameters = {name: value - rate * gradients[name] / 6 for name, value in parameters.items()}
    np.testing.assert_allclose(found, parameters["W1"], rtol=1e-12)


@pytest.mark.parametrize(
    ("engine", "threads"),
    [(pcn.Kernel(), 1), (pcn.Kernel(threads=2), 2), (pcn.EventDriven(threads=3), 3), (pcn.EventDriven(), 1)],
)
def test_a_source_made_of_its_recipe_is_the_same_in_one_thread(engine, threads):
    """Threads are seen inside only: no result depends on them."""
    source = pcn.PredictiveCoding(pcn.Simulator(classifier(), engine=engine, dtype=np.float32), 20.0)
    made = pickle.loads(pickle.dumps(source.recipe())).make()
    assert made.settings() == source.settings()
    assert made.simulator._state.settings.threads == threads
    own, again = (each.gradients({}, clusters(10)) for each in (source, made))
    assert all(np.array_equal(again.gradients[name], array) for name, array in own.gradients.items())
