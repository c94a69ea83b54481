"""``pcneuro cache``."""

from __future__ import annotations

import numba
import numpy as np

import pcneuro as pcn
from pcneuro.cli.terminal import Terminal
from pcneuro.kernels import cache, dispatch

DTYPES: tuple[np.dtype, ...] = (np.dtype(np.float64), np.dtype(np.float32))


def size(count: int) -> str:
    """Bytes as people read them."""
    return f"{count / 1e6:.1f} MB"


def info() -> int:
    """Print where compiled kernels are, and whether they are there; returns the exit code."""
    state = cache.state()
    if not state.folders:
        print("no folder can be written: kernels are compiled in every process; set NUMBA_CACHE_DIR")
        return 0
    for folder in state.folders:
        print(folder)
    print(f"{state.files} files, {size(state.size)}")
    for dtype in DTYPES:
        print(f"{dtype}: {'compiled' if dtype.name in state.warm else 'not compiled yet'}")
    return 0


def clear() -> int:
    """Remove compiled kernels; returns the exit code."""
    files, count = cache.clear()
    print(f"removed {files} files, {size(count)}")
    return 0


def warm() -> int:
    """Compile what a run in either dtype needs; returns the exit code."""
    if numba.config.DISABLE_JIT:
        print("nothing to compile: NUMBA_DISABLE_JIT is set")
        return 0
    with Terminal("compiling kernels") as terminal:
        for number, dtype in enumerate(DTYPES):
            for done in range(len(dispatch.KERNELS)):
                dispatch.table(dtype, np.array([[done, 0]]))
                terminal.progress((number + done / len(dispatch.KERNELS)) / len(DTYPES))
            _tiny(dtype)
            cache.mark_warm(dtype.name)
    return info()


def _tiny(dtype: np.dtype) -> None:
    """Run a small circuit, so that the loops over time are compiled for this dtype, too."""
    graph = pcn.trace(lambda x, W: x @ W, x=pcn.Input((2,)), W=pcn.Parameter(np.eye(2)))
    engines = (
        pcn.Kernel(threads=1),
        *(pcn.EventDriven(0.1, mode, threads=1) for mode in (pcn.TimeBinned(), pcn.Exact())),
    )
    for engine in engines:
        simulator = pcn.Simulator(pcn.build_circuit(graph), dtype=dtype, engine=engine)
        simulator.run(1.0, inputs={"x": [1.0, 2.0]}, targets={"out": [0.0, 0.0]}, record=[pcn.Record("out", "error")])
