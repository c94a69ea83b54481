"""The micro-kernels of Hebbian sums against plain sums, for all tails, and whatever part they are called with."""

from __future__ import annotations

import numpy as np
import pytest

from pcneuro.kernels.arguments import PanelSums, TapSums
from pcneuro.kernels.hebbian import hebb_panel, hebb_taps
from pcneuro.kernels.tile import HEIGHT, vector_length

DTYPES = [np.float32, np.float64]


def close(array, wanted):
    eps = np.finfo(array.dtype).eps
    np.testing.assert_allclose(array, wanted, rtol=200 * eps, atol=200 * eps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", sorted({1, 3, HEIGHT, 2 * HEIGHT + 5}))
def test_panels(dtype, rows):
    rng = np.random.default_rng(rows)
    length = vector_length(dtype)
    for columns in (1, length - 1, length, length + 1, 2 * length - 1, 2 * length):
        for samples, lanes in ((1, 1), (3, 5), (length, length)):
            a = rng.normal(size=(rows + 2, lanes)).astype(dtype)
            order, places = rng.permutation(rows + 2)[:rows], rng.permutation(rows) * columns
            panel = rng.normal(size=(samples, 2 * length)).astype(dtype)
            # Beyond the columns there may be anything, which must not get into anything.
            panel[:, columns:] = np.nan
            out = rng.normal(size=rows * columns).astype(dtype)
            shared = np.concatenate([out, panel.ravel()])
            ints = np.concatenate([places, order]).astype(np.int64)
            wanted = out.copy().reshape(rows, columns)
            wanted[places // columns] += a[order, :samples] @ panel[:, :columns]
            parts = shared.copy()
            args = (lanes, rows * columns, samples)
            hebb_panel(shared, a.ravel(), ints, PanelSums(0, 0, rows, columns, 0, rows, *args))
            close(shared[: rows * columns].reshape(rows, columns), wanted)
            for first, last in ((0, rows // 2), (rows // 2, rows)):
                sums = PanelSums(0, first, last - first, columns, 0, rows + first, *args)
                hebb_panel(parts, a.ravel(), ints, sums)
            np.testing.assert_array_equal(parts[: rows * columns], shared[: rows * columns])


def call(shared, first, last, buf, ints, sizes, samples):
    """The sums of rows ``first`` to ``last``; tables stand in ``ints`` in the order of the test."""
    rows, taps, places = sizes
    a_rows, at = rows + taps + first, 2 * rows + taps
    tables = (0, first, last - first, rows, taps, 0, a_rows, rows * places, rows, at, at)
    hebb_taps(shared, buf, ints, TapSums(*tables, places, *samples))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("taps", [1, 3, 8, 19])
def test_taps(dtype, taps):
    rng = np.random.default_rng(taps)
    length = vector_length(dtype)
    for rows in (1, 2, 5):
        for places, vectors, idle in ((1, 1, 0), (4, 1, 1), (7, 2, 0), (7, 2, length - 1)):
            lanes = vectors * length
            active = lanes - idle
            a = rng.normal(size=(rows * places, lanes)).astype(dtype)
            b = rng.normal(size=(taps + places, lanes)).astype(dtype)
            buf = np.concatenate([a, b]).ravel()
            ints = np.concatenate(
                [np.arange(rows) * taps, np.arange(taps), np.arange(rows) * places, np.arange(places)]
            ).astype(np.int64)
            wanted = np.zeros((rows, taps))
            for p in range(places):
                wanted += a[p::places, :active] @ b[p : p + taps, :active].T

            shared, parts = np.zeros(rows * taps, dtype), np.zeros(rows * taps, dtype)
            arguments = buf, ints, (rows, taps, places), (lanes, active)
            call(shared, 0, rows, *arguments)
            close(shared.reshape(rows, taps), wanted.astype(dtype))
            call(parts, 0, rows // 2, *arguments)
            call(parts, rows // 2, rows, *arguments)
            np.testing.assert_array_equal(parts, shared)
