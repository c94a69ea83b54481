"""Carrying out a file: every task on small circuits, sweeps, and what ends early."""

import errno
import json
import re

import numpy as np
import pytest
import xarray

import pcneuro as pcn
from pcneuro.errors import (
    ConfigurationError,
    OutputError,
    ParameterError,
    ShapeError,
    UnknownNameError,
    UnstableStepError,
)
from pcneuro.simulator.result import Status
from pcneuro.studies import records
from pcneuro.studies.tasks.run import RunTask
from tests.circuits_for_tests import diverges
from tests.studies.conftest import SMALL, Stops, png_size

RECORDS = '[[record]]\nvertex = "h"\nvariable = "error"\nevery = 2.0\nunits = [0, 1]\n[[record]]\nvertex = "out"\n'

draws_values_only = pytest.mark.filterwarnings("ignore:.*the sweep over seed does not draw:pcneuro.PcneuroWarning")
"""Of a sweep over seeds on a circuit of weights that are as they are."""


@pytest.mark.drawn
def test_run_writes_what_the_simulator_gives(project):
    report, summary, records = project(SMALL + RECORDS, "seed=5")
    (run,) = summary["runs"]
    assert (report.status, run["status"], run["time"]) == (Status.COMPLETED, "completed", 20.0)
    assert records["h.error"].shape == (11, 3, 2)
    assert records["out.value"].shape == (21, 3, 2)
    assert summary["settings"]["seed"] == 5
    assert summary["versions"]["pcneuro"] == pcn.__version__
    assert all(0.3 < row["norm_ratio"] <= 1 for row in run["against_backprop"].values())
    assert png_size(report.folder / "records.png")[0] > 1000
    assert png_size(report.folder / "circuit.png")[0] > 1000


def test_the_seed_of_a_file_is_that_of_what_is_drawn(project):
    _, _, records = project(SMALL + RECORDS, "seed=5")
    again = project(SMALL + RECORDS, "seed=5")
    assert again[0].folder.name == "x-2"
    np.testing.assert_array_equal(again[2]["h.error"], records["h.error"])
    other = project(SMALL + RECORDS, "seed=6")
    assert not np.array_equal(other[2]["h.error"], records["h.error"])


@pytest.mark.parametrize("task", ["run", "relaxation", "divergence"])
def test_a_run_until_it_has_settled(project, task):
    text = SMALL.replace("duration = 20.0", "until = {rtol = 1e-6}").replace('"run"', f'"{task}"')
    _, summary, _ = project(text, "integrator.dt=5.0")
    assert summary["status"] == "completed"
    assert 50 < summary["runs"][0]["time"] < 500
    with pytest.raises(ParameterError, match=r"Sequential\(\) runs for a given time"):
        project(text, "schedule.kind=Sequential")


def test_perturbations_are_tables(project):
    text = RECORDS + '[[perturb]]\nkind = "Silence"\npopulation = "h"\nstart = 5.0\nstop = 9.0\n'
    text += '[[perturb]]\nkind = "Inject"\nvertex = "h"\ncurrent = 0.5\nstart = 12.0\n'
    text += '[[perturb]]\nkind = "SetPrecision"\nvertex = "h"\nvalue = [1.0, 2.0, 1.0, 2.0]\n'
    text = SMALL + text.replace('vertex = "out"', 'vertex = "h"')
    _, summary, records = project(text, "dynamics.kind=Strict")
    assert not records["h.value"].values[5:10].any()
    assert records["h.value"].values[11].all()
    assert "Inject('h')" in records.attrs["perturbations"]
    assert "against_backprop" not in summary["runs"][0]
    with pytest.raises(ConfigurationError, match="did you mean 'Silence'"):
        project(text.replace('"Silence"', '"Silense"'))
    with pytest.raises(ConfigurationError, match=r"perturb.*is not for checks"):
        project(text.replace('"run"', '"check"').replace("duration", 'against = "reference"\nduration'))


def test_without_records_there_is_a_summary_all_the_same(project):
    _, summary, records = project(SMALL)
    assert len(records.data_vars) == 0
    assert summary["files"] == ["summary.json", "report.html", "records.nc", "circuit.png"]


def test_given_values_clamps_and_single_precision(project):
    text = SMALL.replace('{kind = "normal"}\n[targets]', "[0.1, 0.2, 0.3]\n[targets]").replace(
        'out = {kind = "normal"}', "out = [1.0, 0.0]\n[clamp]\nh = [0.0, 0.0, 0.0, 0.0]"
    )
    _, summary, _ = project(text, "dtype=float32", "engine.threads=1")
    assert summary["runs"][0]["stats"]["dtype"] == "float32"
    assert summary["runs"][0]["loss"] == pytest.approx(0.5)
    assert "against_backprop" not in summary["runs"][0]


def test_a_sweep_has_a_run_dimension(project):
    text = SMALL + RECORDS + '[sweep]\n"integrator.dt" = [0.5, 2.0]\n"dynamics.kind" = ["FixedPrediction", "Strict"]\n'
    report, summary, records = project(text)
    assert [run["set"] for run in summary["runs"]] == [
        {"integrator.dt": dt, "dynamics.kind": kind} for dt in (0.5, 2.0) for kind in ("FixedPrediction", "Strict")
    ]
    assert records.sizes["run"] == 4
    np.testing.assert_array_equal(records["integrator.dt"], [0.5, 0.5, 2.0, 2.0])
    assert list(records["dynamics.kind"].values) == ["FixedPrediction", "Strict"] * 2
    single = project(SMALL + RECORDS, "integrator.dt=2.0")[2]
    # Every 2 ms is the same in all runs, every step is not: shorter runs are filled with NaN.
    np.testing.assert_array_equal(records["h.error"].isel(run=2), single["h.error"])
    np.testing.assert_array_equal(records["out.value"].isel(run=2)[:11], single["out.value"])
    assert np.isnan(records["out.value"].isel(run=2)[11:]).all()
    time = next(name for name in records.coords if str(name).startswith("time_out"))
    np.testing.assert_array_equal(records[time].isel(run=2)[:11], single["time"])
    assert [table.title for table in report.tables][
        1
    ] == "Gradients against backprop (dt = 0.5, kind = FixedPrediction)"


def test_a_sweep_may_change_the_circuit_itself(project):
    _, summary, records = project(SMALL.replace('"run"', '"relaxation"') + '[sweep]\n"arguments.weight" = [0.1, 0.2]\n')
    assert records.sizes["run"] == 2
    norms = [run["vertices"]["h"]["final_norm"] for run in summary["runs"]]
    assert norms[0] < norms[1]


@pytest.mark.parametrize(
    ("integrator", "key", "limit"),
    [
        ("Euler", "largest_deviation_stepped", 1e-12),
        ("ExponentialEuler", "largest_deviation_stepped", 1e-12),
        ("RungeKutta4", "largest_deviation_continuous", 1e-5),
    ],
)
def test_relaxation_is_held_against_its_closed_form(project, integrator, key, limit):
    _, summary, records = project(SMALL.replace('"run"', '"relaxation"'), f"integrator.kind={integrator}")
    (run,) = summary["runs"]
    assert run[key] < limit
    assert {name: row["hops"] for name, row in run["vertices"].items()} == {"h": 1, "out": 0}
    np.testing.assert_allclose(records["error_norm"], records["expected_norm"], atol=1e-5)


def test_relaxation_without_a_closed_form(project):
    _, summary, records = project(SMALL.replace('"run"', '"relaxation"'), "dynamics.kind=Strict")
    assert summary["runs"][0]["largest_deviation_continuous"] is None
    assert "expected_norm" not in records


def test_delays_of_the_file_are_those_of_the_circuit(project):
    """Errors come so much later as the feedback takes; a table of a distribution is one, too."""
    text = SMALL + RECORDS.replace("every = 2.0", "every = 1.0") + '[engine]\nkind = "Reference"\n'
    sweep = '[sweep]\ndelays = [0.0, 5.0, {kind = "UniformDelay", low = 3.0, high = 6.0, seed = 2}]\n'
    _, summary, records = project(text + sweep)
    assert [run["set"]["delays"] for run in summary["runs"]][:2] == [0.0, 5.0]
    h = records["h.error"].values
    np.testing.assert_array_equal(h[1, :6], np.zeros_like(h[1, :6]))
    np.testing.assert_allclose(h[1, 6:], h[0, 1:-5], rtol=1e-12)
    assert not h[2, :4].any()
    assert (h[2, 7] != 0).all()
    alone = project(text, 'delays={kind="UniformDelay", low=3.0, high=6.0, seed=2}')[2]
    np.testing.assert_array_equal(alone["h.error"], h[2])
    # The closed form is that without delays.
    relaxed = SMALL.replace('"run"', '"relaxation"')
    _, summary, _ = project(relaxed, "delays=5.0", "engine.kind=Reference")
    assert summary["runs"][0]["largest_deviation_stepped"] is None


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        ("-1", ConfigurationError, "--set delays=-1: ms of ConstantDelay is -1.0"),
        ("[1.0]", ConfigurationError, "needs a number of ms, or a table with a kind"),
        ("true", ConfigurationError, "needs a number of ms, or a table with a kind"),
        ("{low = 1.0}", ConfigurationError, "--set delays.kind: is missing: one of ConstantDelay"),
        ('{kind = "SynapticDelays", values = [1.0]}', ConfigurationError, "unknown kind"),
        ("0.5", ParameterError, "x.toml: 'x.value' -> 'h.error' has a delay of 0.5 ms, shorter than dt = 1 ms"),
    ],
)
def test_delays_that_are_none_are_refused(project, value, error, message):
    with pytest.raises(error, match=re.escape(message)) as caught:
        project(SMALL + '[engine]\nkind = "Reference"\n', f"delays={value}")
    assert "\n" not in str(caught.value)


def test_divergence_counts_steps(project):
    text = SMALL.replace('"run"', '"divergence"') + 'tolerance = 1e-3\nparameters = ["W"]\n'
    # A key that stands behind a table belongs to the table: so it is set here.
    with pytest.raises(ConfigurationError, match=r"\[targets\]"):
        project(text)
    text = SMALL.replace('"run"', '"divergence"\ntolerance = 1e-3\nparameters = ["W"]')
    _, summary, records = project(text, "duration=200")
    row = summary["runs"][0]["parameters"]["W"]
    away = records["divergence"].sel(parameter="W").values
    assert away[row["steps_to_tolerance"]] < 1e-3 <= away[row["steps_to_tolerance"] - 1]
    # One hop: what is missing after n steps is 0.9^n of the gradient.
    np.testing.assert_allclose(away, away[0] * 0.9 ** np.arange(201), rtol=1e-6, atol=1e-14)


def test_divergence_needs_parameters_that_exist(project):
    text = SMALL.replace('"run"', '"divergence"\nparameters = ["V"]')
    with pytest.raises(UnknownNameError, match="unknown name in parameters 'V'"):
        project(text)


def test_ctrl_c_just_before_a_run_stops_it(project):
    report, summary, _ = project(SMALL, "duration=1e9", observer=Stops(0.0))
    assert report.status is Status.INTERRUPTED
    assert summary["runs"][0]["time"] < 1e9


@draws_values_only
def test_a_sweep_that_is_interrupted_keeps_the_runs_before(project):
    text = SMALL + "[sweep]\nseed = [1, 2, 3]\n"
    report, summary, _ = project(text, observer=Stops(0.5))
    assert report.status is Status.INTERRUPTED
    assert len(summary["runs"]) == 2
    assert summary["message"] == "interrupted after 2 of 3 runs"


@diverges
def test_a_run_that_diverges_is_written_and_a_sweep_goes_on(project):
    text = 'task = "run"\ncircuit = "circuits.py:steep"\nduration = 3000.0\n[inputs]\nx = 1.0\n[targets]\nout = 0.0\n'
    text += (
        '[integrator]\ndt = 5.0\n[[record]]\nvertex = "h"\n[sweep]\n"dynamics.kind" = ["Strict", "FixedPrediction"]\n'
    )
    report, summary, records = project(text)
    assert report.status is Status.DIVERGED
    assert [run["status"] for run in summary["runs"]] == ["diverged", "completed"]
    assert "kind = Strict: diverged: population 'h'" in report.message
    assert records["h.value"].sizes["run"] == 2


def test_every_run_of_a_sweep_is_checked_before_the_first(project):
    with pytest.raises(UnstableStepError, match=r"x.toml \(integrator.dt = 30.0\): dt = 30 ms is unstable"):
        project(SMALL + '[sweep]\n"integrator.dt" = [1.0, 30.0]\n')
    with pytest.raises(ConfigurationError, match=r'\[sweep\] "arguments.wieght" = 1.0: unknown argument'):
        project(SMALL + '[sweep]\n"arguments.wieght" = [1.0]\n')
    with pytest.raises(ParameterError, match=r"integrator.dt = 4.0.*multiple of dt = 4 ms"):
        project(SMALL + '[[record]]\nvertex = "h"\nevery = 2.0\n[sweep]\n"integrator.dt" = [1.0, 4.0]\n')
    assert not any((project.folder / "results").iterdir())


def test_an_error_in_the_middle_of_a_sweep_keeps_the_runs_before(project):
    text = SMALL + '[[record]]\nvertex = "h"\nsamples = [2]\n[sweep]\nsamples = [3, 2]\n'
    with pytest.raises(ShapeError, match=r"samples = 2.*a sample outside its 2: \[2\]; the runs before it are in"):
        project(text)
    assert (project.folder / "results" / "x" / "summary.json").exists()


def test_unknown_inputs_are_named(project):
    with pytest.raises(UnknownNameError, match=r"unknown name in \[inputs\] 'y': known: x"):
        project(SMALL.replace("x = {", "y = {"))
    with pytest.raises(UnknownNameError, match=r"x.toml: inputs lack"):
        project(SMALL.replace('[inputs]\nx = {kind = "normal"}\n', ""))


def test_a_full_disk_leaves_what_was_there(project, monkeypatch):
    report, *_ = project(SMALL)
    before = (report.folder / "summary.json").read_text()

    def full(path, dataset):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pcneuro.studies.records.write_records", full)
    with pytest.raises(OutputError, match=r"cannot write .*records.nc: No space left on device"):
        project(SMALL, out=report.folder, overwrite=True)
    assert (report.folder / "summary.json").read_text() == before
    assert [path.name for path in report.folder.parent.iterdir()] == ["x"]


@draws_values_only
def test_the_seed_is_the_runs_own(project):
    """A run of a sweep draws what it would draw alone."""
    _, _, swept = project(SMALL + RECORDS + "[sweep]\nseed = [1, 2]\n")
    _, _, alone = project(SMALL + RECORDS, "seed=2")
    np.testing.assert_array_equal(swept["h.error"].isel(run=1), alone["h.error"])


@draws_values_only
def test_a_kill_in_the_middle_of_a_sweep_keeps_the_runs_before(project, monkeypatch):
    """Each run is on disk when the next begins, and all of them are one dataset at the end."""
    text, folder = SMALL + RECORDS + "[sweep]\nseed = [1, 2, 3]\n", project.folder / "out"
    once, _, whole = project(text)
    assert not (once.folder / "runs").exists()
    perform, performed = RunTask.perform, []

    def killed(task, job):
        if len(performed) == 2:
            raise SystemExit
        performed.append(task)
        return perform(task, job)

    monkeypatch.setattr(RunTask, "perform", killed)
    with pytest.raises(SystemExit):
        project(text, out=folder)
    assert sorted(path.name for path in (folder / "runs").iterdir()) == [
        *("run0.json", "run0.nc", "run1.json", "run1.nc")
    ]
    for number in range(2):
        kept = xarray.load_dataset(folder / "runs" / f"run{number}.nc")
        np.testing.assert_array_equal(kept["h.error"], whole["h.error"][number])
        facts = json.loads((folder / "runs" / f"run{number}.json").read_text())
        assert facts["set"] == {"seed": number + 1}
    monkeypatch.undo()
    monkeypatch.chdir(project.folder)
    report, _, again = project(text, out=folder, overwrite=True)
    assert not (report.folder / "runs").exists()
    xarray.testing.assert_equal(again.drop_attrs(), whole.drop_attrs())


def test_stacking_compares_each_run_once(monkeypatch):
    """With every other it would take time that grows with the square of their number."""
    compared = []
    same = records._same
    monkeypatch.setattr(records, "_same", lambda *pair: compared.append(pair) or same(*pair))
    for number in (10, 40):
        compared.clear()
        runs = [
            xarray.Dataset({"h.error": (("time", "unit"), np.full((3, 2), k))}, {"time": np.arange(3) * (1 + k % 2)})
            for k in range(number)
        ]
        stacked = records.stack(runs, [{"seed": k} for k in range(number)])
        assert len(compared) <= 2 * number
        assert stacked["h.error"].shape == (number, 3, 2)
        np.testing.assert_array_equal(stacked["time"][1], [0, 2, 4])


def test_what_one_run_has_and_another_has_not_is_missing_there():
    runs = [
        xarray.Dataset({"norm": ("vertex", [1.0, 2.0])}, {"vertex": ["a", "b"]}),
        xarray.Dataset({"norm": ("vertex", [3.0, 4.0])}, {"vertex": ["a", "b"], "hops": ("vertex", [0, 1])}),
    ]
    stacked = records.stack(runs, [{"seed": 0}, {"seed": 1}])
    np.testing.assert_array_equal(stacked["hops"], [[np.nan, np.nan], [0, 1]])
    assert "hops" in stacked.coords


def test_a_figure_that_cannot_be_drawn_takes_nothing_else_away(project, monkeypatch):
    def broken(runs):
        raise ZeroDivisionError("no figure")

    monkeypatch.setattr(RunTask, "figures", broken)
    with pytest.raises(ZeroDivisionError):
        project(SMALL + RECORDS, out=project.folder / "out")
    assert sorted(path.name for path in (project.folder / "out").iterdir()) == [
        "records.nc",
        "report.html",
        "summary.json",
    ]
