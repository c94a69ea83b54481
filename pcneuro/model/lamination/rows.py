"""One row of a scheme: a layer, where a population is, or what a projection is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from glob import escape
from typing import Any

from pcneuro.errors import DataError, told, unknown_name
from pcneuro.quantities import NOT_NEGATIVE, number

LAYER, POPULATION, PROJECTION = "layer", "population", "projection"
OWN, STEM, PARENT, CHILD = "", "stem", "parent", "child"
EITHER, EXCITATORY, INHIBITORY = "", "excitatory", "inhibitory"
REACHES = ANY, WITHIN, BETWEEN = "", "within", "between"
LONGEST = 200
"""Letters of a cell."""


@dataclass(frozen=True)
class SchemeRow:
    """A row of a scheme.

    Parameters
    ----------
    what
        ``"layer"``, ``"population"`` or ``"projection"``.
    kind, role, vertex
        Which populations it is for, by their attributes in ``Circuit.nx``, as patterns (``"*_interneurons"``; empty:
        all); of projections the kind of the edge, and role and vertex of the population that it comes from.
    reach
        Of projections: ``"within"`` an area, ``"between"`` two, empty: both.
    layer
        The layer; of projections where their synapses are, if that is not where the population that they reach is.
    cell_type
        Of populations.
    area
        Of populations: empty where the vertex is an area; ``"stem"`` where it is in that of the vertex whose name the
        ``*`` of ``vertex``, ``"*_soma"``, stands for; ``"parent"``, ``"child"`` where it is in the area of the first
        vertex that it reads, or is read by, which is one.
    projection, effect
        Of projections: what they are in the cortex (``"feedforward"``), and ``"excitatory"``, ``"inhibitory"`` or empty
        where they may be both.
    depth
        Of layers: that of their middle below the pia, in mm; None of what is outside the cortex.
    source
        Whose claim it is, or that it is an assumption.

    Raises DataError for cells that do not fit.

    Examples
    --------
    >>> row = pcn.passes.Scheme.named("bastos_2012").rows[0]
    >>> isinstance(row, pcn.passes.SchemeRow)
    True
    """

    what: str
    kind: str = ""
    role: str = ""
    vertex: str = ""
    reach: str = ANY
    layer: str = ""
    cell_type: str = ""
    area: str = OWN
    projection: str = ""
    effect: str = EITHER
    depth: float | None = None
    source: str = ""

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name == "depth":
                continue
            if not isinstance(value, str) or not value.isprintable() or len(value) > LONGEST:
                raise DataError(
                    f"{each.name} of a row of a scheme is {told(value)}; give one line of text, {LONGEST} letters at "
                    "most"
                )
        if self.what not in _FILLED:
            raise unknown_name("what of a row of a scheme", self.what, _FILLED)
        for column in _FILLED[self.what]:
            if not getattr(self, column):
                raise DataError(f"a row of a scheme for a {self.what} has no {column}: {self}")
        for column in _EMPTY[self.what]:
            if getattr(self, column) not in ("", None):
                raise DataError(f"a row of a scheme for a {self.what} has a {column}, which it cannot have: {self}")
        if self.depth is not None:
            object.__setattr__(self, "depth", number(f"depth of the layer {self.layer!r}", self.depth, NOT_NEGATIVE))
        for column, known in (
            ("area", (OWN, STEM, PARENT, CHILD)),
            ("effect", (EITHER, EXCITATORY, INHIBITORY)),
            ("reach", REACHES),
        ):
            if getattr(self, column) not in known:
                raise unknown_name(f"{column} of a row of a scheme", getattr(self, column), known[1:])

        if self.area == STEM and not (self.vertex[:1] == "*" and escape(self.vertex[1:]) == self.vertex[1:]):
            raise DataError(f"a row of a scheme has the area 'stem', and its vertex is no '*_...': {self}")

    def fits(self, kind: str, role: str, vertex: str, reach: str = ANY) -> bool:
        """Whether a population, or a projection of this reach and what it comes from, is among those of the row."""
        patterns = ((self.kind, kind), (self.role, role), (self.vertex, vertex))
        return self.reach in (ANY, reach) and all(
            not pattern or fnmatchcase(name, pattern) for pattern, name in patterns
        )

    def cells(self) -> dict[str, Any]:
        """Column -> cell, without those that are empty."""
        named = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in named.items() if value not in ("", None)}

    def __str__(self) -> str:
        return ", ".join(f"{name} {value}" for name, value in self.cells().items() if name != "source")


COLUMNS = tuple(each.name for each in fields(SchemeRow))
_FILLED = {LAYER: ("layer",), POPULATION: ("kind", "layer", "cell_type"), PROJECTION: ("kind", "projection")}
"""What -> columns that are not empty."""
_EMPTY = {
    LAYER: ("kind", "role", "vertex", "reach", "cell_type", "area", "projection", "effect"),
    POPULATION: ("reach", "projection", "effect", "depth"),
    PROJECTION: ("cell_type", "area", "depth"),
}


def row_of(cells: Any) -> SchemeRow:
    """A row from a row, or a mapping from columns to cells. Raises what ``SchemeRow`` does, and for unknown columns."""
    if isinstance(cells, SchemeRow):
        return cells
    if not isinstance(cells, Mapping):
        raise DataError(f"a row of a scheme is {told(cells)}; give a dict from columns to cells")
    for name in cells:
        if name not in COLUMNS:
            raise unknown_name("column of a scheme", name if isinstance(name, str) else told(name), COLUMNS)
    if "what" not in cells:
        raise DataError(f"a row of a scheme has no 'what': give one of {', '.join(map(repr, _FILLED))}")
    return SchemeRow(**cells)
