"""Batches: many runs, one store."""

from pathlib import Path

import numpy as np
import pytest

from pcneuro.batch import Batch, resume
from pcneuro.batch.runners import Here, Processes
from pcneuro.errors import PcneuroWarning
from pcneuro.studies import read, simulate
from pcneuro.studies.tasks.divergence import DivergenceTask

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


@pytest.mark.parametrize("runner", [Here(), Processes(2)], ids=["here", "processes"])
def test_what_runs_warn_of_is_told_once(tmp_path, capfd, runner):
    """Runs of a block that warn alike are noted in its provenance, whoever does them, and the user reads one line."""
    batch = Batch(FILE, {"integrator.dt": [1.0, 3.0, 7.0, 7.0]}, block=2)
    with pytest.warns(PcneuroWarning) as warned:
        store = batch.run(tmp_path / "batch", runner)
    assert [len(store.warnings(block)) for block in (0, 1)] == [1, 1]
    assert "dt = 7 ms" in store.warnings(1)[0]
    assert len(warned) == 1
    # Of two processes either may be the first.
    told = [f"runs warned: {store.warnings(block)[0]}, and 1 more" for block in (0, 1)]
    assert any(text in str(warned[0].message) for text in told)
    assert "no multiple" not in capfd.readouterr().err


@pytest.mark.parametrize("error", [MemoryError("not so much"), ZeroDivisionError("in a library"), RecursionError()])
@pytest.mark.parametrize("block", [1, 3])
def test_whatever_a_run_raises_is_a_row(tmp_path, monkeypatch, error, block):
    """The run behind it is done as if nothing had been."""
    perform = DivergenceTask.perform

    def failing(self, job):
        if self.integrator.dt == 2.0:
            raise error
        return perform(self, job)

    space = {"integrator.dt": [1.0, 2.0, 5.0]}
    whole = Batch(FILE, space, block=block).run(tmp_path / "whole").dataset()
    monkeypatch.setattr(DivergenceTask, "perform", failing)
    rows = Batch(FILE, space, block=block).run(tmp_path / "batch").dataset()
    assert rows["status"].values.tolist() == [1, 2, 1]
    assert type(error).__name__ in str(rows["message"].values[1])
    for number in (0, 2):
        assert rows["parameters.theta.final"].values[number] == whole["parameters.theta.final"].values[number]


def failing(width):
    """Fails at whatever it is given."""
    raise ValueError("x" * 10_000_000)


def test_messages_are_bounded_and_a_batch_that_begins_with_failures_says_so(tmp_path):
    with pytest.warns(PcneuroWarning, match=r"all of the first 8 runs failed, run 0: .*ValueError: x"):
        store = Batch(failing, {"width": list(range(10))}).run(tmp_path / "batch")
    message = str(store.dataset()["message"].values[9])
    assert len(message) < 1100
    assert message.endswith(" characters more")
    assert len(store.status().failures[0].message) < 1100


def test_what_dead_workers_have_left_is_removed(tmp_path, monkeypatch):
    """At the end, since others have done what they did; and where a batch that is whole is gone on with."""
    run, left = Here.run, "runs.zarr/status/c/1.aa.partial"

    def dying(self, folder, blocks, observer, done):
        run(self, folder, blocks, observer, done)
        (folder / left).touch()

    monkeypatch.setattr(Here, "run", dying)
    store = Batch(FILE, {"integrator.dt": [1.0, 2.0, 5.0]}, block=1).run(tmp_path / "batch")
    assert not (store.folder / left).exists()
    monkeypatch.undo()
    (store.folder / left).touch()
    resume(store.folder)
    assert not (store.folder / left).exists()
