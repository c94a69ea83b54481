"""Stimuli from a disk: in bounded memory, of any type of numbers, and of files that are cut or replaced meanwhile."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import DataError

RNG = np.random.default_rng(9)
FRAME = (64, 64)
HOUR = 60 * 60 * 60
"""Frames of an hour at 60 Hz."""


def retina():
    """A few neurons that see a picture of 64 x 64."""
    W = RNG.normal(size=(64 * 64, 4)) / 64
    graph = pcn.trace(
        lambda x, W: pcn.vertex(np.tanh(x.reshape(-1) @ W / 255), "h"), x=pcn.Input(FRAME), W=pcn.Parameter(W)
    )
    return pcn.build_circuit(graph, tau=160.0)


def line():
    graph = pcn.trace(lambda x: pcn.vertex(2.0 * x, "h"), x=pcn.Input((3,)))
    return pcn.build_circuit(graph)


def sparse_movie(path: Path, frames: int) -> np.memmap:
    """Of bytes: all 0, and of no room on the disk, but for a few frames."""
    movie = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(frames, *FRAME))
    movie[[0, 3, frames - 1]] = RNG.integers(0, 255, size=(3, *FRAME), dtype=np.uint8)
    movie.flush()
    return np.load(path, mmap_mode="r")


def resident() -> int:
    """Bytes of memory that this process has now."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def play(movie, frames: int) -> pcn.Result:
    simulator = pcn.Simulator(
        retina(), dynamics=pcn.Strict(), integrator=pcn.Euler(16.0), dtype=np.float32, engine=pcn.Kernel(threads=1)
    )
    data = {"inputs": {"x": pcn.TimedArray(movie, 16.0)}}
    simulator.run(16.0, **data)
    return simulator.run(16.0 * (frames - 1), **data, record=[pcn.Record("h", every=16.0 * 100)])


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read as Linux tells it")
@pytest.mark.parametrize("frames", [6000, pytest.param(HOUR, marks=pytest.mark.long)])
def test_a_movie_of_an_hour_takes_bounded_memory(tmp_path, frames):
    """885 MB, of which the run holds no more than a piece, as numbers or as pages of the file."""
    movie = sparse_movie(tmp_path / "movie.npy", HOUR)
    play(movie, 2)
    before, most = resident(), 160_000_000
    tracemalloc.start()
    try:
        result = play(movie, frames)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert result.time == 16.0 * frames
    assert peak < most
    if frames == HOUR:  # of less the pages are few beside what else comes and goes in this process
        assert resident() - before < most


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.int64, ">i2", np.float16, np.float32, ">f8"], ids=str)
def test_all_real_types(tmp_path, dtype):
    """In memory and in a file they are what their values are as floats."""
    values = RNG.integers(0, 2, size=(6, 3)).astype(dtype)
    np.save(tmp_path / "x.npy", values)
    ends = [
        pcn.Simulator(line()).run(6.0, inputs={"x": pcn.TimedArray(each, 1.0)}, record=[pcn.Record("h", "prediction")])
        for each in (values.astype(np.float64), values, np.load(tmp_path / "x.npy", mmap_mode="r"))
    ]
    for end in ends:
        predicted = end.records["h.prediction"].values[:-1, 0]
        np.testing.assert_array_equal(predicted, 2.0 * values.astype(np.float64))


def test_parts_of_a_map_are_read_where_they_are(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(36.0).reshape(12, 3))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    for part in (mapped[4:], mapped[2:9], mapped[::2], mapped.reshape(6, 6)[:, :3]):
        timed = pcn.TimedArray(part, 1.0)
        np.testing.assert_array_equal(timed.read(1, 4), np.asarray(part)[1:5])


@pytest.mark.parametrize("library", ["h5py", "zarr"])
def test_arrays_of_libraries(tmp_path, library):
    module = pytest.importorskip(library)
    values = RNG.normal(size=(20, 3))
    if library == "h5py":
        file = module.File(tmp_path / "x.h5", "w")
        stored = file.create_dataset("x", data=values, chunks=(4, 3))
    else:
        stored = module.open(str(tmp_path / "x.zarr"), mode="w", shape=values.shape, chunks=(4, 3), dtype="f8")
        stored[:] = values
    record = [pcn.Record("h", "prediction")]
    result = pcn.Simulator(line()).run(20.0, inputs={"x": pcn.TimedArray(stored, 1.0)}, record=record)
    np.testing.assert_array_equal(result.records["h.prediction"].values[:-1, 0], 2.0 * values)
    if library == "h5py":
        timed = pcn.TimedArray(stored, 1.0)
        file.close()
        with pytest.raises(DataError, match=r"values of a TimedArray cannot be read at 0 ms"):
            pcn.Simulator(line()).run(2.0, inputs={"x": timed})


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def replaced(path: Path) -> None:
    np.save(path.with_name("other.npy"), np.ones((100, 3)))
    os.replace(path.with_name("other.npy"), path)


@pytest.mark.parametrize(
    ("damage", "match"),
    [(cut, "was cut while it was read: it ends before number 4"), (replaced, "was replaced"), (Path.unlink, "No such")],
)
def test_a_file_that_is_not_what_it_was_is_told_of(tmp_path, damage, match):
    """In one line, where touching a page of it would end the process; what was simulated until then stands."""
    path = tmp_path / "x.npy"
    np.save(path, np.ones((100, 3)))
    timed = pcn.TimedArray(np.load(path, mmap_mode="r"), 1.0)
    simulator = pcn.Simulator(line())
    simulator.run(10.0, inputs={"x": timed})
    damage(path)
    with pytest.raises(DataError, match=match) as caught:
        simulator.run(90.0)
    assert "\n" not in str(caught.value)
    assert 10.0 <= simulator.time < 100.0
    assert np.isfinite(simulator.values["h"]).all()
