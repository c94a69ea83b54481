"""The task ``spiking``: what it measures, and how it learns."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray

from pcneuro.errors import ConfigurationError
from pcneuro.studies import read, simulate
from tests.studies.conftest import Stops

# Brian2 calls what its own dependencies have renamed.
pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")

ROOT = Path(__file__).parents[2]
SMALL = ["arguments.sizes=[64, 4, 10]", "samples=3", "spiking.decoding.window=200", "sweep={dtype=['float64']}"]


def carried_out(out, *sets):
    simulate(read(ROOT / "simulations" / "spiking_check.toml", [*SMALL, *sets]), out)
    (run,) = json.loads((out / "summary.json").read_text(encoding="utf-8"))["runs"]
    return run


def test_errors_fall_and_are_recorded(tmp_path):
    sets = ["units=[40, 5]", "durations=[300, 600]", "duration=400", "spiking.errors.units=10"]
    raw = read(ROOT / "simulations" / "spiking_check.toml", [*SMALL, *sets]).raw
    assert "learning" in raw
    sets.append("learning={epochs=1, samples=32, batch_size=16, units=5, duration=60, window=30, optimizer={rate=0.3}}")
    run = carried_out(tmp_path / "out", *sets)
    assert [row["units"] for row in run["by_units"]] == [5, 40]
    assert run["by_units"][0]["worst_gradient"] > 3 * run["by_units"][1]["worst_gradient"]
    assert run["by_units"][1]["least_cosine"] > 0.9999
    assert [row["window"] for row in run["by_duration"]] == [50.0, 350.0]
    assert run["by_duration"][0]["worst_error"] > run["by_duration"][1]["worst_error"]
    spikes, rates = (run["learning"][name] for name in ("spikes", "rates"))
    assert spikes["train_loss"][0] == rates["train_loss"][0] > spikes["train_loss"][1]
    assert spikes["train_loss"][1] == pytest.approx(rates["train_loss"][1], rel=0.05)
    with xarray.open_dataset(tmp_path / "out" / "records.nc") as records:
        actual = records.isel(run=0) if "run" in records.dims else records
        assert actual["error_by_units"].sizes == {"units": 2, "vertex": 2}
        np.testing.assert_allclose(actual["h1.decoded"], actual["h1.graded"], atol=2e-3)
        assert set(np.unique(actual["h1.spike_sign"])) == {-1, 1}


def test_learning_that_is_interrupted_is_written_and_goes_on(tmp_path):
    learning = "learning={epochs=2, samples=8, batch_size=4, units=2, duration=20, window=10, optimizer={rate=0.3}}"
    plan = read(
        ROOT / "simulations" / "spiking_check.toml",
        [*SMALL, "units=[2]", "durations=[]", "duration=40", "spiking.decoding.window=20", learning],
    )
    # Measuring is 30 % of it, so this is in the first epoch with spikes.
    report = simulate(plan, tmp_path / "out", observer=Stops(0.4))
    assert report.summary["status"] == "interrupted"
    assert [table.title.partition(" (")[0] for table in report.tables] == ["Neurons an error", "Learning"]
    simulate(plan, tmp_path / "out", resume=True)
    simulate(plan, tmp_path / "whole")
    went_on, whole = (
        json.loads((tmp_path / folder / "summary.json").read_text(encoding="utf-8"))["runs"][0]["learning"]
        for folder in ("out", "whole")
    )
    for name in ("spikes", "rates"):
        assert went_on[name]["test_loss"] == whole[name]["test_loss"]


@pytest.mark.parametrize(
    ("sets", "text"),
    [
        (["units=[]"], "units"),
        (["durations=[200]"], "durations"),
        (["spiking.errors.kind=LIF"], "LeakyIntegrateAndFire"),
        (["spiking.errors.rate=-1"], "rate is -1"),
        (["spiking.errors.phases.kind=Random"], "Staggered"),
        (["inputs.x=1.0"], "beside inputs or targets"),
        (["learning.epoch=1"], "did you mean 'epochs'"),
    ],
)
def test_what_is_refused(sets, text):
    with pytest.raises(ConfigurationError, match=text):
        read(ROOT / "simulations" / "spiking_check.toml", [*SMALL, *sets])
