"""A disk that fills up at any moment: one line, exit code 2, and what was complete stays readable."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray
from hypothesis import strategies as st

import pcneuro as pcn
from pcneuro.errors import OutputError
from pcneuro.files import GuardedFile, guarded
from pcneuro.recording.event_file import EventFile
from pcneuro.recording.netcdf import write_netcdf
from tests.circuits_for_tests import data_for, mlp
from tests.exploring import explored
from tests.learning.small import classifier, clusters

resource = pytest.importorskip("resource", reason="limits on the size of files stand for full disks")


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """While it holds no file of this process grows beyond so many bytes.

    Modules that are imported are not kept compiled: Python would leave them cut off, and die of reading them again.
    """
    before, compiled = resource.getrlimit(resource.RLIMIT_FSIZE), sys.dont_write_bytecode
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    sys.dont_write_bytecode = True
    try:
        yield
    finally:
        sys.dont_write_bytecode = compiled
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def example(units: int = 900) -> xarray.Dataset:
    values = np.random.default_rng(0).normal(size=(40, units))
    return xarray.Dataset({"h.value": (("time", "h_unit"), values)}, {"time": np.arange(40.0)}, {"about": "a test"})


def test_netcdf_is_what_xarray_reads(tmp_path):
    path = tmp_path / "records.nc"
    with path.open("w+b") as file, guarded(file) as target:
        write_netcdf(example(), target)
    example().to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    for name in ("records.nc", "other.nc"):
        with xarray.open_dataset(tmp_path / name, engine="h5netcdf") as actual:
            xarray.testing.assert_identical(actual.load(), example())


@pytest.mark.parametrize("size", [0, 1, 1000, 4096, 20_000, 100_000, 280_000])
def test_records_that_do_not_fit(size, tmp_path):
    path = tmp_path / "records.nc"
    with pytest.raises(OSError, match="File too large"), path.open("w+b") as file, room_for(size):
        with guarded(file) as target:
            write_netcdf(example(), target)
    assert path.stat().st_size == 0


EVENTS = xarray.Dataset(
    {"time": ("event", np.zeros(0)), "unit": ("event", np.zeros(0, np.int64))},
    {"vertex": ("population", np.array(["h", "out"]))},
)


@pytest.mark.parametrize("size", [*range(0, 60_000, 7_001), *range(60_000, 900_000, 70_001)])
def test_events_that_were_flushed_stay(size, tmp_path):
    """Whatever the moment at which there is no room, the file is what it was when it was last complete."""
    target, complete, generator = tmp_path / "events.nc", 0, np.random.default_rng(1)
    times = np.sort(generator.uniform(size=40_000))
    with room_for(size), suppress(OutputError):
        file = EventFile(EVENTS, target, overwrite=False)
        try:
            for begin in range(0, len(times), 2000):
                part = slice(begin, begin + 2000)
                file.append({"time": times[part], "unit": np.arange(len(times))[part]})
                file.note({"end": float(times[part][-1])})
                complete = part.stop
        except OutputError:
            assert file.leave() == tmp_path / "events.nc.part"
        else:
            file.complete()
    if complete == len(times):
        assert target.exists()
    left = target if target.exists() else tmp_path / "events.nc.part"
    if not left.exists():
        assert complete == 0
        return
    with xarray.open_dataset(left, engine="h5netcdf") as actual:
        np.testing.assert_array_equal(actual["time"], times[:complete])
        np.testing.assert_array_equal(actual["unit"], np.arange(complete))


@pytest.mark.parametrize("size", [100_000, 200_000, 400_000])
def test_a_run_whose_events_find_no_room_leaves_no_file_open(size, tmp_path):
    """HDF5 would close it when the process ends, and end with SIGSEGV."""
    circuit = pcn.build_circuit(mlp((5, 7, 3)))
    inputs, targets = data_for(circuit.graph, 64)
    simulator = pcn.Simulator(circuit, engine=pcn.EventDriven(1e-5), dynamics=pcn.Strict(), integrator=pcn.Euler(0.1))
    with room_for(size), pytest.raises(OutputError, match=r"cannot write .*events.nc: File too large"):
        simulator.run(60.0, inputs=inputs, targets=targets, events=pcn.RecordEvents(path=tmp_path / "events.nc"))
    assert h5py.h5f.get_obj_count(h5py.h5f.OBJ_ALL, h5py.h5f.OBJ_FILE) == 0
    with xarray.open_dataset(tmp_path / "events.nc.part", engine="h5netcdf") as left:
        assert left.attrs["complete"] == 0


WRITES = st.lists(
    st.tuples(st.sampled_from(["write", "write", "truncate", "commit"]), st.integers(0, 20_000), st.integers(0, 9000)),
    max_size=12,
)


@explored(WRITES, st.none() | st.integers(0, 30_000))
def test_a_guarded_file_is_a_file(writes, room):
    """Held against bytes in memory: what is read, and what is on the disk when it was committed or failed."""
    path = Path(os.environ.get("TMPDIR", "/tmp")) / f"pcneuro-guarded-{os.getpid()}"
    contents, committed = bytearray(), b""
    with path.open("w+b") as file, GuardedFile(file) as guard, room_for(room or 10**9):
        for number, (what, at, length) in enumerate(writes):
            if what == "write":
                data = bytes([number + 1]) * length
                contents.extend(bytes(max(0, at + length - len(contents))) if length else b"")
                contents[at : at + length] = data
                guard.seek(at)
                assert guard.write(data) == length
            elif what == "truncate" and at >= len(contents):
                contents.extend(bytes(at - len(contents)))
                guard.truncate(at)
            elif what == "commit":
                with suppress(OSError):
                    guard.commit()
                    committed = bytes(contents)
                if guard.error is not None:
                    assert (guard.error.errno, room is None) == (errno.EFBIG, False)
                    break
            guard.seek(0)
            assert guard.read() == bytes(contents)
    actual = path.read_bytes()
    path.unlink()
    assert actual == committed


def test_exports_that_do_not_fit(tmp_path):
    graph = pcn.trace(lambda x, W: pcn.vertex(x @ W, "h"), x=pcn.Input((30,)), W=pcn.Parameter(np.ones((30, 40))))
    circuit = pcn.build_circuit(graph)
    from pcneuro.export import sonata

    for size in (0, 3000, 30_000):
        with room_for(size), pytest.raises(OutputError, match="File too large; what was there is as it was"):
            sonata.write(circuit, tmp_path / "circuit.h5")
        assert list(tmp_path.iterdir()) == []
    sonata.write(circuit, tmp_path / "circuit.h5")
    with h5py.File(tmp_path / "circuit.h5") as file:
        assert set(file) == {"nodes", "edges"}


@pytest.mark.parametrize("size", [0, 300, 1500])
def test_archives_that_do_not_fit(size, tmp_path):
    """What was there stays, and nothing is left beside it."""
    circuit, path = classifier(), tmp_path / "there"
    assert circuit.nx  # nothing is imported while there is no room
    simulator = pcn.Simulator(circuit, engine=pcn.Reference())
    examples = clusters(12)
    trainer = pcn.Trainer(pcn.Backprop(circuit), pcn.SGD(0.1), examples, examples, batch=6, checkpoint=path)
    trainer.run(0)
    before = path.read_bytes()
    for write in (
        lambda: circuit.save(path, overwrite=True),
        lambda: simulator.store(path, overwrite=True),
        lambda: trainer.run(1),
        lambda: circuit.write_graphml(path, overwrite=True),
    ):
        with room_for(size), pytest.raises(OutputError, match="File too large; what was there is as it was"):
            write()
        assert path.read_bytes() == before
        assert list(tmp_path.iterdir()) == [path]


CIRCUIT = """
import numpy as np, pcneuro as pcn
def mlp():
    rng = np.random.default_rng(0)
    W1, W2 = pcn.Parameter(rng.normal(size=(5, 7))), pcn.Parameter(rng.normal(size=(7, 3)))
    return pcn.trace(lambda x, W1, W2: pcn.vertex(np.tanh(x @ W1), "h") @ W2, x=pcn.Input((5,)), W1=W1, W2=W2)
"""
SIMULATION = """
task = "run"
circuit = "c.py:mlp"
samples = 64
inputs = {x = {kind = "normal"}}
targets = {out = {kind = "normal"}}
duration = 200.0
engine = {threads = 1}
[[record]]
vertex = "h"
"""


@pytest.mark.parametrize("size", [20_000, pytest.param(100_000, marks=pytest.mark.long)])
def test_the_command_ends_in_a_line(size, tmp_path):
    (tmp_path / "c.py").write_text(CIRCUIT)
    (tmp_path / "records.toml").write_text(SIMULATION)
    code = f"""
        import resource, sys
        from pcneuro.cli import main
        resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))
        sys.argv = ["pcneuro", "run", "records.toml", "--out", "out"]
        sys.exit(main())
    """
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", textwrap.dedent(code)]
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    last = ended.stderr.strip().splitlines()[-1]
    assert last.startswith("pcneuro: cannot write out/records.nc: File too large")
    assert not (tmp_path / "out").exists()
