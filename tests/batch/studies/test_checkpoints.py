"""Files of runs that are not done: checkpoints, with which they go on, and disks that have no room for them."""

import pytest

from pcneuro.batch import Batch
from pcneuro.errors import OutputError
from tests.robustness.test_full_disk import room_for

pytest.importorskip("zarr")
FILE = "simulations/quickstart.toml"
FEW = {"samples": [64], "test_samples": [16], "duration": [2.0]}


def test_learning_goes_on_where_it_was(tmp_path):
    """A run that learns has its checkpoints in a folder of its own, which goes when it is done."""
    store = Batch(FILE, {"epochs": [1, 2], **FEW}).run(tmp_path / "b")
    assert store.dataset()["status"].values.tolist() == [1, 1]
    assert not (store.folder / "scratch").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_a_full_disk_is_no_failure_of_the_run(tmp_path):
    """The batch ends in a line, and goes on when there is room; the run is not kept as one that failed."""
    batch = Batch(FILE, {"epochs": [1], "seed": [0, 1], **FEW})
    store = batch.run(tmp_path / "b")
    before = store.dataset().load()
    (store.folder / "runs.zarr/status/c/1").unlink()
    with room_for(2000), pytest.raises(OutputError, match=r"cannot write .*scratch.*File too large"):
        batch.run(tmp_path / "b")
    assert list(store.rest()) == [1]
    assert batch.run(tmp_path / "b").dataset().load().identical(before)
