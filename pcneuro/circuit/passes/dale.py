"""Dale's law: each neuron's synapses have one sign, and what is inhibited is inhibited by interneurons."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.feedback import is_nothing
from pcneuro.circuit.passes.abstract import AbstractPass
from pcneuro.circuit.passes.rewriting import AbstractRewriting, is_moved, is_parameter, sent_back, taken, weights_of
from pcneuro.circuit.synapses import Edge, edge_of, ends_of
from pcneuro.errors import ParameterError
from pcneuro.graph.graph import Constant, Node, Parameter, Recurrent
from pcneuro.graph.tracing.array import TracedArray
from pcneuro.model.delays import AbstractDelay
from pcneuro.model.plasticity import AbstractPlasticity, Hebbian
from pcneuro.ops.feedback import Project, stop_feedback
from pcneuro.ops.maps import Map, relu
from pcneuro.quantities import flag, milliseconds

_WORDS = {1.0: "excitatory", -1.0: "inhibitory"}
"""Sign of synapses -> what they are called."""

_INTERNEURONS, _INHIBITION = "interneurons", "inhibition"
_ADDED = (_INTERNEURONS, _INHIBITION)
"""Ends of the names of what is added: of those that carry an activity, and of those that errors come back by."""


@final
@dataclass(frozen=True)
class Dale(AbstractPass):
    """Splits weights by sign, W = W_excitatory - W_inhibitory, and sends the second by interneurons, both ways.

        prediction  W_excitatory x - W_inhibitory i,       tau di/dt = -i + x
        feedback    W_excitatory^T g - W_inhibitory^T j,   tau dj/dt = -j + g

    with g = f' e what comes back to the product, i the value neurons of ``x_interneurons``, and j those of
    ``<product>_inhibition``. For tau to 0 it is the circuit that was given, and trajectories go to its in proportion to
    tau. Both parts learn by the rule of W, and bounds keep their signs. Differences of activities are sent likewise.

    Parameters
    ----------
    tau
        Time constant of interneurons in ms.
    own
        Whether error neurons also inhibit their own value neurons by interneurons, ``h_own_inhibition``, as they excite
        others. It closes a cycle without delay, for strict dynamics.

    Raises ParameterError for values out of range, and where a rule of plasticity is for W as a whole (Oja).

    Examples
    --------
    >>> signed = pcn.passes.apply(circuit, pcn.passes.Dale())
    >>> len(signed.graph.parameters) > len(circuit.graph.parameters)
    False
    """

    tau: float = 1.0
    own: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "tau", milliseconds("tau of Dale", self.tau))
        object.__setattr__(self, "own", flag("own of Dale", self.own))

    def apply(self, circuit: Circuit) -> Circuit:
        return _BySign(circuit, self).circuit_of()


@dataclass(frozen=True)
class _Signs:
    """The two parts of some weights, neither below zero; None where there is nothing of this sign."""

    plus: Any
    minus: Any


class _BySign(AbstractRewriting):
    def __init__(self, circuit: Circuit, asked: Dale) -> None:
        super().__init__(circuit, "Dale")
        for name in circuit.vertices:
            # A pass that is applied would find its own interneurons, and give them interneurons.
            if name.rpartition("_")[2] in _ADDED and name.rpartition("_")[0] in self.graph.nodes:
                raise taken(self.what, name)
        self.asked = asked
        self.signs: dict[str, _Signs] = {}
        self.interneurons: dict[str, TracedArray] = {}
        self.stands_for: dict[str, str] = {}
        """Vertex of interneurons -> the node whose activity they carry, or to which errors come back by them."""
        self.split = self._mixed()
        """Parameters that two come in the place of."""
        for name in sorted(self.split & self._read_as_numbers()):
            raise ParameterError(
                f"Dale cannot split {name!r}: it weighs activity in one place, and is read as a number in another; "
                "give the two places parameters of their own"
            )

    def _reading(self) -> Iterator[tuple[Node, int]]:
        """Operands of all nodes that are computed from activity."""
        for node in self.graph.nodes.values():
            if not node.is_leaf and node.name not in self.graph.shared:
                yield from ((node, k) for k in range(len(node.operands)))

    def _mixed(self) -> set[str]:
        """Parameters that weigh activity and have negative entries, and those that learn together with such."""
        weighing = [self._weights_at(node, k) for node, k in self._reading()]
        parameters = {self._parameter(weights) for weights in weighing if weights is not None}
        mixed = {name for name in parameters if name is not None and (self.circuit.parameters[name] < 0).any()}
        for name, rule in self.circuit.plasticity.items():
            if rule.hebbian and mixed & {name, rule.follows(name)}:
                mixed |= {name, rule.follows(name)}
        return mixed

    def _read_as_numbers(self) -> set[str]:
        """What is read as it is, as biases are, and not as weights of synapses."""
        return {
            self._parameter(node.operands[k]) or node.operands[k]
            for node, k in self._reading()
            if node.operands[k] in self.graph.shared
            and self._weights_at(node, 1 - k) != node.operands[k]
            and not isinstance(node.source, Project)
        }

    def replaced(self) -> frozenset[str]:
        return frozenset(self.split)

    def delay_of(self, edge: Edge) -> AbstractDelay | None:
        """The delays of an edge: what goes by interneurons takes as long as what went without.

        Those of a vertex or input reach a dendrite when it did. Those of a node within a dendrite are there, and are
        reached, as what they send back, when the dendrite was.
        """
        parent, child, kind = ends_of(edge)
        source, dendrite = self.stands_for.get(parent, parent), self._child(self.stands_for.get(child, child))
        return self.circuit.delays.get(edge_of(source, dendrite, kind))

    def _child(self, name: str) -> str:
        """The vertex in whose dendrite a node is; a vertex or an input itself."""
        while name not in self.circuit.vertices and name not in self.graph.inputs:
            name = self.graph.consumers[name][0]
        return name

    def _weights_at(self, node: Node, k: int) -> str | None:
        """What weighs operand k of a node; of a product with a way back of its own, both kinds of weights in turn."""
        if isinstance(node.source, Project):
            return node.operands[1 + k] if k in (0, 1) else None
        return weights_of(node, k, self) if k in (0, 1) else None

    def _parameter(self, name: str) -> str | None:
        """The parameter that a node is, or whose entries it only moves or passes on."""
        node = self.graph.nodes[name]
        if is_parameter(node):
            return name
        return self._parameter(node.operands[0]) if is_moved(node) else None

    def computed(self, node: Node, operands: tuple[TracedArray, ...]) -> Any:
        made = self._product(node, operands)
        return self._owned(node, made) if self.asked.own and node.name in self.circuit.vertices else made

    def _product(self, node: Node, operands: tuple[TracedArray, ...]) -> Any:
        if node.name in self.graph.shared:
            return self.again(node, *map(self._whole, node.operands, operands))
        if isinstance(node.source, Project):
            return self._projected(node, operands)
        for k in range(len(node.operands)):
            weights = weights_of(node, k, self)
            if weights is not None:
                return self._weighted(node, k, operands[k], self._signs(weights, operands[1 - k]))
        if (
            node.source == Map("subtract")
            and node.operands[1] not in self.graph.shared
            and not is_nothing(self.graph, node)
        ):
            return operands[0] + self._inhibited(node, 1, operands[1], lambda x: x + np.zeros(node.shape))
        if node.source == Map("negative"):
            return self._inhibited(node, 0, operands[0], lambda x: x)
        return self.again(node, *operands)

    def _whole(self, name: str, array: TracedArray) -> Any:
        """What is computed of weights alone, such as a penalty, is computed of both parts together."""
        if name not in self.split:
            return array
        signs = self._signs(name, array)
        return signs.plus - signs.minus

    def _weighted(self, node: Node, k: int, x: TracedArray, signs: _Signs) -> Any:
        def product(x: Any, weights: Any) -> Any:
            return self.again(node, *((x, weights) if k == 0 else (weights, x)))

        if signs.minus is None:
            return product(x, signs.plus)
        inhibited = self._inhibited(node, k, x, lambda x: product(x, signs.minus))
        return inhibited if signs.plus is None else product(x, signs.plus) + inhibited

    def _projected(self, node: Node, operands: tuple[TracedArray, ...]) -> Any:
        """x @ W with a way back of its own: nothing comes back by W, and by B nothing but errors."""
        x, _, back = operands
        _, weights, returning = node.operands
        signs, signs_back = self._signs(weights, operands[1]), self._signs(returning, back)
        ahead = self.recorder.lift(np.zeros(node.shape)) if signs.plus is None else stop_feedback(x) @ signs.plus
        if signs.minus is not None:
            ahead = ahead - stop_feedback(self._followed(node.operands[0], x)) @ signs.minus
        if signs_back.plus is not None:
            excited = x @ stop_feedback(signs_back.plus)
            ahead = ahead + (excited - stop_feedback(excited))
        if signs_back.minus is not None and self.returns(node.operands[0]):
            # These weights learn where they are: by what the interneurons send, and not by what W learns by.
            behind = self._sent(node, x @ signs_back.minus)
            ahead = ahead + (behind - stop_feedback(behind))
        return ahead

    def _inhibited(self, node: Node, k: int, x: TracedArray, product: Callable[[Any], Any]) -> Any:
        """Minus a product of what is read, by interneurons there and, where errors come back, back."""
        source = node.operands[k]
        ahead = self._followed(source, x)
        if not self.returns(source):
            return -product(stop_feedback(ahead))
        sent = product(sent_back(ahead, x))
        return sent_back(-sent, self._sent(node, sent))

    def _followed(self, source: str, x: TracedArray) -> TracedArray:
        """The interneurons that follow the activity of a node."""
        if source not in self.interneurons:
            self.interneurons[source] = self._carrying(source, f"{source}_{_INTERNEURONS}", stop_feedback(x))
        return self.interneurons[source]

    def _sent(self, node: Node, sent: TracedArray) -> TracedArray:
        """The interneurons by which errors come back to what is ``sent``.

        Their prediction is zero, and their errors are their activity, which comes back by minus what is sent.
        """
        return self._carrying(node.name, f"{node.name}_{_INHIBITION}", stop_feedback(sent) - sent)

    def _carrying(self, node: str, name: str, prediction: TracedArray) -> TracedArray:
        self.stands_for[name] = node
        return self.vertex(name, prediction, self.asked.tau)

    def _owned(self, node: Node, made: Any) -> Any:
        itself = self.leaf(f"{node.name}_own_activity", Recurrent(node.name, node.shape))
        nothing = stop_feedback(itself) - itself
        behind = self._carrying(node.name, f"{node.name}_own_inhibition", nothing)
        # The first cancels the error's own way to the value, the second sends it by the interneurons.
        return made + (itself - stop_feedback(itself)) + (behind - stop_feedback(behind))

    # Weights by sign

    def _signs(self, name: str, array: TracedArray) -> _Signs:
        if name not in self.signs:
            self.signs[name] = self._made_signs(name, array)
        return self.signs[name]

    def _made_signs(self, name: str, array: TracedArray) -> _Signs:
        node = self.graph.nodes[name]
        parameter = self._parameter(name)
        if parameter is None and isinstance(node.source, Constant):
            values = node.source.value
            inhibiting = bool((values < 0).any())
            # Zeros alone, as those that a state begins with, are weights all the same.
            return _Signs(
                np.maximum(values, 0.0) if (values > 0).any() or not inhibiting else None,
                np.maximum(-values, 0.0) if inhibiting else None,
            )
        if parameter is None:
            return _Signs(relu(array), relu(-array))
        if parameter not in self.split:
            self._bound(parameter, parameter, 1.0)
            return _Signs(array, None)
        if name == parameter:
            return _Signs(self._part(node, 1.0), self._part(node, -1.0))
        parts = self._signs(node.operands[0], array)
        return _Signs(*(None if part is None else self.again(node, part) for part in (parts.plus, parts.minus)))

    def _part(self, node: Node, sign: float) -> TracedArray | None:
        assert isinstance(node.source, Parameter)
        values = np.maximum(sign * node.source.value, 0.0)
        part = Parameter(values)
        object.__setattr__(part, "pattern", node.source.pattern)
        name = f"{node.name}_{_WORDS[sign]}"
        self._bound(node.name, name, sign)
        return self.leaf(name, part)

    def _bound(self, name: str, part: str, sign: float) -> None:
        """Give a part the rule of the whole, with bounds that keep its sign."""
        rule: AbstractPlasticity | None = self.circuit.plasticity.get(name)
        if rule is None:
            return
        if not rule.hebbian:
            raise ParameterError(
                f"Dale cannot split {name!r}, whose rule is {rule.text()}: it is for all weights together; use Hebbian"
            )
        ends = sorted(sign * limit for limit in rule.limits)
        low, high = max(ends[0], 0.0), max(ends[1], 0.0)
        self.rules.pop(name, None)
        followed = rule.follows(name)
        if followed in self.split and followed != name and sign < 0:
            rule = Hebbian(rule.tau, rule.decay, rule.bounds, rule.every)
        elif followed in self.split and followed != name:
            rule = replace(rule, weights=f"{followed}_{_WORDS[sign]}")  # type: ignore[call-arg, type-var]
        self.rules[part] = replace(rule, bounds=(low, high if high > low else math.nextafter(low, math.inf)))  # type: ignore[type-var]
