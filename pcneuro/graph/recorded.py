"""The graph of what a recorder has written down: only what is needed, and all of it with a name."""

from __future__ import annotations

from collections.abc import Mapping

from pcneuro.graph.graph import Graph, Leaf, Node
from pcneuro.graph.tracing.array import Recorder
from pcneuro.graph.trees import Tree


def recorded_graph(
    recorder: Recorder, outputs: Mapping[str, int], trees: Mapping[str, Tree], *, whole: bool = False
) -> Graph:
    """Drop what neither an output nor anything with a name needs (unless ``whole``), and name what has no name."""
    needed: set[int] = set()
    stack = [*range(len(recorder.entries))] if whole else [*outputs.values(), *recorder.names]
    while stack:
        number = stack.pop()
        if number not in needed:
            needed.add(number)
            stack.extend(recorder.entries[number][1])
    names = dict(recorder.names)
    taken = set(names.values())
    counts: dict[str, int] = {}
    nodes = []
    for number, (source, operands, shape, where) in enumerate(recorder.entries):
        if number not in needed:
            continue
        if number not in names:
            names[number] = _free("constant" if isinstance(source, Leaf) else source.label, counts, taken)
        operand_names = tuple(names[o] for o in operands)
        nodes.append(Node(names[number], source, operand_names, shape, number in recorder.marked, where))
    return Graph(nodes, {name: names[number] for name, number in outputs.items()}, trees)


def _free(label: str, counts: dict[str, int], taken: set[str]) -> str:
    """A name that is not taken: the label, or the label and a number."""
    while True:
        count = counts.get(label, 0)
        counts[label] = count + 1
        name = f"{label}_{count}" if count else label
        if name not in taken:
            taken.add(name)
            return name
