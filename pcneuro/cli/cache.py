"""The command ``pcneuro cache``: the folder of compiled kernels."""

from __future__ import annotations

import numba

from pcneuro.cli import warming
from pcneuro.cli.codes import SUCCESS
from pcneuro.cli.terminal import Terminal
from pcneuro.kernels import cache


def size(count: int) -> str:
    """Bytes as people read them."""
    return f"{count / 1e6:.1f} MB"


def warnings() -> list[str]:
    """What is wrong with the place of compiled kernels, and what to do about it."""
    chosen = cache.passed_over()
    if not cache.usable():
        return ["no folder for compiled kernels can be written: each start compiles them; set NUMBA_CACHE_DIR"]
    if chosen is not None:
        return [f"NUMBA_CACHE_DIR is {chosen}, where nothing can be written: it is not used; name another folder"]
    return []


def info() -> int:
    """Print where compiled kernels are, and whether they are there; returns the exit code."""
    state = cache.state()
    for text in warnings() if state.folders else ():
        print(f"warning: {text}")
    if not state.folders:
        print("no folder can be written: kernels are compiled in every process; set NUMBA_CACHE_DIR")
        return SUCCESS
    for folder in state.folders:
        print(folder)
    print(f"{state.files} files, {size(state.size)}")
    for dtype in warming.DTYPES:
        print(f"{dtype}: {'compiled' if dtype.name in state.warm else 'not compiled yet'}")
    return SUCCESS


def clear() -> int:
    """Remove compiled kernels; returns the exit code."""
    files, count = cache.clear()
    print(f"removed {files} files, {size(count)}")
    return SUCCESS


def warm() -> int:
    """Compile what a run in either dtype needs; returns the exit code."""
    if numba.config.DISABLE_JIT:
        print("nothing to compile: NUMBA_DISABLE_JIT is set")
        return SUCCESS
    if cache.usable():
        cache.refresh()
        with Terminal("compiling kernels", patience=0.0) as terminal:
            warming.warm(terminal.progress)
        for dtype in warming.DTYPES:
            cache.mark_warm(dtype.name)
    return info()
