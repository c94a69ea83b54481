"""Recorded rows against slices of the same block, step by step."""

from __future__ import annotations

import numpy as np
import pytest

from pcneuro.kernels.arguments import TARGET, Records
from pcneuro.kernels.records import hold

LANES = 4
PLANS = [(1, 3, 2, -1), (5, 2, 3, 0), (0, 4, 1, 3)]
"""First row, rows, every so many steps, first of the rows that are added (-1: none)."""


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("first", "steps"), [(0, 1), (0, 7), (5, 6)])
def test_each_plan_gets_its_rows_when_they_are_due(dtype, first, steps):
    block = np.random.default_rng(0).normal(size=(8, LANES)).astype(dtype)
    rows, wanted, offset = [], [], 0
    for source, count, every, added in PLANS:
        rows.append([source, count, every, offset, added])
        copied = block[source : source + count] + (block[added : added + count] if added >= 0 else dtype(0))
        wanted += [copied.ravel()] * sum((first + s) % every == 0 for s in range(steps))
        offset = sum(map(len, wanted))
    records = Records(np.array(rows, dtype=np.int64), np.full(offset + 1, np.nan, dtype))
    hold(records, block.ravel(), LANES, first, steps)
    np.testing.assert_array_equal(records.buf[:-1], np.concatenate(wanted))
    assert np.isnan(records.buf[-1])
    assert records.table[-1, TARGET] == offset
