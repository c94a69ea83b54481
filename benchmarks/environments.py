"""Environments for what pcneuro is compared with: one each, of pinned versions, made at the first time.

PyPI's build of PyTorch for Linux comes with libraries for GPUs; set PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu
for the smaller one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

TORCH = "2.13.0"

PINS = {
    "torch": (f"torch=={TORCH}", f"numpy=={version('numpy')}"),
    "fabricpc": ("fabricpc==0.6.0", "jax==0.10.2"),
    "pcx": ("pcx==0.6.3", "jax==0.4.38"),  # it asks for jax<0.5
    # The newest for Python 3.11, where it does not import with NumPy 2.4; Cython is for other targets than ours.
    "brian2": ("brian2==2.9.0", "numpy<2.4"),
}

ASK = """
import json, sys
from importlib import import_module
from importlib.metadata import version
import_module(sys.argv[1])
print(json.dumps({name: version(name) for name in sys.argv[2:]}))
"""


class EnvironmentFault(RuntimeError):
    """An environment that cannot be made."""


def versions(python: Path, name: str) -> dict[str, str] | None:
    """Versions of what is pinned, once the main package has been imported; None where that fails."""
    packages = [pin.split("=")[0].split("<")[0] for pin in PINS[name]]
    asked = subprocess.run([str(python), "-c", ASK, name, *packages], capture_output=True, text=True)
    return json.loads(asked.stdout) if asked.returncode == 0 else None


def _fits(versions: dict[str, str] | None, name: str) -> bool:
    exact = dict(pin.split("==") for pin in PINS[name] if "==" in pin)
    return versions is not None and all(versions[package].split("+")[0] == wanted for package, wanted in exact.items())


def environment(name: str, folder: Path) -> Path:
    """The Python of an environment, which is made if it is missing or does not do."""
    place = folder.resolve() / name
    python = place / "bin" / "python"
    if python.exists() and _fits(versions(python, name), name):
        return python
    print(f"making {place} with {', '.join(PINS[name])} ...")
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(place)],
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PINS[name]],
    ):
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            said = done.stderr.strip().splitlines() or ["no message"]
            raise EnvironmentFault(f"{' '.join(command)} failed: {said[-1]}")
    if not _fits(versions(python, name), name):
        raise EnvironmentFault(f"{place} was made, but does not import {name} in the versions asked for")
    return python
