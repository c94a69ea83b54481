"""The past of vertices, kept in rings of rows, against lists of all that has been."""

from __future__ import annotations

import numpy as np
import pytest

from pcneuro.kernels import dispatch
from pcneuro.kernels.arguments import RING_COLUMNS, Memory
from pcneuro.kernels.compiling import kernel
from pcneuro.kernels.rings import keep, recall


@kernel(cache=False)
def _keep(memory, rings, step):
    keep(memory, rings, step)


@kernel(cache=False)
def _recall(memory, rings, step, flags):
    recall(memory, rings, step, flags)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_was_some_steps_ago_is_recalled(dtype):
    """Two rings of different lengths, from a step that is no multiple of either on; flags say what has changed."""
    lanes, sizes, delays = 3, [2, 1], [4, 1]
    rng = np.random.default_rng(0)
    rows, rings = 0, np.zeros((2, RING_COLUMNS), dtype=np.int64)
    for k, (size, delay) in enumerate(zip(sizes, delays, strict=True)):
        rings[k] = rows, rows + size, rows + size + delay * size, delay, size, k
        rows += size * (delay + 2)
    context = np.zeros(dispatch.CONTEXT, dtype=np.int64)
    context[dispatch.LANES] = lanes
    memory = Memory(np.zeros(rows * lanes, dtype=dtype), np.zeros(1, dtype=dtype), context)
    table = memory.buf.reshape(rows, lanes)
    been = [[np.zeros((size, lanes), dtype)] * delay for size, delay in zip(sizes, delays, strict=True)]
    flags = np.zeros(2, dtype=np.int64)
    for step in range(7, 30):
        before = [past[-delay] for past, delay in zip(been, delays, strict=True)]
        for k, size in enumerate(sizes):
            # Now and then nothing changes.
            present = table[rings[k, 0] :][:size]
            present[...] = rng.normal(size=(size, lanes)) if step % 3 else present
            been[k].append(present.copy())
        _keep(memory, rings, step)
        _recall(memory, rings, step + 1, flags)
        for k, size in enumerate(sizes):
            leaf = table[rings[k, 2] :][:size]
            np.testing.assert_array_equal(leaf, been[k][-delays[k]])
            assert flags[k] == (leaf != before[k]).any()
