"""A circuit as populations of neurons and the projections between them: a networkx graph, a GraphML file, a table.

A projection is what the dendrite of a vertex makes of one parent's value: everything between the two that has no
neurons of its own is folded into it, along every path.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO

from pcneuro.circuit.layers import place, places
from pcneuro.circuit.plasticity import learned_name
from pcneuro.circuit.projections import Bundle, Dendrites, Projection, bundled, projections, role_of
from pcneuro.circuit.properties import number_range, shown_attributes, shown_columns
from pcneuro.circuit.structure import HALVES, AbstractCircuit
from pcneuro.files import write_atomically
from pcneuro.graph.graph import Parameter
from pcneuro.model.plasticity import AbstractPlasticity
from pcneuro.tables import aligned, shortened

if TYPE_CHECKING:
    import networkx

NOISE_WIDTH = 60
_RULE: Mapping[str, Callable[[AbstractPlasticity], str]] = {
    "tau/ms": lambda rule: f"{rule.tau:g}",
    "decay": lambda rule: f"{rule.decay:g}",
    "bounds": lambda rule: "-" if rule.bounds is None else f"{rule.limits[0]:g} ... {rule.limits[1]:g}",
    "every/ms": lambda rule: "-" if rule.every is None else f"{rule.every:g}",
}
"""Columns of the table of rules: heading -> the text of one."""


def to_networkx(circuit: AbstractCircuit) -> networkx.MultiDiGraph:
    """Populations and projections as a networkx graph.

    Nodes are ``"<vertex>.value"`` and ``"<vertex>.error"``; where error neurons come in pairs, ``"<vertex>.error_on"``
    and ``"<vertex>.error_off"`` in place of the second, with an attribute ``sign``, 1 or -1, and edges to and from them
    have a ``sign``, too: that of what they do, which weights multiply. Inputs have value neurons only, and so have
    latents without a prior, which nothing predicts. Attributes: ``kind`` (``"value"``, ``"error"``), ``vertex``,
    ``role`` (``"input"``,
    ``"hidden"``, ``"output"``, ``"latent"``), ``shape`` (tuple), ``size`` (neurons), ``tau`` (ms: the vertex's time
    constant, a float, or a tuple with one for each unit where they differ; 0.0 for inputs, which follow their data at
    once). Error populations also have ``precision`` and ``error_tau`` (as tau), and ``parameters``: all that the
    vertex's dendrite holds. Populations with noise have ``noise``, its text.

    Edges, with their ``kind`` as key: ``prediction`` (parent's value -> child's error), ``feedback`` (child's error ->
    parent's value; not to inputs, which are clamped, nor where nothing comes back), ``excite`` (own value -> own error)
    and ``inhibit`` (own error -> own value). Those by which a ``Recurrent`` closes a cycle are ``recurrent``, and have
    its name in their key (``"prediction before"``) and its delay. Attributes: ``kind``; ``recurrent``; ``parameters``,
    the names of those that multiply what passes here (biases belong to the error population); ``plastic``, whether
    there are any; ``hebbian``, whether the child's prediction is linear in them, along the ways that its error comes
    back by, so that their change is the error behind the synapse times the activity before it; ``synapses``, their
    number, the same for feedback as for its prediction; ``delay`` and ``delay_max``, the shortest and the longest
    conduction delay of these synapses in ms, 0.0 within a vertex. With ``delay`` as weight, shortest paths are first
    arrivals where a projection has one delay for all synapses; else nothing arrives before.
    In a circuit with rules of plasticity edges and error populations have ``plasticity``: the rules of their parameters
    in words, and of error populations that of their variance. Weights and transfer functions are with the graph's
    attribute ``pcneuro_circuit``, from which ``pcn.from_networkx`` makes the circuit again.
    In a circuit with a scheme of layers populations have ``area``, ``layer`` and ``cell_type``, and edges
    ``projection``, ``effect`` and ``layer``, where their synapses are. Raises ParameterError for what it leaves out.
    """
    import networkx

    from pcneuro.circuit.companion import COMPANION, Companion
    from pcneuro.circuit.synapses import extent

    # The circuit has its graph, and so cannot be in it: something that has all that it has is.
    graph = networkx.MultiDiGraph(**{COMPANION: Companion.of(replace(circuit))})
    dendrites, delays = Dendrites(circuit), extent(circuit)

    def connect(kind: str, source: str, target: str, synapses: int, projection: Projection | None = None) -> None:
        weights = () if projection is None else projection.parameters
        if projection is not None and projection.back is not None and kind == "feedback":
            weights = projection.back
        leaf = "" if projection is None else projection.leaf
        late = delays.get((_signed(source), _signed(target)), (0.0, 0.0))
        if leaf:
            late = (projection.delay,) * 2 if projection is not None and kind == "prediction" else (0.0, 0.0)
        graph.add_edge(
            source,
            target,
            key=f"{kind} {leaf}" if leaf else kind,
            kind=kind,
            recurrent=bool(leaf),
            parameters=weights,
            plastic=bool(weights),
            hebbian=bool(projection and projection.hebbian),
            delay=late[0],
            delay_max=late[1],
            synapses=synapses,
            **_rules(circuit, weights),
            **_sign(kind, source, target),
        )

    for name in (*circuit.graph.inputs, *circuit.vertices):
        node = circuit.graph.nodes[name]
        common = {"vertex": name, "role": role_of(circuit, name), "shape": tuple(node.shape), "size": node.size}
        if name in circuit.graph.inputs:
            graph.add_node(f"{name}.value", kind="value", **common, tau=0.0)
            continue
        record = circuit.properties[name]
        shown = shown_attributes(record, "value") | _shown_noise(circuit, f"{name}.value")
        graph.add_node(f"{name}.value", kind="value", **common, **shown)
        if not circuit.has_prediction(name):
            continue
        parameters = dendrites.ordered(dendrites.carried(name))
        attributes = shown_attributes(record, "error") | _shown_noise(circuit, f"{name}.error")
        rules = _rules(circuit, (*parameters, name))
        for error in error_populations(circuit, name):
            sign = {"sign": HALVES[error.rpartition(".")[2]]} if name in circuit.baselines else {}
            graph.add_node(error, kind="error", **common, **attributes, parameters=parameters, **rules, **sign)
            connect("excite", f"{name}.value", error, node.size)
            connect("inhibit", error, f"{name}.value", node.size)
    for projection in dendrites.projections():
        parent = f"{projection.parent}.value"
        for child in error_populations(circuit, projection.child):
            connect("prediction", parent, child, projection.synapses, projection)
            if projection.back is not None:
                connect("feedback", child, parent, projection.synapses, projection)
    if circuit.scheme is not None:
        place(circuit.scheme, graph)
    return graph


_EFFECT = {"excite": 1, "prediction": -1, "inhibit": -1, "feedback": 1}
"""Kind of connection -> what it does to the signed error, or the error to what it reaches."""


def error_populations(circuit: AbstractCircuit, vertex: str) -> tuple[str, ...]:
    """Names of the populations of error neurons that a vertex has in ``Circuit.nx``: one, or two."""
    return tuple(f"{vertex}.{half}" for half in HALVES) if vertex in circuit.baselines else (f"{vertex}.error",)


def _signed(population: str) -> str:
    """The population as delays know it, which are those of both halves."""
    vertex, _, kind = population.rpartition(".")
    return f"{vertex}.error" if kind in HALVES else population


def _sign(kind: str, source: str, target: str) -> dict[str, int]:
    """The attribute of an edge to or from error neurons in pairs."""
    halves = [half for half in (end.rpartition(".")[2] for end in (source, target)) if half in HALVES]
    return {"sign": _EFFECT[kind] * HALVES[halves[0]]} if halves else {}


def _shown_noise(circuit: AbstractCircuit, population: str) -> dict[str, str]:
    """The attribute of a population that has noise."""
    return {"noise": repr(circuit.noise[population])} if population in circuit.noise else {}


def _rules(circuit: AbstractCircuit, names: Sequence[str]) -> dict[str, str]:
    """The attribute ``plasticity`` of a population or projection with these parameters."""
    if not circuit.plasticity:
        return {}
    rules = [f"{name}: {circuit.plasticity[name].text()}" for name in names if name in circuit.plasticity]
    return {"plasticity": "; ".join(rules)}


def plain_attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes as GraphML has them: tuples are text, with commas between."""
    return {k: ",".join(map(str, v)) if isinstance(v, tuple) else v for k, v in attributes.items()}


def write_graphml(
    populations: networkx.MultiDiGraph,
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    companion: str = "",
) -> None:
    """Write what ``to_networkx`` made as GraphML, for Gephi, Cytoscape, yEd and ``networkx.read_graphml``.

    Attributes are numbers, truth values and text; a tuple becomes text with commas between (``"28,28"``). No two
    populations have two edges of one direction between them, so that the file holds a plain directed graph; but for
    cycles, with which it may hold a multigraph.
    ``companion`` becomes an attribute of the graph, unless it is empty: the circuit, as text.
    Raises OutputError where the file exists, unless ``overwrite``, or cannot be written.
    """
    import networkx

    from pcneuro.circuit.companion import COMPANION

    parallel = populations.number_of_edges() > networkx.DiGraph(populations).number_of_edges()
    graph = networkx.MultiDiGraph() if parallel else networkx.DiGraph()
    graph.add_nodes_from((name, plain_attributes(attributes)) for name, attributes in populations.nodes(data=True))
    graph.add_edges_from((a, b, plain_attributes(attributes)) for a, b, attributes in populations.edges(data=True))
    if companion:
        graph.graph[COMPANION] = companion

    def write(file: BinaryIO) -> None:
        networkx.write_graphml(graph, file)

    write_atomically(path, write, overwrite=overwrite)


def _count(n: int, one: str, several: str) -> str:
    return f"{n:,} {one if n == 1 else several}"


def _delay_text(circuit: AbstractCircuit, graph: networkx.MultiDiGraph, bundle: Bundle) -> str:
    """Delays of a projection's synapses in ms, forward and back."""
    if bundle.first.leaf:
        return number_range(*bundle.delays)
    shortest, longest = (_ways(circuit, graph, bundle.first, end) for end in ("delay", "delay_max"))
    return ", ".join(number_range(low, high, 3) for low, high in zip(shortest, longest, strict=True))


def _ways(circuit: AbstractCircuit, graph: networkx.MultiDiGraph, projection: Projection, attribute: str) -> list[Any]:
    """An attribute of the edges of a projection: of its prediction, and of its feedback where there is one."""
    ends = f"{projection.parent}.value", error_populations(circuit, projection.child)[0]
    leaf = f" {projection.leaf}" if projection.leaf else ""
    kinds = ((ends, "prediction"), (ends[::-1], "feedback"))
    edges = (graph.get_edge_data(*edge, key=f"{kind}{leaf}") for edge, kind in kinds)
    return [edge[attribute] for edge in edges if edge]


def population_rows(circuit: AbstractCircuit) -> tuple[list[str], list[list[str]]]:
    """Headings and rows of the table of populations: inputs, then vertices."""
    columns = dict(shown_columns(circuit.graph, circuit.properties))
    rows = []
    for name in (*circuit.graph.inputs, *circuit.vertices):
        node = circuit.graph.nodes[name]
        clamped = name in circuit.graph.inputs
        predicted = not clamped and circuit.has_prediction(name)
        units = f"{node.size:,}"
        errors = f"{node.size * len(error_populations(circuit, name)):,}" if predicted else "-"
        row = [name, role_of(circuit, name), str(node.shape), units, errors]
        rows.append([*row, *(texts.get(name, "-") for texts in columns.values())])
    return ["population", "role", "shape", "value", "error", *columns], rows


def _population_table(circuit: AbstractCircuit) -> list[str]:
    heads, rows = population_rows(circuit)
    return aligned(heads, rows, "lll" + "r" * (len(heads) - 3))


def _levels_table(circuit: AbstractCircuit) -> list[str]:
    """On which levels parameters are; empty where none is on any."""
    sources = {name: node.source for name, node in circuit.graph.parameters.items()}
    cells = [
        [name, str(s.levels.bits), f"{s.levels.scale_of(s.value):.6g}", repr(s.levels.rounding)]
        for name, s in sources.items()
        if isinstance(s, Parameter) and s.levels is not None
    ]
    return ["", *aligned(("rounded", "bits", "scale", "rounding"), cells, "lrrl")] if cells else []


def table(circuit: AbstractCircuit, graph: networkx.MultiDiGraph) -> str:
    """The circuit in words and numbers, as ``print(circuit)`` shows it: totals, populations, projections.

    ``graph`` is what ``to_networkx`` makes of the circuit.
    """
    connections = projections(circuit)
    neurons = {
        kind: sum(d["size"] for _, d in graph.nodes(data=True) if d["kind"] == kind) for kind in ("value", "error")
    }
    synapses = dict.fromkeys(("prediction", "feedback", "excite", "inhibit"), 0)
    for _, _, d in graph.edges(data=True):
        synapses[d["kind"]] += d["synapses"]
    plastic = sum(p.synapses for p in connections if p.parameters)
    values = circuit.parameters
    names = ", ".join(values)
    lines = [
        f"Circuit of {_count(len(circuit.vertices), 'vertex', 'vertices')} and "
        f"{_count(len(circuit.graph.inputs), 'input', 'inputs')}",
        f"  neurons    {sum(neurons.values()):>13,}  " + ", ".join(f"{n:,} {kind}" for kind, n in neurons.items()),
        f"  synapses   {sum(synapses.values()):>13,}  " + ", ".join(f"{n:,} {kind}" for kind, n in synapses.items()),
        f"  plastic    {plastic:>13,}  of the prediction synapses",
        f"  parameters {sum(v.size for v in values.values()):>13,}  {f'in {shortened(names, 66)}' if names else ''}",
        "",
        *_population_table(circuit),
    ]
    lines += _levels_table(circuit)
    if circuit.noise:
        texts = [[population, repr(noise)] for population, noise in circuit.noise.items()]
        lines += ["", *aligned(("population", "noise"), texts, "ll", widest=NOISE_WIDTH)]
    if circuit.scheme is not None:
        cells = [[name, at.area, at.layer, at.cell_type] for name, at in places(graph).items()]
        lines += ["", *aligned(("population", "area", "layer", "cell type"), cells, "llll")]
    rows = []
    heads, right = ["projection", "kind", "parameters", "synapses", "learning"], "lllrl"
    delayed = circuit.delayed or any(p.delay for p in connections)
    if delayed:
        heads, right = [*heads, "delay/ms"], right + "r"
    if circuit.scheme is not None:
        heads, right = [*heads, "in the cortex"], right + "l"
    for bundle in bundled(connections):
        p = bundle.first
        ways = "prediction" if p.back is None else "prediction, feedback"
        rule = "Hebbian" if p.hebbian else "plastic" if p.parameters else "fixed"
        names = ", ".join(p.parameters) or "-"
        names += f"; back {', '.join(p.back) or '-'}" if p.back not in (None, p.parameters) else ""
        row = [f"{p.parent} -> {p.child}{', recurrent' if p.leaf else ''}", ways, names, f"{bundle.synapses:,}", rule]
        row += [_delay_text(circuit, graph, bundle)] if delayed else []
        row += [", ".join(_ways(circuit, graph, p, "projection"))] if circuit.scheme is not None else []
        rows.append(row)
    if rows:
        lines += ["", *aligned(heads, rows, right)]
    if circuit.plasticity:
        heads = ["in the loop", "rule", *_RULE]
        rules = [
            [learned_name(n, r), type(r).__name__, *(t(r) for t in _RULE.values())]
            for n, r in circuit.plasticity.items()
        ]
        lines += ["", *aligned(heads, rules, "llrrrr")]
    return "\n".join(line.rstrip() for line in lines)
