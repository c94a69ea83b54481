"""Lists of instructions against plain NumPy: in their order on one block, and as sums over all blocks in shares."""

from __future__ import annotations

import numpy as np
import pytest

from pcneuro.kernels import dispatch
from pcneuro.kernels.arguments import Blocks, Memory, Sums
from pcneuro.kernels.lists import add_up, execute
from pcneuro.kernels.tile import vector_length
from tests.kernels.instructions import Instructions

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def context(lanes, active):
    numbers = np.zeros(dispatch.CONTEXT, dtype=np.int64)
    numbers[[dispatch.LANES, dispatch.ACTIVE, dispatch.PARTS]] = lanes, active, 1
    return numbers


@DTYPES
def test_a_list_is_run_in_its_order(dtype):
    lanes, rows = 3, 4
    buf = np.random.default_rng(0).normal(size=(4 * rows, lanes)).astype(dtype)
    shared = np.array([2.0, -0.5], dtype=dtype)
    made = Instructions()
    made.scaled(rows, 0, rows, 0)
    made.scaled(2 * rows, rows, rows, 1)
    made.scaled(rows, 0, rows, 1)
    flat = buf.ravel().copy()
    memory = Memory(flat, shared, context(lanes, lanes))
    assert execute(made.operators(dtype), memory, made.array()) == (dispatch.OK, -1)
    first = buf[:rows]
    np.testing.assert_array_equal(flat.reshape(buf.shape), np.concatenate([first, -first / 2, -first, buf[3 * rows :]]))
    assert execute(made.operators(dtype), memory, made.array()[:0]) == (dispatch.OK, -1)


@DTYPES
@pytest.mark.parametrize("shares", [1, 2, 3])
def test_shares_add_up_to_the_sums_over_all_samples(dtype, shares):
    lanes, batch, m, n = vector_length(dtype), 2 * vector_length(dtype) + 1, 7, 2 * vector_length(dtype) + 3
    blocks, rng = 3, np.random.default_rng(1)
    bufs = rng.normal(size=(blocks, m + n, lanes)).astype(dtype)
    contexts = np.stack([context(lanes, min(lanes, batch - lanes * k)) for k in range(blocks)])
    made = Instructions()
    made.hebb(0, 0, m, m, n)
    made.hebb(m * n, 0, m, 1, n)
    sizes, panel = m * n + n, 2 * lanes * lanes
    before = rng.normal(size=sizes).astype(dtype)
    shared = np.concatenate([before, np.zeros(shares * panel, dtype=dtype)])
    # Both instructions are divided further, into two parts and one a share.
    parts = np.array([2, 1])
    for share in range(shares):
        sums = Sums(made.array(), parts, share, shares, sizes + share * panel)
        outcome = add_up(made.operators(dtype), Blocks(bufs.reshape(blocks, -1), shared, contexts), sums)
        assert outcome == (dispatch.OK, -1, -1)
    a, b = bufs[:, :m].transpose(1, 0, 2).reshape(m, -1), bufs[:, m:].transpose(1, 0, 2).reshape(n, -1)
    wanted = a[:, :batch].astype(float) @ b[:, :batch].T
    tolerance = 300 * np.finfo(dtype).eps
    expected = before + np.concatenate([wanted.ravel(), wanted[0]])
    np.testing.assert_allclose(shared[:sizes], expected, rtol=tolerance, atol=tolerance)


@DTYPES
def test_what_fails_is_named(dtype):
    """A sum over rows that tokens number, of which one in the second block numbers none."""
    made = Instructions()
    made.hebb(0, 0, 1, 1, 1)
    rows, width = 3, 1
    made.add("embed_hebb", [1, 2, 0, 1, 1, rows, width])
    bufs = np.ones((2, 2), dtype=dtype)
    bufs[1, 0] = 7.0
    shared = np.zeros(40, dtype=dtype)
    sums = Sums(made.array(), np.array([1, 1]), 0, 1, 8)
    contexts = np.stack([context(1, 1), context(1, 1)])
    outcome = add_up(made.operators(dtype), Blocks(bufs, shared, contexts), sums)
    assert outcome == (dispatch.BAD_INDEX, 1, 1)
