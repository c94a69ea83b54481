"""``pcneuro batch status|retry|merge|export``: what they print, and the one line about what is wrong."""

import json
import os

import pytest
import xarray

from pcneuro.batch import locks
from pcneuro.batch.row import Row, RowStatus
from tests.batch.stores import done, made

pytest.importorskip("zarr")


@pytest.fixture
def batch(folder):
    """A batch of six runs, of which one failed, one diverged and two are to do."""
    rows = [
        done(0),
        Row(1, RowStatus.FAILED, "dt = 25 ms is unstable"),
        Row(2, RowStatus.DIVERGED, "no"),
        done(3),
        done(4),
        done(5),
    ]
    return made(folder / "b", rows, order=[0, 1])


def test_status(pcneuro, refused, batch):
    code, out, _ = pcneuro("batch", "status", "b")
    assert code == 0
    assert out.splitlines()[-1].startswith("b: 6 runs, 4 of which have ended; ")
    rows = [line.split() for line in out.splitlines()]
    assert [["done", "2", "33.3%"], ["to", "do", "2", "33.3%"]] == [
        row for row in rows if row[:1] in (["done"], ["to"])
    ]
    assert ["failed", "1", "1", "dt", "=", "25", "ms", "is", "unstable"] in rows
    with locks.client(batch.folder):
        assert pcneuro("batch", "status", "b")[1].splitlines()[-1].startswith(f"worked on by process {os.getpid()} on ")
        assert "is being worked on by process" in refused("batch", "retry", "b")
    code, out, _ = pcneuro("batch", "status", "b", "--json")
    known = json.loads(out)
    assert (code, known["ended"], known["failures"][0]["count"]) == (0, 4, 1)


def test_retry_merge_and_export(pcneuro, refused, batch, folder):
    assert pcneuro("batch", "retry", "b")[:2] == (0, "2 runs are to be done again: pcneuro batch resume b\n")
    assert sorted(batch.done()) == []
    batch.write(0, [done(0), done(1)])
    code, out, _ = pcneuro("batch", "merge", "b", "--out", "c")
    assert (code, out) == (0, "c: 2 of 6 runs; for the others: pcneuro batch resume c\n")
    assert pcneuro("batch", "export", "c", "c.nc")[:2] == (0, "c.nc\n")
    with xarray.open_dataset(folder / "c.nc", engine="h5netcdf") as exported:
        assert exported["status"].values.tolist() == [1, 1, 0, 0, 0, 0]
    assert "c.nc exists already" in refused("batch", "export", "c", "c.nc")
    assert refused("batch", "status", "x.toml") != ""
    assert refused("batch", "status", "none") == "none is no folder of a batch: it has no batch.json"
