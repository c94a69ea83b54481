"""What results were made with: versions of what is installed, and the machine."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import version
from typing import Any

from pcneuro.engines.kernel.threads import available_threads
from pcneuro.kernels import host
from pcneuro.version import __version__

PACKAGES = ("numpy", "numba", "llvmlite", "scipy", "xarray", "h5netcdf", "matplotlib")


@cache
def _versions() -> dict[str, str]:
    others = {name: version(name) for name in PACKAGES}
    return {"python": platform.python_version(), "pcneuro": __version__, **others}


def versions() -> dict[str, str]:
    """Package -> version, of those that results may depend on."""
    return dict(_versions())


def machine() -> dict[str, Any]:
    """System, processor and threads."""
    return {
        "system": platform.platform(),
        "processor": host.cpu_model(),
        "cpu": host.cpu_name(),
        "threads": available_threads(),
    }
