"""Batches: many runs, one store."""

from pathlib import Path

import numpy as np
import pytest

from pcneuro.batch import Batch
from pcneuro.studies import read, simulate

pytest.importorskip("zarr")
FILE = "simulations/scalar_graph.toml"


def test_rows_are_what_single_runs_give(tmp_path):
    """A row has the numbers of the same run on its own, bit for bit, and a run that cannot be made is a row, too."""
    store = Batch(FILE, {"integrator.dt": [1.0, 2.0, 25.0], "targets.v4": [1.0, 2.0]}).run(tmp_path / "batch")
    rows = store.dataset()
    assert rows["status"].values.tolist() == [1, 1, 1, 1, 2, 2]
    assert "dt = 25 ms is unstable" in str(rows["message"].values[4])
    assert np.isnan(rows["number.time"].values).tolist() == [False] * 4 + [True] * 2
    text = Path(FILE).read_text(encoding="utf-8").partition("[[sweep]]")[0]
    (tmp_path / "one.toml").write_text(text, encoding="utf-8")
    alone = simulate(read(tmp_path / "one.toml", ["integrator.dt=2.0", "targets.v4=2.0"]), tmp_path / "one")
    of_theta = alone.summary["runs"][0]["parameters"]["theta"]
    assert rows["parameters.theta.final"].values[3] == of_theta["final"]


def test_a_second_call_does_what_is_left(tmp_path):
    batch = Batch(FILE, {"integrator.dt": [1.0, 2.0]})
    store = batch.run(tmp_path / "batch")
    (store.folder / "runs.zarr/status/c/1").unlink()
    assert list(store.rest()) == [1]
    assert sorted(batch.run(tmp_path / "batch").done()) == [0, 1]
