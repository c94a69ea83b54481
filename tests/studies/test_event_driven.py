"""The task ``event_driven``: what it counts, what it compares, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import pcneuro as pcn
from circuits.cnn import cnn
from circuits.lstm import lstm
from circuits.mlp import mlp
from circuits.rnn import rnn
from pcneuro.analysis.operations import feedback_synapses, first_at, gradient_error, operations
from pcneuro.errors import ConfigurationError, PcneuroError
from pcneuro.studies import read, simulate
from tests.studies.conftest import Stops

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "simulations" / "event_driven.toml"
SMALL = """
task = "event_driven"
circuit = "circuits.py:small"
duration = 300.0
samples = 3
thresholds = [1e-6, 0.01, 0.1, 1.0]
[inputs]
x = {kind = "normal"}
[targets]
out = {kind = "normal"}
"""


# Counting


@pytest.mark.parametrize(
    "circuit",
    [mlp(), cnn(channels=1, size=8, kernel=3, hidden=(9, 7)), rnn(length=5, vocabulary=4, hidden=6, classes=3)],
    ids=["mlp", "cnn", "rnn"],
)
def test_feedback_synapses_are_those_of_the_networkx_circuit(circuit):
    """Of circuits in which errors go through weights, or are passed on as they are."""
    free = {name for name in circuit.vertices if name != "out"}
    wanted = sum(
        edge["synapses"]
        for _, target, edge in circuit.nx.edges(data=True)
        if edge["kind"] == "feedback" and target.removesuffix(".value") in free
    )
    assert feedback_synapses(circuit, ["out"]) == wanted > 0


def test_feedback_synapses_by_hand():
    assert feedback_synapses(mlp((7, 6, 5, 4)), ["out"]) == 6 * 5 + 5 * 4
    # What is clamped receives nothing, and an output without a target is free like any other.
    assert feedback_synapses(mlp((7, 6, 5, 4)), ["h2", "out"]) == 6 * 5
    assert feedback_synapses(mlp((7, 4)), ["out"]) == 0
    # Two letters, four units: from three logits of each to h, which stands in a stack of both; and through four gates.
    # Products go back one to one, as in circuit.nx: to two factors of c and of h at first, and to six of both then.
    circuit = lstm(2, 3, 4)
    one_to_one = [
        d["synapses"] for a, b, d in circuit.nx.edges(data=True) if d["kind"] == "feedback" and a[:2] in ("c_", "h_")
    ]
    assert one_to_one == [4] * 10
    assert feedback_synapses(circuit, ["out"]) == 2 * 3 * 4 + 2 * 4 + 4 * 4 * 4 + sum(one_to_one)


@pytest.mark.parametrize(
    "circuit", [mlp((5, 6, 4, 3)), rnn(length=4, vocabulary=3, hidden=4, classes=2)], ids=["mlp", "rnn"]
)
def test_when_all_units_send_events_go_through_all_feedback_synapses(circuit):
    """With thresholds of zero: first only what is clamped sends, and only once; later all others, in every bin."""
    rng = np.random.default_rng(0)
    (output,) = circuit.graph.outputs.values()
    wanted = rng.random(output.shape)
    data = {
        "inputs": {n: rng.normal(size=node.shape) for n, node in circuit.graph.inputs.items()},
        "targets": {"out": wanted / wanted.sum(axis=-1, keepdims=True)},
    }
    simulator = pcn.Simulator(circuit, engine=pcn.EventDriven(0.0, pcn.TimeBinned()))
    of_output = operations(simulator.run(1.0, **data).stats)
    before = operations(simulator.run(14.0).stats)
    of_others = operations(simulator.run(1.0).stats) - before
    assert of_output + of_others == feedback_synapses(circuit, ["out"])


# Comparing


def test_the_first_step_that_is_as_good():
    errors = 0.9 ** np.arange(200)
    for wanted in (0.5, 0.01, 1e-6, 1.0, 0.9**7):
        assert first_at(errors, wanted) == int(np.ceil(np.log(wanted) / np.log(0.9) - 1e-9))
    assert first_at(errors, 1e-12) is None
    assert first_at([1.0, 0.1, 0.5, 0.05], 0.1) == 1
    assert first_at([np.nan, 2.0], 1.0) is None


def test_how_far_gradients_are_away():
    reference = SimpleNamespace(gradients={"a": np.array([3.0, 0.0]), "b": np.array([[4.0]])})
    actual = gradient_error(SimpleNamespace(gradients={"a": np.array([3.0, 1.0]), "b": np.array([[4.0]])}), reference)
    assert actual.error == pytest.approx(1 / 5)
    assert actual.cosine == pytest.approx(25 / (5 * 26**0.5))
    assert (actual.worst, actual.worst_parameter) == (pytest.approx(1 / 3), "a")
    assert gradient_error(reference, reference).error == 0.0


def test_points_and_the_clocked_engine_at_equal_error(project):
    report, summary, records = project(SMALL, "integrator.dt=2")
    assert summary["status"] == "completed"
    (run,) = summary["runs"]
    assert run["samples"] == 3
    # h has 4 units, out has 2 and sends to all of them.
    assert run["feedback_synapses"] == 8
    assert set(run["events"]) == {"TimeBinned", "Exact"}
    for mode, rows in run["events"].items():
        # The one error that has somewhere to go is clamped: it is sent at once if at all.
        assert [row["threshold"] for row in rows] == [1.0, 0.1, 0.01, 1e-6]
        assert rows[-1]["operations"] == 8
        assert rows[-1]["error"] < 1e-6
        for row in rows:
            curve = records["clocked.error"].values
            own = records.sel(mode=mode, threshold=row["threshold"])
            assert float(own["error"]) == row["error"]
            step = row["clocked_steps"]
            # Below, there is only rounding.
            wanted = max(row["error"], 100 * np.finfo(np.float64).eps)
            assert curve[step] <= wanted
            assert (curve[:step] > wanted).all()
            assert float(own["clocked_operations"]) == row["clocked_operations"] == 8 * step
            assert row["ratio"] == (8 * step / row["operations"] if row["operations"] else None)
    assert run["at_mark"]["TimeBinned"]["error"] <= 0.01
    # tau is 5 steps: (1 - 0.2)^n of what h has to reach is left, of all gradients less than that.
    assert run["clocked"]["steps_to_mark"] <= np.ceil(np.log(0.01) / np.log(0.8))
    np.testing.assert_array_equal(records["clocked.operations"], 8 * np.arange(151))
    assert [table.title.partition(":")[0] for table in report.tables[:2]] == ["small, TimeBinned", "small, Exact"]
    assert report.tables[-1].rows


def test_without_thresholds_bins_are_the_clocked_engine(tmp_path):
    """Also before anything has settled; and events are counted for one sample."""
    sets = ["duration=40", "thresholds=[1e-10, 0.05]", "modes=[{kind='TimeBinned'}]", "samples=3"]
    sets += ["circuit=circuits/mlp.py:mlp", "arguments={sizes=[64, 9, 8, 10]}", "dataset={kind='digits'}"]
    plan = read(SHIPPED, [*sets, "sweep={seed=[0]}"])
    simulate(plan, tmp_path / "out")
    (run,) = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))["runs"]
    coarse, fine = run["events"]["TimeBinned"]
    assert fine["error"] == pytest.approx(run["clocked"]["error"], rel=1e-6)
    assert coarse["error"] != pytest.approx(run["clocked"]["error"], rel=1e-2)
    assert coarse["operations"] < fine["operations"] <= 40 * run["feedback_synapses"] == 40 * (9 * 8 + 8 * 10)

    digits = pcn.data.Digits().load().train.take(slice(3))
    simulator = pcn.Simulator(mlp((64, 9, 8, 10)), engine=pcn.EventDriven(0.05, pcn.TimeBinned()))
    direct = simulator.run(40.0, inputs={"x": digits.inputs.reshape(3, 64)}, targets={"out": digits.targets})
    assert operations(direct.stats) == pytest.approx(3 * coarse["operations"])


def test_absolute_thresholds(project):
    """An output whose error is below a threshold in its own unit says nothing, whatever its share would be."""
    sets = ["targets={out=[10.0, 10.0]}", "samples=1", "duration=30", "modes=[{kind='Exact'}]"]
    for threshold, absolute, sent in ((0.5, "false", 8), (0.5, "true", 8), (50.0, "true", 0)):
        _, summary, _ = project(SMALL, *sets, f"thresholds=[{threshold}]", f"absolute={absolute}")
        (row,) = summary["runs"][0]["events"]["Exact"]
        assert row["operations"] == sent
        assert (row["ratio"] is None) == (sent == 0)


# Ends and refusals


@pytest.mark.parametrize(("share", "done"), [(0.05, 0), (0.2, 1)])
def test_what_is_interrupted_is_written(project, share, done):
    """In the clocked engine, which takes a tenth of a run, and in the midst of events."""
    report, summary, records = project(SMALL, "thresholds=[0.1, 0.2]", observer=Stops(share))
    assert summary["status"] == "interrupted"
    rows = summary["runs"][0]["events"]["TimeBinned"]
    assert [row["threshold"] for row in rows] == [0.2][:done]
    assert int(np.isfinite(records["error"].sel(mode="TimeBinned")).sum()) == len(rows)
    assert "interrupted after" in report.message


@pytest.mark.parametrize(
    ("sets", "text"),
    [
        (["thresholds=[]"], "thresholds"),
        (["thresholds=[0.1, 0.0]"], "thresholds"),
        (["modes=[]"], "modes"),
        (["modes=[{kind='Exakt'}]"], "modes.* did you mean 'Exact'"),
        (["modes=[{kind='Exact'}, {kind='Exact'}]"], "same mode twice"),
        (["modes='Exact'"], "needs a list of tables"),
        (["dataset={kind='digits'}"], "beside inputs or targets"),
        (["targets={}"], "targets: is missing"),
        (["engine={kind='EventDriven'}"], "engine.* clocked one"),
        (["schedule={kind='Sequential'}"], "schedule.* Parallel"),
        (["threshold=[0.1]"], "did you mean 'thresholds'"),
    ],
)
def test_what_is_refused_in_a_file(project, sets, text):
    with pytest.raises(ConfigurationError, match=text):
        project(SMALL, *sets)


@pytest.mark.parametrize(
    ("sets", "text"),
    [
        (["integrator={kind='RungeKutta4'}"], "several stages"),
        (["clamp={h=[0.0, 0.0, 0.0, 0.0]}"], "without latents and clamps"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_runs(project, sets, text):
    with pytest.raises(PcneuroError, match=text):
        project(SMALL, *sets)


def test_the_shipped_file_has_the_three_circuits():
    plan = read(SHIPPED)
    assert [run.task.circuit.rpartition(":")[2] for run in plan.runs] == ["mlp", "cnn", "rnn"]
    for run in plan.runs:
        assert (min(run.task.thresholds), max(run.task.thresholds)) == (1e-4, 1.0)
        names = ["TimeBinned()", "TimeBinned(cumulative=True)", "Exact()", "Exact(order=2)"]
        assert [repr(mode) for mode in run.task.modes] == names
