"""Damaged MATLAB files: what SciPy's compiled reader does with them ends a process that nobody misses."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest
from scipy.io import savemat

from pcneuro import data
from pcneuro.data import matlab
from pcneuro.data.matlab import read_matlab
from pcneuro.errors import DataFileError


@pytest.fixture
def path(tmp_path):
    (tmp_path / "svhn").mkdir()
    for name in ("train", "test"):
        arrays = {"X": np.arange(9216, dtype=np.uint8).reshape(32, 32, 3, 3), "y": np.array([[4], [1], [1]], np.uint8)}
        savemat(tmp_path / "svhn" / f"{name}_32x32.mat", arrays)
    return tmp_path / "svhn" / "test_32x32.mat"


def test_what_is_read_is_what_was_written(path):
    actual = read_matlab(path, ("X", "y", "z"))
    assert actual.keys() == {"X", "y"}
    np.testing.assert_array_equal(actual["X"], np.arange(9216, dtype=np.uint8).reshape(32, 32, 3, 3))
    np.testing.assert_array_equal(actual["y"], [[4], [1], [1]])


def test_two_bytes_that_end_the_reader(path):
    contents = path.read_bytes()
    at = contents.rindex(b"\x01\x00\x01\x00y") + 5
    path.write_bytes(contents[:at] + b">C" + contents[at:])
    with pytest.raises(DataFileError, match=r"test_32x32.mat: is truncated or no MATLAB file"):
        data.load("svhn", folder=path.parents[1])


@pytest.mark.parametrize("count", [4, pytest.param(300, marks=pytest.mark.long)])
def test_damaged_bytes(path, count):
    """Whatever happens is an error of one line, or arrays: they are checked by who asked for them."""
    contents, generator = path.read_bytes(), np.random.default_rng(3)
    for _ in range(count):
        changed = bytearray(contents)
        for at in generator.integers(len(matlab.BEGINNING), len(contents), 3):
            changed[at] = generator.integers(256)
        begin = int(generator.integers(200, len(changed)))
        del changed[begin : begin + int(generator.integers(3))]
        path.write_bytes(changed)
        try:
            read_matlab(path, ("X", "y"))
        except ValueError as error:
            one_line = "\n" not in str(error)
        else:
            one_line = True
        assert one_line


def test_what_is_no_file_of_matlab(path):
    for contents in (b"", b"MATLAB", b"\x89HDF\r\n", path.read_bytes()[:500]):
        path.write_bytes(contents)
        with pytest.raises(ValueError, match=r"."):
            read_matlab(path, ("X",))
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(OSError, match="no regular file"):
        read_matlab(path, ("X",))


def test_a_reader_that_hangs_or_dies(path, monkeypatch, tmp_path):
    script = tmp_path / "script.py"
    monkeypatch.setattr(matlab, "SCRIPT", script)
    script.write_text("import time; time.sleep(60)")
    with pytest.raises(ValueError, match=r"reading it takes more than 0.2 s"):
        read_matlab(path, ("X",), seconds=0.2)
    script.write_text("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    with pytest.raises(ValueError, match="ends in SIGSEGV" if sys.platform != "win32" else "."):
        read_matlab(path, ("X",))
