"""Feedback without the derivative of the activation function (Millidge, Tschantz, Seth & Buckley 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.passes.abstract import AbstractPass
from pcneuro.circuit.passes.rewriting import AbstractRewriting, sent_back
from pcneuro.graph.graph import Node
from pcneuro.graph.tracing.array import TracedArray
from pcneuro.ops.maps import relu
from pcneuro.quantities import flag


@final
@dataclass(frozen=True)
class NoDerivative(AbstractPass):
    """Leaves out f' where errors come back through a function f of single units: feedback W^T e in place of W^T f' e.

    Predictions are the same bit for bit. Every elementwise function of one operand that is not linear is one such
    (tanh, sigmoid, relu, an ``elementwise`` of one variable); products of activities, softmax and pooling keep their
    way back. What weights learn loses f', too. Applied twice it is as once.

    Parameters
    ----------
    gate
        Whether a threshold-linear gate, 1 where what f is of is above 0 and 0 elsewhere, comes in the place of f'.
    """

    gate: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "gate", flag("gate of NoDerivative", self.gate))

    def apply(self, circuit: Circuit) -> Circuit:
        return _Straight(circuit, self).circuit_of()


class _Straight(AbstractRewriting):
    def __init__(self, circuit: Circuit, asked: NoDerivative) -> None:
        super().__init__(circuit, "NoDerivative")
        self.asked = asked

    def computed(self, node: Node, operands: tuple[TracedArray, ...]) -> Any:
        made = self.again(node, *operands)
        operator = node.operator
        curved = len(operands) == 1 and operator.description.formula is not None and not operator.linear_in(0)
        if not curved or not operator.passes_back(0) or node.name in self.graph.shared:
            return made
        if self.only_ahead(node) or self.only_back(node):
            return made
        return sent_back(made, relu(operands[0]) if self.asked.gate else operands[0])
