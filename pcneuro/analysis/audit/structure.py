"""What the structure of a circuit says each update may read: of a neuron's change, and of a synapse's.

Variables are what a simulator holds: values, errors, parameters, inputs, and what dendrites have of them. An update may
read those that are adjacent to it, by class: ``own``, ``pre``, ``post``, ``weights`` (those that its inputs come by),
``derivative`` and ``gate`` (the state of the dendrite that an error comes back through).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace

from pcneuro.analysis.audit.updates import (
    CLASSES,
    DERIVATIVE,
    GATE,
    OWN,
    POST,
    PRE,
    WEIGHTS,
    Adjacent,
    Update,
    Variable,
)
from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.cycles import recurrent_of, returning
from pcneuro.circuit.feedback import Feedback, Pull, feedback, is_nothing
from pcneuro.circuit.plasticity import VARIANCE
from pcneuro.circuit.populations import error_populations
from pcneuro.circuit.projections import Dendrites
from pcneuro.circuit.structure import HALVES
from pcneuro.graph.graph import Constant, Node
from pcneuro.model.plasticity import AbstractPlasticity
from pcneuro.ops.formula import CONDITIONS, Formula, variables_of

_STEPS = frozenset(("positive", "heaviside", "sign", "exceeds", "less_equal", *CONDITIONS))
"""Functions that are constant but for jumps."""


@dataclass
class _Reading:
    """Variables by class, being collected."""

    classes: dict[str, set[Variable]] = field(default_factory=dict)
    coupled: bool = False

    def add(self, name: str, *variables: Variable) -> None:
        self.classes.setdefault(name, set()).update(variables)

    def done(self) -> Adjacent:
        return {name: frozenset(self.classes[name]) for name in CLASSES if self.classes.get(name)}


class Structure:
    """What each update of a circuit may read, from its graph and what its neurons and synapses have."""

    def __init__(self, circuit: Circuit) -> None:
        self.circuit, self.graph = circuit, circuit.graph
        self.dendrites = Dendrites(circuit)
        self.vertices = frozenset(circuit.vertices)
        way = feedback(circuit.graph, circuit.vertices)
        self.way = way
        self._arriving = {station.name: station.arriving for station in way.stations}
        self._leading = set(self.vertices)
        """Nodes that the error of any vertex comes back through: through none behind which all feedback stops."""
        for station in way.stations:
            if any(node.name in self._leading for pull in station.arriving for node in pull.nodes):
                self._leading.add(station.name)
        self.variables = frozenset(self._all())

    def _all(self) -> Iterator[Variable]:
        graph = self.graph
        for name, node in graph.nodes.items():
            if not isinstance(node.source, Constant) and self.itself(name) == name:
                yield Variable("node", name)
        yield from (Variable("input", name) for name in graph.inputs)
        yield from (Variable("parameter", name) for name in (*graph.parameters, *self.circuit.variances))
        yield from (Variable("past", name) for name in graph.recurrent if recurrent_of(graph, name).delay)
        for name in self.circuit.vertices:
            yield from (Variable(kind, name) for kind in ("value", "error", "prediction"))

    def itself(self, name: str) -> str:
        """The node whose activity a node passes on as it is; the node itself where it computes something."""
        node = self.graph.nodes[name]
        while not node.is_leaf and node.name not in self.vertices and node.operator.description.passes_on:
            node = self.graph.nodes[node.operands[0]]
        return node.name

    def labels(self, variable: Variable) -> Iterator[str]:
        """How reports call a variable: ``"h1.error"``, ``"h1.value"``, ``"W1"``, ``"h1.dendrite"``."""
        kind, name = variable.kind, variable.name
        node = self.graph.nodes.get(name)
        if kind == "error":
            yield from error_populations(self.circuit, name)
        elif kind in ("value", "parameter") or node is None:
            yield name if kind == "parameter" else f"{name}.{kind}"
        elif kind == "prediction":
            yield f"{name}.dendrite"
        elif name in self.graph.recurrent:
            yield f"{self.graph.sender(name)}.value ({name})"
        elif kind == "input" or name in self.dendrites.sources:
            yield f"{name}.value"
        elif self.dendrites.is_weight(name):
            yield from self.dendrites.ordered(self.dendrites.carried(name))
        elif node.operator.description.copied is not None or any(self._adds_nothing(node)) or _is_transfer(node):
            for operand, nothing in zip(node.operands, self._adds_nothing(node), strict=True):
                if not nothing:
                    yield from self.labels(Variable("node", self.itself(operand)))
        else:
            yield from (f"{owner}.dendrite" for owner in self.owners(name))

    def _adds_nothing(self, node: Node) -> list[bool]:
        """Of each operand of a sum, whether it is zero and only a way back."""
        added = [is_nothing(self.graph, self.graph.nodes[operand]) for operand in node.operands]
        return added if node.operator.label == "add" else [False] * len(added)

    def named(self, variables: Collection[Variable]) -> tuple[str, ...]:
        """Labels of variables, each once."""
        return tuple(sorted({label for variable in variables for label in self.labels(variable)}))

    def owners(self, name: str) -> list[str]:
        """The vertices in whose dendrites a node is, by the order of the graph."""
        found, waiting, seen = set(), [name], {name}
        while waiting:
            for user in self.graph.consumers[waiting.pop()]:
                if user in self.vertices:
                    found.add(user)
                elif user not in seen:
                    seen.add(user)
                    waiting.append(user)
        return [vertex for vertex in self.circuit.vertices if vertex in found]

    # The way back

    def _routes(self, names: list[str]) -> Iterator[tuple[Node, Pull]]:
        """Node and pull for each factor on the ways from the errors of vertices to these nodes."""
        waiting, seen = list(names), set(names)
        while waiting:
            for pull in self._arriving.get(waiting.pop(), ()):
                for node in (n for n in pull.nodes if n.name in self._leading):
                    yield node, pull
                    if node.name not in self.vertices and node.name not in seen:
                        seen.add(node.name)
                        waiting.append(node.name)

    def _followed(self, names: list[str], reading: _Reading, own: str = "") -> list[str]:
        """Collect what the ways to these nodes read; returns the vertices whose errors come by them."""
        children = set()
        for node, pull in self._routes(names):
            if node.name in self.vertices:
                children.add(node.name)
                reading.add(POST, Variable("error", node.name))
            weighs = self.dendrites.is_weight(pull.operand)
            reading.coupled |= not weighs and self._couples(node, pull.k)
            positions, output, step = _read_by(node, pull.k, weighs)
            active = PRE if weighs else GATE if step else DERIVATIVE
            gain = bool(own) and node.operator.description.formula is not None
            for operand in (node.operands[j] for j in positions):
                self._read(operand, active, reading, own, active if gain else WEIGHTS)
            if output:
                kind = "prediction" if node.name in self.vertices else "node"
                if node.name in self.vertices or not self.dendrites.is_weight(node.name):
                    reading.add(GATE if step else DERIVATIVE, Variable(kind, node.name))
                else:
                    self._read(node.name, active, reading, own)
        return [vertex for vertex in self.circuit.vertices if vertex in children]

    def _read(self, operand: str, active: str, reading: _Reading, own: str, weights: str = WEIGHTS) -> None:
        """Add an operand that a derivative is computed from: an activity of the class ``active``, or weights.

        What multiplies unit by unit, as a gain does, is to a synapse at the same unit no other synapse's weight.
        """
        operand = self.itself(operand)
        if isinstance(self.graph.nodes[operand].source, Constant):
            return
        if not self.dendrites.is_weight(operand):
            reading.add(active, Variable("node", operand))
            return
        carried = self.dendrites.carried(operand)
        if carried:
            reading.add(OWN if carried == {own} else weights, *self._held(operand))

    def _held(self, weights: str) -> Iterator[Variable]:
        """A node that is computed from parameters alone, and these."""
        yield Variable("node", self.itself(weights))
        for parameter in self.dendrites.carried(weights):
            yield from (Variable("parameter", parameter), Variable("node", parameter))

    def _couples(self, node: Node, k: int) -> bool:
        """Whether units of the operand act on several of the node's other than by weights of synapses."""
        description = node.operator.description
        if description.formula is not None:
            return self.graph.nodes[node.operands[k]].size < node.size
        if description.copied is not None:
            return False
        others = [o for j, o in enumerate(node.operands) if j != k]
        return not any(self.dendrites.is_weight(other) for other in others) and not (
            description.moves and self.graph.nodes[node.operands[k]].size == node.size
        )

    def way_to(self, update: Update) -> Feedback:
        """The part of the way back that leads to what an update of a value, or of a parameter, is made of."""
        names = [update.name]
        if update.kind == "value":
            names += [leaf for leaf in returning(self.graph) if self.graph.sender(leaf) == update.name]
        stations = {*names, *(node.name for node, _ in self._routes(names))}
        return Feedback(tuple(s for s in self.way.stations if s.name in stations), self.way.active)

    # Neurons

    def neurons(self) -> Iterator[Update]:
        """The update of each population of a vertex."""
        for vertex in self.circuit.vertices:
            yield self.value(vertex)
            if self.circuit.has_prediction(vertex):
                for population in error_populations(self.circuit, vertex):
                    half = population.rpartition(".")[2]
                    yield replace(self.error(vertex), half=half if half in HALVES else "")

    def value(self, vertex: str) -> Update:
        """tau dv/dt = -e + what comes back."""
        reading = _Reading()
        if self.circuit.has_prediction(vertex):
            reading.add(OWN, Variable("error", vertex))
        leaves = [leaf for leaf in returning(self.graph) if self.graph.sender(leaf) == vertex]
        children = self._followed([vertex, *leaves], reading)
        # Its own error, as it comes back by a cycle, is no other class than its own.
        reading.classes[POST] = reading.classes.get(POST, set()) - reading.classes.get(OWN, set())
        reads = reading.done()
        return Update(
            "value", vertex, reads, frozenset().union(*reads.values()), tuple(children), coupled=reading.coupled
        )

    def error(self, vertex: str) -> Update:
        """e = precision (v - prediction)."""
        reading = _Reading()
        reading.add(OWN, Variable("value", vertex))
        if vertex in self.circuit.leaky_errors or vertex in self.circuit.noisy_errors:
            reading.add(OWN, Variable("error", vertex))
        variance = f"{vertex}{VARIANCE}"
        if variance in self.circuit.variances:
            reading.add(OWN, Variable("parameter", variance))
        for node in self._ahead(vertex):
            for k, operand in enumerate(node.operands):
                reading.coupled |= not self.dendrites.is_weight(operand) and self._couples(node, k)
                self._sensed(node, operand, reading)
        energy = self.circuit.energies.get(vertex)
        reading.coupled |= energy is not None and energy.kernel is not None
        reading.classes[PRE] = reading.classes.get(PRE, set()) - reading.classes[OWN]
        reads = reading.done()
        return Update("error", vertex, reads, frozenset().union(*reads.values()), coupled=reading.coupled)

    def _sensed(self, node: Node, operand: str, reading: _Reading) -> None:
        """Add what a prediction is computed from: parents and weights."""
        graph = self.graph
        if operand in graph.recurrent:
            late = recurrent_of(graph, operand).delay
            reading.add(PRE, Variable("past", operand) if late else Variable("value", graph.sender(operand)))
        elif operand in self.dendrites.sources:
            reading.add(PRE, Variable("input" if operand in graph.inputs else "value", operand))
        elif operand in graph.parameters and node.operands.index(operand) not in node.operator.description.only_back:
            reading.add(WEIGHTS, Variable("parameter", operand))

    def _ahead(self, vertex: str) -> Iterator[Node]:
        """The nodes of a vertex' dendrite that its prediction depends on."""
        waiting, seen = [vertex], {vertex}
        while waiting:
            node = self.graph.nodes[waiting.pop()]
            if node.is_leaf or is_nothing(self.graph, node):
                continue
            yield node
            for k, operand in enumerate(node.operands):
                unread = k in node.operator.description.only_back
                if operand not in self.dendrites.sources and operand not in seen and not unread:
                    seen.add(operand)
                    waiting.append(operand)

    # Synapses

    def synapses(self) -> Iterator[Update]:
        """The update of each parameter, and of each variance that is learned."""
        for parameter in self.graph.parameters:
            yield self.synapse(parameter)
        for name, rule in self.circuit.plasticity.items():
            if rule.of_vertex:
                yield self._variance(name, rule)

    def synapse(self, parameter: str) -> Update:
        """What changes a parameter: minus dL/dparameter, or what its rule says."""
        rule, reading = self.circuit.plasticity.get(parameter), _Reading()
        follows = parameter if rule is None else rule.follows(parameter)
        children = self._followed([follows], reading, own=follows)
        if follows != parameter and OWN in reading.classes:
            reading.classes.setdefault(WEIGHTS, set()).update(reading.classes.pop(OWN))
        if rule is not None and rule.decay:
            reading.add(OWN, Variable("parameter", parameter))
        local = set(self._local(parameter))
        if not (rule is None or rule.hebbian):
            return Update("synapse", parameter, {}, frozenset(local), tuple(self.owners(parameter)), rule)
        reads = reading.done()
        for name in (PRE, POST, DERIVATIVE, GATE, OWN):
            local |= reads.get(name, frozenset()) if follows == parameter else frozenset()
        return Update("synapse", parameter, reads, frozenset(local), tuple(children), rule, reading.coupled)

    def _local(self, parameter: str) -> Iterator[Variable]:
        """What is at the synapses of a parameter: their weights, the activity before them, the neuron behind."""
        yield from (Variable("parameter", parameter), Variable("node", parameter))
        waiting, seen = [parameter], {parameter}
        while waiting:
            name = waiting.pop()
            for user in self.graph.consumers[name]:
                node, weighs = self.graph.nodes[user], self.dendrites.is_weight(name)
                for operand in node.operands if weighs else ():
                    if not self.dendrites.is_weight(operand):
                        yield Variable("node", self.itself(operand))
                        if self.itself(operand) in self.vertices:
                            yield Variable("value", self.itself(operand))
                if user in self.vertices:
                    yield from (Variable(kind, user) for kind in ("value", "error", "prediction", "node"))
                elif user not in seen:
                    seen.add(user)
                    waiting.append(user)
                    if not self.dendrites.is_weight(user):
                        yield Variable("node", self.itself(user))
                if not weighs:
                    yield from self._sides(node, name)

    def _sides(self, node: Node, operand: str) -> Iterator[Variable]:
        """What an error meets on its way through a node of a dendrite: the other side of a product."""
        for k in (k for k, o in enumerate(node.operands) if o == operand):
            for side in (node.operands[j] for j in _read_by(node, k, False)[0]):
                if not self.dendrites.is_weight(side):
                    yield Variable("node", side)

    def _variance(self, vertex: str, rule: AbstractPlasticity) -> Update:
        """Of the precision of a vertex' errors."""
        own = [Variable(kind, vertex) for kind in ("value", "error", "prediction", "node")]
        name = f"{vertex}{VARIANCE}"
        return Update("variance", name, {}, frozenset((*own, Variable("parameter", name))), (vertex,), rule)


def _read_by(node: Node, k: int, weighs: bool) -> tuple[list[int], bool, bool]:
    """Positions of operands, and whether the output, that the derivative by operand k reads; and if it only jumps."""
    description, count = node.operator.description, len(node.operands)
    if description.only_back:
        ahead = [j for j in range(count) if j != k and j not in description.only_back]
        return (ahead if weighs else list(description.only_back)), False, False
    if description.formula is not None:
        slope, names = description.formula.derivative(k), description.formula.variables
        used = variables_of(slope)
        return [j for j in range(count) if names[j] in used], "out" in used, _is_step(slope)
    if node.operator.linear_in(k):
        weighing = description.copied is None
        return [j for j in range(count) if j != k and weighing and description.multiplies(j, k)], False, False
    return list(range(count)), True, False


def _is_transfer(node: Node) -> bool:
    """Whether a node is a function of single units of another: of that one's activity, in another form."""
    return len(node.operands) == 1 and node.operator.description.formula is not None


def _is_step(slope: Formula) -> bool:
    """Whether a formula is constant but for jumps."""
    if not isinstance(slope, tuple):
        return not isinstance(slope, str)
    name, *arguments = slope
    return name in _STEPS or all(_is_step(argument) for argument in arguments)
