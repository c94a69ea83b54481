"""Blocks of samples against plain transposition."""

from __future__ import annotations

import numpy as np
import pytest

from pcneuro.kernels.samples import CHUNK, put, take


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("units", sorted({1, 3, CHUNK, 2 * CHUNK + 1}))
@pytest.mark.parametrize(("samples", "lanes"), [(1, 1), (3, 8), (8, 8), (21, 8)])
def test_there_and_back(dtype, units, samples, lanes):
    rng = np.random.default_rng(0)
    row, blocks = 2, -(-samples // lanes)
    values = rng.normal(size=(samples, units)).astype(dtype)
    bufs = np.zeros((blocks, (row + 2 * units) * lanes), dtype=dtype)
    put(values.ravel(), bufs, row, units, lanes)
    # What has no sample repeats the last one, and nothing else is touched.
    padded = np.concatenate([values, np.repeat(values[-1:], blocks * lanes - samples, axis=0)])
    rows = bufs.reshape(blocks, -1, lanes)
    np.testing.assert_array_equal(rows[:, row : row + units].transpose(0, 2, 1).reshape(-1, units), padded)
    assert not rows[:, :row].any()
    assert not rows[:, row + units :].any()
    bufs[:, (row + units) * lanes :] = 0.5
    for added, more in ((-1, 0.0), (row + units, 0.5)):
        taken = np.full(values.size, np.nan, dtype=dtype)
        take(bufs, row, added, units, lanes, taken)
        np.testing.assert_array_equal(taken.reshape(values.shape), values + dtype(more))
