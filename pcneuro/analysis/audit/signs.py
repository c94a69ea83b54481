"""Signs: whether each neuron of a population acts on all others with one sign, as Dale's law has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from pcneuro.analysis.audit.structure import Structure
from pcneuro.analysis.audit.traits import Traits
from pcneuro.analysis.audit.updates import Update
from pcneuro.circuit.cycles import returning
from pcneuro.circuit.feedback import is_layer, is_nothing
from pcneuro.graph.graph import Constant, Node, Parameter
from pcneuro.ops.formula import Formula, evaluate, variables_of

MIXED = np.nan
"""In the place of a sign: some synapses of a neuron have one, some the other; or it is not known."""

MOST_UNITS = 256
"""Of a node whose derivatives are looked at one by one."""


@dataclass(frozen=True, eq=False)
class _Reached:
    """A node on the way from a population, with the sign that each neuron of that has so far, 0 where none.

    ``units`` says that its units still are those of the population; ``straight`` that nothing has weighed them.
    """

    name: str
    signs: np.ndarray
    units: bool = True
    straight: bool = True


class Signs:
    """Signs of what populations do to others: by predictions, or by errors that come back.

    That a prediction is subtracted in the error neuron is left out: it is the same for all of them. Functions of one
    operand have the sign of their slope at the values of ``activity``, node by node.
    """

    def __init__(self, structure: Structure, traits: Traits, activity: Mapping[str, np.ndarray]) -> None:
        self.structure, self.traits, self.activity = structure, traits, activity
        self.circuit, self.graph = structure.circuit, structure.graph

    def one_sign(self, update: Update) -> bool:
        """Whether each neuron of a population has one sign; true of one that acts on no other."""
        vertex = update.name
        size = self.graph.nodes[vertex].size
        if update.kind == "value":
            relays = self.traits.is_relay(vertex)
            found = list(self._back(vertex, size)) if relays else list(self._ahead(vertex, size))
        elif self.traits.is_rate(vertex) or self.traits.is_relay(vertex):
            return True
        else:
            found = list(self._errors(vertex, size))
        if not found:
            return True
        signs = np.stack(found)
        return not bool(np.isnan(signs).any() or ((signs > 0).any(axis=0) & (signs < 0).any(axis=0)).any())

    def _errors(self, vertex: str, size: int) -> Iterator[np.ndarray]:
        """What errors do to value neurons: inhibit their own, unless a way back by a cycle takes that away."""
        own = self.traits.own_feedback(vertex) - 1.0
        if own:
            yield np.full(size, np.sign(own))
        yield from self._back(vertex, size, besides_itself=True)

    # Ways

    def _ahead(self, vertex: str, size: int) -> Iterator[np.ndarray]:
        """Signs by which neurons enter each prediction, one array for each way."""
        leaves = [leaf for leaf in self.graph.recurrent if self.graph.sender(leaf) == vertex]
        waiting = [_Reached(name, np.ones(size)) for name in (vertex, *leaves)]
        while waiting:
            at = waiting.pop()
            for user in dict.fromkeys(self.graph.consumers[at.name]):
                node = self.graph.nodes[user]
                if is_nothing(self.graph, node):
                    continue
                for k, operand in enumerate(node.operands):
                    if operand == at.name and k not in node.operator.description.only_back:
                        reached = self._through(at, node, k, back=False)
                        if user in self.structure.vertices:
                            yield reached.signs
                        else:
                            waiting.append(reached)

    def _back(self, vertex: str, size: int, besides_itself: bool = False) -> Iterator[np.ndarray]:
        """Signs by which errors come back to value neurons, one array for each way."""
        ends = {*self.structure.vertices, *returning(self.graph)}
        waiting = [_Reached(vertex, np.ones(size))]
        while waiting:
            at = waiting.pop()
            node = self.graph.nodes[at.name]
            for k, operand in enumerate(node.operands):
                if not node.operator.passes_back(k) or operand not in self.structure.way.active:
                    continue
                reached = self._through(at, node, k, back=True, into=operand)
                own = self.graph.sender(operand) == vertex if operand in self.graph.recurrent else operand == vertex
                if operand in ends:
                    if not (besides_itself and own and reached.straight):
                        yield reached.signs
                elif not self.graph.nodes[operand].is_leaf and not self.structure.dendrites.is_weight(operand):
                    waiting.append(reached)

    def _through(self, at: _Reached, node: Node, k: int, *, back: bool, into: str = "") -> _Reached:
        """One node further, by operand k; ``back``: against its direction, to the operand ``into``."""
        description, name = node.operator.description, into if back else node.name
        same = self.graph.nodes[node.operands[k]].size == node.size
        if description.passes_on:
            return _Reached(name, at.signs, at.units, at.straight)
        if description.formula is not None:
            slope = self._slope(node, k, description.formula.derivative(k))
            straight = at.straight and isinstance(description.formula.derivative(k), float)
            signs = np.sign(slope) if at.units and same and slope.size == at.signs.size else _of_all(slope)
            return _Reached(name, at.signs * signs, at.units and same, straight)
        if description.copied is not None or description.moves:
            identity = description.copied is not None and np.array_equal(np.ravel(description.copied), range(node.size))
            return _Reached(name, at.signs, at.units and identity and same, at.straight and identity)
        return _Reached(name, at.signs * self._weighed(at, node, k, back), units=False, straight=False)

    def _slope(self, node: Node, k: int, slope: Formula) -> np.ndarray:
        """The derivative of a formula by operand k; unknown where another activity multiplies that may be negative."""
        formula = node.operator.description.formula
        assert formula is not None
        if isinstance(slope, float):
            return np.full(node.size, slope)
        read = set(variables_of(slope))
        for j, (variable, operand) in enumerate(zip(formula.variables, node.operands, strict=True)):
            if j != k and variable in read and not self._keeps(operand):
                return np.full(node.size, MIXED)
        values = {v: self.activity[o] for v, o in zip(formula.variables, node.operands, strict=True)}
        with np.errstate(all="ignore"):
            out = node.compute(*values.values())
            found = np.asarray(evaluate(slope, {**_aligned(values, out.ndim), "out": out}))
        found = np.broadcast_to(found, np.broadcast_shapes(found.shape, out.shape))
        low, high = found.min(axis=0).ravel(), found.max(axis=0).ravel()
        return np.where(low >= 0, high, np.where(high <= 0, low, MIXED))

    def _keeps(self, operand: str) -> bool:
        """Whether what multiplies keeps its signs: weights that do, or what is never negative."""
        if self.traits.nonnegative(operand):
            return True
        if self.structure.dendrites.is_weight(operand):
            return all(self._kept(parameter) for parameter in self.structure.dendrites.carried(operand))
        return False

    def _kept(self, parameter: str) -> bool:
        """Whether a rule of a parameter, if it has one, keeps the signs that there are."""
        rule, source = self.circuit.plasticity.get(parameter), self.graph.nodes[parameter].source
        assert isinstance(source, Parameter)
        return rule is None or rule.limits[0] >= 0 or rule.limits[1] <= 0

    def _weighed(self, at: _Reached, node: Node, k: int, back: bool) -> np.ndarray | float:
        """Signs of the weights of a contraction: of each neuron that they are of, where that is known, or of all."""
        description = node.operator.description
        others = [j for j in range(len(node.operands)) if j != k]
        if description.only_back:
            others = [j for j in others if (j in description.only_back) == back]
        if len(others) != 1 or not description.multiplies(others[0], k):
            return self._of_jacobian(node, k)
        operand = node.operands[others[0]]
        if not self.structure.dendrites.is_weight(operand):
            return 1.0 if self.traits.nonnegative(operand) else MIXED
        if not isinstance(self.graph.nodes[operand].source, Constant) and not self._keeps(operand):
            return MIXED
        weights = self.activity[operand][0]
        if weights.ndim != 2 or not at.units or not self._is_dense(node, k):
            return _of_all(weights)
        rows = _of_rows(weights.T if back else weights)
        return rows[np.arange(at.signs.size) % rows.size]

    def _of_jacobian(self, node: Node, k: int) -> float:
        """The sign of the derivatives of all units by those of an operand; of large nodes, of those of some units."""
        units = np.unique(np.linspace(0, node.size - 1, min(node.size, MOST_UNITS)).astype(int))
        each = np.zeros((units.size, node.size))
        each[np.arange(units.size), units] = 1.0
        operands = [self.activity[operand][:1] for operand in node.operands]
        with np.errstate(all="ignore"):
            output = node.compute(*operands)
            shape = (units.size, *node.shape)
            operands = [np.broadcast_to(a, (units.size, *a.shape[1:])) for a in operands]
            output = np.broadcast_to(output, shape)
            return _of_all(node.operator.vjp(k, each.reshape(shape), output, *operands))

    def _is_dense(self, node: Node, k: int) -> bool:
        """Whether a node is x @ W, with a way back of its own or without, and operand k is x."""
        return k == 0 and (bool(node.operator.description.only_back) or is_layer(node))


def _aligned(values: Mapping[str, np.ndarray], ndim: int) -> dict[str, np.ndarray]:
    """Arrays with as many axes as the result, missing ones behind the batch axis."""
    return {name: a.reshape(a.shape[:1] + (1,) * (ndim - a.ndim) + a.shape[1:]) for name, a in values.items()}


def _of_all(values: np.ndarray) -> float:
    """The one sign of all these numbers; 0 where all are zero."""
    return float(_of_rows(values.reshape(1, -1))[0])


def _of_rows(values: np.ndarray) -> np.ndarray:
    """The one sign of each row of numbers; 0 where all are zero."""
    low, high = values.min(axis=1), values.max(axis=1)
    return np.where(np.isnan(low) | ((low < 0) & (high > 0)), MIXED, np.sign(np.where(high > 0, high, low)))
