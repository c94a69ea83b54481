"""A circuit as populations of neurons and the projections between them: a networkx graph, a GraphML file, a table.

A projection is what the dendrite of a vertex makes of one parent's value: everything between the two that has no
neurons of its own is folded into it, along every path.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.graph.graph import Latent, Node, Parameter
from pcneuro.ops.base import AbstractOperator, Elementwise, Gather, Opaque, Product, Reduce
from pcneuro.ops.formula import Formula, parse, variables_of

if TYPE_CHECKING:
    import networkx

_LONGEST_TABLE = 60
"""Rows that a table has at most; the middle of a longer one is left out."""
_WIDEST_CELL = 26


@dataclass(frozen=True)
class Projection:
    """Connections from the value neurons of ``parent`` (a vertex or an input) to the error neurons of ``child``.

    ``parameters`` are those that multiply the parent's activity on its way, in the graph's order; ``hebbian`` says
    that there are some and that the child's prediction is linear in them. ``synapses`` is their number.
    """

    parent: str
    child: str
    parameters: tuple[str, ...]
    hebbian: bool
    synapses: int


def _multiplied(formula: Formula, a: str, b: str) -> bool:
    """Whether a product, quotient or power in a formula has one variable on one side and the other on the other."""
    if not isinstance(formula, tuple):
        return False
    name, *arguments = formula
    if name in ("multiply", "multiply_or_zero", "divide", "power"):
        left, right = (variables_of(argument) for argument in arguments)
        if (a in left and b in right) or (b in left and a in right):
            return True
    return any(_multiplied(argument, a, b) for argument in arguments)


def multiplies(operator: AbstractOperator, j: int, k: int) -> bool:
    """Whether operand j multiplies operand k, as a weight or gain does, and is not only added to it as a bias is."""
    match operator.role:
        case Elementwise(expression=expression, variables=variables):
            return _multiplied(parse(expression, variables, internal=True), variables[j], variables[k])
        case Gather() | Reduce():
            return False
        case Product() | Opaque():
            return True


class Dendrites:
    """Which parents, contractions and parameters each vertex's prediction is computed from.

    ``sources`` are the nodes whose activity projections start from: vertices and inputs. ``paths[node]`` maps each
    source to the connections (operand k of node n) that lie on any way from it to the node, as bits of an integer:
    one pass in topological order, however many ways there are. ``carried[node]`` are the parameters that the node
    is computed from, without those behind a source. ``children[source]`` are the vertices it projects to.
    """

    def __init__(self, circuit: Circuit) -> None:
        self.circuit, self.graph = circuit, circuit.graph
        self.sources = frozenset(circuit.vertices) | frozenset(self.graph.inputs)
        self.position = {name: i for i, name in enumerate(self.graph.nodes)}
        self.connections: list[tuple[Node, int]] = []
        self.paths: dict[str, dict[str, int]] = {}
        self.carried: dict[str, frozenset[str]] = {}
        for name, node in self.graph.nodes.items():
            own = frozenset([name]) if isinstance(node.source, Parameter) else frozenset()
            arrived: dict[str, int] = {}
            for k, operand in enumerate(node.operands):
                bit = 1 << len(self.connections)
                self.connections.append((node, k))
                own |= self.read(operand)
                for source, ways in ({operand: 0} if operand in self.sources else self.paths[operand]).items():
                    arrived[source] = arrived.get(source, 0) | ways | bit
            self.carried[name] = own
            self.paths[name] = arrived

    def read(self, operand: str) -> frozenset[str]:
        """Parameters that whoever reads a node depends on through it: none behind a source."""
        return frozenset() if operand in self.sources else self.carried[operand]

    def is_weight(self, operand: str) -> bool:
        """Whether a node is computed from parameters and constants alone."""
        return operand not in self.sources and not self.paths[operand]

    def ordered(self, parameters: frozenset[str]) -> tuple[str, ...]:
        """Names of parameters in the graph's order."""
        return tuple(name for name in self.graph.parameters if name in parameters)

    def nodes_of(self, vertex: str) -> list[str]:
        """The operator nodes of one vertex's dendrite in topological order, the vertex itself last."""
        found = {vertex}
        stack = [vertex]
        while stack:
            for operand in self.graph.nodes[stack.pop()].operands:
                if operand not in self.sources and operand not in found and not self.graph.nodes[operand].is_leaf:
                    found.add(operand)
                    stack.append(operand)
        return sorted(found, key=self.position.__getitem__)

    def linear(self, vertex: str, parameters: frozenset[str]) -> bool:
        """Whether a vertex's prediction is linear in these parameters taken together, the parents' values held."""
        depends = set(parameters)
        for name in self.nodes_of(vertex):
            node = self.graph.nodes[name]
            reached = [k for k, o in enumerate(node.operands) if o in depends and o not in self.sources]
            if not reached:
                continue
            depends.add(name)
            if not all(node.operator.linear_in(k) for k in reached):
                return False
            if any(multiplies(node.operator, j, k) for j, k in combinations(reached, 2)):
                return False
        return True

    def projection(self, parent: str, child: str) -> Projection:
        """Describe the projection from a source to a vertex that has it among its ``paths``."""
        ways = self.paths[child][parent]
        weights: frozenset[str] = frozenset()
        contractions: list[int] = []
        others: list[int] = []
        while ways:
            lowest = ways & -ways
            ways ^= lowest
            node, k = self.connections[lowest.bit_length() - 1]
            weighing = [o for j, o in enumerate(node.operands) if self.is_weight(o) and multiplies(node.operator, j, k)]
            for operand in weighing:
                weights |= self.carried[operand]
            count = node.operator.connections(k, *(self.graph.nodes[o].shape for o in node.operands))
            contracts = isinstance(node.operator.role, Product) or (
                isinstance(node.operator.role, Opaque) and bool(weighing)
            )
            (contractions if contracts else others).append(count)
        synapses = sum(contractions) if contractions else max(others)
        hebbian = bool(weights) and self.linear(child, weights)
        return Projection(parent, child, self.ordered(weights), hebbian, synapses)

    def projections(self) -> Iterator[Projection]:
        """Every projection, by child in topological order."""
        for child in self.circuit.vertices:
            for parent in self.paths[child]:
                yield self.projection(parent, child)


def projections(circuit: Circuit) -> tuple[Projection, ...]:
    """The projections of a circuit, by child in topological order."""
    return tuple(Dendrites(circuit).projections())


def role_of(circuit: Circuit, name: str) -> str:
    """``"input"``, ``"latent"``, ``"output"`` or ``"hidden"``: what a population usually is clamped as, if at all."""
    if name in circuit.graph.inputs:
        return "input"
    if isinstance(circuit.graph.nodes[name].source, Latent):
        return "latent"
    return "output" if name in circuit.energies else "hidden"


def _uniform(values: np.ndarray) -> float | tuple[float, ...]:
    """The one number that an array holds, or all of them in C order."""
    flat = values.ravel()
    return float(flat[0]) if (flat == flat[0]).all() else tuple(flat.tolist())


def to_networkx(circuit: Circuit) -> networkx.MultiDiGraph:
    """Populations and projections as a networkx graph.

    Nodes are ``"<vertex>.value"`` and ``"<vertex>.error"``. Inputs have value neurons only, and so have latents without
    a prior, which nothing predicts. Attributes: ``kind`` (``"value"``, ``"error"``), ``vertex``, ``role`` (``"input"``,
    ``"hidden"``, ``"output"``, ``"latent"``), ``shape`` (tuple), ``size`` (neurons), ``tau`` (ms: the vertex's time
    constant, a float, or a tuple with one for each unit where they differ; 0.0 for inputs, which follow their data at
    once). Error populations also have ``precision`` (as tau) and ``parameters``: all that the vertex's dendrite holds.

    Edges, with their ``kind`` as key: ``prediction`` (parent's value -> child's error), ``feedback`` (child's error ->
    parent's value; not to inputs, which are clamped), ``excite`` (own value -> own error) and ``inhibit`` (own
    error -> own value). Attributes: ``kind``; ``parameters``, the names of those that multiply what passes here (biases
    belong to the error population); ``plastic``, whether there are any; ``hebbian``, whether the child's prediction is
    linear in them, so that their change is the error behind the synapse times the activity before it; ``synapses``,
    their number, the same for feedback as for its prediction; ``delay`` and ``delay_max``, the shortest and the longest
    conduction delay of these synapses in ms, 0.0 within a vertex. With ``delay`` as weight, shortest paths are first
    arrivals where a projection has one delay for all synapses; else nothing arrives before.
    """
    import networkx

    from pcneuro.circuit.synapses import extent

    graph = networkx.MultiDiGraph()
    dendrites, delays = Dendrites(circuit), extent(circuit)

    def connect(kind: str, source: str, target: str, synapses: int, projection: Projection | None = None) -> None:
        graph.add_edge(
            source,
            target,
            key=kind,
            kind=kind,
            parameters=projection.parameters if projection else (),
            plastic=bool(projection and projection.parameters),
            hebbian=bool(projection and projection.hebbian),
            delay=delays.get((source, target), (0.0, 0.0))[0],
            delay_max=delays.get((source, target), (0.0, 0.0))[1],
            synapses=synapses,
        )

    for name in (*circuit.graph.inputs, *circuit.vertices):
        node = circuit.graph.nodes[name]
        common = {"vertex": name, "role": role_of(circuit, name), "shape": tuple(node.shape), "size": node.size}
        common["tau"] = 0.0 if name in circuit.graph.inputs else _uniform(circuit.tau[name])
        graph.add_node(f"{name}.value", kind="value", **common)
        if name in circuit.graph.inputs or not circuit.has_prediction(name):
            continue
        common |= {"parameters": dendrites.ordered(dendrites.carried[name])}
        graph.add_node(f"{name}.error", kind="error", precision=_uniform(circuit.precision[name]), **common)
        connect("excite", f"{name}.value", f"{name}.error", node.size)
        connect("inhibit", f"{name}.error", f"{name}.value", node.size)
    for projection in dendrites.projections():
        parent, child = f"{projection.parent}.value", f"{projection.child}.error"
        connect("prediction", parent, child, projection.synapses, projection)
        if projection.parent not in circuit.graph.inputs:
            connect("feedback", child, parent, projection.synapses, projection)
    return graph


def _plain(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {k: ",".join(map(str, v)) if isinstance(v, tuple) else v for k, v in attributes.items()}


def write_graphml(circuit: Circuit, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write ``to_networkx(circuit)`` as GraphML, for Gephi, Cytoscape, yEd and ``networkx.read_graphml``.

    Attributes are numbers, truth values and text; a tuple becomes text with commas between (``"28,28"``). No two
    populations have two edges of one direction between them, so that the file holds a plain directed graph.
    Raises OutputError where the file exists, unless ``overwrite``, or cannot be written.
    """
    import networkx

    from pcneuro.circuit.saving import write_atomically

    graph = networkx.DiGraph()
    graph.add_nodes_from((name, _plain(attributes)) for name, attributes in circuit.nx.nodes(data=True))
    graph.add_edges_from((a, b, _plain(attributes)) for a, b, attributes in circuit.nx.edges(data=True))

    def write(file: BinaryIO) -> None:
        networkx.write_graphml(graph, file)

    write_atomically(path, write, overwrite=overwrite)


def _count(n: int, one: str, several: str) -> str:
    return f"{n:,} {one if n == 1 else several}"


def _short(text: str, width: int = _WIDEST_CELL) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."


def aligned(heads: Sequence[str], rows: Sequence[Sequence[str]], right: str) -> list[str]:
    """Lines of a table; ``right`` has an ``r`` for each column that is aligned to the right."""
    half = _LONGEST_TABLE // 2
    left_out = len(rows) - _LONGEST_TABLE
    shown = [*rows[:half], *rows[-half:]] if left_out > 0 else rows
    cells = [[_short(cell) for cell in row] for row in (heads, *shown)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(heads))]
    lines = [
        "  ".join(c.rjust(w) if r == "r" else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True)).rstrip()
        for row in cells
    ]
    if left_out > 0:
        lines.insert(1 + half, f"... {left_out:,} more ...")
    return [lines[0], "-" * max(map(len, lines)), *lines[1:]]


def _range(low: float, high: float, digits: int = 6) -> str:
    texts = [f"{value:.{digits}g}" for value in (low, high)]
    return "-".join(dict.fromkeys(texts))


def _delay_text(graph: networkx.MultiDiGraph, projection: Projection) -> str:
    """Delays of a projection's synapses in ms, forward and back."""
    ends = f"{projection.parent}.value", f"{projection.child}.error"
    ways = (graph.get_edge_data(*edge) for edge in (ends, ends[::-1]))
    return ", ".join(_range(d["delay"], d["delay_max"], 3) for way in ways if way for d in way.values())


def _population_rows(circuit: Circuit) -> Iterator[tuple[str, ...]]:
    for name in (*circuit.graph.inputs, *circuit.vertices):
        node = circuit.graph.nodes[name]
        clamped = name in circuit.graph.inputs
        predicted = not clamped and circuit.has_prediction(name)
        yield (
            name,
            role_of(circuit, name),
            str(node.shape),
            f"{node.size:,}",
            f"{node.size:,}" if predicted else "-",
            "-" if clamped else _range(circuit.tau[name].min(), circuit.tau[name].max()),
        )


def table(circuit: Circuit) -> str:
    """The circuit in words and numbers, as ``print(circuit)`` shows it: totals, populations, projections."""
    graph = circuit.nx
    found = projections(circuit)
    neurons = {
        kind: sum(d["size"] for _, d in graph.nodes(data=True) if d["kind"] == kind) for kind in ("value", "error")
    }
    synapses = dict.fromkeys(("prediction", "feedback", "excite", "inhibit"), 0)
    for _, _, d in graph.edges(data=True):
        synapses[d["kind"]] += d["synapses"]
    plastic = sum(p.synapses for p in found if p.parameters)
    values = circuit.parameters
    names = ", ".join(values)
    lines = [
        f"Circuit of {_count(len(circuit.vertices), 'vertex', 'vertices')} and "
        f"{_count(len(circuit.graph.inputs), 'input', 'inputs')}",
        f"  neurons    {sum(neurons.values()):>13,}  " + ", ".join(f"{n:,} {kind}" for kind, n in neurons.items()),
        f"  synapses   {sum(synapses.values()):>13,}  " + ", ".join(f"{n:,} {kind}" for kind, n in synapses.items()),
        f"  plastic    {plastic:>13,}  of the prediction synapses",
        f"  parameters {sum(v.size for v in values.values()):>13,}  {f'in {_short(names, 66)}' if names else ''}",
        "",
        *aligned(("population", "role", "shape", "value", "error", "tau/ms"), [*_population_rows(circuit)], "lllrrr"),
    ]
    rows = []
    heads, right = ["projection", "kind", "parameters", "synapses", "learning"], "lllrl"
    if circuit.delayed:
        heads, right = [*heads, "delay/ms"], right + "r"
    for p in found:
        ways = "prediction" if p.parent in circuit.graph.inputs else "prediction, feedback"
        rule = "Hebbian" if p.hebbian else "plastic" if p.parameters else "fixed"
        row = [f"{p.parent} -> {p.child}", ways, ", ".join(p.parameters) or "-", f"{p.synapses:,}", rule]
        rows.append([*row, _delay_text(graph, p)] if circuit.delayed else row)
    if rows:
        lines += ["", *aligned(heads, rows, right)]
    return "\n".join(line.rstrip() for line in lines)
