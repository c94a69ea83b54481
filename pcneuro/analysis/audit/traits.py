"""What else a population needs, from the graph and from what its neurons have: wiring one to one, negative rates."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pcneuro.analysis.audit.structure import Structure
from pcneuro.analysis.audit.updates import OWN, Update
from pcneuro.circuit.cycles import recurrent_of
from pcneuro.circuit.feedback import is_nothing
from pcneuro.graph.graph import Constant, Node, Parameter
from pcneuro.model.dynamics import AbstractDynamics
from pcneuro.ops.formula import CONDITIONS, Formula

_ANY = frozenset(("maximum", "fmax", "logaddexp"))
"""Functions that are no smaller than any of what they are of."""
_ALL = frozenset(("add", "multiply", "multiply_or_zero", "divide", "minimum", "fmin", "sqrt", "cbrt", "root"))
"""Functions that are negative only where something they are of is."""
_ALWAYS = frozenset(
    ("relu", "exp", "exp2", "sigmoid", "square", "absolute", "hypot", "positive", "heaviside", "exceeds", *CONDITIONS)
)
"""Functions that are never negative."""


class Traits:
    """Answers about the populations of a circuit that no single update has."""

    def __init__(self, structure: Structure, neurons: tuple[Update, ...], dynamics: AbstractDynamics) -> None:
        self.structure, self.circuit, self.graph = structure, structure.circuit, structure.graph
        self.dynamics = dynamics
        self._driven = {u.name for u in neurons if u.kind == "value" and u.children}
        self._sending = {child for u in neurons if u.kind == "value" for child in u.children if child != u.name}
        self._nonnegative: dict[str, bool] = {}
        self._silent = {u.name for u in neurons if u.kind == "error" and not u.reads.keys() - {OWN}}

    def is_rate(self, vertex: str) -> bool:
        """Whether its error is nobody else's, so that it is a leak and a drive within one neuron: tau dv/dt = -v + f.

        Nothing comes back to it, and its error comes back to nothing. An output counts if it is in a cycle.
        """
        if vertex in self._driven or vertex in self._sending or not self.circuit.has_prediction(vertex):
            return False
        outputs = {node.name for node in self.graph.outputs.values()}
        senders = {self.graph.sender(leaf) for leaf in self.graph.recurrent}
        parents = self.structure.dendrites.parents(vertex)
        return vertex not in outputs or vertex in senders or any(p in self.graph.recurrent for p in parents)

    def one_to_one(self, update: Update) -> bool:
        """Whether each value neuron has an error neuron of its own that it alone excites."""
        vertex = update.name
        predicted = self.circuit.has_prediction(vertex) and not self.is_rate(vertex) and not self.is_relay(vertex)
        return predicted and sum(self._own(vertex)) != 1.0

    def is_relay(self, vertex: str) -> bool:
        """Whether its prediction is zero, so that its error neurons do what its value neurons do: both are one."""
        return vertex in self._silent and not self.graph.nodes[vertex].is_leaf

    def own_feedback(self, vertex: str) -> float:
        """What comes back of an error to its own value neurons by cycles, unit by unit: 1 takes e's own way away."""
        return sum(self._own(vertex, back=True))

    def _own(self, vertex: str, back: bool = False) -> Iterator[float]:
        """What a prediction adds up of the vertex' own activity now, unit by unit: e = v - (... + 1 v) has no v.

        ``back``: what comes back by the same ways.
        """
        waiting = [(vertex, 1.0)]
        while waiting:
            name, share = waiting.pop()
            node = self.graph.nodes[name]
            if name in self.graph.recurrent and self.graph.sender(name) == vertex:
                leaf = recurrent_of(self.graph, name)
                if leaf.feedback if back else not leaf.delay:
                    yield share
            elif not node.is_leaf and (name == vertex or name not in self.structure.vertices):
                passed = _added(node)
                if back:
                    passed = [each for each in passed if node.operator.passes_back(node.operands.index(each[0]))]
                waiting += [(operand, share * slope) for operand, slope in passed]

    def negative(self, update: Update) -> bool:
        """Whether the rates of a population can be below zero."""
        vertex = update.name
        if update.kind == "error":
            return not (self.is_rate(vertex) or update.half)
        if vertex in self._driven or f"{vertex}.value" in self.circuit.noise:
            return True
        return not self.nonnegative(vertex)

    def nonnegative(self, name: str) -> bool:
        """Whether what a node computes is never below zero."""
        if name not in self._nonnegative:
            self._nonnegative[name] = False
            node = self.graph.nodes[name]
            self._nonnegative[name] = self._leaf(node) if node.is_leaf else self._computed(node)
        return self._nonnegative[name]

    def _leaf(self, node: Node) -> bool:
        if isinstance(node.source, Constant | Parameter):
            rule = self.circuit.plasticity.get(node.name)
            kept = not isinstance(node.source, Parameter) or (rule is not None and rule.limits[0] >= 0)
            return kept and bool((np.asarray(node.source.value) >= 0).all())
        return False

    def _computed(self, node: Node) -> bool:
        description = node.operator.description
        if is_nothing(self.graph, node):
            return True
        operands = [self.nonnegative(operand) for operand in node.operands]
        if description.formula is not None:
            return _nonnegative(
                description.formula.formula, dict(zip(description.formula.variables, operands, strict=True))
            )
        moved = description.copied is not None or description.moves or description.subscripts is not None
        return moved and all(operands)

    def phase(self, update: Update) -> str:
        """What an update waits for: a held sweep, the end of an interval, or that all has settled; empty: nothing."""
        waits = []
        if self.dynamics.holds_predictions:
            waits.append("held sweep")
        if update.kind in ("synapse", "variance") and (update.reads or not update.derived):
            if update.rule is None:
                waits.append("after settling")
            elif update.rule.every is not None:
                waits.append(f"every {update.rule.every:g} ms")
        return ", ".join(waits)


def _added(node: Node) -> list[tuple[str, float]]:
    """Operands that a node adds up unit by unit, and what it multiplies each by."""
    description, formula = node.operator.description, node.operator.description.formula
    if description.passes_on:
        return [(node.operands[0], 1.0)]
    if formula is not None:
        slopes = zip(node.operands, formula.slopes, strict=True)
        return [(operand, slope) for operand, slope in slopes if isinstance(slope, float)]
    copied = description.copied
    if len(node.operands) == 1 and copied is not None and np.array_equal(np.ravel(copied), np.arange(node.size)):
        return [(node.operands[0], 1.0)]
    return []


def _nonnegative(formula: Formula, known: dict[str, bool]) -> bool:
    """Whether a formula of variables of which some are ``known`` not to be negative is never negative."""
    if isinstance(formula, str):
        return known.get(formula, False)
    if not isinstance(formula, tuple):
        return formula >= 0
    name, *arguments = formula
    parts = [_nonnegative(argument, known) for argument in arguments]
    return name in _ALWAYS or (name in _ANY and any(parts)) or (name in _ALL and all(parts))
