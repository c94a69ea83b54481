"""The task ``training``: seeds, checkpoints, what is written, and what does not fit."""

import itertools
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

import pcneuro as pcn
import pcneuro.data
from pcneuro.errors import (
    ConfigurationError,
    DataError,
    DataFileError,
    OutputError,
    ParameterError,
    ShapeError,
    UnknownNameError,
)
from pcneuro.simulator.result import Status
from pcneuro.studies.curves import mean_and_error
from tests.circuits_for_tests import diverges
from tests.studies.conftest import Stops

TRAINING = """
task = "training"
circuit = "mlp.py:mlp"
duration = 60.0
epochs = 2
samples = 120
test_samples = 60
[dataset]
kind = "digits"
[optimizer]
rate = 0.3
"""
CIRCUITS = """
import numpy as np
import pcneuro as pcn

def mlp(hidden=12, inputs=64, seed=0):
    def network(x, W, b, U):
        return pcn.vertex(pcn.vertex(np.tanh(x @ W + b), "h") @ U, "out")
    generator = np.random.default_rng(seed)
    W, b, U = generator.normal(size=(inputs, hidden)) / 8, np.zeros(hidden), generator.normal(size=(hidden, 10)) / 4
    leaves = {"W": pcn.Parameter(W), "b": pcn.Parameter(b), "U": pcn.Parameter(U)}
    graph = pcn.trace(network, x=pcn.Input((inputs,)), **leaves)
    return pcn.build_circuit(graph, energies={"out": pcn.SoftmaxCrossEntropy()})

def reader(length=5, vocabulary=58, classes=2):
    def network(x, W, U, V):
        h = pcn.vertex(np.tanh(x[0] @ W), "h_0")
        for t in range(1, length):
            h = pcn.vertex(np.tanh(x[t] @ W + h @ U), f"h_{t}")
        return pcn.vertex(h @ V, "out")
    generator = np.random.default_rng(0)
    shapes = {"W": (vocabulary, 8), "U": (8, 8), "V": (8, classes)}
    leaves = {name: pcn.Parameter(generator.normal(size=shape) / 3) for name, shape in shapes.items()}
    graph = pcn.trace(network, x=pcn.Input((length, vocabulary)), **leaves)
    return pcn.build_circuit(graph, energies={"out": pcn.SoftmaxCrossEntropy()})

def writer(length=6, vocabulary=5, causal=True):
    def network(x, W, V):
        y = x if causal else x[::-1]
        return pcn.vertex(np.tanh(y @ W) @ V, "out")
    generator = np.random.default_rng(0)
    W, V = generator.normal(size=(vocabulary, 8)), generator.normal(size=(8, vocabulary))
    leaves = {"W": pcn.Parameter(W), "V": pcn.Parameter(V)}
    graph = pcn.trace(network, x=pcn.Input((length, vocabulary)), **leaves)
    return pcn.build_circuit(graph, energies={"out": pcn.SoftmaxCrossEntropy()})

def shared(seed=0):
    generator = np.random.default_rng(seed)
    leaves = {name: pcn.Parameter(generator.normal(size=s) / 8) for name, s in {"W": (8, 64), "V": (8, 10)}.items()}
    return leaves, lambda z, W, V: {"seen": pcn.vertex(z @ W, "seen"), "label": pcn.vertex(z @ V, "label")}

def generative(seed=0):
    leaves, function = shared(seed)
    return pcn.trace(function, z=pcn.Latent((8,), prior=0.0), **leaves)

def heads():
    def network(x, V, W):
        return {"label": pcn.vertex(x @ V, "label"), "other": pcn.vertex(x @ W, "other")}
    return pcn.trace(network, x=pcn.Input((64,)), V=pcn.Parameter(np.ones((64, 10)) / 64), W=pcn.Parameter(np.eye(64)))

def pair():
    leaves = {"x": pcn.Input((64,)), "y": pcn.Input((10,)), "W": pcn.Parameter(np.ones((64, 10)))}
    return pcn.trace(lambda x, y, W: pcn.vertex(x @ W + y, "out"), **leaves)
"""
ROOT = Path(__file__).parents[2]
TIMES = ("started", "seconds", "folder")


@pytest.fixture
def training(project):
    (project.folder / "mlp.py").write_text(CIRCUITS)
    call = lambda *sets, text=TRAINING, **options: project(text, *sets, **options)  # noqa: E731
    call.folder = project.folder
    return call


@pytest.fixture
def texts(training):
    """The same with data of its own: surnames of two languages, and a text."""
    for folder in ("names", "shakespeare"):
        (training.folder / "data" / folder).mkdir(parents=True)
    (training.folder / "data" / "names" / "A.txt").write_text("Abe\nAda\nAna\nAsa\n" * 5)
    (training.folder / "data" / "names" / "B.txt").write_text("Bob\nBen\nBartok\nBea\n" * 5)
    (training.folder / "data" / "shakespeare" / "input.txt").write_text("abcd\n" * 200)
    return training


def text_settings(kind, circuit, *more):
    sets = [f"circuit=mlp.py:{circuit}", f"dataset.kind={kind}", "data=data", "batch_size=8", *more]
    return [*sets, "schedule.kind=Sequential"]


def without_times(summary):
    """All that a run says of itself but when, where and how long it was done."""
    if isinstance(summary, dict):
        return {key: without_times(value) for key, value in summary.items() if key not in (*TIMES, "message", "file")}
    return [without_times(value) for value in summary] if isinstance(summary, list) else summary


def test_training_learns_as_backprop_does(training):
    report, summary, records = training()
    (run,) = summary["runs"]
    own, exact = run["learning"]["predictive coding"], run["learning"]["backprop"]
    assert own["epoch"] == [0, 1, 2]
    assert own["train_loss"][2] < own["train_loss"][1] < own["train_loss"][0]
    np.testing.assert_allclose(own["train_loss"], exact["train_loss"], rtol=2e-3)
    for compared in run["gradients_against_backprop"]:
        assert all(abs(row["cosine"] - 1) < 1e-4 and abs(row["norm_ratio"] - 1) < 5e-3 for row in compared.values())
    assert records["test_accuracy"].dims == ("seed", "source", "epoch")
    assert records["norm_ratio"].shape == (1, 3, 3)
    assert {"learning.png", "relaxation.png", "circuit.png", "learning.csv"} <= set(summary["files"])
    titles = [table.title for table in report.tables]
    assert titles[0] == "Gradients of the circuit against backprop, on one batch"
    assert titles[1].startswith("Learning; chance: 10.00 % (most frequent class 1")
    assert [len(table.rows) for table in report.tables] == [3, 3]
    rows = (report.folder / "learning.csv").read_text().splitlines()
    assert len(rows) == 1 + 3 * 2
    assert rows[1].startswith("0,predictive coding,")


def test_several_seeds_are_averaged(training):
    _, summary, records = training("seeds=3", "seed=5", "arguments.hidden=8")
    (run,) = summary["runs"]
    assert records["seed"].values.tolist() == [5, 6, 7]
    own = run["learning"]["predictive coding"]
    alone = [each["learning"]["predictive coding"]["test_loss"] for each in run["seeds"]]
    assert len({loss[0] for loss in alone}) == 3  # other weights
    np.testing.assert_allclose(own["test_loss"], np.mean(alone, axis=0))
    np.testing.assert_allclose(own["test_loss_standard_error"], np.std(alone, axis=0, ddof=1) / math.sqrt(3))
    difference = run["difference"]["test_accuracy"]
    assert abs(difference["difference"]) <= difference["standard_error"]
    _, third, _ = training("seed=6", "dataset.seed=5", "arguments.hidden=8")
    np.testing.assert_array_equal(third["runs"][0]["learning"]["predictive coding"]["test_loss"], alone[1])


def test_means_leave_missing_values_out():
    mean, error = mean_and_error(np.array([[1.0, 2.0], [3.0, np.nan], [5.0, np.nan]]))
    assert mean == [3.0, 2.0]
    assert error[0] == pytest.approx(2 / math.sqrt(3))
    assert math.isnan(error[1])


def test_seeds_need_a_circuit_that_is_drawn_from_one(training):
    (training.folder / "fixed.py").write_text(CIRCUITS.replace(", seed=0)", ")").replace("rng(seed)", "rng(0)"))
    with pytest.raises(ConfigurationError, match=r"unknown argument of mlp\(\)"):
        training("seeds=2", "circuit=fixed.py:mlp")


def test_training_that_is_interrupted_keeps_both_curves(training):
    report, summary, records = training("epochs=3", observer=Stops(0.7))
    assert (report.status, summary["status"]) == (Status.INTERRUPTED, "interrupted")
    assert "--resume goes on from the last epoch" in report.message
    learning = summary["runs"][0]["learning"]
    assert [len(learning[name]["epoch"]) for name in learning] == [3, 3]
    assert np.isfinite(records["test_loss"]).sum() == 6
    assert len(summary["runs"][0]["gradients_against_backprop"]) == 3


def test_what_was_interrupted_ends_as_if_it_had_not_been(training, project):
    small = ("epochs=3", "seeds=2", "samples=40", "test_samples=20", "batch_size=10")
    whole = training(*small, out=project.folder / "whole")
    out = project.folder / "parts"
    for share in (0.2, 0.7):
        report, *_ = training(*small, out=out, resume=True, observer=Stops(share))
        assert report.status is Status.INTERRUPTED
    with pytest.raises(OutputError, match="--resume to go on from its checkpoints"):
        training(*small, out=out)
    actual = training(*small, out=out, resume=True)
    assert without_times(actual[1]) == without_times(whole[1])
    assert actual[2].drop_vars("seconds").drop_attrs().identical(whole[2].drop_vars("seconds").drop_attrs())
    for path in (whole[0].folder / "checkpoints").iterdir():
        one, other = pcn.load_parameters(path), pcn.load_parameters(out / "checkpoints" / path.name)
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])
    # More epochs may be asked for afterwards.
    longer = training(*small, "epochs=4", out=out, resume=True)
    assert longer[1]["runs"][0]["learning"]["backprop"]["epoch"] == [0, 1, 2, 3, 4]


def test_without_a_folder_the_unfinished_run_is_taken_up(training):
    small = ("samples=40", "test_samples=20", "batch_size=10")
    assert training(*small)[0].folder.name == "x"
    with pytest.raises(OutputError, match="nothing to resume"):
        training(*small, resume=True)
    assert training(*small, observer=Stops(0.4))[0].folder.name == "x-2"
    report, *_ = training(*small, resume=True)
    assert (report.folder.name, report.status) == ("x-2", Status.COMPLETED)


def test_checkpoints_of_other_settings_are_refused_and_kept(training, project):
    out = project.folder / "out"
    training(out=out)
    before = {path.name: path.read_bytes() for path in (out / "checkpoints").iterdir()}
    with pytest.raises(pcn.PcneuroError, match=r"seed0-predictive-coding.npz is a checkpoint of another batch size"):
        training("batch_size=16", out=out, resume=True)
    with pytest.raises(pcn.PcneuroError, match="is a checkpoint of another circuit"):
        training("arguments.hidden=13", out=out, resume=True)
    assert {path.name: path.read_bytes() for path in (out / "checkpoints").iterdir()} == before
    with pytest.raises(OutputError, match="pass one of them"):
        training(out=out, resume=True, overwrite=True)
    assert training("batch_size=16", out=out, overwrite=True)[0].status is Status.COMPLETED


def test_a_folder_of_something_else_is_not_resumed(training, project):
    (project.folder / "mine").mkdir()
    (project.folder / "mine" / "precious").write_text("")
    with pytest.raises(OutputError, match="mine has no checkpoints"):
        training(out=project.folder / "mine", resume=True)


@diverges
def test_training_that_diverges_is_written(training):
    report, summary, _ = training("optimizer.rate=1e308", "epochs=4", "seeds=2")
    assert report.status is Status.DIVERGED
    assert "seed 0, predictive coding: epoch 1: " in summary["message"]
    assert "lower the rate" in summary["message"]
    assert len(summary["runs"][0]["seeds"]) == 2


def test_names_are_read_and_learned(texts):
    _, summary, _ = texts(*text_settings("names", "reader", "dataset.length=6", "arguments.length=6"))
    chance = summary["runs"][0]["chance"]
    assert chance["accuracy"] == 0.5
    assert 0.4 < chance["majority"] < 0.7
    assert "2 languages instead of the official" in summary["runs"][0]["notes"][0]
    assert "relaxation.png" not in summary["files"]


def test_a_text_is_continued(texts):
    sets = text_settings(
        "shakespeare", "writer", "dataset.length=6", "epochs=20", "optimizer.rate=1.0", "sample_length=40"
    )
    report, summary, _ = texts(*sets)
    written = summary["runs"][0]["sampled"]["predictive coding"]
    assert len(written) == 40
    # Each letter has one that follows it always.
    pairs = list(itertools.pairwise(written))
    assert sum(pair in set(zip("abcd\n", "bcd\na", strict=True)) for pair in pairs) > 0.9 * len(pairs)
    assert (report.folder / "sampled_predictive_coding.txt").read_text() == written
    assert report.tables[-1].title == "Text written by the first seed's circuit, backprop"
    with pytest.raises(ParameterError, match="depend on later characters"):
        texts(*sets, "arguments.causal=false")
    with pytest.raises(ParameterError, match="sample_length: the data set 'digits' is no text"):
        texts("sample_length=4")


def test_a_pendulum_has_no_classes_and_true_values(training):
    shutil.copy(ROOT / "circuits" / "ode.py", training.folder)
    sets = ["circuit=ode.py:ode", "dataset={kind='pendulum', steps=4}", "arguments.steps=4", "optimizer.kind=Adam"]
    report, summary, records = training(*sets, "optimizer.rate=0.05", "schedule.kind=Sequential", "duration=200")
    run = summary["runs"][0]
    assert run["chance"] == {}
    assert run["learning"]["backprop"]["test_accuracy"] == [None] * 3
    assert records["truth"].values.tolist() == [9.81, 0.2]
    assert "parameters.png" in summary["files"]
    assert [table.title for table in report.tables] == [
        "Gradients of the circuit against backprop, on one batch",
        "Learning",
        "Parameters",
    ]


@pytest.mark.parametrize(
    ("error", "line", "sets"),
    [
        (ConfigurationError, r"dataset.kind='digit': unknown kind; did you mean 'digits'", ["dataset.kind=digit"]),
        (ConfigurationError, "rate", ["optimizer.rate=-1"]),
        (ConfigurationError, "--set rates: every is 0", ["rates={kind='StepDecay', every=0}"]),
        (ParameterError, "batch_size = 121 is more than the 120 samples", ["batch_size=121"]),
        (
            ShapeError,
            r"gives shape \(1, 8, 8\) for the circuit's input 'x', which has \(50,\)",
            ["arguments.inputs=50"],
        ),
        (
            ParameterError,
            "needs a circuit with one input, or .*; got the inputs x, y and the outputs out",
            ["circuit=mlp.py:pair"],
        ),
        (ParameterError, "data = 'nowhere': the data set 'digits' has no files", ["data=nowhere"]),
        (DataFileError, "names: there is no folder nowhere", ["dataset.kind=names", "data=nowhere"]),
    ],
)
def test_training_says_what_does_not_fit(training, error, line, sets):
    with pytest.raises(error, match=line):
        training(*sets)
    results = training.folder / "results"
    assert not results.exists() or not any(results.iterdir())


@pytest.mark.parametrize(
    ("error", "line", "sets"),
    [
        (ShapeError, "sequences of 7 are longer than the circuit's 5", ["names", "reader", "dataset.length=7"]),
        (ShapeError, "sequences of 6 are longer than the circuit's 5", ["names", "reader"]),
        (
            ShapeError,
            "output 'out', which has (3,)",
            ["names", "reader", "dataset.length=6", "arguments={length=6,classes=3}"],
        ),
        (DataFileError, "'Bartok' has 6 characters, more than length=5", ["names", "reader", "dataset.length=5"]),
        (
            DataError,
            "character 'd'",
            ["shakespeare", "writer", "dataset={kind='shakespeare',length=6,vocabulary='abc'}"],
        ),
    ],
)
def test_texts_that_do_not_fit_are_told(texts, error, line, sets):
    with pytest.raises(error) as caught:
        texts(*text_settings(*sets[:2], *sets[2:]))
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("content", "line"), [("", "is empty"), ("Ab1\n", "character '1' (U+0031)")])
def test_files_that_are_wrong_are_told(texts, content, line):
    (texts.folder / "data" / "names" / "A.txt").write_text(content)
    with pytest.raises(DataError) as caught:
        texts(*text_settings("names", "reader"))
    assert line in str(caught.value)
    assert "A.txt" in str(caught.value)


def test_a_label_out_of_range_is_told(training):
    folder = training.folder / "data" / "cifar-10-batches-bin"
    folder.mkdir(parents=True)
    records = np.zeros((10, 3073), dtype=np.uint8)
    for name in ("data_batch_1.bin", "test_batch.bin"):
        records.tofile(folder / name)
    records[3, 0] = 11
    records.tofile(folder / "data_batch_1.bin")
    with pytest.raises(DataFileError, match=r"label 11 of image 3 .* is out of range 0 to 9"):
        training("dataset.kind=cifar10", "data=data", "batch_size=2")


def test_a_generative_circuit_learns_what_it_is_shown_and_is_scored_by_the_output_that_is_named(training):
    """Its losses are those after inference: least squares with a prior, of what was learned."""
    strict = ["circuit=mlp.py:generative", 'dynamics.kind="Strict"', "integrator.dt=0.5", "optimizer.rate=0.01"]
    report, _, records = training(*strict, "output=label", "duration=400.0", "epochs=2")
    assert report.status is Status.COMPLETED
    losses = records["test_loss"].sel(source="predictive coding").isel(seed=0).values
    assert losses[0] > losses[1] > losses[2]
    assert np.isfinite(records["test_accuracy"].values).all()
    (checkpoint,) = (report.folder / "checkpoints").glob("seed0-predictive-coding*")
    learned = pcn.load_parameters(checkpoint)
    W, V = learned["W"], learned["V"]
    data = pcneuro.data.load("digits")
    seen, label = data.test.images[:60].reshape(60, 64), data.test.targets[:60]
    both, shown = np.concatenate([W, V], axis=1), np.concatenate([seen, label], axis=1)
    z = shown @ both.T @ np.linalg.inv(np.eye(8) + both @ both.T)
    assert losses[2] == pytest.approx(0.5 * ((shown - z @ both) ** 2).sum() / 60, rel=1e-5)
    guess = (seen @ W.T @ np.linalg.inv(np.eye(8) + W @ W.T)) @ V
    accuracy = np.mean(guess.argmax(axis=1) == label.argmax(axis=1))
    assert records["test_accuracy"].sel(source="predictive coding").isel(seed=0, epoch=2) == accuracy


def test_of_several_outputs_the_one_that_has_the_targets_is_named(training):
    _, _, records = training("circuit=mlp.py:heads", "output=label", "epochs=1")
    np.testing.assert_allclose(records["test_loss"].isel(source=0), records["test_loss"].isel(source=1), rtol=1e-3)
    with pytest.raises(UnknownNameError, match="did you mean 'label'"):
        training("circuit=mlp.py:heads", "output=lable")
    with pytest.raises(ParameterError, match="or output = which; got the inputs x and the outputs label, other"):
        training("circuit=mlp.py:heads")
