"""Building a circuit: which nodes of a graph get neurons of their own, and with which constants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.errors import GraphError, ParameterError, told, unknown_name
from pcneuro.graph.graph import Graph, Latent, Node, real_array
from pcneuro.model.energies import AbstractEnergy, SquaredError
from pcneuro.ops.base import Elementwise, Gather, Product, Reduce


class AbstractChoice:
    """Which nodes become vertices."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def chosen(self, node: Node) -> bool:
        """Whether an operator node gets neurons of its own."""
        raise GraphError("an abstract choice chooses nothing")


class All(AbstractChoice):
    """One vertex for every operation."""

    def chosen(self, node: Node) -> bool:
        return True


class Marked(AbstractChoice):
    """The nodes that ``pcn.vertex`` marked, and the outputs."""

    def chosen(self, node: Node) -> bool:
        return node.marked


class Grouped(AbstractChoice):
    """One vertex for each group of affine operations that ends in an elementwise function, and each other operation.

    An affine node joins the one node that uses it where that is a sum, a bias, a constant gain, or an elementwise
    function; a projection begins a group and so takes nothing in; nothing follows a nonlinear function in its group.
    Parameters that are only moved (transposed, sliced) are read in the dendrite.
    """

    def chosen(self, node: Node) -> bool:
        graph = self.graph
        if node.name in graph.shared and isinstance(node.operator.role, Gather | Reduce):
            return False
        users = graph.consumers[node.name]
        if len(users) != 1 or not self._affine(node):
            return True
        user = graph.nodes[users[0]]
        return not (isinstance(user.operator.role, Elementwise) and (len(user.operands) == 1 or self._affine(user)))

    def _affine(self, node: Node) -> bool:
        if node.is_leaf or not isinstance(node.operator.role, Elementwise | Product):
            return False
        activities = [k for k, o in enumerate(node.operands) if o not in self.graph.shared]
        linear = all(node.operator.linear_in(k) for k in activities)
        # Of a product of two activities each factor alone is linear, the two together are not.
        additive = isinstance(node.operator.role, Elementwise) and all(
            node.operator.linear_in(k) and not _modulates(node, activities, k) for k in activities
        )
        return bool(activities) and linear and (len(activities) == 1 or additive)


def _modulates(node: Node, operands: list[int], k: int) -> bool:
    """Whether the derivative by operand k depends on another of these operands."""
    from pcneuro.ops.elementwise import Map
    from pcneuro.ops.formula import variables_of

    operator = node.operator
    if not isinstance(operator, Map):
        return True
    return bool({operator.names[j] for j in operands if j != k} & set(variables_of(operator.definition.derivatives[k])))


def _choice(graph: Graph, vertices: str) -> AbstractChoice:
    choices = {"all": All, "marked": Marked, "grouped": Grouped}
    if vertices == "auto":
        vertices = "marked" if any(node.marked for node in graph.nodes.values()) else "grouped"
    elif vertices not in ("all", "marked"):
        raise ParameterError(f"vertices={vertices!r}: choose 'auto', 'marked' or 'all'")
    return choices[vertices](graph)


def _by_vertex(what: str, given: Any, default: float, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """A scalar, an array or a dict by vertex as one positive array for each vertex."""
    if isinstance(given, Mapping):
        for name in given:
            if name not in shapes:
                raise unknown_name(f"vertex in {what}", name, shapes)
    found = {}
    for name, shape in shapes.items():
        value = given.get(name, default) if isinstance(given, Mapping) else given
        got = told(value)
        try:
            numbers = real_array(what, value)
            got = f"of shape {numbers.shape}" if numbers.shape else got
            array = np.array(np.broadcast_to(numbers, shape), dtype=np.float64)
        except ValueError:
            raise ParameterError(
                f"{what} of vertex {name!r}, of shape {shape}, is {got}: give a number, an array of that shape, or a "
                "dict by vertex"
            ) from None
        if not (np.isfinite(array).all() and (array > 0).all()):
            raise ParameterError(
                f"{what} of vertex {name!r} must be positive and finite, got {array.min():g} as its least"
            )
        array.flags.writeable = False
        found[name] = array
    return found


def build_circuit(
    graph: Graph,
    *,
    vertices: str = "auto",
    tau: Any = 10.0,
    precision: Any = 1.0,
    energies: Mapping[str, AbstractEnergy] | None = None,
    delays: Any = 0.0,
) -> Circuit:
    """Give vertices of a graph value and error neurons.

    Parameters
    ----------
    graph
        From ``trace``.
    vertices
        ``"marked"``: the nodes marked with ``pcn.vertex``. ``"all"``: every operation. ``"auto"``: the marked nodes
        where there are any, else one for each affine-plus-elementwise group and each other operation. Outputs
        always are.
    tau
        Time constant of the value neurons in ms: a number, an array, or a dict by vertex (10 ms where it has none).
    precision
        Precision of the predictions, likewise (1 where a dict has none). At an output it weighs the energy. A latent
        without a prior has none, as nothing predicts it.
    energies
        Output name -> energy (``SquaredError`` where there is none).
    delays
        Conduction delays between vertices: a number (ms) or a delay object for all projections in both directions, or a
        dict from edges of ``Circuit.nx`` to such, as ``{("h1.value", "h2.error"): 2.0, ("h2.error", "h1.value"):
        pcn.UniformDelay(1.0, 5.0)}`` (0 where it has none). Between the value and error neurons of a vertex there is
        none. Those of inputs are without effect, as inputs are constant.

    Raises
    ------
    ParameterError, UnknownNameError, ShapeError
        For constants that are not positive or do not fit, for delays that are negative or do not fit the synapses, and
        for a vertex, output or edge that is unknown.
    """
    if not isinstance(graph, Graph):
        raise GraphError(f"build_circuit needs a Graph (from pcn.trace), got a {type(graph).__name__}")
    choice = _choice(graph, vertices)
    outputs = {node.name for node in graph.outputs.values()}
    chosen = []
    for name, node in graph.nodes.items():
        if name in outputs or isinstance(node.source, Latent) or (not node.is_leaf and choice.chosen(node)):
            chosen.append(name)
    shapes = {name: graph.nodes[name].shape for name in chosen}
    given = _energies(graph, energies)
    circuit = Circuit(
        graph,
        tuple(chosen),
        _by_vertex("tau", tau, 10.0, shapes),
        _precisions(graph, precision, shapes),
        {node.name: given.get(name, SquaredError()) for name, node in graph.outputs.items()},
    )
    return circuit.with_delays(delays)


def _energies(graph: Graph, given: Any) -> Mapping[str, AbstractEnergy]:
    if given is not None and not isinstance(given, Mapping):
        raise ParameterError(
            f"energies is {told(given)}; give a dict from outputs to energies, such as "
            f"{{{next(iter(graph.outputs))!r}: pcn.SquaredError()}}"
        )
    for name, energy in (given or {}).items():
        if name not in graph.outputs:
            raise unknown_name("output in energies", name, graph.outputs)
        if not isinstance(energy, AbstractEnergy):
            raise ParameterError(f"energy of output {name!r} is {told(energy)}; give an object, pcn.SquaredError()")
    return given or {}


def _precisions(graph: Graph, given: Any, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    found = _by_vertex("precision", given, 1.0, shapes)
    for name, node in graph.latents.items():
        assert isinstance(node.source, Latent)
        if node.source.prior is not None:
            continue
        if isinstance(given, Mapping) and name in given:
            raise ParameterError(
                f"precision of {name!r}, a latent without a prior: nothing predicts it; give it a prior, as in "
                f"pcn.Latent({node.shape}, prior=0.0), or leave its precision out"
            )
        found[name] = np.zeros(shapes[name])
    return found
