"""The examples that come with pcneuro: simulation files, and the circuits that they are of.

A wheel has them in the folder ``examples`` of the package (``force-include`` in pyproject.toml). A clone has them at
its top, where a package that is imported from the clone finds them.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from pathlib import Path

from pcneuro.errors import PACKAGE, ConfigurationError

SIMULATIONS, CIRCUITS = "simulations", "circuits"
TOML, PYTHON = ".toml", ".py"
NEAR = 0.7
"""Similarity of names, at most 1, from which one may have been meant for the other."""


def root() -> Path:
    """The folder that has ``simulations`` and ``circuits``; there may be none where somebody has removed them."""
    package = Path(PACKAGE)
    packaged, clone = package / "examples", package.parent
    return clone if (clone / "pyproject.toml").is_file() and not packaged.is_dir() else packaged


def names() -> list[str]:
    """Their names, such as ``simulations/quickstart.toml`` and ``circuits/mlp.py``, in alphabetical order."""
    files = [path for folder in (SIMULATIONS, CIRCUITS) for path in (root() / folder).rglob("*")]
    return sorted(path.relative_to(root()).as_posix() for path in files if path.suffix in (TOML, PYTHON))


def simulations() -> dict[str, str]:
    """Simulation files by short name: ``quickstart`` is ``simulations/quickstart.toml``."""
    return {Path(name).stem: name for name in names() if name.endswith(TOML)}


def find(name: str) -> Path | None:
    """The example of a name such as ``quickstart``, ``simulations/quickstart.toml`` or ``circuits/mlp.py``, if any."""
    full = simulations().get(name.removesuffix(TOML), name)
    return root() / full if full in names() else None


def simulation_file(name: str) -> Path:
    """The simulation file of a path or, where there is no such file, the example of that name.

    Raises ConfigurationError where there is neither.
    """
    found = None if os.path.isfile(name) else find(name)
    if found is not None and found.suffix == TOML:
        return found
    if not os.path.lexists(name):
        known = simulations()
        raise ConfigurationError(_missing(name, _near(name, [*known, *known.values()])))
    return Path(name)


def circuit_reference(reference: str) -> str:
    """A circuit as commands are given it, with the example's path for a file that is not there.

    Raises ConfigurationError where it is nearly the name of an example; what else there may be is left to the command.
    """
    file, colon, function = reference.rpartition(":") if PYTHON in reference else (reference, "", "")
    found = None if os.path.isfile(file) else find(file)
    if found is not None:
        return f"{found}{colon}{function}"
    near = None if os.path.lexists(file) else _near(file, [*simulations(), *names()])
    if near:
        raise ConfigurationError(_missing(file, near))
    return reference


def example(name: str) -> Path:
    """The example of this name. Raises ConfigurationError, with the one that was meant."""
    found = find(name)
    if found is None:
        raise ConfigurationError(_missing(name, _near(name, [*simulations(), *names()]), "there is"))
    return found


def _near(name: str, known: Sequence[str]) -> str | None:
    near = difflib.get_close_matches(name, known, 1, NEAR)
    return near[0] if near else None


def _missing(name: str, near: str | None, there: str = "there is no such file, and") -> str:
    hint = f"did you mean {near!r}?" if near else "pcneuro examples list has them"
    return f"{name}: {there} no example of this name: {hint}"
