"""Spaces of runs, one kind a file, and the tables of files that stand for them."""

from collections.abc import Mapping
from typing import Any

from pcneuro.studies.spaces.abstract import AbstractSpace
from pcneuro.studies.spaces.grid import Grid
from pcneuro.studies.spaces.joined import Joined

__all__ = ["AbstractSpace", "Grid", "Joined", "space_of"]


def space_of(described: Mapping[str, Any]) -> AbstractSpace:
    """The space that was ``described``."""
    rest = {key: value for key, value in described.items() if key != "kind"}
    if described["kind"] == "joined":
        return Joined([space_of(each) for each in rest["spaces"]])
    return Grid(rest)
