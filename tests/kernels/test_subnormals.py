"""What kernels do with numbers too small for a full fraction, and that nobody else is made to."""

from __future__ import annotations

import numba
import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.kernels.subnormals import KNOWN
from tests.circuits_for_tests import chain


@pytest.mark.skipif(numba.config.DISABLE_JIT or not KNOWN, reason="set on x86 only, by compiled code")
@pytest.mark.parametrize("schedule", [pcn.Parallel(), pcn.FastForward()], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_float32_has_none_and_float64_has(dtype, schedule):
    """At every hop an error is 1e-4 of the last; with dt = tau, Euler's method takes one hop a step."""
    length, tiny = 80, np.finfo(dtype).tiny
    sim = pcn.Simulator(
        pcn.build_circuit(chain(length, 1e-4)), integrator=pcn.Euler(10.0), dtype=dtype, schedule=schedule
    )
    result = sim.run(10.0 * length, inputs={"x": 0.0}, targets={f"v{length}": 1.0})
    sizes = np.array([abs(result.errors[f"v{k}"][0]) for k in range(length, 0, -1)], dtype=np.float64)
    expected = 1e-4 ** np.arange(length)
    normal = expected >= tiny
    np.testing.assert_allclose(sizes[normal], expected[normal], rtol=1e-3)
    between = (sizes > 0) & (sizes < tiny)
    assert between.any() == (dtype is np.float64)


def test_the_caller_keeps_them():
    sim = pcn.Simulator(pcn.build_circuit(chain(3)), dtype=np.float32, engine=pcn.Kernel(threads=1))
    sim.run(5.0, inputs={"x": 1.0}, targets={"v3": 2.0})
    small = np.full(8, np.finfo(np.float32).tiny)
    assert (small / 4 > 0).all()
    assert (small / 4 * 4 == small).all()
