"""Kernels are called out of a table: what is in it, and that compiled and plain functions do the same."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numba
import numpy as np
import pytest

from pcneuro.kernels import dispatch, lists
from pcneuro.kernels.arguments import Memory, Operators
from tests.kernels import selection

ROOT = Path(__file__).parents[2]


def run_selection(path, *arguments, **environment):
    """What ``selection`` computes in another process."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.kernels.selection", str(path), *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    # Numba prints an exception that a kernel raised, and goes on.
    assert not [line for line in done.stderr.splitlines() if not line.startswith(("compiling kernels", "compiled"))]
    with np.load(path) as archive:
        return dict(archive)


@pytest.fixture(scope="module")
def compiled():
    return selection.results()


def assert_same(got, expected):
    assert got.keys() == expected.keys()
    for name, array in expected.items():
        assert np.isfinite(array).all(), name
        # One rounding in a float32 function is a different one in another library.
        tolerance = 1e-13 if array.dtype == np.float64 else 1e-5
        scale = max(1.0, np.abs(array).max())
        np.testing.assert_allclose(got[name], array, rtol=tolerance, atol=tolerance * scale, err_msg=name)


def test_without_compilation_the_kernels_do_the_same(tmp_path, compiled):
    plain = run_selection(tmp_path / "plain.npz", "failing", NUMBA_DISABLE_JIT="1")
    assert plain.pop("status").tolist() == [7, 1]
    assert plain.pop("run").tolist() == [0, 1]
    assert_same(plain, compiled)


@pytest.mark.long
def test_no_kernel_reads_or_writes_outside_of_its_buffers(tmp_path, compiled):
    """Compiled anew with checks of every index."""
    checked = run_selection(
        tmp_path / "checked.npz", NUMBA_BOUNDSCHECK="1", NUMBA_CACHE_DIR=str(tmp_path / "cache"), NUMBA_OPT="1"
    )
    assert_same(checked, compiled)


def test_every_kernel_has_an_address_of_its_own():
    every = np.array([[dispatch.opcode(name), 0] for name in dispatch.KERNELS])
    for dtype in (np.float32, np.float64):
        addresses = dispatch.table(np.dtype(dtype), every)
        assert len(set(addresses.tolist())) == len(addresses) == len(dispatch.KERNELS)
        assert 0 not in addresses
    assert every[:, 0].tolist() == list(range(len(dispatch.KERNELS)))


def test_a_kernel_is_compiled_when_it_is_called_and_once_for_all_threads(monkeypatch):
    made = []

    def noted(name, *arguments, **settings):
        made.append(name)
        return callback(name, *arguments, **settings)

    callback = dispatch.callback
    monkeypatch.setattr(dispatch, "callback", noted)
    monkeypatch.setattr(dispatch, "_TABLES", {})
    monkeypatch.setattr(dispatch, "_COMPILED", {})
    dtype, names = np.dtype(np.float64), ["combine", "subtract"]
    code = np.array([[dispatch.opcode(name), 0] for name in names])
    assert not dispatch.table(dtype).any()
    threads = [threading.Thread(target=dispatch.table, args=(dtype, code)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == names
    assert np.flatnonzero(dispatch.table(dtype)).tolist() == sorted(code[:, 0])


def test_names_are_taken_once():
    name = next(iter(dispatch.KERNELS))
    before = dict(dispatch.KERNELS)
    with pytest.raises(ValueError, match=f"two operator kernels are called '{name}'"):
        dispatch.op_kernel(name)(lambda buf, shared, ints, at, context: 1)
    assert before == dispatch.KERNELS
    with pytest.raises(KeyError):
        dispatch.opcode("no such kernel")


def test_rows_by_index_argument():
    ints = np.array([0, 0, 5, 3, 4])
    assert [dispatch.row(ints, dispatch.IDENTITY, u) for u in range(3)] == [0, 1, 2]
    assert [dispatch.row(ints, dispatch.SCALAR, u) for u in range(3)] == [0, 0, 0]
    assert [dispatch.row(ints, 2, u) for u in range(3)] == [5, 3, 4]


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="about compiled code")
def test_a_compiled_kernel_that_raises_has_failed(monkeypatch):
    """Numba reports the exception, and goes on with what the kernel then returns: that is no status of success."""
    reported = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: reported.append(unraisable.exc_type))

    @numba.cfunc(dispatch.signature(np.dtype(np.float64)))
    def kernel(buf, shared, ints, at, context):
        if context[0] > 0:
            raise ValueError
        return dispatch.OK

    ints, code, numbers = np.zeros(1, dtype=np.int64), np.zeros((3, 2), dtype=np.int64), np.zeros(1)
    operators = Operators(np.array([kernel.address]), ints)
    for lanes, (status, failed) in ((1, (0, 0)), (0, (dispatch.OK, -1))):
        memory = Memory(numbers, numbers, np.array([lanes], dtype=np.int64))
        assert lists.run_list(operators, memory, code) == (status, failed)
    assert reported == [ValueError]
    assert dispatch.OK != 0
