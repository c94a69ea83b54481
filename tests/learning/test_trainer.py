"""Learning by a circuit's gradients is learning by backprop's, batch for batch; and it can be left and taken up."""

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import CircuitFileError, OutputError, ParameterError, PcneuroWarning, UnknownNameError
from pcneuro.learning import sources
from pcneuro.simulator.result import Status
from tests.archives_for_tests import rewrite
from tests.circuits_for_tests import diverges
from tests.learning.small import classifier, clusters

LEARN, TEST = clusters(), clusters(30, seed=4)


def backprop():
    return pcn.Backprop(classifier())


def predictive_coding(duration=60.0):
    return pcn.PredictiveCoding(pcn.Simulator(classifier()), duration)


def noisy(duration=10.0):
    circuit = pcn.build_circuit(classifier().graph, noise={"h": pcn.WhiteNoise(0.3)})
    return pcn.PredictiveCoding(pcn.Simulator(circuit), duration)


def trainer(source=None, optimizer=None, learn=LEARN, **settings):
    settings = {"batch": 16, "seed": 7} | settings
    return pcn.Trainer(source or backprop(), optimizer or pcn.SGD(0.5), learn, TEST, **settings)


def identical(one, other):
    """The same epochs, whatever time they took, and the same parameters, bit for bit."""
    for a, b in zip(one.epochs, other.epochs, strict=True):
        assert (a.number, a.train, a.test, a.rate, a.measured) == (b.number, b.train, b.test, b.rate, b.measured)
    for name, value in one.parameters.items():
        np.testing.assert_array_equal(value, other.parameters[name])


def test_both_sources_learn_the_same_from_the_same_start():
    own, exact = (trainer(source).run(3) for source in (predictive_coding(200.0), backprop()))
    for one, other in zip(own.epochs, exact.epochs, strict=True):
        assert one.number == other.number
        assert one.test.accuracy == other.test.accuracy
        assert one.train.loss == pytest.approx(other.train.loss, rel=1e-6)
    assert own.columns["epoch"] == [0, 1, 2, 3]
    assert own.epochs[-1].train.loss < 0.3 * own.epochs[0].train.loss
    assert own.epochs[-1].test.accuracy > 0.95
    assert own.message == "completed 3 epochs"


def test_an_update_subtracts_the_mean_gradient():
    learn = clusters(5)
    source = backprop()
    actual = trainer(source, pcn.SGD(0.1), learn, batch=5).run(1)
    total = pcn.backprop(source.circuit, learn.inputs, learn.targets).gradients
    for name, value in actual.parameters.items():
        expected = source.circuit.parameters[name] - 0.1 * total[name] / 5
        np.testing.assert_allclose(value, expected, rtol=1e-12, atol=1e-15)


def test_the_rate_follows_its_schedule():
    actual = trainer(rates=pcn.StepDecay(every=1, by=0.5)).run(3)
    assert actual.columns["rate"] == [0.5, 0.5, 0.25, 0.125]
    assert not np.array_equal(actual.parameters["W1"], trainer().run(3).parameters["W1"])


def test_a_sparse_parameter_learns():
    from scipy.sparse import random_array

    W = random_array((4, 3), density=0.5, rng=np.random.default_rng(0), format="csr")
    graph = pcn.trace(lambda x, W: pcn.vertex(x @ W, "out"), x=pcn.Input((4,)), W=pcn.Parameter(W))
    circuit = pcn.build_circuit(graph, energies={"out": pcn.SoftmaxCrossEntropy()})
    sources = pcn.PredictiveCoding(pcn.Simulator(circuit), 100.0), pcn.Backprop(circuit)
    own, exact = (trainer(source, pcn.Adam(0.1)).run(2) for source in sources)
    assert own.epochs[-1].train.loss < own.epochs[0].train.loss
    np.testing.assert_allclose(own.parameters["W"], exact.parameters["W"], rtol=1e-6)


def test_the_history_is_a_dataset(tmp_path):
    actual = trainer().run(2)
    actual.dataset().to_netcdf(tmp_path / "history.nc", engine="h5netcdf")
    import xarray

    with xarray.open_dataset(tmp_path / "history.nc", engine="h5netcdf") as read:
        assert read["test_loss"].values.tolist() == actual.columns["test_loss"]
        assert read.attrs["status"] == "completed"


@diverges
def test_learning_stops_where_it_diverges_at_the_last_epoch_that_was_finite():
    actual = trainer(optimizer=pcn.SGD(1e308)).run(5)
    assert actual.status is Status.DIVERGED
    assert "lower the rate of SGD(rate=1e+308" in actual.message
    assert [epoch.number for epoch in actual.epochs] == [0]
    assert all(np.isfinite(a).all() for a in actual.parameters.values())


@pytest.mark.parametrize("optimizer", [pcn.SGD(0.3, momentum=0.9), pcn.Adam(0.02, weight_decay=0.01)])
@pytest.mark.parametrize("source", [backprop, predictive_coding])
def test_an_epoch_that_is_interrupted_is_as_if_it_had_not_begun(optimizer, source):
    stopped = trainer(source(), optimizer)
    stopped.run(1)
    seen = []

    def stop(progress):
        seen.append(progress)
        return len(seen) < 3

    assert stopped.advance(stop) is Status.INTERRUPTED
    assert stopped.message == "epoch 2: interrupted after 3 of 6 batches"
    assert [p.share for p in seen] == [1 / 6, 2 / 6, 3 / 6]
    assert str(seen[0]).startswith("epoch 2: loss ")
    identical(stopped.run(3), trainer(source(), optimizer).run(3))


@pytest.mark.parametrize("optimizer", [pcn.SGD(0.3), pcn.SGD(0.3, momentum=0.9), pcn.Adam(0.02)])
@pytest.mark.parametrize("source", [backprop, predictive_coding, noisy])
def test_a_checkpoint_is_taken_up_bit_for_bit(optimizer, source, tmp_path):
    path = tmp_path / "learning.npz"
    measure = lambda parameters: {"norm": float(np.linalg.norm(parameters["W1"]))}  # noqa: E731
    for epochs in (0, 1, 3, 4):
        actual = trainer(source(), optimizer, checkpoint=path, resume=True, measure=measure).run(epochs)
    whole = trainer(source(), optimizer, measure=measure).run(4)
    identical(actual, whole)
    for name, value in pcn.load_parameters(path).items():
        np.testing.assert_array_equal(value, whole.parameters[name])
    assert list(tmp_path.iterdir()) == [path]


def test_a_checkpoint_is_not_overwritten(tmp_path):
    path = tmp_path / "learning.npz"
    trainer(checkpoint=path).run(1)
    before = path.read_bytes()
    with pytest.raises(OutputError, match="exists already: go on from it with resume=True"):
        trainer(checkpoint=path)
    assert path.read_bytes() == before


OTHERS = {
    "another circuit": {"source": lambda: pcn.Backprop(classifier(7))},
    "other parameters at the start": {"parameters": lambda: {"b1": np.ones(6)}},
    "other examples": {"learn": lambda: clusters(91)},
    "another source of gradients": {"source": predictive_coding},
    r"another optimizer \(SGD\(rate=0.5": {"optimizer": lambda: pcn.SGD(0.4)},
    "another learning-rate schedule": {"rates": lambda: pcn.StepDecay(every=1)},
    r"another batch size \(16 there, 8 here\)": {"batch": lambda: 8},
    r"another seed \(7 there, 8 here\)": {"seed": lambda: 8},
}


@pytest.mark.parametrize("told", OTHERS)
def test_a_checkpoint_of_something_else_is_refused(told, tmp_path):
    path = tmp_path / "learning.npz"
    trainer(checkpoint=path).run(1)
    before = path.read_bytes()
    with pytest.raises(CircuitFileError, match=f"is a checkpoint of {told}"):
        trainer(checkpoint=path, resume=True, **{key: made() for key, made in OTHERS[told].items()})
    assert path.read_bytes() == before


def test_a_damaged_checkpoint_or_one_of_another_version_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "learning.npz"
    trainer(checkpoint=path).run(1)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CircuitFileError, match="damaged or truncated"):
        trainer(checkpoint=path, resume=True)
    path.write_bytes(whole)
    for spoilt in ({"epochs": []}, {"updates": "x"}, {"settings": {}}, {"epochs": [{"number": 4}]}):
        path.write_bytes(whole)
        rewrite(path, lambda facts, arrays, spoilt=spoilt: facts.update(spoilt))
        with pytest.raises(CircuitFileError, match="holds no valid checkpoint"):
            trainer(checkpoint=path, resume=True)
    path.write_bytes(whole)
    monkeypatch.setattr("pcneuro.files.archive.VERSION", 99)
    with pytest.raises(CircuitFileError, match="has version 2; this pcneuro reads version 99"):
        trainer(checkpoint=path, resume=True)
    monkeypatch.undo()
    classifier().save(path, overwrite=True)
    with pytest.raises(CircuitFileError, match="is no checkpoint of pcneuro"):
        trainer(checkpoint=path, resume=True)


@pytest.mark.parametrize(
    ("settings", "text"),
    [({"batch": 0}, "from 1 to 90"), ({"batch": 91}, "from 1 to 90"), ({"seed": -1}, "seed is -1")],
)
def test_settings_out_of_range_are_refused(settings, text):
    with pytest.raises(ParameterError, match=text):
        trainer(**settings)


def test_what_is_of_another_kind_is_refused():
    with pytest.raises(ParameterError, match=r"optimizer is 0\.1; needed is an object"):
        trainer(optimizer=0.1)
    with pytest.raises(ParameterError, match="epochs is -1"):
        trainer().run(-1)
    with pytest.raises(ParameterError, match="report is 'bar'"):
        trainer().run(1, report="bar")


def test_progress_is_told_in_lines_where_there_is_no_terminal(capfd, monkeypatch):
    monkeypatch.setattr("pcneuro.simulator.progress.QUIET", 0.0)
    trainer().run(2, report="text", report_period=1e-9)
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 12
    assert lines[0].startswith("learning: 8 % after < 1s, epoch 1: loss ")
    assert "accuracy" in lines[-1]
    assert lines[-1].endswith("rate 0.5")


def test_a_circuit_with_two_outputs_learns_and_is_scored_by_the_one_that_is_named(tmp_path):
    def function(x, W, V):
        h = pcn.vertex(np.tanh(x @ W), "h")
        return {"a": pcn.vertex(h * 2.0, "a"), "b": pcn.vertex(h @ V, "b")}

    rng = np.random.default_rng(0)
    leaves = {"x": pcn.Input((4,)), "W": pcn.Parameter(rng.normal(size=(4, 3))), "V": pcn.Parameter(np.eye(3))}
    circuit = pcn.build_circuit(pcn.trace(function, **leaves))
    data = clusters()
    both = pcn.Examples(data.inputs, {"a": np.zeros((len(data), 3)), "b": data.targets["out"]})
    settings = {"batch": 30, "checkpoint": tmp_path / "both", "output": "b"}
    source = pcn.PredictiveCoding(pcn.Simulator(circuit), 200.0)
    learned = pcn.Trainer(source, pcn.SGD(0.1), both, both, **settings).run(3)
    exact = pcn.Trainer(pcn.Backprop(circuit), pcn.SGD(0.1), both, both, batch=30).run(3)
    np.testing.assert_allclose([e.test.loss for e in learned.epochs], [e.test.loss for e in exact.epochs], rtol=1e-6)
    result = pcn.backprop(circuit, both.inputs, both.targets, learned.parameters)
    assert learned.epochs[-1].test.loss == pytest.approx(result.loss / len(both), rel=1e-12)
    guess = result.values["b"].argmax(axis=1)
    assert learned.epochs[-1].test.accuracy == np.mean(guess == both.targets["b"].argmax(axis=1))
    assert np.isnan(exact.epochs[-1].test.accuracy)
    with pytest.raises(UnknownNameError, match="output to score 'c'"):
        pcn.Trainer(source, pcn.SGD(0.1), both, both, batch=30, output="c")
    with pytest.raises(CircuitFileError, match="another output to score"):
        pcn.Trainer(source, pcn.SGD(0.1), both, both, resume=True, **{**settings, "output": "a"})


def test_scores_of_a_generative_circuit_are_those_after_inference():
    """They change as it learns, and are what a run of the same parameters comes to."""
    W = np.random.default_rng(1).normal(size=(2, 5))
    graph = pcn.trace(lambda z, W: pcn.vertex(z @ W, "seen"), z=pcn.Latent((2,), prior=0.0), W=pcn.Parameter(W))
    sim = pcn.Simulator(pcn.build_circuit(graph), dynamics=pcn.Strict())
    shown = pcn.Examples({}, {"seen": np.random.default_rng(2).normal(size=(12, 5))})
    learned = pcn.Trainer(pcn.PredictiveCoding(sim, 300.0), pcn.SGD(0.1), shown, shown, batch=6).run(3)
    losses = [epoch.test.loss for epoch in learned.epochs]
    assert losses == sorted(set(losses), reverse=True)
    W = learned.parameters["W"]
    z = shown.targets["seen"] @ W.T @ np.linalg.inv(np.eye(2) + W @ W.T)
    assert losses[-1] == pytest.approx(0.5 * ((shown.targets["seen"] - z @ W) ** 2).sum() / 12, rel=1e-6)


def test_ctrl_c_while_examples_are_scored_leaves_the_last_epoch(monkeypatch):
    graph = pcn.trace(lambda z, W: z @ W, z=pcn.Latent((2,), prior=0.0), W=pcn.Parameter(np.ones((2, 3))))
    sim = pcn.Simulator(pcn.build_circuit(graph), dynamics=pcn.Strict())
    source = pcn.PredictiveCoding(sim, 20.0)
    shown = pcn.Examples({}, {"out": np.ones((4, 3))})
    trainer = pcn.Trainer(source, pcn.SGD(0.1), shown, shown, batch=4)
    trainer.run(1)
    before = trainer.parameters["W"].copy()

    def interrupted(*arguments):
        raise sources.ScoringStopped(pcn.Status.INTERRUPTED, "interrupted at 1 ms")

    monkeypatch.setattr(source, "_inferred", interrupted)
    result = trainer.run(3)
    assert (result.status, result.message) == ("interrupted", "epoch 2: scores: interrupted at 1 ms")
    assert len(result.epochs) == 2
    np.testing.assert_array_equal(result.parameters["W"], before)


def test_latents_that_diverge_while_they_are_scored_end_learning_with_one_warning():
    """A score of infinity would be kept, and learning go on."""
    graph = pcn.trace(lambda z, W: z @ W, z=pcn.Latent((2,), prior=0.0), W=pcn.Parameter(np.full((2, 3), 9.0)))
    sim = pcn.Simulator(pcn.build_circuit(graph), dynamics=pcn.Strict(), integrator=pcn.Euler(1.0), dtype=np.float32)
    shown = pcn.Examples({}, {"out": np.ones((4, 3))})
    trainer = pcn.Trainer(pcn.PredictiveCoding(sim, 2000.0), pcn.SGD(0.1), shown, shown, batch=4)
    with pytest.warns(PcneuroWarning, match="epoch 0: scores: diverged: population 'z'") as caught:
        result = trainer.run(3)
    assert len(caught) == 1
    assert result.status is pcn.Status.DIVERGED
    assert not result.epochs
