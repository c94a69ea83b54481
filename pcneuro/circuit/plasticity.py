"""Plasticity of a circuit: which rule changes which parameter, checked against what the parameter is in the circuit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pcneuro.circuit.feedback import is_layer
from pcneuro.errors import ParameterError, ShapeError, told, unknown_name
from pcneuro.graph.graph import Constant, Graph, Node, Parameter
from pcneuro.model.energies import AbstractEnergy, SquaredError
from pcneuro.model.plasticity import AbstractPlasticity, Product

VARIANCE = ".variance"
"""What the name of a vertex is followed by where its learned variances are told among parameters."""


class Anatomised(Protocol):
    """What is asked here of a circuit."""

    @property
    def graph(self) -> Graph: ...
    @property
    def vertices(self) -> tuple[str, ...]: ...
    @property
    def energies(self) -> Mapping[str, AbstractEnergy]: ...

    def has_prediction(self, vertex: str) -> bool:
        """Whether a vertex has error neurons."""


def learned_name(name: str, rule: AbstractPlasticity) -> str:
    """The name of what a rule changes: the parameter's, or that of a vertex' variances."""
    return f"{name}{VARIANCE}" if rule.of_vertex else name


@dataclass(frozen=True)
class CircuitAnatomy:
    """What rules of plasticity ask of a circuit; see ``model.plasticity.Anatomy``."""

    circuit: Anatomised

    def vertex(self, what: str, name: str) -> str:
        """The vertex of this name, or of the output."""
        vertices, outputs = self.circuit.vertices, self.circuit.graph.outputs
        if name in vertices:
            return name
        if name in outputs:
            return outputs[name].name
        raise unknown_name(what, name, dict.fromkeys([*vertices, *outputs]))

    def check_like(self, parameter: str, other: str) -> None:
        """Raise UnknownNameError where the other is no parameter, ShapeError where it is of another shape."""
        parameters = self.circuit.graph.parameters
        if other not in parameters:
            raise unknown_name(f"weights of the LearnedFeedback of {parameter!r}", other, parameters)
        shape, wanted = parameters[parameter].shape, parameters[other].shape
        if shape != wanted:
            raise ShapeError(
                f"plasticity of {parameter!r}, of shape {shape}: it cannot follow {other!r}, of shape {wanted}; name "
                "weights of the same shape"
            )

    def check_variance(self, vertex: str) -> None:
        """Raise ParameterError for a vertex whose precision is not that of a Gaussian prediction."""
        if not self.circuit.has_prediction(vertex):
            raise ParameterError(
                f"LearnedVariance of {vertex!r}, a latent without a prior: nothing predicts it, and it has no errors "
                "whose variance could be learned; give it a prior"
            )
        energy = self.circuit.energies.get(vertex, SquaredError())
        if energy != SquaredError():
            raise ParameterError(
                f"LearnedVariance of {vertex!r}, whose energy is {energy!r}: its precision weighs that energy, and is "
                "no variance of errors; use SquaredError(), or another vertex"
            )

    def pre(self, parameter: str) -> str:
        """The node x of the one dense product x @ W that a parameter W enters."""
        return self._dense(parameter).operands[0]

    def columns(self, parameter: str) -> int:
        """How many columns a matrix of weights has."""
        return self.circuit.graph.nodes[parameter].shape[-1]

    def units(self, vertex: str) -> int:
        """How many units a vertex has."""
        return self.circuit.graph.nodes[vertex].size

    def _dense(self, parameter: str) -> Node:
        graph = self.circuit.graph
        users = graph.consumers[parameter]
        node = graph.nodes[users[0]] if len(users) == 1 else None
        if node is None or not _is_of_vector(node, parameter) or node.operands[0] in graph.shared:
            raise ParameterError(
                f"plasticity of {parameter!r}: this rule is for the weights W of one dense product x @ W of a vector x "
                "of activities; use Hebbian for all others"
            )
        return node

    def product(self, parameter: str) -> Product:
        """The one dense product x @ W that a parameter enters, and the vertex that it makes up unit by unit."""
        graph = self.circuit.graph
        node = product = self._dense(parameter)
        while node.name not in self.circuit.vertices:
            users = graph.consumers[node.name]
            if len(users) != 1 or graph.nodes[users[0]].shape != product.shape:
                raise ParameterError(
                    f"plasticity of {parameter!r}: the product that it enters makes up no vertex unit by unit; mark "
                    "one with pcn.vertex, or use Hebbian"
                )
            node = graph.nodes[users[0]]
        return Product(product.operands[0], node.name)


def _is_of_vector(node: Node, parameter: str) -> bool:
    """Whether a node is x @ W, with W the parameter and x a vector."""
    return is_layer(node) and len(node.shape) == 1 and node.operands[1] == parameter


def rules_of(circuit: Anatomised, given: Any) -> dict[str, AbstractPlasticity]:
    """Parameter or vertex -> its rule, in the order of the graph, from what a user passed to ``build_circuit``.

    That is a dict, or one rule for all parameters. Raises ParameterError or UnknownNameError for what does not fit.
    """
    if given is None:
        return {}
    graph = circuit.graph
    if isinstance(given, AbstractPlasticity) and not given.of_vertex:
        given = dict.fromkeys(graph.parameters, given)
    if not isinstance(given, Mapping):
        raise ParameterError(
            f"plasticity is {told(given)}; give a rule for all parameters, pcn.Hebbian(tau=1000.0), or a dict of rules "
            "by parameter or vertex"
        )
    rules: dict[str, AbstractPlasticity] = {}
    anatomy = CircuitAnatomy(circuit)
    for name, rule in _by_leaf(circuit, given).items():
        if not isinstance(rule, AbstractPlasticity):
            raise ParameterError(
                f"plasticity of {name!r} is {told(rule)}; give a rule, such as pcn.Hebbian(tau=1000.0)"
            )
        where = _vertex(circuit, name, rule) if rule.of_vertex else _parameter(circuit, name, rule)
        if learned_name(where, rule) in graph.nodes and rule.of_vertex:
            raise ParameterError(f"{learned_name(where, rule)!r} is the name of a node already: call it otherwise")
        rule.check(where, anatomy)
        rules[where] = rule
    return {name: rules[name] for name in graph.nodes if name in rules}


def _by_leaf(circuit: Anatomised, given: Mapping[str, Any]) -> dict[str, Any]:
    """Rules by parameter, where one is given for all of a tree of parameters."""
    graph = circuit.graph
    rules: dict[str, Any] = {}
    for name, rule in given.items():
        tree = graph.trees.get(name) if isinstance(rule, AbstractPlasticity) else None
        leaves = [name] if tree is None else [leaf for leaf in tree.paths.values() if leaf in graph.parameters]
        rules |= dict.fromkeys(leaves, rule)
    return rules


def _parameter(circuit: Anatomised, name: str, rule: AbstractPlasticity) -> str:
    graph, kind = circuit.graph, type(rule).__name__
    if name in graph.parameters:
        source = graph.parameters[name].source
        if isinstance(source, Parameter) and source.levels is not None:
            raise ParameterError(
                f"plasticity of {name!r}: {kind} would change it off its levels of {source.levels.bits} bits "
                "(Quantize): learn with a Trainer, or leave it out of Quantize(parameters=)"
            )
        return name
    if name in graph.nodes:
        node = graph.nodes[name]
        what = "a constant" if isinstance(node.source, Constant) else "no parameter"
        cure = "give it to trace() as pcn.Parameter" if isinstance(node.source, Constant) else "give a parameter's name"
        raise ParameterError(f"plasticity of {name!r}: {kind} changes parameters, and that is {what}: {cure}")
    raise unknown_name("parameter in plasticity", name, graph.parameters)


def _vertex(circuit: Anatomised, name: str, rule: AbstractPlasticity) -> str:
    if name in circuit.graph.parameters:
        raise ParameterError(
            f"plasticity of {name!r}: {type(rule).__name__} is of a vertex, and that is a parameter: give a vertex, or "
            "pcn.Hebbian(...)"
        )
    return CircuitAnatomy(circuit).vertex("vertex in plasticity", name)
