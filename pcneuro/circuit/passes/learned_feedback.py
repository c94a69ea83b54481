"""Feedback through weights of its own, drawn, and fixed or learned (Lillicrap et al. 2016; Kolen & Pollack 1994)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.feedback import is_layer
from pcneuro.circuit.passes.abstract import AbstractPass
from pcneuro.circuit.passes.rewriting import AbstractRewriting, is_parameter, weights_of
from pcneuro.errors import ParameterError
from pcneuro.graph.graph import Node, Parameter
from pcneuro.graph.tracing.array import TracedArray
from pcneuro.model.plasticity import Hebbian
from pcneuro.model.plasticity import LearnedFeedback as Rule
from pcneuro.ops.feedback import StopFeedback, project, stop_feedback
from pcneuro.quantities import NOT_NEGATIVE, milliseconds, number, whole


@final
@dataclass(frozen=True)
class LearnedFeedback(AbstractPass):
    """Gives every projection whose errors come back feedback weights of its own, ``W_feedback`` beside ``W``.

    Errors come back through these in place of the transposed W, so that no weight is transported; predictions are the
    same. Weights that are a linear function of a parameter (its transposed, a mask times it) have that function of its
    feedback weights, constants stay as they are. With ``tau`` both are learned by the same product of error and
    activity and the same decay, so that W - W_feedback goes to zero as exp(-decay t / tau) for any data (Kolen &
    Pollack 1994). Without, feedback weights stay as they were drawn (feedback alignment: Lillicrap, Cownden, Tweed &
    Akerman 2016). Applied twice it is as once.

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

    Raises ParameterError for values out of range, where a weight's rule is not ``Hebbian``, and where weights are no
    linear function of one parameter.

    Examples
    --------
    >>> len(pcn.passes.apply(circuit, pcn.passes.LearnedFeedback(tau=1000.0)).graph.parameters) > 2
    True
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
        self.back: dict[str, TracedArray | None] = {}
        """Weights -> their feedback weights, None of constants."""

    def computed(self, node: Node, operands: tuple[TracedArray, ...]) -> Any:
        for k in range(len(node.operands)):
            weights = weights_of(node, k, self)
            if weights is None or not self.returns(node.operands[k]):
                continue
            if self.only_back(node):
                self._check_own(node, weights)
            else:
                back = self._back(weights)
                if back is not None:
                    return self._product(node, k, operands, back)
        return self.again(node, *operands)

    def _check_own(self, node: Node, weights: str) -> None:
        """Raise ParameterError where what errors come back by alone has the numbers of weights that predict."""
        source, stopped = self.graph.nodes[weights], False
        while isinstance(source.source, StopFeedback):
            source, stopped = self.graph.nodes[source.operands[0]], True
        if stopped and self._is_learned(source.name):
            users = (self.graph.nodes[user] for user in self.graph.consumers[source.name])
            if any(not isinstance(user.source, StopFeedback) for user in users):
                raise ParameterError(
                    f"LearnedFeedback of {source.name!r}, by whose numbers errors come back beside the "
                    f"prediction, at {node.name!r}: apply LearnedFeedback before NoDerivative(in_plasticity=False)"
                )

    def _back(self, name: str) -> TracedArray | None:
        """The feedback weights of these weights, made of drawn ones as these are of their parameter; None of constants.

        Raises ParameterError where weights are no linear function of one parameter.
        """
        if name not in self.back:
            node = self.graph.nodes[name]
            if is_parameter(node):
                self.back[name] = self._drawn(node)
            else:
                self.back[name] = None if node.is_leaf else self._computed_back(node)
        return self.back[name]

    def _computed_back(self, node: Node) -> TracedArray | None:
        of_parameters = [k for k, operand in enumerate(node.operands) if self._is_learned(operand)]
        if not of_parameters:
            return None
        if len(of_parameters) > 1 or not node.operator.linear_in(of_parameters[0]):
            raise ParameterError(
                f"LearnedFeedback of {node.name!r}, weights that are computed by {node.operator.label} and are no "
                "linear function of one parameter: make them a parameter"
            )
        (k,) = of_parameters
        return self.again(node, *(self._back(o) if j == k else self.made[o] for j, o in enumerate(node.operands)))

    def _is_learned(self, name: str) -> bool:
        node = self.graph.nodes[name]
        return is_parameter(node) or any(self._is_learned(operand) for operand in node.operands)

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
        if k == 0 and is_layer(node):
            return project(x, weights, feedback=back)
        order = (lambda a, b: (a, b)) if k == 0 else (lambda a, b: (b, a))
        ahead = self.again(node, *order(stop_feedback(x), weights))
        # The numbers of the product, which teach the weights; and beside them a way back that adds zero.
        behind = self.again(node, *order(x, stop_feedback(back)))
        return ahead + (behind - stop_feedback(behind))
