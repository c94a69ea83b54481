"""Elementary functions: nanoseconds a number as vector code, by NumPy, and by libm number by number; and how exact.

    python benchmarks/transcendental.py [--repetitions 300] [--out results/benchmarks]

The numbers fit into the innermost cache; of all repetitions the fastest counts. Errors are in units in the last place,
over numbers of all sizes, and are left out where long double has no more digits than float64.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np
from machine import report

from pcneuro.kernels import dispatch, lists
from pcneuro.kernels.arguments import Memory, Operators
from pcneuro.kernels.primitives import PRIMITIVES

ROOT = Path(__file__).parent.parent
LANES = {np.dtype(np.float32): 32, np.dtype(np.float64): 16}
ROWS, CALLS = 64, 20
LIBM: dict[str, Callable[..., float]] = {
    "erf": numba.njit(lambda x: math.erf(x)),
    "sigmoid": numba.njit(lambda x: 1 / (1 + np.exp(-x))),
}


def fastest(call: Callable[[], object], repetitions: int) -> float:
    """Least wall-clock seconds of one call."""
    best = math.inf
    for _ in range(repetitions):
        begun = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - begun)
    return best


def operands(name: str, dtype: np.dtype) -> list[np.ndarray]:
    """Numbers that the function is defined for."""
    rng = np.random.default_rng(0)
    low, high = {"arccosh": (1.1, 4.0), "arcsin": (0, 0.95), "arccos": (0, 0.95), "arctanh": (0, 0.95)}.get(
        name, (0.1, 4.0)
    )
    n = ROWS * LANES[dtype]
    return [rng.uniform(low, high, n).astype(dtype) for _ in range(PRIMITIVES[name].arity)]


def ours(name: str, dtype: np.dtype, repetitions: int) -> float:
    """Seconds of the operator kernel."""
    x, arity = operands(name, dtype), PRIMITIVES[name].arity
    lanes = LANES[dtype]
    buf = np.concatenate([*x, np.zeros_like(x[0])])
    arguments = [arity * ROWS]
    for k in range(arity):
        arguments += [k * ROWS, dispatch.IDENTITY, 0]
    ints, context = np.array([*arguments, ROWS]), np.array([lanes, lanes, 0, 1])
    code = np.array([[dispatch.opcode(name), 0]] * CALLS)
    operators, memory = Operators(dispatch.table(dtype, code), ints), Memory(buf, np.zeros(1, dtype), context)
    return fastest(lambda: lists.execute(operators, memory, code), repetitions) / CALLS


def by_numpy(name: str, dtype: np.dtype, repetitions: int) -> float:
    """Seconds of NumPy's function, or of the expression that stands for it."""
    x, function = operands(name, dtype), PRIMITIVES[name].array
    return fastest(lambda: [function(*x) for _ in range(CALLS)], repetitions) / CALLS


def by_libm(name: str, dtype: np.dtype, repetitions: int) -> float:
    """Seconds of a compiled loop that calls libm for every number."""
    function = LIBM.get(name, getattr(np, name, None))

    @numba.njit(error_model="numpy")
    def one(out, x):  # type: ignore[no-untyped-def]
        for _ in range(CALLS):
            for i in range(out.size):
                out[i] = function(x[i])

    @numba.njit(error_model="numpy")
    def two(out, x, y):  # type: ignore[no-untyped-def]
        for _ in range(CALLS):
            for i in range(out.size):
                out[i] = function(x[i], y[i])

    x = operands(name, dtype)
    out, compiled = np.zeros_like(x[0]), one if len(x) == 1 else two
    return fastest(lambda: compiled(out, *x), repetitions) / CALLS


def error(name: str, dtype: np.dtype) -> str:
    """Largest error of the kernel, in units in the last place."""
    sys.path.insert(0, str(ROOT))
    from tests.kernels import accuracy

    if dtype == np.float64 and not accuracy.WIDE:
        return "-"
    count = 4000 if name == "erf" and dtype == np.float64 else 200_000
    x = [accuracy.points(dtype.type, count, seed) for seed in range(PRIMITIVES[name].arity)]
    if len(x) == 2:
        x[1] = np.random.default_rng(0).permutation(x[1])
    scale = np.fmax(np.fmin(*map(abs, x)), dtype.type(np.log(2))) if name == "logaddexp" else None
    return f"{accuracy.ulps(accuracy.applied(name, *x), accuracy.exact(name, *x), scale).max():.2f}"


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=300)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "benchmarks")
    options = parser.parse_args()
    rows: list[list[object]] = []
    for name, function in PRIMITIVES.items():
        if function.cheap:
            continue
        for dtype in LANES:
            each = ROWS * LANES[dtype] * 1e-9
            times = [f(name, dtype, options.repetitions) / each for f in (ours, by_numpy, by_libm)]
            rows.append([name, dtype.name, *(f"{t:.2f}" for t in times), error(name, dtype)])
    header = ["function", "dtype", "vector code, ns", "NumPy, ns", "libm, ns", "largest error, ulp"]
    report("Elementary functions", header, rows, options.out / "transcendental.json")


if __name__ == "__main__":
    main()
