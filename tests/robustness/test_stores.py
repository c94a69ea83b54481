"""Stores of batches that are damaged or hostile, on disks that are full or cannot be written: one clear line each."""

import errno
import json
import os

import numpy as np
import pytest

from pcneuro.batch.store import Store
from pcneuro.errors import OutputError, StoreError
from tests.batch.stores import done, files, made
from tests.robustness.test_full_disk import room_for

pytest.importorskip("zarr")
LOSS, TRACE = "runs.zarr/loss/zarr.json", "runs.zarr/h.error/zarr.json"


def changed(path, change):
    known = json.loads(path.read_text())
    change(known)
    path.write_text(json.dumps(known))


def put(*keys_and_value):
    *keys, last, value = keys_and_value

    def change(known):
        for key in keys:
            known = known[key]
        known[last] = value

    return change


WRONG = {
    "runs of more than there can be": ("batch.json", put("layout", "runs", 10**30), "its layout: a number of more"),
    "a block of no run": ("batch.json", put("layout", "block", 0), "its layout: 4 runs in blocks of 0"),
    "truth for a number": ("batch.json", put("layout", "runs", True), "its layout: True runs"),
    "no layout": ("batch.json", lambda known: known.pop("layout"), "its layout"),
    "a huge shape": (TRACE, put("shape", [4, 10**12, 2]), "is not cut into blocks"),
    "huge chunks, too": (
        TRACE,
        lambda known: (
            put("shape", [4, 10**12, 2])(known),
            put("chunk_grid", "configuration", "chunk_shape", [2, 10**12, 2])(known),
        ),
        "says that a block has",
    ),
    "other runs": (LOSS, put("shape", [5]), "is not cut into blocks"),
    "a codec": (LOSS, put("codecs", [{"name": "pickle", "configuration": {}}]), "codecs that pcneuro does not write"),
    "two codecs": (LOSS, put("codecs", [{"name": "bytes"}, {"name": "zstd"}]), "too many values"),
    "a dtype": (LOSS, put("data_type", "numpy.object"), "dtype or codecs"),
    "a negative length": (TRACE, put("shape", [4, -1, 2]), "a shape that is none"),
    "other chunks": (LOSS, put("chunk_grid", "name", "mine"), "chunks that pcneuro does not write"),
    "a transformer": (LOSS, put("storage_transformers", [{"name": "x"}]), "is no array of zarr's format 3"),
    "no group": ("runs.zarr/zarr.json", put("node_type", "array"), "is no group"),
    "no names": ("runs.zarr/zarr.json", put("attributes", "records", "variables", 3), "is no list of names"),
    "names of what is not there": (
        "runs.zarr/zarr.json",
        put("attributes", "records", "variables", ["x"]),
        "lacks arrays",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_metadata_that_say_something_else(what, tmp_path):
    name, change, match = WRONG[what]
    folder = made(tmp_path / "b", [*map(done, range(4))]).folder
    changed(folder / name, change)
    with pytest.raises(StoreError, match=match) as error:
        Store.open(folder)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b"\xff\xfe", b"[" * 100_000, b'{"layout": {"runs": NaN, "block": 1}}']
)
@pytest.mark.parametrize("name", ["batch.json", LOSS, "runs.zarr/zarr.json"])
def test_json_that_is_none(name, content, tmp_path):
    folder = made(tmp_path / "b", [*map(done, range(4))]).folder
    (folder / name).write_bytes(content)
    with pytest.raises(StoreError):
        Store.open(folder)


def test_what_is_no_file_is_not_waited_for(tmp_path):
    folder = made(tmp_path / "b", [*map(done, range(4))]).folder
    (folder / LOSS).unlink()
    os.mkfifo(folder / LOSS)
    with pytest.raises(StoreError, match="is no regular file"):
        Store.open(folder)


@pytest.mark.parametrize("content", [b"", b"\x01", b"\x01\x01\x01", b"\x01\x07", b"\x01\x00"])
def test_statuses_that_are_none(content, tmp_path):
    store = made(tmp_path / "b", [*map(done, range(4))])
    (store.folder / "runs.zarr/status/c/1").write_bytes(content)
    for read in (store.status, store.statistics, lambda: Store.merge([store.folder], tmp_path / "c")):
        with pytest.raises(StoreError, match="status/c/1 is damaged"):
            read()
    assert not (tmp_path / "c").exists()


def test_chunks_of_wrong_sizes(tmp_path):
    store = made(tmp_path / "b", [*map(done, range(4))])
    (store.folder / "runs.zarr/loss/c/1").write_bytes(bytes(15))
    for read in (lambda: store.export(tmp_path / "c.nc"), lambda: Store.merge([store.folder], tmp_path / "c")):
        with pytest.raises(StoreError, match="loss/c/1 is damaged: it has 15 bytes, and not 16"):
            read()
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


@pytest.mark.parametrize("size", [0, 1, 20, 100])
def test_a_disk_that_gets_full(size, tmp_path):
    """The block is not done, all else stays, and with room again the store is as if nothing had been."""
    rows = [*map(done, range(4))]
    whole = made(tmp_path / "whole", rows)
    store = made(tmp_path / "b", rows, order=[0])
    before = files(store.folder)
    with room_for(size), pytest.raises(OutputError, match="File too large; what was there is as it was"):
        store.write(1, rows[2:], {"seconds": 1.0})
    assert list(store.rest()) == [1]
    assert {name: content for name, content in files(store.folder).items() if name in before} == before
    store.clean([1])
    store.write(1, rows[2:], {"seconds": 1.0})
    assert files(store.folder) == files(whole.folder)


def test_a_store_that_can_no_longer_be_written(tmp_path, monkeypatch):
    rows = [*map(done, range(4))]
    store = made(tmp_path / "b", rows, order=[0])

    def refuse(*arguments, **more):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("zarr.storage._local._put", refuse)
    with pytest.raises(OutputError, match="Read-only file system"):
        store.write(1, rows[2:])
    monkeypatch.undo()
    np.testing.assert_array_equal(store.dataset()["loss"].values[:2], [0.0, 1 / 3])


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot write .*/file/b: "):
        made(tmp_path / "file" / "b", [*map(done, range(4))])
    with room_for(10), pytest.raises(OutputError, match="File too large"):
        made(tmp_path / "b", [*map(done, range(4))])
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
