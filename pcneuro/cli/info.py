"""The command ``pcneuro info``: versions, processor, threads, cache, and what will be slow."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

import numba
import numpy as np

from pcneuro.cli.cache import size
from pcneuro.cli.cache import warnings as place_warnings
from pcneuro.cli.codes import SUCCESS
from pcneuro.engines.kernel.threads import available_threads
from pcneuro.kernels import cache, host
from pcneuro.version import __version__

PACKAGES = ("numpy", "scipy", "networkx", "sympy", "xarray", "h5netcdf", "matplotlib", "pydantic", "scikit-learn")
FULL_OPTIMISATION = 3


def info() -> int:
    """Print facts about this installation, and what will be slow; returns the exit code."""
    rows = {"pcneuro": __version__, "Python": f"{platform.python_version()} ({platform.platform()})"}
    rows |= host.versions() | {name: _version(name) for name in PACKAGES}
    rows |= {
        "processor": f"{host.cpu_model()} (LLVM: {host.cpu_name()})",
        "SIMD": ", ".join(host.simd_features()) or "none known",
        "threads": f"{available_threads()} available",
        "BLAS": _blas(),
        "kernel cache": _cache(),
    }
    width = max(len(name) for name in rows)
    for name, value in rows.items():
        print(f"{name:<{width}}  {value}")
    for text in slow():
        print(f"warning: {text}")
    return SUCCESS


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _blas() -> str:
    config = np.show_config(mode="dicts")
    library = config.get("Build Dependencies", {}).get("blas", {})
    return f"{library.get('name', 'unknown')} {library.get('version', '')}".strip()


def _cache() -> str:
    state = cache.state()
    if not state.folders:
        return "none: no folder can be written"
    warm = f"compiled for {' and '.join(state.warm)}" if state.warm else "nothing compiled yet"
    return f"{state.folders[0]} and {len(state.folders) - 1} more, {state.files} files, {size(state.size)}; {warm}"


def slow() -> list[str]:
    """What will make simulations slow here, and what to do about it."""
    warnings = []
    if numba.config.DISABLE_JIT:
        warnings.append("NUMBA_DISABLE_JIT is set: kernels run as plain Python, some hundred times slower; unset it")
    if numba.config.OPT < FULL_OPTIMISATION:
        warnings.append(f"NUMBA_OPT is {numba.config.OPT}: kernels are not fully optimised; unset it")
    for name in ("BOUNDSCHECK", "DEBUG", "DEBUGINFO_DEFAULT"):
        if getattr(numba.config, name, 0):
            warnings.append(f"NUMBA_{name} is set: kernels check or trace what they do; unset it")
    features = host.simd_features()
    if platform.machine().lower() in ("x86_64", "amd64") and "avx2" not in features:
        warnings.append("the processor has no AVX2: expect a quarter of the speed, or less")
    if available_threads() == 1:
        warnings.append("one processor is available: batches are not simulated in parallel")
    warnings += place_warnings()
    if cache.usable() and not numba.config.DISABLE_JIT and not cache.state().warm:
        warnings.append("first runs compile the kernels that they need; pcneuro cache warm compiles all of them now")
    return warnings
