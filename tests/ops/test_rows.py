"""The kernels that move and add rows, against their twin, in every combination of buffers and index arguments."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from pcneuro.kernels.dispatch import IDENTITY, SCALAR
from pcneuro.ops.rows import combine_numpy
from tests.helpers import run_kernel

ROWS, N, LANES, ACTIVE = 4, 6, 5, 3
LANED, SHARED, NONE = 0, 1, 2


def _index(kind, rng, rows):
    """An index argument (with its table at some position), and the rows that it stands for."""
    if kind == "scalar":
        return SCALAR, np.zeros(N, dtype=np.int64)
    if kind == "identity":
        return IDENTITY, np.arange(N)
    return None, rng.integers(rows, size=N)


class _Buffers:
    """Room for source, factor and output in both buffers, and the tables of indices."""

    def __init__(self, dtype):
        rng = np.random.default_rng(5)
        self.rng, self.dtype = rng, dtype
        self.source, self.factor = rng.normal(size=(2, N, LANES)).astype(dtype)
        self.shared_source, self.shared_factor = rng.normal(size=(2, N)).astype(dtype)
        self.scale = dtype(-1.5)
        self.before = rng.normal(size=(N, LANES)).astype(dtype)
        self.buf = np.concatenate([self.source, self.factor, self.before]).ravel()
        self.shared = np.concatenate([self.shared_source, self.shared_factor, self.before[:, 0], [self.scale]])
        self.tables: list[np.ndarray] = []

    def index(self, kind, length):
        """Index argument for instructions of ``length`` arguments; its rows."""
        argument, rows = _index(kind, self.rng, N)
        if argument is None:
            argument = length + sum(t.size for t in self.tables)
            self.tables.append(rows)
        return argument, rows

    def factors(self, kind, rows):
        """The factor of every row."""
        if kind == NONE:
            return np.ones((N, 1), self.dtype)
        return self.factor[rows] if kind == LANED else self.shared_factor[rows][:, None]


KINDS = ("identity", "scalar", "table")


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("source_kind", "factor_kind"), [*itertools.product((LANED, SHARED), (LANED, SHARED, NONE))])
def test_combine_is_its_twin(source_kind, factor_kind, dtype):
    for accumulate, out_kind, in_kind, by_kind in itertools.product((0, 1), KINDS, KINDS, KINDS):
        b = _Buffers(dtype)
        (io, out_rows), (js, in_rows), (jf, by_rows) = (b.index(k, 12) for k in (out_kind, in_kind, by_kind))
        source = b.source if source_kind == LANED else np.repeat(b.shared_source[:, None], LANES, axis=1)
        factor = b.factors(factor_kind, by_rows)
        fac = N if factor_kind != NONE else 0
        arguments = [2 * N, io, N, accumulate, 0, js, source_kind, fac, jf, factor_kind, 3 * N, N]
        assert run_kernel("combine", arguments, b.tables, b.buf, b.shared, LANES, ACTIVE) == 1
        expected = combine_numpy(N, out_rows, source[in_rows], factor, b.scale) + (b.before if accumulate else 0)
        tolerance = 8 * np.finfo(dtype).eps
        got = b.buf.reshape(-1, LANES)[2 * N :]
        np.testing.assert_allclose(got, expected, rtol=tolerance, atol=10 * tolerance)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("factor_kind", [LANED, SHARED, NONE])
def test_combine_shared_is_its_twin_summed_over_the_lanes_in_use(factor_kind, dtype):
    for out_kind, in_kind, by_kind in itertools.product(KINDS, KINDS, KINDS):
        b = _Buffers(dtype)
        (io, out_rows), (js, in_rows), (jf, by_rows) = (b.index(k, 9) for k in (out_kind, in_kind, by_kind))
        fac = N if factor_kind != NONE else 0
        arguments = [2 * N, io, 0, js, fac, jf, factor_kind, 3 * N, N]
        assert run_kernel("combine_shared", arguments, b.tables, b.buf, b.shared, LANES, ACTIVE) == 1
        twin = combine_numpy(N, out_rows, b.source[in_rows], b.factors(factor_kind, by_rows), b.scale)
        expected = b.before[:, 0] + twin[:, :ACTIVE].sum(axis=1)
        tolerance = 8 * np.finfo(dtype).eps
        np.testing.assert_allclose(b.shared[2 * N : 3 * N], expected, rtol=tolerance, atol=20 * tolerance)
