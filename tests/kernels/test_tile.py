"""The micro-kernel against a plain matrix product, for all tails of rows and lanes, and with scattered rows."""

from __future__ import annotations

import numpy as np
import pytest

from pcneuro.kernels.arguments import RowSums
from pcneuro.kernels.tile import DEPTH, HEIGHT, VECTOR_BYTES, project_rows, vector_length


def layout(rng, n, k, lanes, dtype):
    """Rows of a and of out scattered over a buffer, weights through both tables; and all as plain arrays."""
    rows = rng.permutation(n + k + 3)
    out_rows, a_rows = rows[:n], rows[n : n + k]
    buf = rng.normal(size=(n + k + 3, lanes)).astype(dtype)
    weights = rng.normal(size=(n, k)).astype(dtype)
    ints = np.concatenate([out_rows, a_rows, np.arange(n) * k, np.arange(k)]).astype(np.int64)
    return buf, weights, ints, out_rows, a_rows


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", sorted({1, 2, 3, HEIGHT - 1, HEIGHT, HEIGHT + 1, 2 * HEIGHT + 5}))
@pytest.mark.parametrize("vectors", [1, 2, 3, 4])
def test_rows_through_tables(dtype, n, vectors):
    rng = np.random.default_rng(n)
    lanes = vectors * vector_length(dtype)
    for k, fresh in ((1, 0), (2, 1), (7, 0), (40, 1), (DEPTH, 0), (DEPTH + 1, 1), (2 * DEPTH + 5, 0)):
        buf, weights, ints, out_rows, a_rows = layout(rng, n, k, lanes, dtype)
        expected = buf.copy()
        if fresh:
            # What they hold does not matter.
            expected[out_rows], buf[out_rows] = 0, np.nan
        expected[out_rows] += weights @ buf[a_rows]
        flat = buf.ravel()
        sums = RowSums(0, 0, n, lanes, 0, n, 0, n + k, 2 * n + k, k, fresh, 0, 0)
        project_rows(flat, weights.ravel(), ints, sums)
        tolerance = 50 * np.finfo(dtype).eps * (1 + k**0.5)
        np.testing.assert_allclose(flat.reshape(buf.shape), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("vectors", [1, 2, 3, 4])
@pytest.mark.parametrize(("a_step", "w_step"), [(1, 1), (1, 7), (3, 2), (-1, 5), (2, -1)])
def test_equal_steps_change_no_bit(dtype, vectors, a_step, w_step):
    """What is told of the tables is a matter of speed alone."""
    rng = np.random.default_rng(3)
    lanes = vectors * vector_length(dtype)
    for n in (1, 2, HEIGHT - 1, HEIGHT, 2 * HEIGHT + 5):
        for k, fresh in ((2, 0), (3, 1), (40, 1), (DEPTH, 1), (2 * DEPTH + 5, 0)):
            span = abs(a_step) * k
            buf = rng.normal(size=(span + n) * lanes).astype(dtype)
            shared = rng.normal(size=n * 3 + abs(w_step) * k).astype(dtype)
            tables = [np.arange(k) * step - min(0, step * (k - 1)) for step in (a_step, w_step)]
            ints = np.concatenate([span + rng.permutation(n), np.arange(n) * 3, *tables]).astype(np.int64)
            bufs = []
            for steps in ((0, 0), (a_step, w_step)):
                bufs.append(buf.copy())
                sums = RowSums(0, 0, n, lanes, 0, 2 * n, 0, n, 2 * n + k, k, fresh, *steps)
                project_rows(bufs[-1], shared, ints, sums)
            np.testing.assert_array_equal(*bufs)


def test_nothing_to_sum():
    """Changes nothing, and is nothing where rows are written."""
    lanes = vector_length(np.float64)
    buf = 1 + np.arange(4.0 * lanes)
    before = buf.copy()
    ints = np.array([1, 3, 0, 0, 0, 0, 0, 0])
    project_rows(buf, np.zeros(1), ints, RowSums(0, 0, 2, lanes, 0, 2, 0, 0, 2, 0, 0, 0, 0))
    np.testing.assert_array_equal(buf, before)
    project_rows(buf, np.zeros(1), ints, RowSums(0, 0, 2, lanes, 0, 2, 0, 0, 2, 0, 1, 0, 0))
    np.testing.assert_array_equal(buf.reshape(4, lanes), before.reshape(4, lanes) * np.array([[1], [0], [1], [0]]))


def test_not_a_number_goes_through():
    """A weight of zero times infinity is NaN, as in every other sum."""
    lanes = vector_length(np.float64)
    buf = np.concatenate([np.full(lanes, np.inf), np.zeros(lanes)])
    ints = np.array([1, 0, 0, 0], dtype=np.int64)
    project_rows(buf, np.zeros(1), ints, RowSums(0, 0, 1, lanes, 0, 1, 0, 2, 3, 1, 0, 0, 0))
    assert np.isnan(buf[lanes:]).all()


def test_vectors_fill_the_registers():
    assert VECTOR_BYTES in (16, 32, 64)
    assert vector_length(np.float32) == 2 * vector_length(np.float64) == VECTOR_BYTES // 4
