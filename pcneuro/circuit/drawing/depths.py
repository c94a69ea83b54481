"""Which layer of a picture each vertex is in, and in which direction projections run there, if they are in cycles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Pair = tuple[str, str]
"""Parent and child of a projection."""


def reading_order(names: Sequence[str], pairs: Iterable[Pair]) -> list[str]:
    """Vertices, parents before children but within a cycle, whose vertices come one behind the other as in ``names``.

    Projections that run against this order are those by which pictures close cycles, and no others are.
    """
    import networkx

    graph = networkx.DiGraph()
    graph.add_nodes_from(names)
    graph.add_edges_from(pairs)
    place = {name: i for i, name in enumerate(names)}
    cycles = networkx.condensation(graph)
    first = {cycle: min(map(place.__getitem__, members)) for cycle, members in cycles.nodes(data="members")}
    ordered = networkx.lexicographical_topological_sort(cycles, key=first.__getitem__)
    return [name for cycle in ordered for name in sorted(cycles.nodes[cycle]["members"], key=place.__getitem__)]


def depths(names: Sequence[str], pairs: Sequence[Pair]) -> dict[str, int]:
    """Layer of each vertex: behind all its parents, and, where it has none, just before the first of its children.

    Of a projection that closes a cycle the child comes before the parent.
    """
    ordered = reading_order(names, pairs)
    place = {name: i for i, name in enumerate(ordered)}
    before: dict[str, list[str]] = {name: [] for name in ordered}
    behind: dict[str, list[str]] = {name: [] for name in ordered}
    for pair in pairs:
        first, second = sorted(pair, key=place.__getitem__)
        if first != second:
            before[second].append(first)
            behind[first].append(second)
    depth_of: dict[str, int] = {}
    for name in ordered:
        depth_of[name] = 1 + max((depth_of[p] for p in before[name]), default=-1)
    for name in ordered:
        if not before[name] and behind[name]:
            depth_of[name] = min(depth_of[c] for c in behind[name]) - 1
    least = min(depth_of.values(), default=0)
    return {name: depth - least for name, depth in depth_of.items()}


def pieces(names: Sequence[str], pairs: Sequence[Pair]) -> int:
    """Number of lines from a layer to the next, of which all projections consist: the size of a picture."""
    depth = depths(names, pairs)
    return sum(max(abs(depth[child] - depth[parent]), 1) for parent, child in pairs)
