"""Where the populations of a circuit are in the cortex, and what its projections are there, by a scheme."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from pcneuro.errors import ParameterError
from pcneuro.model.lamination import Scheme, SchemeRow
from pcneuro.model.lamination.rows import BETWEEN, CHILD, EXCITATORY, INHIBITORY, OWN, PARENT, STEM, WITHIN

if TYPE_CHECKING:
    import networkx


_OPPOSITE = {EXCITATORY: INHIBITORY, INHIBITORY: EXCITATORY}


@dataclass(frozen=True)
class Place:
    """Where a population is: the area (a vertex or input), the layer of its column, and of which cells it is."""

    area: str
    layer: str
    cell_type: str


def place(scheme: Scheme, graph: networkx.MultiDiGraph) -> None:
    """Give the populations and edges of ``Circuit.nx`` their attributes by a scheme.

    Raises ParameterError for what the scheme leaves out.
    """
    rows = {}
    for name, data in graph.nodes(data=True):
        row = scheme.population(_kind(name), data["role"], data["vertex"])
        rows[name] = _found(row, "population", name, _kind(name), data, "layer and cell_type")
    areas = _Areas(graph, rows)
    for name, data in graph.nodes(data=True):
        data |= {"area": areas.of(data["vertex"]), "layer": rows[name].layer, "cell_type": rows[name].cell_type}
    for source, target, data in graph.edges(data=True):
        before, behind = graph.nodes[source], graph.nodes[target]
        reach = WITHIN if before["area"] == behind["area"] else BETWEEN
        row = scheme.projection(data["kind"], before["role"], before["vertex"], reach)
        row = _found(row, "projection", f"{source} -> {target}", data["kind"], before, "projection")
        # Neurons for negative errors are excited by what inhibits those for positive ones, and so are their targets.
        turned = before.get("sign", 1) * behind.get("sign", 1) < 0
        effect = _OPPOSITE.get(row.effect, "") if turned else row.effect
        data |= {"projection": row.projection, "effect": effect, "layer": row.layer or behind["layer"]}


def places(graph: networkx.MultiDiGraph) -> Mapping[str, Place]:
    """Population -> its place, of those that have one."""
    return {
        name: Place(data["area"], data["layer"], data["cell_type"])
        for name, data in graph.nodes(data=True)
        if "layer" in data
    }


def _kind(population: str) -> str:
    """The kind of a population for a scheme: also which neurons of a pair, ``"error_on"``, they are."""
    return population.rpartition(".")[2]


def place_of(graph: networkx.MultiDiGraph, vertex: str, kind: str) -> tuple[tuple[str, str], ...]:
    """Attributes of what is recorded of the populations of this kind, ``"value"`` or ``"error"``, of a vertex."""
    # Error neurons may be several populations.
    there = [
        data
        for name, data in graph.nodes(data=True)
        if data["vertex"] == vertex and _kind(name).startswith(kind) and "layer" in data
    ]
    names = [each.name for each in fields(Place)] if there else []
    return tuple((name, ", ".join(dict.fromkeys(data[name] for data in there))) for name in names)


def _found(row: SchemeRow | None, what: str, name: str, kind: str, data: Mapping[str, Any], needed: str) -> SchemeRow:
    if row is None:
        raise ParameterError(
            f"the scheme leaves out the {what} {name} (kind {kind}, role {data['role']}, vertex {data['vertex']}): add "
            f"a row for it by scheme.before([...]), with what={what!r}, kind={kind!r}, {needed}"
        )
    return row


class _Areas:
    """The area of each vertex: itself, or that of one that it belongs to, reads or is read by."""

    def __init__(self, graph: networkx.MultiDiGraph, rows: Mapping[str, SchemeRow]) -> None:
        self.rows: dict[str, SchemeRow] = {}
        for name, data in graph.nodes(data=True):
            self.rows.setdefault(data["vertex"], rows[name])
        self.near: dict[str, dict[str, list[str]]] = {PARENT: {}, CHILD: {}}
        for source, target, kind in graph.edges(data="kind"):
            if kind == "prediction":
                parent, child = graph.nodes[source]["vertex"], graph.nodes[target]["vertex"]
                self.near[PARENT].setdefault(child, []).append(parent)
                self.near[CHILD].setdefault(parent, []).append(child)

    def of(self, vertex: str) -> str:
        """The area of a vertex; itself where there is none that it could be in."""
        passed: set[str] = set()
        found = vertex
        while found not in passed and (row := self.rows[found]).area != OWN:
            passed.add(found)
            if row.area == STEM:
                near = [name for name in (found.removesuffix(row.vertex[1:]),) if name in self.rows]
            else:
                near = self.near[row.area].get(found, [])
            # Rather one that is an area than one that is itself in another's.
            found = next((name for name in near if self.rows[name].area == OWN), near[0] if near else found)
        return found if found not in passed else vertex
