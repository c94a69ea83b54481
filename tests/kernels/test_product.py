"""The micro-kernel of learning against plain sums, for all tails, and whatever part it is called with."""

from __future__ import annotations

import numpy as np
import pytest

from pcneuro.kernels.arguments import LEARNED_NUMBERS, Product
from pcneuro.kernels.product import follow_panel
from pcneuro.kernels.tile import HEIGHT, vector_length

RATE, DECAY, LOW, HIGH = 0.25, 0.5, -1.5, 1.25
STRIDE = 3
"""Columns of the weights beside those that follow."""


def made(dtype, rows, columns, samples, lanes):
    """Weights, activities by block, the panel, and what the weights should become."""
    rng = np.random.default_rng([rows, columns, samples])
    blocks, width = -(-samples // lanes), 2 * vector_length(dtype)
    weights = rng.normal(size=(rows, columns + STRIDE)).astype(dtype)
    bufs = rng.normal(size=(blocks, rows + 1, lanes)).astype(dtype)
    panel = rng.normal(size=(blocks * lanes, width)).astype(dtype)
    # Beyond the columns there may be anything, which must not get into anything.
    panel[:, columns:] = np.nan
    pre = bufs[:, 1:].transpose(1, 0, 2).reshape(rows, -1)[:, :samples]
    drive = pre.astype(float) @ panel[:samples, :columns]
    old = weights[:, :columns].astype(float)
    wanted = weights.copy()
    wanted[:, :columns] = np.clip(old + RATE * (drive - DECAY * old), LOW, HIGH)
    return weights, bufs.reshape(blocks, -1), panel.ravel(), wanted


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rows", sorted({1, 3, HEIGHT, 2 * HEIGHT + 5}))
def test_weights_follow_their_product(dtype, rows):
    length, eps = vector_length(dtype), np.finfo(dtype).eps
    numbers = np.array([RATE, DECAY, LOW, HIGH], dtype=dtype)
    assert numbers.size == LEARNED_NUMBERS
    for columns in (1, length - 1, length, length + 1, 2 * length - 1, 2 * length):
        for samples, lanes in ((1, 1), (3, 5), (2 * length + 1, length)):
            weights, bufs, panel, wanted = made(dtype, rows, columns, samples, lanes)
            parts, stride = weights.copy(), columns + STRIDE
            product = Product(0, rows, stride, columns, 1, lanes, samples)
            assert follow_panel(weights.ravel(), bufs, panel, numbers, product)
            np.testing.assert_allclose(weights, wanted, rtol=200 * eps, atol=200 * eps)
            for first, last in ((0, rows // 2), (rows // 2, rows)):
                part = Product(first * stride, last - first, stride, columns, 1 + first, lanes, samples)
                follow_panel(parts.ravel(), bufs, panel, numbers, part)
            np.testing.assert_array_equal(parts, weights)


@pytest.mark.parametrize("columns", [1, 4, 2 * vector_length(np.float64)])
def test_what_is_not_finite_is_said(columns):
    numbers = np.array([RATE, DECAY, -np.inf, np.inf])
    for place in (0, HEIGHT * (columns + STRIDE) + columns - 1):
        weights, bufs, panel, _ = made(np.float64, HEIGHT + 1, columns, 3, 4)
        weights.ravel()[place] = np.nan
        product = Product(0, HEIGHT + 1, columns + STRIDE, columns, 1, 4, 3)
        assert not follow_panel(weights.ravel(), bufs, panel, numbers, product)
    # Beside the columns that follow, anything may stand.
    weights, bufs, panel, _ = made(np.float64, HEIGHT + 1, columns, 3, 4)
    weights[:, columns:] = np.nan
    assert follow_panel(weights.ravel(), bufs, panel, numbers, product)
