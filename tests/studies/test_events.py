"""Simulation files with [events]: a file, a raster and a table."""

import numpy as np
import pytest
import xarray

import pcneuro as pcn
from pcneuro.errors import ConfigurationError, ParameterError
from pcneuro.recording import event_log
from pcneuro.studies import read
from tests.events_for_tests import Telling  # noqa: F401  # so that files can name it
from tests.studies.conftest import SMALL, Stops, png_size

TOLD = SMALL + '[engine]\nkind = "Telling"\n[events]\nkinds = ["error"]\nsamples = [0, 2]\n'


@pytest.mark.drawn
def test_events_go_to_a_file_of_their_own(project):
    report, summary, _ = project(TOLD)
    assert set(summary["files"]) >= {"events.nc", "raster.png"}
    events = xarray.load_dataset(report.folder / "events.nc")
    assert set(events["sample"].values) == {0, 2}
    assert events.attrs["complete"] == 1
    (run,) = summary["runs"]
    assert run["stats"]["events_record"]["events"] == events.sizes["event"]
    each, until = pcn.events_per_neuron(events), pcn.time_of_share(events)
    for name, row in run["events"].items():
        assert row["per_neuron"] == each[name] == row["events"] / row["neurons"] / 2
        assert row["time_of_99_percent"] == until[name]
        assert row["events"] > 0
    assert png_size(report.folder / "raster.png")[0] > 1000
    table = next(table for table in report.tables if table.title == "Events")
    assert [row[0] for row in table.rows] == ["h.error", "out.error", "all"]
    assert table.rows[-1][2] == f"{events.sizes['event']:,}"


def test_events_of_several_blocks_are_those_of_one(project, monkeypatch):
    one, _, _ = project(TOLD)
    monkeypatch.setattr(event_log, "BLOCK", 20)
    again, _, _ = project(TOLD)
    assert again.folder.name == "x-2"
    events, blocks = (xarray.load_dataset(report.folder / "events.nc") for report in (one, again))
    np.testing.assert_array_equal(np.sort(blocks["change"]), np.sort(events["change"]))


def test_without_the_table_there_are_none(project):
    report, summary, _ = project(TOLD.partition("[events]")[0])
    assert "events.nc" not in summary["files"]
    assert "raster.png" not in summary["files"]
    assert "events" not in summary["runs"][0]
    assert all(table.title != "Events" for table in report.tables)


def test_every_run_of_a_sweep_has_a_file(project):
    report, summary, _ = project(TOLD + '[sweep]\n"engine.threshold" = [0.01, 0.1]\n')
    actual = [xarray.load_dataset(report.folder / f"run{k}-events.nc").sizes["event"] for k in range(2)]
    assert actual[0] > actual[1]
    assert {"run0-events.nc", "run1-events.nc", "raster.png"} <= set(summary["files"])
    assert [t.title for t in report.tables if "Events" in t.title] == [
        "Events (threshold = 0.01)",
        "Events (threshold = 0.1)",
    ]


def test_a_run_that_fails_in_a_sweep_leaves_the_events_of_those_before(project):
    with pytest.raises(ParameterError, match=r"Reference has no events to record.*the runs before it are in"):
        project(TOLD.replace('kind = "Telling"', "") + '[sweep]\n"engine.kind" = ["Telling", "Reference"]\n')
    folder = project.folder / "results" / "x"
    assert {path.name for path in folder.glob("*events*")} == {"run0-events.nc"}


def test_an_interrupted_run_keeps_its_events(project):
    report, _, _ = project(TOLD, "duration=2000.0", observer=Stops(0.001))
    assert report.status == "interrupted"
    events = xarray.load_dataset(report.folder / "events.nc")
    assert 0 < events.attrs["end"] < 2000.0


def test_files_of_others_are_left_alone(project):
    out = project.folder / "out"
    out.mkdir()
    (out / "events.nc").write_text("precious")
    with pytest.raises(OSError, match="exists already"):
        project(TOLD, out=out)
    assert (out / "events.nc").read_text() == "precious"
    (out / "mine.txt").write_text("mine")
    with pytest.raises(AssertionError):  # the fixture finds a file that no summary has
        project(TOLD, out=out, overwrite=True)
    assert (out / "mine.txt").read_text() == "mine"
    assert xarray.load_dataset(out / "events.nc").sizes["event"] > 0


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("path=a.nc", "events.path='a.nc': is not for files: events go to events.nc in the folder of the results"),
        ("kinds=['errors']", "unknown kind of events to record 'errors'"),
        ("vertex='h'", "unknown key; did you mean 'vertices'"),
    ],
)
def test_keys_are_checked(project, key, text):
    (project.folder / "x.toml").write_text(TOLD)
    with pytest.raises(ConfigurationError, match=text):
        read(project.folder / "x.toml", [f"events.{key}"])
    with pytest.raises(pcn.PcneuroError, match="unknown vertex to record events of 'hh'"):
        project(TOLD, "events.vertices=['hh']")


def test_what_events_may_need_is_told_before(project):
    said = []

    class Hears(Stops):
        def say(self, text):
            said.append(text)

    project(TOLD, observer=Hears(2.0))
    assert said == ["Events: 28 B an event of 6 neurons in 2 samples; in bins 6.72 kB, at one of each neuron in each"]
