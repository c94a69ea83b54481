"""Chips by their names, which come with the package, one file each, and from files of users."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pcneuro.errors import ConfigurationError, ParameterError, UnknownNameError, told, unknown_name
from pcneuro.files.toml import Problem, checked, located, read_toml
from pcneuro.mapping.chips.chip import Chip

_FILES = {path.stem: path for path in sorted(Path(__file__).parent.glob("*.toml"))}
_SUFFIX = ".toml"

CHIPS = tuple(_FILES)
"""Names of the chips that come with the package."""
OWN = f"a chip of your own is the path of its file, which ends in {_SUFFIX}"


def chip_of(chip: str | os.PathLike[str] | Mapping[str, Any] | Chip) -> Chip:
    """A chip by its name, the path of its TOML file, or the tables of one.

    Raises
    ------
    UnknownNameError
        For a name that no chip has, with the nearest.
    ConfigurationError
        For a file that cannot be read, and for keys and values that a chip does not have: the file, the table and the
        key.
    ParameterError
        For what is none of these.

    Examples
    --------
    >>> pcn.mapping.chip_of("loihi").name
    'loihi'
    """
    if isinstance(chip, Chip):
        return chip
    if isinstance(chip, Mapping):
        return _checked("the chip", chip)
    if not isinstance(chip, str | os.PathLike):
        raise ParameterError(f"chip is {told(chip)}; needed is a name such as {CHIPS[0]!r}, or the path of a TOML file")
    name = os.fspath(chip)
    if not isinstance(name, str):
        raise ParameterError(f"chip is {told(name)}; needed is a path of text")
    if name in _FILES:
        return _shipped(name)
    if not isinstance(chip, str) or name.endswith(_SUFFIX) or os.sep in name:
        return _checked(name, read_toml(name))
    raise UnknownNameError(f"{unknown_name('chip', name, CHIPS)}; {OWN}")


@cache
def _shipped(name: str) -> Chip:
    return _checked(_FILES[name].name, read_toml(_FILES[name]))


def _checked(source: str, raw: Mapping[str, Any]) -> Chip:
    try:
        return checked(Chip, raw)
    except Problem as problem:
        raise ConfigurationError(located(source, problem, raw)) from None
