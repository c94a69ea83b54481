"""Feedback through weights of its own, drawn, and fixed or learned (Lillicrap et al. 2016; Kolen & Pollack 1994)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.passes.abstract import AbstractPass
from pcneuro.circuit.passes.rewriting import AbstractRewriting, is_parameter, weights_of
from pcneuro.errors import ParameterError
from pcneuro.graph.graph import Node, Parameter
from pcneuro.graph.tracing.array import TracedArray
from pcneuro.model.plasticity import Hebbian
from pcneuro.model.plasticity import LearnedFeedback as Rule
from pcneuro.ops.feedback import project, stop_feedback
from pcneuro.quantities import NOT_NEGATIVE, milliseconds, number, whole


@final
@dataclass(frozen=True)
class LearnedFeedback(AbstractPass):
    """Gives every projection whose errors come back feedback weights of its own, ``W_feedback`` beside ``W``.

    Errors come back through these in place of the transposed W, so that no weight is transported; predictions are the
    same. With ``tau`` both are learned by the same product of error and activity and the same decay, so that
    W - W_feedback goes to zero as exp(-decay t / tau) for any data (Kolen & Pollack 1994). Without, feedback weights
    stay as they were drawn (feedback alignment: Lillicrap, Cownden, Tweed & Akerman 2016).

    Parameters
    ----------
    tau
        Time constant in ms of the feedback weights, and of weights that have no rule; of weights that have ``Hebbian``
        it is theirs. None: feedback weights are fixed.
    decay
        Of both, likewise.
    scale
        Deviation of the drawn weights, as a share of that of W about 0.
    seed
        Of the generator that they are drawn by.

    Raises ParameterError for values out of range, and where a weight's rule is not ``Hebbian``.
    """

    tau: float | None = None
    decay: float = 0.0
    scale: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.tau is not None:
            object.__setattr__(self, "tau", milliseconds("tau of LearnedFeedback", self.tau))
        object.__setattr__(self, "decay", number("decay of LearnedFeedback", self.decay, NOT_NEGATIVE))
        object.__setattr__(self, "scale", number("scale of LearnedFeedback", self.scale, NOT_NEGATIVE))
        object.__setattr__(self, "seed", whole("seed of LearnedFeedback", self.seed, 0))

    def apply(self, circuit: Circuit) -> Circuit:
        return _OwnWeights(circuit, self).circuit_of()


class _OwnWeights(AbstractRewriting):
    def __init__(self, circuit: Circuit, asked: LearnedFeedback) -> None:
        super().__init__(circuit, "LearnedFeedback")
        self.asked = asked
        self.back: dict[str, TracedArray] = {}
        """Parameter, or what only moves its entries -> the same of the feedback weights."""

    def computed(self, node: Node, operands: tuple[TracedArray, ...]) -> Any:
        for k in range(len(node.operands)):
            weights = weights_of(node, k, self)
            if weights is not None and self.returns(node.operands[k]) and node.operator.passes_back(k):
                back = self._back(weights)
                if back is not None:
                    return self._product(node, k, operands, back)
        return self.again(node, *operands)

    def _back(self, name: str) -> TracedArray | None:
        """The feedback weights of these weights; None of what is no parameter whose entries are only moved."""
        node = self.graph.nodes[name]
        if name in self.back:
            return self.back[name]
        if is_parameter(node):
            self.back[name] = self._drawn(node)
        elif not node.is_leaf and node.operator.description.moves and len(node.operands) == 1:
            moved = self._back(node.operands[0])
            if moved is None:
                return None
            self.back[name] = self.again(node, moved)
        else:
            return None
        return self.back[name]

    def _drawn(self, node: Node) -> TracedArray:
        assert isinstance(node.source, Parameter)
        weights, name = node.source.value, f"{node.name}_feedback"
        deviation = self.asked.scale * float(np.sqrt(np.mean(np.square(weights, dtype=np.float64))))
        rng = np.random.default_rng([self.asked.seed, list(self.graph.nodes).index(node.name)])
        values = deviation * rng.standard_normal(weights.shape)
        self._learn(node.name, name)
        return self.leaf(name, Parameter(values.astype(weights.dtype)))

    def _learn(self, weights: str, name: str) -> None:
        """Give the two their rules."""
        if self.asked.tau is None:
            return
        rule = self.rules.setdefault(weights, Hebbian(self.asked.tau, self.asked.decay))
        if not isinstance(rule, Hebbian):
            raise ParameterError(
                f"LearnedFeedback of {weights!r}, whose rule is {rule.text()}: feedback weights learn what Hebbian "
                "weights do; give these Hebbian, or leave tau out for fixed feedback"
            )
        self.rules[name] = Rule(weights, rule.tau, rule.decay, rule.bounds, rule.every)

    def _product(self, node: Node, k: int, operands: tuple[TracedArray, ...], back: TracedArray) -> Any:
        x, weights = operands[k], operands[1 - k]
        subscripts = node.operator.description.subscripts
        if k == 0 and subscripts is not None and len(weights.shape) == 2:
            left, _, out = subscripts.partition("->")
            terms, right = left.split(",")
            if len(right) == 2 and terms[-1:] == right[0] and out == terms[:-1] + right[1] and right[1] not in terms:
                return project(x, weights, feedback=back)
        order = (lambda a, b: (a, b)) if k == 0 else (lambda a, b: (b, a))
        ahead = self.again(node, *order(stop_feedback(x), weights))
        # The numbers of the product, which teach the weights; and beside them a way back that adds zero.
        behind = self.again(node, *order(x, stop_feedback(back)))
        return ahead + (behind - stop_feedback(behind))
