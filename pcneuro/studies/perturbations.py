"""Perturbations of a simulation file: tables with a kind as objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator

from pcneuro.files.toml import Problem
from pcneuro.model.perturbations import Inject
from pcneuro.simulator.perturbations import AbstractIntervention
from pcneuro.studies.tables import made_from


def kinds() -> dict[str, type]:
    """Kind -> class, of all that there are."""
    classes: list[type] = [Inject, *AbstractIntervention.__subclasses__()]
    return {made.__name__: made for made in classes}


def _listed(raw: Any) -> Any:
    """A list of perturbations, or one as a list of one."""
    tables = [raw] if isinstance(raw, Mapping) else raw
    if not isinstance(tables, list):
        raise Problem((), "needs tables with a kind: write [[perturb]] above the keys of each")
    made = []
    for number, table in enumerate(tables):
        try:
            made.append(made_from(kinds(), None, table))
        except Problem as problem:
            raise problem.below(str(number)) from None
    return made


def _by_name(raw: Any) -> Any:
    """By name a perturbation, or a list of them."""
    if not isinstance(raw, Mapping):
        raise Problem((), "needs a table: under each name a perturbation, or several")
    made = {}
    for name, tables in raw.items():
        try:
            made[name] = _listed(tables)
        except Problem as problem:
            raise problem.below(str(name)) from None
    return made


Perturbations = Annotated[list[Any], BeforeValidator(_listed)]
"""The tables [[perturb]]."""
NamedPerturbations = Annotated[dict[str, list[Any]], BeforeValidator(_by_name)]
"""Perturbations of trials by name."""
