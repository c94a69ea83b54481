"""The processor that kernels are compiled for."""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path

import llvmlite
import llvmlite.binding as llvm
import numba

SIMD = ("sse2", "sse4.2", "avx", "avx2", "fma", "avx512f", "avx512vl", "avx512bf16", "amx-bf16", "neon", "sve")


@cache
def cpu_name() -> str:
    """LLVM's name of the processor, or the one that ``NUMBA_CPU_NAME`` sets."""
    return numba.config.CPU_NAME or llvm.get_host_cpu_name()


@cache
def fuses() -> bool:
    """Whether what Numba compiles for multiplies and adds in one instruction; elsewhere that is a slow call."""
    if numba.config.CPU_NAME or numba.config.CPU_FEATURES:
        return "+fma" in (numba.config.CPU_FEATURES or "").split(",")
    return platform.machine().lower() in ("aarch64", "arm64") or bool(llvm.get_host_cpu_features().get("fma"))


def cpu_model() -> str:
    """The processor's name as its maker gives it, as far as it can be known."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(("model name", "Model")):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def simd_features() -> tuple[str, ...]:
    """Vector instructions that the processor has, of those that matter here."""
    features = llvm.get_host_cpu_features()
    return tuple(name for name in SIMD if features.get(name))


def versions() -> dict[str, str]:
    """Versions of what compiles the kernels."""
    llvm_version = ".".join(str(part) for part in llvm.llvm_version_info)
    return {"numba": numba.__version__, "llvmlite": llvmlite.__version__, "LLVM": llvm_version}
