"""A circuit from populations and connections: the function that they are is traced, and built as any other.

A population's prediction is ``transfer(sum of transfer_c(source) @ W + bias + drive)``. A connection by which no error
returns reads its source through a ``Recurrent`` without feedback, so that under strict dynamics tau dv/dt = -v +
prediction: a rate network. Where errors return, the source is read as it is, or, if it comes later in the order of the
populations, through a ``Recurrent`` with feedback: a predictive-coding graph, with cycles where there are some.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pcneuro.circuit.building import build_circuit
from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.networks.description import AbstractPopulation, Connection, Network, Population, Source
from pcneuro.circuit.networks.grid import Grid, by_delay
from pcneuro.errors import GraphError, ParameterError
from pcneuro.graph.graph import Input, Latent, Parameter, Recurrent, check_name
from pcneuro.graph.trace import trace, vertex
from pcneuro.model.delays import AbstractDelay
from pcneuro.model.plasticity import AbstractPlasticity
from pcneuro.model.plasticity.abstract import UNBOUNDED
from pcneuro.ops.base import Shape


@dataclass(frozen=True)
class Read:
    """How a connection reads its source: leaves by which it comes, one for each delay, or none where it comes as it
    is; the name of its weights' parameter."""

    connection: Connection
    leaves: tuple[str, ...]
    parameter: str


@dataclass(frozen=True, eq=False)
class Plan:
    """What the function of a network is given, and what its populations read, in the order in which they come."""

    network: Network
    order: tuple[str, ...]
    leaves: dict[str, Any] = field(default_factory=dict)
    reads: dict[str, list[Read]] = field(default_factory=dict)
    biases: dict[str, str] = field(default_factory=dict)
    drives: dict[str, str] = field(default_factory=dict)
    rules: dict[str, AbstractPlasticity] = field(default_factory=dict)


def build(network: Network, grid: Grid) -> Circuit:
    """The circuit of a network, whose delays are on a ``grid``.

    Raises GraphError for a network in which nothing has incoming connections, and for names that are none;
    ParameterError for delays that no circuit with cycles has, and what ``build_circuit`` raises.
    """
    for population in network.populations.values():
        check_name(population.name, "a population")
    order = _ordered(network)
    cyclic = _cyclic(network, order)
    plan = _plan(network, order, cyclic, grid)
    predicted = [name for name in order if name in plan.reads or name in plan.biases or name in plan.drives]
    if not predicted:
        raise GraphError("no population of the network has an incoming edge, a bias or a drive: nothing is predicted")
    graph = trace(_function(plan, predicted), check=False, **plan.leaves)
    properties = _properties(network)
    delays = {} if cyclic else _conduction(network)
    return build_circuit(graph, delays=delays, plasticity=plan.rules, **properties)


def _ordered(network: Network) -> tuple[str, ...]:
    """All populations, so that what errors return to comes first as far as there are no cycles; else as they came."""
    before: dict[str, set[str]] = {name: set() for name in network.populations}
    behind: dict[str, list[str]] = {name: [] for name in network.populations}
    for connection in network.connections:
        if connection.returns and connection.source != connection.target:
            before[connection.target].add(connection.source)
            behind[connection.source].append(connection.target)
    order: dict[str, None] = {}
    ready = [name for name in network.populations if not before[name]]
    left = dict.fromkeys(network.populations)
    while left:
        name = ready.pop(0) if ready else next(iter(left))
        if name in order:
            continue
        order[name] = None
        del left[name]
        for target in behind[name]:
            if name in before[target]:
                before[target].discard(name)
                if not before[target] and target not in order:
                    ready.append(target)
    return tuple(order)


def _cyclic(network: Network, order: tuple[str, ...]) -> bool:
    """Whether anything is read through a ``Recurrent``."""
    place = {name: i for i, name in enumerate(order)}
    moving = (c for c in network.connections if not isinstance(network.populations[c.source], Source))
    return any(not c.returns or place[c.source] >= place[c.target] for c in moving)


def _plan(network: Network, order: tuple[str, ...], cyclic: bool, grid: Grid) -> Plan:
    plan = Plan(network, order)
    names = _Names(network.populations)
    place = {name: i for i, name in enumerate(order)}
    for name in order:
        population = network.populations[name]
        if isinstance(population, Source):
            plan.leaves[name] = Input(population.shape)
    by_target: dict[str, list[Connection]] = {name: [] for name in order}
    for connection in network.connections:
        by_target[connection.target].append(connection)
    recurrent: dict[tuple[str, bool, float], str] = {}
    for name in order:
        population = network.populations[name]
        if isinstance(population, Source):
            continue
        assert isinstance(population, Population)
        for connection in by_target[name]:
            source = network.populations[connection.source]
            later = place[source.name] >= place[name] or not connection.returns or not connection.delay.zero
            through = cyclic and later and not isinstance(source, Source)
            if cyclic and isinstance(source, Source) and not connection.delay.zero:
                raise ParameterError(
                    f"edge {source.name!r} -> {name!r} has a delay, and {source.name!r} is an input: beside cycles and "
                    "rates there are no delays of inputs; give its data later, as by pcn.TimedArray"
                )
            leaves: tuple[str, ...] = ()
            if through:
                delays, connection = by_delay(connection, grid)
                leaves = tuple(_leaf(plan, names, recurrent, source, connection.returns, ms) for ms in delays)
            parameter = names.free(f"W_{source.name}_{name}")
            plan.leaves[parameter] = Parameter(connection.weights.parameter)
            if connection.rule is not None:
                plan.rules[parameter] = _with_sign(connection)
            plan.reads.setdefault(name, []).append(Read(connection, leaves, parameter))
        _without_synapses(plan, names, population, bool(by_target[name]))
    return plan


def _without_synapses(plan: Plan, names: _Names, population: Population, targeted: bool) -> None:
    """What a population has besides connections: a bias, a drive; or where it has none of all these, a leaf."""
    name, bias = population.name, population.bias
    if population.driven:
        plan.drives[name] = names.free(f"{name}_drive")
        plan.leaves[plan.drives[name]] = Input(population.shape)
    if bias is None and not (targeted or population.driven):
        outgoing = [c for c in plan.network.connections if c.source == name]
        if population.prior is None and any(not c.returns for c in outgoing):
            # Of a rate network, in which a population without input is at transfer(0).
            bias = np.zeros(population.shape)
        else:
            plan.leaves[name] = Latent(population.shape, prior=population.prior)
    elif population.prior is not None:
        raise ParameterError(f"prior of population {name!r}, which other things predict: leave it out, or its edges")
    if bias is not None:
        plan.biases[name] = names.free(f"b_{name}")
        plan.leaves[plan.biases[name]] = Parameter(bias)


def _leaf(
    plan: Plan,
    names: _Names,
    known: dict[tuple[str, bool, float], str],
    source: AbstractPopulation,
    returns: bool,
    ms: float,
) -> str:
    key = source.name, returns, ms
    if key not in known:
        known[key] = names.free(f"{source.name}_{'now' if not ms else 'before'}")
        plan.leaves[known[key]] = Recurrent(source.name, source.shape, delay=ms, feedback=returns)
    return known[key]


def _with_sign(connection: Connection) -> AbstractPlasticity:
    """The rule of a connection, which keeps the sign of its weights."""
    rule = connection.rule
    assert rule is not None
    if not connection.sign:
        return rule
    limits = (0.0, np.inf) if connection.sign > 0 else (-np.inf, 0.0)
    low, high = max(limits[0], rule.limits[0]), min(limits[1], rule.limits[1])
    if rule.limits != UNBOUNDED and (low, high) != rule.limits:
        raise ParameterError(
            f"plasticity of edge {connection.source!r} -> {connection.target!r} has bounds {rule.limits}, which let "
            f"weights lose their sign: give bounds within {limits}"
        )
    return replace(rule, bounds=(low, high))  # type: ignore[type-var]


class _Names:
    """Names that are not taken yet."""

    def __init__(self, taken: Iterable[str]) -> None:
        self.taken = set(taken)

    def free(self, wanted: str) -> str:
        name, count = wanted, 1
        while name in self.taken:
            name, count = f"{wanted}_{count}", count + 1
        self.taken.add(name)
        return name


def _function(plan: Plan, predicted: list[str]) -> Any:
    """The function that the network is, one pass from what comes first to what comes last."""

    def network(**leaves: Any) -> Any:
        values = {name: leaves[name] for name in plan.order if name in plan.leaves}
        used: set[str] = set()
        for name in predicted:
            population = plan.network.populations[name]
            assert isinstance(population, Population)
            terms = []
            for read in plan.reads.get(name, ()):
                if not read.leaves:
                    used.add(read.connection.source)
                terms.append(_shaped(_incoming(read, leaves, values), population.shape))
            terms += [leaves[known[name]] for known in (plan.biases, plan.drives) if name in known]
            total = terms[0]
            for term in terms[1:]:
                total = total + term
            made = total if population.transfer is None else population.transfer(total)
            values[name] = vertex(made, name)
        return {name: values[name] for name in predicted if name not in used}

    return network


def _incoming(read: Read, leaves: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
    """What comes in by a connection, flat."""
    given = [leaves[name] for name in read.leaves] or [values[read.connection.source]]
    flat = [_shaped(x, (x.size,)) for x in given]
    x = flat[0] if len(flat) == 1 else np.concatenate(flat)
    if read.connection.transfer is not None:
        x = read.connection.transfer(x)
    return read.connection.weights.product(x, leaves[read.parameter])


def _shaped(x: Any, shape: Shape) -> Any:
    """An array in another shape; where it has it already nothing is traced, which takes long of many connections."""
    return x if x.shape == shape else x.reshape(shape)


def _properties(network: Network) -> dict[str, Any]:
    """Arguments of ``build_circuit`` by vertex."""
    properties: dict[str, dict[str, Any]] = {}
    for population in network.populations.values():
        if isinstance(population, Population):
            for keyword, value in population.properties.items():
                properties.setdefault(keyword, {})[population.name] = value
    return properties


def _conduction(network: Network) -> dict[tuple[str, str], AbstractDelay]:
    """Delays by edge of ``Circuit.nx`` in a network without cycles, the same both ways."""
    delays: dict[tuple[str, str], AbstractDelay] = {}
    for c in network.connections:
        edge = f"{c.source}.value", f"{c.target}.error"
        if delays.setdefault(edge, c.delay) != c.delay:
            raise ParameterError(
                f"two edges {c.source!r} -> {c.target!r} have different delays: give both the same, or put another "
                "population in between"
            )
        if not isinstance(network.populations[c.source], Source):
            delays[edge[::-1]] = c.delay
    return {edge: delay for edge, delay in delays.items() if not delay.zero}
