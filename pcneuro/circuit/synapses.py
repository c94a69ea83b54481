"""Where dendrites read value neurons, synapse by synapse; and how long what passes there takes, in both directions.

A projection from a parent to a child is what the child's dendrite makes of the parent's activity. In single units
(``UnitGraph``) it reads it at one place or more: where a ``SynapticSum`` has synapses from the parent's value neurons,
and where a ``UnitFunction`` has them, one to one, for an operand. A projection's delays are those of all its synapses,
place by place: by population of the unit graph, of a function by operand, and within a sum in the order of its
synapses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from pcneuro.circuit.projections import Dendrites
from pcneuro.circuit.structure import AbstractCircuit
from pcneuro.circuit.units import SynapseGroup, SynapticSum, UnitFunction, UnitGraph
from pcneuro.errors import ParameterError, told, unknown_name
from pcneuro.model.delays import AbstractDelay, ConstantDelay, Places
from pcneuro.quantities import NOT_NEGATIVE, Range, milliseconds

Edge = tuple[str, str]
"""Names of two populations of ``Circuit.nx``."""

MOST_STEPS = 2**31 - 1
"""Longest delay in steps, so that engines can keep delays in 32 bits."""


def synapse_groups(units: UnitGraph) -> list[SynapseGroup]:
    """All synapse groups of a circuit, in the order of the populations, those of a function in that of its operands.

    What goes into no vertex's prediction is left out.
    """
    return units.synapse_groups


def edge_of(parent: str, child: str, kind: str) -> Edge:
    """The edge of a projection in one direction, ``kind`` ``"prediction"`` or ``"feedback"``."""
    ends = {"prediction": (f"{parent}.value", f"{child}.error"), "feedback": (f"{child}.error", f"{parent}.value")}
    return ends[kind]


def ends_of(edge: Edge) -> tuple[str, str, str]:
    """Parent, child and kind of an edge: what ``edge_of`` made it of."""
    (source, kind), (target, _) = (end.rpartition(".")[::2] for end in edge)
    return (source, target, "prediction") if kind == "value" else (target, source, "feedback")


def delays_at(units: UnitGraph, group: SynapseGroup, kind: str) -> np.ndarray | float:
    """Delays in ms at a synapse group, float64 of shape (synapses,), or one number for all.

    ``kind`` is ``"prediction"`` or ``"feedback"``. Raises ShapeError where an array does not fit the projection, and
    ParameterError where the group is in the dendrites of several vertices whose projections have different delays.
    """
    by_child = {child: _of_child(units, group, child, kind) for child in group.children}
    if kind == "feedback" and not _agree(by_child.values()):
        # A dendrite whose errors do not come back has no delay of these.
        dendrites = Dendrites(units.circuit)
        by_child = {child: d for child, d in by_child.items() if group.parent in dendrites.fed_back(child)} or by_child
    first, *others = by_child
    for child in others:
        if not _agree((by_child[first], by_child[child])):
            node = units.populations[group.population].node  # type: ignore[union-attr]
            raise ParameterError(
                f"node {node!r} is in the dendrites of {first!r} and {child!r}, between which the "
                f"{kind} delays of {group.parent!r} differ: give both the same, or node {node!r} neurons of its "
                "own (pcn.vertex)"
            )
    return by_child[first]


def _agree(delays: Iterable[np.ndarray | float]) -> bool:
    first, *others = delays
    return all(bool(np.all(np.equal(first, other))) for other in others)


def _of_child(units: UnitGraph, group: SynapseGroup, child: str, kind: str) -> np.ndarray | float:
    """The part of a projection's delays that is at this synapse group."""
    edge = edge_of(group.parent, child, kind)
    delay = units.circuit.delays.get(edge)
    if delay is None:
        return 0.0
    if delay.constant is not None:
        return delay.constant
    groups = _groups_of(units, group.parent, child)
    first = sum(other.synapses for other in groups[: groups.index(group)])
    return delay.at(places_of(units, group.parent, child), ">".join(edge))[first : first + group.synapses]


def _groups_of(units: UnitGraph, parent: str, child: str) -> list[SynapseGroup]:
    """The synapse groups of one projection."""
    return units.groups_by_projection.get((parent, child), [])


def places_of(units: UnitGraph, parent: str, child: str) -> Places:
    """The synapses of a projection: of one group it is known whose weights they have, of several how many there are."""
    groups = _groups_of(units, parent, child)
    if len(groups) > 1:
        return Places(sum(group.synapses for group in groups))
    (group,) = groups
    population, nodes = units.populations[group.population], units.circuit.graph.nodes
    if isinstance(population, SynapticSum):
        origin = population.table.origin
        return Places(group.synapses) if origin is None else Places(group.synapses, nodes[origin].shape, population)
    assert isinstance(population, UnitFunction)
    one_to_one = nodes[population.node].size == group.synapses
    return Places(group.synapses, nodes[population.node].shape if one_to_one else None)


def steps_at(units: UnitGraph, group: SynapseGroup, kind: str, dt: float) -> np.ndarray | int:
    """The same in steps of ``dt`` ms, rounded to the nearest: int64 of shape (synapses,), or one number for all.

    Raises ParameterError for a delay above zero and below dt, and for one of more than 2**31 - 1 steps.
    """
    delays = np.asarray(delays_at(units, group, kind))
    # A multiple of dt that rounding has made a little shorter is no less than it.
    short = (delays > 0) & (delays < dt * (1 - 1e-9))
    for wrong, text in ((short, f"shorter than dt = {dt:g} ms"), (delays / dt > MOST_STEPS, "too many steps")):
        if wrong.any():
            source, target = edge_of(group.parent, group.children[0], kind)
            raise ParameterError(
                f"{source!r} -> {target!r} has a delay of {delays[wrong].flat[0]:g} ms, {text}: change one of the two, "
                "or make it 0"
            )
    steps = nearest_steps(delays, dt)
    return steps if steps.ndim else int(steps)


def nearest_steps(delays: Any, dt: float) -> np.ndarray:
    """Delays in ms as the nearest whole numbers of steps of ``dt`` ms, int64, as engines take them."""
    return np.rint(np.asarray(delays) / dt).astype(np.int64)


def extent(circuit: AbstractCircuit) -> dict[Edge, tuple[float, float]]:
    """Edge that has delays -> the shortest and the longest of its synapses, in ms."""
    ranges = {edge: (d.constant, d.constant) for edge, d in circuit.delays.items() if d.constant is not None}
    if len(ranges) < len(circuit.delays):
        units = UnitGraph(circuit)
        for group in synapse_groups(units):
            for child in group.children:
                for kind in ("prediction", "feedback"):
                    edge = edge_of(group.parent, child, kind)
                    if edge in circuit.delays and edge not in ranges and group.synapses:
                        places = places_of(units, group.parent, child)
                        ranges[edge] = circuit.delays[edge].bounds(places, ">".join(edge))
    # Of a projection whose synapses all take nothing there is no delay to tell.
    return {edge: ranges.get(edge, (0.0, 0.0)) for edge in circuit.delays}


def check(circuit: AbstractCircuit) -> None:
    """Raise what ``delays_at`` raises for any synapse group of a circuit whose synapses have delays of their own.

    Where there are none there is nothing to fit, and the synapses, which may be many, need not be made.
    """
    if any(delay.constant is None for delay in circuit.delays.values()):
        units = UnitGraph(circuit)
        for group in synapse_groups(units):
            for kind in ("prediction", "feedback"):
                edge = edge_of(group.parent, group.children[0], kind)
                if len(group.children) > 1:
                    delays_at(units, group, kind)
                elif edge in circuit.delays and group.synapses:
                    # Does not make the delays of all synapses at once, of which there may be many.
                    circuit.delays[edge].bounds(places_of(units, group.parent, group.children[0]), ">".join(edge))


def edges(circuit: AbstractCircuit) -> list[Edge]:
    """The edges of ``Circuit.nx`` that may have delays: predictions, and feedback to vertices, but for those by which
    cycles are closed, whose ``Recurrent`` says so itself."""
    dendrites = Dendrites(circuit)
    parents = {child: dendrites.parents(child) for child in circuit.vertices}
    pairs = [(p, child) for child, found in parents.items() for p in found if p not in circuit.graph.recurrent]
    returned = {child: dendrites.fed_back(child) for child in circuit.vertices}
    feedback = [edge_of(parent, child, "feedback") for parent, child in pairs if parent in returned[child]]
    return [*(edge_of(parent, child, "prediction") for parent, child in pairs), *feedback]


def delays_of(circuit: AbstractCircuit, delays: Any) -> dict[Edge, AbstractDelay]:
    """Delays as ``build_circuit`` takes them, by edge, without those that are zero.

    Raises ParameterError for what is no delay, and for the edges between a vertex's own neurons; UnknownNameError for
    edges that there are not.
    """
    if not isinstance(delays, Mapping):
        delay = _delay("delays", delays)
        return {} if delay.zero else dict.fromkeys(edges(circuit), delay)
    known = dict.fromkeys(edges(circuit)) if delays else {}
    for key in delays:
        if not (isinstance(key, tuple) and len(key) == 2 and all(isinstance(end, str) for end in key)):
            raise ParameterError(
                f"delays have the key {told(key)}; give edges, such as ('h1.value', 'h2.error'), or one delay for all"
            )
        if key not in known:
            ends = {end.rpartition(".")[0] for end in key}
            if len(ends) == 1 and ends <= set(circuit.vertices):
                raise ParameterError(f"delays of {key}: a vertex's own value and error neurons have none between them")
            raise unknown_name("edge in delays", " -> ".join(key), (" -> ".join(edge) for edge in known))
    by_edge = {edge: _delay(f"delays of {edge}", delays[edge]) for edge in known if edge in delays}
    return {edge: delay for edge, delay in by_edge.items() if not delay.zero}


def _delay(what: str, value: Any) -> AbstractDelay:
    if isinstance(value, AbstractDelay):
        return value
    wanted = Range(f"a delay, such as pcn.UniformDelay(1.0, 5.0), or {NOT_NEGATIVE.words}", NOT_NEGATIVE.fits)
    return ConstantDelay(milliseconds(what, value, wanted))
