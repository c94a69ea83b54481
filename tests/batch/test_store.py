"""Stores of batches: what is written is what is read, in any order, whatever the runs brought."""

import json
import shutil
from itertools import permutations

import numpy as np
import pytest
import xarray

from pcneuro.batch.row import Row, RowStatus
from pcneuro.batch.store import Store
from pcneuro.errors import OutputError, StoreError, UnknownNameError
from tests.batch.stores import done, files, made, records

pytest.importorskip("zarr")


def test_rows_are_as_they_were_written(tmp_path):
    """Numbers, records with their coordinates and units, messages; and NaN where a run brought nothing."""
    rows = [done(n, extra=1.0 * n) if n != 3 else Row(3, RowStatus.DIVERGED, "at 3 ms, in 'h'") for n in range(5)]
    store = made(tmp_path / "b", rows)
    actual = store.dataset().load()
    np.testing.assert_array_equal(actual["loss"], [0, 1 / 3, 2 / 3, np.nan, 4 / 3])
    np.testing.assert_array_equal(actual["status"], [1, 1, 1, 3, 1])
    assert str(actual["message"].values[3]) == "at 3 ms, in 'h'"
    np.testing.assert_array_equal(actual["tau"], [0, 10, 0, 10, 0])
    assert (actual["tau"].dims, actual["time"].attrs, actual["h.error"].attrs) == (
        ("run",),
        {"units": "ms"},
        {"units": "1"},
    )
    for number in (0, 1, 2, 4):
        one = actual[["h.error"]].isel(run=number, drop=True)
        xarray.testing.assert_equal(one, rows[number].records)
    assert np.isnan(actual["h.error"].values[3]).all()
    some = actual.where(actual["tau"] == 10.0, drop=True)  # texts beside numbers that may be missing
    np.testing.assert_array_equal(some["run"], [1, 3])
    with xarray.open_zarr(store.folder / "runs.zarr", consolidated=False) as plain:  # by xarray alone
        np.testing.assert_array_equal(plain["h.error"], actual["h.error"])
        assert "tau" in plain.coords


ODD = {
    "truth": ("u", [True, False, True]),
    "whole": ("u", np.array([1, -(2**62), 3])),
    "small": ("u", np.array([1.5, 2.5, 3.5], np.float32)),
    "tiny": ("u", np.array([0.5, 2.0, 3.0], np.float16)),
    "bytes": ("u", np.array([1, 2, 255], np.uint8)),
    "complex": ("u", np.array([1 + 2j, -1j, 0])),
    "text": ("u", ["a", "βeta", ""]),
    "big endian": ("u", np.array([1.0, 2.0, 3.0], ">f8")),
    "a/b": ("u", [1.0, 2.0, 3.0]),
    ".hidden %": ((), 2.5),
    "zarr.json": ((), 7),
    "n" * 300: ((), 1.0),
    "empty": ("none", np.zeros(0)),
    "status": ((), 4.0),
    "tau": ("u", [7.0, 8.0, 9.0]),
    "when": ((), np.datetime64("2026-11-30T12:00:00", "ns")),
}


def test_records_of_all_kinds(tmp_path):
    """Every dtype, empty arrays, and names that file systems, zarr or the store itself use."""
    own = records(**{name: xarray.Variable(*value) for name, value in ODD.items()})
    store = made(tmp_path / "b", [done(0, own, time=3.0, status=2.0), done(1, own, time=4.0)], block=1)
    actual = store.dataset().load().isel(run=1)
    renamed = {"status": "record.status", "tau": "record.tau"}
    for name in ODD:
        value = actual[renamed.get(name, name)]
        if name == "text":
            assert [str(each) for each in value.values] == ["a", "βeta", ""]
            continue
        np.testing.assert_array_equal(value, own[name])
        assert value.dtype == own[name].dtype.newbyteorder("=")
    assert (float(actual["number.time"]), float(actual["tau"])) == (4.0, 10.0)
    np.testing.assert_array_equal(store.dataset()["number.status"], [2.0, np.nan])
    exported = xarray.load_dataset(store.export(tmp_path / "all.nc"), engine="h5netcdf").isel(run=1)
    np.testing.assert_array_equal(exported["complex.imag"], own["complex"].values.imag)
    np.testing.assert_array_equal(exported["a%2Fb"], own["a/b"])
    assert (exported["truth"].dtype, exported["whole"].dtype, exported["small"].dtype) == (bool, np.int64, np.float32)
    assert [str(each) for each in exported["text"].values] == ["a", "βeta", ""]


def test_objects_are_no_records(tmp_path):
    """A run that brings what no store has is a failed row, and the batch goes on."""
    store = made(tmp_path / "b", [done(0), done(1, records(x=((), {"a": 1})))], block=1)
    assert store.dataset()["status"].values.tolist() == [1, 2]
    assert "'x' is of dtype object" in str(store.dataset()["message"].values[1])


def mixed():
    """Runs that differ in their time step, in their depth, and in what they record."""
    deeper = {"h2.value": (("time", "h2_unit"), np.arange(8.0).reshape(4, 2))}
    kinds = [records(4), records(6), records(4, 2, **deeper), records(4, 3), records(6, 4), records(4, 5, n=((), 3))]
    return [done(number, found) for number, found in enumerate(kinds)]


def test_runs_with_other_records_whatever_their_order(tmp_path):
    """The same files whichever block is first; one dataset, in which shorter runs end with NaN."""
    stores = [made(tmp_path / str(n), mixed(), order=order) for n, order in enumerate(permutations(range(3)))]
    for store in stores[1:]:
        assert files(store.folder) == files(stores[0].folder)
    actual = stores[0].dataset().load()
    for number, row in enumerate(mixed()):
        length = row.records.sizes["time"]
        one = actual.isel(run=number)
        np.testing.assert_array_equal(one["h.error"].values[:length], row.records["h.error"])
        assert np.isnan(one["h.error"].values[length:]).all()
        np.testing.assert_array_equal(one["time"].values[:length], row.records["time"])
        assert np.isnan(one["time"].values[length:]).all()
    assert actual["time"].attrs == {"units": "ms"}
    np.testing.assert_array_equal(actual["n"], [np.nan] * 5 + [3])
    np.testing.assert_array_equal(actual["h2.value"].values[2].ravel()[:8], np.arange(8.0))
    exported = xarray.load_dataset(stores[0].export(tmp_path / "all.nc"), engine="h5netcdf")
    np.testing.assert_array_equal(exported["h.error"], actual["h.error"])
    np.testing.assert_array_equal(exported["time"], actual["time"])


def test_without_a_first_row_nothing_is_lost(tmp_path):
    """Where all of the first runs failed the records of the others are groups of their own."""
    rows = [Row(0, RowStatus.FAILED, "no"), *mixed()[1:]]
    actual = made(tmp_path / "b", rows, first=None).dataset()
    np.testing.assert_array_equal(actual["h.error"].values[1], rows[1].records["h.error"])


def test_a_block_that_is_written_again_leaves_nothing_of_before(tmp_path):
    """What a killed process wrote of a block is gone when it is given up: the store is as if that had come first."""
    given_up = [Row(2, RowStatus.FAILED, "died"), Row(3, RowStatus.FAILED, "died")]
    clean, other = (made(tmp_path / name, [*map(done, range(4))], order=[0]) for name in "ab")
    other.write(1, [done(2, records(6), more=1.0), done(3)])
    (other.folder / "runs.zarr/status/c/1").unlink()
    for store in (clean, other):
        store.write(1, given_up)
    left = {name for name in files(other.folder) if name not in files(clean.folder) and not name.endswith("zarr.json")}
    assert all("%records/" in name and "/time/" in name for name in left), left
    shared = files(clean.folder)
    assert {name: content for name, content in files(other.folder).items() if name in shared} == shared


def test_retry_does_only_what_failed(tmp_path):
    """Rows of the other runs stay bit for bit; killed in the midst, or with a damaged status, nothing is lost."""
    rows = [done(0), Row(1, RowStatus.FAILED, "no", {"loss": 9.0}), done(2), done(3, records(6))]
    store = made(tmp_path / "b", rows)
    before = store.dataset().load()
    assert store.retry() == 1
    assert (list(store.rest()), [row.number for row in store.kept(0)], store.kept(1)) == ([0], [0], [])
    store = Store.open(store.folder)
    store.write(0, [*store.kept(0), done(1)])
    after = store.dataset().load()
    xarray.testing.assert_identical(after.isel(run=[0, 2, 3]), before.isel(run=[0, 2, 3]))
    assert float(after["loss"][1]) == 1 / 3
    assert not (store.folder / "retry").exists()
    assert store.retry() == 0
    (store.folder / "runs.zarr/status/c/1").write_bytes(b"\x09\x01")
    with pytest.raises(StoreError, match=r"status/c/1 is damaged.*pcneuro batch retry"):
        store.status()
    assert store.retry() == 2
    assert list(store.rest()) == [1]


def test_leftovers_of_killed_processes(tmp_path):
    """Of the blocks that are one's own, and of no other."""
    store = made(tmp_path / "b", [*map(done, range(4))], order=[0])
    before = files(store.folder)
    names = (
        "scratch/0/a.npz",
        "runs.zarr/loss/c/1.aa.partial",
        "runs.zarr/h.error/c.1.0.bb.partial",
        "provenance/1.json.7.partial",
    )
    others = ("scratch/2/a.npz", "runs.zarr/loss/c/0.aa.partial", "runs.zarr/h.error/c.0.0.bb.partial")
    for name in names + others:
        (store.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (store.folder / name).write_bytes(b"x")
    store.clean([1])
    assert files(store.folder) == before | dict.fromkeys(others, b"x")


def test_statistics(tmp_path):
    """Against NumPy, by a swept key, over runs that are done."""
    rows = [done(n, extra=float(n) ** 2) for n in range(40)]
    rows[7] = Row(7, RowStatus.DIVERGED, "no", {"loss": 1e9})
    rows[8] = done(8)
    store = made(tmp_path / "b", rows, block=3)
    actual = store.statistics(by=["tau"])
    kept = {0.0: [n for n in range(40) if n % 2 == 0], 10.0: [n for n in range(40) if n % 2 and n != 7]}
    for tau, numbers in kept.items():
        one = actual.isel(group=int(np.flatnonzero(actual["tau"] == tau)[0]))
        for name, values in (
            ("loss", np.array(numbers) / 3),
            ("extra", np.array(numbers)[np.array(numbers) != 8] ** 2.0),
        ):
            wanted = [len(values), values.mean(), values.std(ddof=1), values.min(), values.max()]
            np.testing.assert_allclose(one[name], wanted, rtol=1e-13)
    assert set(store.statistics(numbers=["lo*"]).data_vars) == {"loss"}
    with pytest.raises(UnknownNameError, match="did you mean 'tau'"):
        store.statistics(by=["taus"])


def test_export_by_stretches(tmp_path, monkeypatch):
    monkeypatch.setattr("pcneuro.batch.store.exporting.BYTES", 1)
    rows = [done(n) if n % 3 else Row(n, RowStatus.FAILED, f"no {n}") for n in range(7)]
    store = made(tmp_path / "b", rows, first=rows[1], swept={"kind": ["a", "b", None, {"c": 1}, "d", "e", "f"]})
    actual, wanted = xarray.load_dataset(store.export(tmp_path / "all.nc"), engine="h5netcdf"), store.dataset().load()
    for name in ("loss", "h.error", "status", "time"):
        np.testing.assert_array_equal(actual[name], wanted[name])
    assert [str(each) for each in actual["message"].values] == [row.message for row in rows]
    assert [str(each) for each in actual["kind"].values] == ["a", "b", "", '{"c": 1}', "d", "e", "f"]
    with pytest.raises(OutputError, match="exists already"):
        store.export(tmp_path / "all.nc")
    assert store.export(tmp_path / "all.nc", overwrite=True) == tmp_path / "all.nc"


def test_shards_are_merged(tmp_path):
    """Stores with some of the blocks each, one in common: bit for bit the store that has all."""
    whole = made(tmp_path / "whole", mixed())
    made(tmp_path / "a", mixed(), order=[0, 1])
    made(tmp_path / "b", mixed(), order=[2, 1])
    merged = Store.merge([tmp_path / "a", tmp_path / "b"], tmp_path / "out")
    assert files(merged.folder) == files(whole.folder)
    with pytest.raises(OutputError, match="out exists already"):
        Store.merge([tmp_path / "a"], tmp_path / "out")
    made(tmp_path / "other", mixed(), order=[1], block=3)
    with pytest.raises(StoreError, match=r"another batch than .*a: its layout is another"):
        Store.merge([tmp_path / "a", tmp_path / "other"], tmp_path / "no")
    made(tmp_path / "differs", [done(n) for n in range(6)], order=[1])
    with pytest.raises(StoreError, match="other rows of the runs 2 to 3"):
        Store.merge([tmp_path / "a", tmp_path / "differs"], tmp_path / "no")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".") or path.name == "no"]


def test_room_on_the_disk(tmp_path, monkeypatch):
    """What the rows take is known before: never less than they took, and refused in a line where it is not there."""
    rows = [done(n) for n in range(20)]
    store = made(tmp_path / "b", rows, order=[0])
    before = {path: path.stat().st_blocks for path in store.folder.rglob("*")}
    from pcneuro.batch.store.room import needed_for

    wanted = needed_for(store.contents().rows, 9)
    for number in range(1, 10):
        store.write(number, rows[2 * number : 2 * number + 2], {"seconds": 1.0})
    new = [path for path in store.folder.rglob("*") if path not in before and path.is_file()]
    assert len(new) <= wanted.files
    assert sum(path.stat().st_blocks * 512 for path in new) <= wanted.size
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr("shutil.disk_usage", lambda place: usage)
    with pytest.raises(OutputError, match=r"20 runs will take up to .* in .* files more, and .* has 1.0 kB free: keep"):
        store.room(9)


def test_status(tmp_path):
    rows = [done(n) for n in range(10)]
    rows[3] = Row(3, RowStatus.FAILED, "dt = 25 ms is unstable")
    rows[5] = Row(5, RowStatus.FAILED, "dt = 1.5e-3 ms is unstable")
    rows[6] = Row(6, RowStatus.DIVERGED, "diverged")
    status = made(tmp_path / "b", rows, order=[0, 1, 2, 3]).status()
    assert (status.runs, status.ended, status.done, status.failed, status.diverged) == (10, 8, 5, 2, 1)
    assert [(each.status, each.count, each.run) for each in status.failures] == [("failed", 2, 3), ("diverged", 1, 6)]
    assert json.loads(json.dumps(status.as_dict()))["failures"][0]["message"] == "dt = 25 ms is unstable"
