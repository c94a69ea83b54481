"""Whether a block is at rest, against ``Settled.holds`` vertex by vertex."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.kernels import dispatch
from pcneuro.kernels.arguments import (
    DRIVE,
    FREE,
    GAIN,
    LEAK,
    PREDICTED,
    SIZE,
    STATE,
    STATE_COLUMNS,
    Memory,
    Rest,
)
from pcneuro.kernels.compiling import kernel
from pcneuro.kernels.rest import WORK_ROWS, restless


@kernel(cache=False)
def first_restless(suspect, memory, states, rest):
    return restless(suspect, memory, states, rest)


def expected(suspect, regions, states, until):
    """The first row from ``suspect`` upstream that moves, and has not settled in every sample."""
    for k in range(len(states)):
        v = (suspect - k) % len(states)
        drive, leak, state, gain = regions[v]
        if states[v, FREE] and not until.holds(drive.T, leak.T, state.T, gain, bool(states[v, PREDICTED])).all():
            return v
    return -1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_first_that_is_not_at_rest_is_found(dtype):
    rng = np.random.default_rng(0)
    lanes, sizes = 5, [3, 1, 4, 2]
    suspects = []
    for trial in range(300):
        states = np.zeros((len(sizes), STATE_COLUMNS), dtype=np.int64)
        states[:, SIZE], states[:, FREE] = sizes, rng.random(len(sizes)) < 0.8
        states[:, PREDICTED] = rng.random(len(sizes)) < 0.7
        regions, rows, gains = [], [], []
        for v, size in enumerate(sizes):
            drive, state = rng.normal(size=(2, size, lanes)).astype(dtype)
            # Some are as near as the tolerance, some as near as rounding, some not finite.
            away = 10.0 ** rng.choice([-20, -9, -4, -2])
            leak = (drive * (1 + away * rng.normal(size=drive.shape))).astype(dtype)
            if trial % 50 == 0:
                leak[0, 0] = np.nan
            gain = rng.uniform(0.01, 1.0, size).astype(dtype)
            for column, region in ((DRIVE, drive), (LEAK, leak), (STATE, state)):
                states[v, column] = sum(len(r) for r in rows)
                rows.append(region)
            states[v, GAIN] = sum(g.size for g in gains)
            gains.append(gain)
            regions.append((drive, leak, state, gain))
        until = pcn.Settled(rng.choice([0.0, 1e-3, 0.1]), rng.choice([0.0, 1e-3]))
        context = np.zeros(dispatch.CONTEXT, dtype=np.int64)
        context[dispatch.LANES] = lanes
        memory = Memory(np.concatenate(rows).ravel(), np.concatenate(gains), context)
        rest = Rest(
            True,
            *until.limits(np.dtype(dtype)),
            np.zeros(WORK_ROWS * lanes, dtype=dtype),
            0,
            np.zeros(1, dtype=np.int64),
        )
        suspect = int(rng.integers(len(sizes)))
        suspects.append(first_restless(suspect, memory, states, rest))
        assert suspects[-1] == expected(suspect, regions, states, until)
    assert {-1, *range(len(sizes))} == set(suspects)
