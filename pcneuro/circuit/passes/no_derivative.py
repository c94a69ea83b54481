"""Feedback without the derivative of the activation function (Millidge, Tschantz, Seth & Buckley 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.passes.abstract import AbstractPass
from pcneuro.circuit.passes.rewriting import AbstractRewriting, sent_back
from pcneuro.graph.graph import Node
from pcneuro.graph.tracing.array import TracedArray
from pcneuro.ops.feedback import stop_feedback
from pcneuro.ops.maps import relu
from pcneuro.quantities import flag


@final
@dataclass(frozen=True)
class NoDerivative(AbstractPass):
    """Leaves out f' where errors come back through a function f of single units: feedback W^T e in place of W^T f' e.

    Predictions are the same bit for bit. Every elementwise function of one operand that is not linear is one such
    (tanh, sigmoid, relu, an ``elementwise`` of one variable); products of activities, softmax and pooling keep their
    way back. Applied twice it is as once.

    Parameters
    ----------
    gate
        Whether a threshold-linear gate, 1 where what f is of is above 0 and 0 elsewhere, comes in the place of f'.
    in_plasticity
        Whether what weights learn loses f', too. False: it comes back to them with f', at the cost of each dendrite
        once more.

    Examples
    --------
    >>> pcn.passes.apply(circuit, pcn.passes.NoDerivative()).vertices
    ('h', 'out')
    """

    gate: bool = False
    in_plasticity: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "gate", flag("gate of NoDerivative", self.gate))
        object.__setattr__(self, "in_plasticity", flag("in_plasticity of NoDerivative", self.in_plasticity))

    def apply(self, circuit: Circuit) -> Circuit:
        return _Straight(circuit, self).circuit_of()


class _Straight(AbstractRewriting):
    def __init__(self, circuit: Circuit, asked: NoDerivative) -> None:
        super().__init__(circuit, "NoDerivative")
        self.asked = asked
        self.learning: dict[str, TracedArray] = {}
        """Node in a dendrite -> the same numbers, of which errors come back to parameters alone."""
        self.sending: dict[str, TracedArray] = {}
        """Node in a dendrite -> the same numbers, of which errors come back to activities alone, without f'."""

    def computed(self, node: Node, operands: tuple[TracedArray, ...]) -> Any:
        made = self.again(node, *operands)
        if node.name in self.graph.shared:
            return made
        curved = self._curved(node)
        if not self.asked.in_plasticity:
            learning = self.again(node, *(self._learning(o) for o in node.operands))
            sending = [self._sending(o) for o in node.operands]
            passed = self.again(node, *sending)
            self.learning[node.name] = learning
            self.sending[node.name] = sent_back(passed, self._way(sending[0])) if curved else passed
        if not curved or self.only_ahead(node) or self.only_back(node):
            return made
        if self.asked.in_plasticity:
            return sent_back(made, self._way(operands[0]))
        way = self._way(sending[0])
        return learning + (way - stop_feedback(way))

    def _curved(self, node: Node) -> bool:
        """Whether a node is a function of single units of one operand, and not linear."""
        operator = node.operator
        curved = len(node.operands) == 1 and operator.description.formula is not None and not operator.linear_in(0)
        return curved and operator.passes_back(0)

    def _way(self, x: Any) -> Any:
        return relu(x) if self.asked.gate else x

    def _is_source(self, name: str) -> bool:
        """Whether a node is the activity of neurons."""
        return name in self.circuit.vertices or name in self.graph.inputs or name in self.graph.recurrent

    def _learning(self, name: str) -> Any:
        if self._is_source(name):
            return stop_feedback(self.made[name])
        return self.made[name] if name in self.graph.shared else self.learning[name]

    def _sending(self, name: str) -> Any:
        if self._is_source(name):
            return self.made[name]
        return stop_feedback(self.made[name]) if name in self.graph.shared else self.sending[name]
