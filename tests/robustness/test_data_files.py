"""Files that simulations and data sets read: pipes are not waited for, and what is damaged is told of in a line."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import struct
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pcneuro as pcn
from pcneuro import data
from pcneuro.errors import ConfigurationError, DataFileError, PcneuroError
from pcneuro.export import brian2
from pcneuro.studies.file import read
from pcneuro.studies.values import FileValues

FEW, MANY = 1000, 100_000
counts = pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.long)])


def values_in(folder, name="values.npy"):
    return FileValues(path=name).array((2,), 3, np.random.default_rng(0), folder)


def npy(array, **settings) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **settings)
    return file.getvalue()


def test_values_are_what_was_saved(tmp_path):
    for array in (np.arange(6.0).reshape(3, 2), np.asfortranarray(np.arange(6).reshape(3, 2)), np.zeros((0, 2), bool)):
        (tmp_path / "values.npy").write_bytes(npy(array))
        actual = values_in(tmp_path)
        assert actual.dtype == array.dtype
        np.testing.assert_array_equal(actual, array)


class Trap:
    def __reduce__(self):
        return (os.abort, ())


def test_values_that_are_none(tmp_path):
    archive = io.BytesIO()
    np.savez(archive, a=np.ones(3))
    for contents in (
        b"",
        b"\x93NUMPY",
        npy(np.ones((3, 2)))[:-1],
        npy(np.ones((3, 2))) + b"\0",
        npy(np.full((3, 2), 1j)),
        npy(np.full((3, 2), "a")),
        npy(np.array([Trap()], dtype=object), allow_pickle=True),
        archive.getvalue(),
    ):
        (tmp_path / "values.npy").write_bytes(contents)
        with pytest.raises(ConfigurationError, match=r"cannot read the values in .*values.npy: it "):
            values_in(tmp_path)


def test_pipes_are_not_waited_for(tmp_path):
    for name in ("values.npy", "run.toml"):
        os.mkfifo(tmp_path / name)
    with pytest.raises(ConfigurationError, match="it is no regular file"):
        values_in(tmp_path)
    with pytest.raises(ConfigurationError, match="it is no regular file"):
        read(tmp_path / "run.toml")
    (tmp_path / "shakespeare").mkdir()
    os.mkfifo(tmp_path / "shakespeare" / "input.txt")
    with pytest.raises(DataFileError):
        data.load("shakespeare", folder=tmp_path)


@counts
def test_damaged_values(count, tmp_path):
    whole = npy(np.arange(6.0).reshape(3, 2))

    @settings(max_examples=count)
    @given(st.integers(0, len(whole) - 1), st.binary(max_size=5), st.integers(0, 5))
    def holds(at, put, cut):
        (tmp_path / "values.npy").write_bytes(whole[:at] + put + whole[at + cut :])
        with contextlib.suppress(ConfigurationError):
            assert values_in(tmp_path).nbytes <= len(whole) + 5

    holds()


@counts
def test_damaged_images(count, tmp_path):
    """MNIST's headers, compressed or not: memory is that of what is there."""
    pixels, labels = np.arange(2 * 784, dtype=np.uint8).tobytes(), bytes([3, 9])
    files = {
        "images-idx3-ubyte": struct.pack(">IIII", 0x803, 2, 28, 28) + pixels,
        "labels-idx1-ubyte": struct.pack(">II", 0x801, 2) + labels,
    }
    folder = tmp_path / "mnist"
    folder.mkdir()
    for part in ("train", "t10k"):
        for name, contents in files.items():
            (folder / f"{part}-{name}").write_bytes(contents)
    place = folder / "t10k-images-idx3-ubyte"
    data.load("mnist", folder=tmp_path)
    plain = files["images-idx3-ubyte"]
    packed = gzip.compress(plain, mtime=0)

    @settings(max_examples=count)
    @given(st.booleans(), st.floats(0, 1, exclude_max=True), st.binary(max_size=5), st.integers(0, 5))
    def holds(compressed, share, put, cut):
        whole = packed if compressed else plain
        at = int(share * min(len(whole), 200))
        place.write_bytes(whole[:at] + put + whole[at + cut :])
        with contextlib.suppress(DataFileError):
            assert len(data.load("mnist", folder=tmp_path).test) == 2

    holds()


SIMULATION = """
task = "run"
circuit = "c.py:mlp"
duration = 20.0
samples = 2
inputs = {x = {kind = "normal"}}
engine = {threads = 1}
[[record]]
vertex = "h"
[sweep]
"integrator.dt" = [0.5, 1.0]
"""


@counts
def test_damaged_simulation_files(count, tmp_path):
    """Every one is refused by name, or planned: nothing is run by reading."""
    path = tmp_path / "run.toml"
    parts = st.sampled_from(
        [
            "=",
            "[",
            "]",
            "{",
            "}",
            "\n",
            '"',
            "[" * 200,
            "9" * 400,
            "nan",
            "-inf",
            "[[sweep]]\n",
            "x = 1\n",
            "true",
            "\0",
            ".",
        ]
    )

    @settings(max_examples=count)
    @given(
        st.lists(st.tuples(st.integers(0, len(SIMULATION)), parts | st.text(max_size=3), st.integers(0, 6)), max_size=3)
    )
    def holds(edits):
        text = SIMULATION
        for at, put, cut in edits:
            text = text[:at] + put + text[at + cut :]
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        with contextlib.suppress(PcneuroError):
            read(path)

    holds()


def test_a_script_knows_its_data(tmp_path):
    """One changed byte, or the data of another script, and it stops before anything runs."""
    circuit = pcn.build_circuit(
        pcn.trace(lambda x, w: pcn.vertex(x @ w, "h"), x=pcn.Input((2,)), w=pcn.Parameter(np.ones((2, 3))))
    )
    script = tmp_path / "script.py"
    brian2.script(circuit, script, 2.0, inputs={"x": [1.0, 2.0]})
    contents = bytearray((tmp_path / "script.npz").read_bytes())
    contents[-30] ^= 1
    (tmp_path / "script.npz").write_bytes(contents)
    ended = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "script.npz is damaged, or not of this script: write both again" in ended.stderr
