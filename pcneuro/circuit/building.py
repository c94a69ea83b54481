"""Building a circuit: which nodes of a graph get neurons of their own, and with which constants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.cycles import check_recurrent
from pcneuro.circuit.noise import noise_of
from pcneuro.circuit.properties import properties_from_arguments, property_keywords
from pcneuro.errors import GraphError, ParameterError, told, unknown_name
from pcneuro.graph.graph import Graph, Latent, Node
from pcneuro.model.energies import AbstractEnergy


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
    Parameters that are only moved (transposed, sliced) are read in the dendrite, and so is what passes on as it is.
    """

    def chosen(self, node: Node) -> bool:
        graph = self.graph
        if node.operator.description.passes_on:
            return False
        if node.name in graph.shared and node.operator.description.moves:
            return False
        users = graph.consumers[node.name]
        if len(users) != 1 or not self._affine(node):
            return True
        user = graph.nodes[users[0]]
        return user.operator.description.formula is None or (len(user.operands) > 1 and not self._affine(user))

    def _affine(self, node: Node) -> bool:
        if node.is_leaf:
            return False
        description = node.operator.description
        if description.formula is None and description.subscripts is None:
            return False
        activities = [k for k, o in enumerate(node.operands) if o not in self.graph.shared]
        linear = all(node.operator.linear_in(k) for k in activities)
        # Of a product of two activities each factor alone is linear, the two together are not.
        additive = description.formula is not None and all(
            node.operator.linear_in(k) and not any(description.modulates(j, k) for j in activities if j != k)
            for k in activities
        )
        return bool(activities) and linear and (len(activities) == 1 or additive)


def _choice(graph: Graph, vertices: str) -> AbstractChoice:
    choices = {"all": All, "marked": Marked, "grouped": Grouped}
    if not isinstance(vertices, str):
        raise ParameterError(f"vertices is {told(vertices)}; choose 'auto', 'marked' or 'all'")
    if vertices == "auto":
        vertices = "marked" if any(node.marked for node in graph.nodes.values()) else "grouped"
    elif vertices not in ("all", "marked"):
        raise ParameterError(f"vertices is {told(vertices)}; choose 'auto', 'marked' or 'all'")
    return choices[vertices](graph)


def build_circuit(
    graph: Graph,
    *,
    vertices: str = "auto",
    tau: Any = 10.0,
    precision: Any = 1.0,
    energies: Mapping[str, AbstractEnergy] | None = None,
    delays: Any = 0.0,
    error_tau: Any = 0.0,
    noise: Any = None,
    plasticity: Any = None,
    **properties: Any,
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
        none.
    error_tau
        Time constant of the error neurons in ms, likewise (0, the default: errors are there at once). Where it is
        above 0, error_tau de/dt = v - prediction - e / precision, from e = 0 on (Bogacz 2017); for all units of a
        vertex or for none.
    noise
        Noise of value neurons, an object for those of all vertices, or a dict from vertices, and populations such as
        ``"h1.error"``, to objects: ``pcn.WhiteNoise(sigma)``, ``pcn.OrnsteinUhlenbeck(sigma, tau)``.
    plasticity
        Rules by which parameters change while the circuit runs: a dict from parameters to rules (``Hebbian``, ``Oja``,
        ``DeltaRule``, ``Homeostasis``, ``LearnedFeedback``), and from vertices to ``LearnedVariance``; or one rule for
        all parameters. None: they stay.
    properties
        Whatever else ``pcneuro.circuit.properties.VertexProperties`` has, by keyword.

    Raises
    ------
    ParameterError, UnknownNameError, ShapeError
        For constants that are not positive or do not fit, for delays that are negative or do not fit the synapses, for
        a vertex, output, edge or property that is unknown, and for a ``Recurrent`` whose vertex is none of the
        circuit, or has another shape.

    Examples
    --------
    >>> slow = pcn.build_circuit(graph, tau={"h": 20.0, "out": 10.0})
    >>> float(slow.properties["h"].tau.max())  # ms
    20.0
    """
    for keyword in properties:
        if keyword not in property_keywords():
            known = dict.fromkeys([*(build_circuit.__kwdefaults__ or ()), *property_keywords()])
            raise unknown_name("argument of build_circuit", keyword, known)
    if not isinstance(graph, Graph):
        raise GraphError(f"build_circuit needs a Graph (from pcn.trace), got a {type(graph).__name__}")
    choice = _choice(graph, vertices)
    outputs = {node.name for node in graph.outputs.values()}
    chosen = tuple(
        name
        for name, node in graph.nodes.items()
        if name in outputs or isinstance(node.source, Latent) or (not node.is_leaf and choice.chosen(node))
    )
    check_recurrent(graph, chosen)
    arguments = {"tau": tau, "precision": precision, "energies": energies, "error_tau": error_tau, **properties}
    circuit = Circuit(graph, chosen, properties_from_arguments(graph, chosen, arguments))
    circuit = replace(circuit, noise=noise_of(circuit, noise))
    return circuit.with_delays(delays).with_plasticity(plasticity)
