"""The task ``wavefront``."""

from __future__ import annotations

import numpy as np
import pytest

from pcneuro.errors import ConfigurationError, ParameterError
from pcneuro.studies.tasks import wavefront
from tests.circuits_for_tests import diverges
from tests.studies.conftest import Stops, png_size

SMALL = """
task = "wavefront"
circuit = "circuits.py:small"
duration = 60.0
samples = 3
[inputs]
x = {kind = "normal"}
[targets]
out = {kind = "normal"}
"""
STEEP = """
task = "wavefront"
circuit = "circuits.py:steep"
duration = 400.0
[inputs]
x = 1.0
[targets]
out = 1.0
"""


@pytest.mark.drawn
def test_it_writes_numbers_curves_and_a_picture(project):
    report, summary, records = project(SMALL)
    (run,) = summary["runs"]
    assert summary["status"] == run["status"] == "completed"
    assert set(summary["files"]) == {"summary.json", "report.html", "records.nc", "wavefront.png"}
    assert run["populations"]["h"]["hops"] == 1
    assert run["populations"]["h"]["from"] == "out"
    assert run["populations"]["h"]["times"] == [1.0, 1.0, 7.0]
    assert run["critical"][-1] == {"vertex": "h", "arrival": 0.0, "time": 7.0}
    np.testing.assert_array_equal(records["time_to_share"].sel(vertex="h"), [1.0, 1.0, 7.0])
    assert records["gradient_share"].sizes == {"vertex": 2, "time": 61}
    assert records["time"].attrs["units"] == "ms"
    width, height = png_size(report.folder / "wavefront.png")
    assert width > 1000
    assert height > 400
    populations, critical = report.tables
    assert populations.rows[0] == ["h", "1", "0", "0", "1", "1", "7"]
    assert [row[0] for row in critical.rows] == ["out", "h"]


def test_a_sweep_has_a_picture_of_each_run_and_of_what_depends_on_a_number(project):
    sweep = '[sweep]\n"dynamics.kind" = ["FixedPrediction", "Strict"]\n"arguments.weight" = [0.2, 0.5, 0.8]\n'
    report, summary, records = project(SMALL + sweep, "every=2", "shares=[0.3]")
    pictures = {f"wavefront-{k}.png" for k in range(6)} | {"times.png", "energy.png"}
    assert set(summary["files"]) == {"summary.json", "report.html", "records.nc", *pictures}
    assert records.sizes["run"] == 6
    assert [run["populations"]["h"]["times"] for run in summary["runs"][:3]] == [[4.0]] * 3
    (table,) = report.tables
    assert len(table.rows) == 6
    assert table.rows[0][0].endswith("weight = 0.2")


def test_no_picture_of_a_number_where_none_is_swept(project):
    _, summary, _ = project(SMALL + '[sweep]\n"dynamics.kind" = ["FixedPrediction", "Strict"]\n')
    assert set(summary["files"]) == {"summary.json", "report.html", "records.nc", "wavefront-0.png", "wavefront-1.png"}


@diverges
def test_divergence_is_a_failure_unless_it_may_be(project):
    report, summary, _ = project(STEEP + '[sweep]\n"dynamics.kind" = ["FixedPrediction", "Strict"]\n')
    assert report.status == summary["status"] == "diverged"
    assert [run["status"] for run in summary["runs"]] == ["completed", "diverged"]
    more = '[dynamics]\nkind = "Strict"\n[sweep]\nduration = [300.0, 400.0]\n'
    expected, summary, records = project(STEEP + more, "may_diverge=true")
    assert expected.status == summary["status"] == "completed"
    assert [run["status"] for run in summary["runs"]] == ["diverged"] * 2
    assert {"times.png", "energy.png"} < set(summary["files"])
    lost = summary["runs"][-1]
    assert "is no longer finite at" in lost["message"]
    assert lost["time"] < 400.0
    assert lost["growth"] > 0
    assert lost["populations"]["h"] == {
        "arrival": 0.0,
        "times": [None] * 3,
        "hops": 1,
        "bound": 0.0,
        "from": "out",
        "final_norm": None,
    }
    assert np.isnan(records["time_to_share"].isel(run=1)).all()


def test_ctrl_c_leaves_what_there_is(project, monkeypatch):
    monkeypatch.setattr(wavefront, "REPORT_SECONDS", 1e-9)
    report, summary, _ = project(SMALL, "duration=3000", observer=Stops(0.1))
    assert report.status == "interrupted"
    assert "in the first of two runs" in summary["message"]


def test_what_does_not_fit_is_refused(project):
    with pytest.raises(ParameterError, match="give a duration instead of until"):
        project(SMALL.replace("duration = 60.0", "until = {limit = 10.0}"))
    with pytest.raises(ParameterError, match=r"duration 60 ms is no multiple of every = 7 ms: try 63 ms"):
        project(SMALL, "every=7")
    with pytest.raises(ParameterError, match="give a number above 0, up to 1"):
        project(SMALL, "shares=[2.0]")
    with pytest.raises(ConfigurationError, match="every"):
        project(SMALL, "every=0")
