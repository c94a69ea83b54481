"""Circuits: which nodes of a graph have value and error neurons of their own, and with which constants."""

from __future__ import annotations

import copyreg
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from pcneuro.errors import GraphError, ParameterError, ShapeError, told, unknown_name
from pcneuro.graph.graph import Graph, Latent, Node, Parameter, Pattern, check_finite, real_array
from pcneuro.model.delays import AbstractDelay
from pcneuro.model.energies import AbstractEnergy, SquaredError
from pcneuro.ops.base import Elementwise, Gather, Product, Reduce
from pcneuro.ops.sparse import SparseProduct

if TYPE_CHECKING:
    import matplotlib.axes
    import networkx


@dataclass(frozen=True, eq=False)
class Circuit:
    """A graph whose ``vertices`` have value neurons v and error neurons e.

    ``e = precision (v - prediction)`` and ``tau dv/dt = -e + feedback``, with the prediction computed from the parents'
    v, and the feedback from the children's e through the transposed derivatives of their predictions (Millidge,
    Tschantz & Buckley 2020, equations 2-5). What is no vertex is computed in the dendrite of the vertex that uses it.

    Attributes
    ----------
    graph : Graph
    vertices : tuple of str
        In topological order: nodes with neurons of their own, latent leaves included, inputs not.
    tau, precision : dict of float64 arrays
        Vertex -> time constants in ms, and precisions, of the vertex's shape. The precision of a latent leaf without a
        prior is 0: nothing predicts it.
    energies : dict
        Vertex of each output -> its energy.
    delays : dict
        Edge of ``nx``, ``(source, target)`` -> conduction delays of its synapses; those without any are left out.
    """

    graph: Graph
    vertices: tuple[str, ...]
    tau: Mapping[str, np.ndarray] = field(repr=False)
    precision: Mapping[str, np.ndarray] = field(repr=False)
    energies: Mapping[str, AbstractEnergy] = field(repr=False)
    delays: Mapping[tuple[str, str], AbstractDelay] = field(default_factory=dict, repr=False)

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """Values of the parameters (read-only arrays)."""
        return {name: node.source.value for name, node in self.graph.parameters.items()}  # type: ignore[union-attr]

    def with_parameters(self, values: Mapping[str, np.ndarray]) -> Circuit:
        """The same circuit with other parameter values, for instance what was learned.

        Raises what ``check_parameters`` raises for values that do not fit.
        """
        graph = self.graph.with_parameters(check_parameters(self.graph, values))
        return replace(self, graph=graph)

    def with_delays(self, delays: Any) -> Circuit:
        """The same circuit with these conduction delays, instead of those that it has.

        ``delays`` is as for ``build_circuit``, whose errors it raises.
        """
        from pcneuro.circuit.synapses import check, delays_of

        circuit = replace(self, delays=delays_of(self, delays))
        check(circuit)
        return circuit

    @property
    def delayed(self) -> bool:
        """Whether anything takes time on its way between vertices."""
        return bool(self.delays)

    def has_prediction(self, vertex: str) -> bool:
        """Whether a vertex has error neurons: all have, but latent leaves without a prior."""
        source = self.graph.nodes[vertex].source
        return not (isinstance(source, Latent) and source.prior is None)

    @cached_property
    def rates(self) -> dict[str, tuple[float, float]]:
        """Vertex -> the least and the largest precision / tau of its units: the rate of their leak, per ms."""
        found = {name: self.precision[name] / self.tau[name] for name in self.vertices}
        return {name: (float(rate.min()), float(rate.max())) for name, rate in found.items()}

    @cached_property
    def nx(self) -> networkx.MultiDiGraph:
        """Populations as nodes (``"h1.value"``, ``"h1.error"``) and connections as edges, with plain attributes."""
        from pcneuro.circuit.populations import to_networkx

        return to_networkx(self)

    def write_graphml(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write ``nx`` as GraphML. Raises OutputError where the file exists, unless ``overwrite``."""
        from pcneuro.circuit.populations import write_graphml

        write_graphml(self, path, overwrite=overwrite)

    def equations(self) -> str:
        """The differential equations of every population, in Brian2 syntax."""
        from pcneuro.circuit.equations import equations

        return equations(self)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the circuit to one file, which ``load_circuit`` reads. Raises OutputError where it exists."""
        from pcneuro.circuit.saving import save_circuit

        save_circuit(self, path, overwrite=overwrite)

    def draw(self, ax: matplotlib.axes.Axes | None = None) -> matplotlib.axes.Axes:
        """Draw value and error populations and what connects them; returns the axes."""
        from pcneuro.circuit.drawing import draw

        return draw(self, ax)

    def __deepcopy__(self, memo: dict[int, Any]) -> Circuit:
        """The circuit itself: nothing about it changes."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        constants = dict(self.tau), dict(self.precision), dict(self.energies), dict(self.delays)
        return Circuit, (self.graph, self.vertices, *constants)

    def __str__(self) -> str:
        from pcneuro.circuit.populations import table

        return table(self)

    def __repr__(self) -> str:
        more = ", ..." if len(self.vertices) > 8 else ""
        return f"<Circuit of {len(self.vertices)} vertices: {', '.join(self.vertices[:8])}{more}>"


def _reduced(graph: Graph) -> tuple[Any, ...]:
    return Graph, (tuple(graph.nodes.values()), {name: node.name for name, node in graph.outputs.items()})


# A graph's read-only mappings are neither copied nor pickled: it is made again from its nodes.
copyreg.pickle(Graph, _reduced)


def check_parameters(graph: Graph, values: Any) -> dict[str, np.ndarray]:
    """New values of some parameters as arrays of their shapes.

    ``values`` maps names to arrays; a parameter that was traced as a ``scipy.sparse`` matrix takes one of the same
    pattern, or the vector of its weights row by row. Raises ParameterError for what is no mapping, UnknownNameError,
    ShapeError, and DataError for what is no array of finite real numbers.
    """
    if not isinstance(values, Mapping):
        raise ParameterError(f"parameters are {told(values)}; give a dict from names to arrays")
    found = {}
    for name, value in values.items():
        if name not in graph.parameters:
            raise unknown_name("parameter", name, graph.parameters)
        sparse = type(value).__module__.startswith("scipy.sparse")
        array = _weights(graph, name, value) if sparse else real_array(f"parameter {name!r}", value)
        if array.shape != graph.parameters[name].shape:
            needed = graph.parameters[name].shape
            raise ShapeError(f"parameter {name!r} has shape {array.shape}; needed is {needed}")
        check_finite(f"parameter {name!r}", array)
        found[name] = array
    return found


def _pattern(graph: Graph, name: str) -> Pattern | None:
    """Where the synapses of a sparse parameter stand: its users know it, in a circuit from a file, too."""
    for user in graph.consumers[name]:
        source = graph.nodes[user].source
        if isinstance(source, SparseProduct):
            return Pattern(source.starts, source.columns, source.width)
    return None


def _weights(graph: Graph, name: str, matrix: Any) -> np.ndarray:
    """Weights of a sparse matrix, row by row, which must stand where the parameter's do."""
    wanted = _pattern(graph, name)
    if wanted is None:
        raise ShapeError(
            f"parameter {name!r} is an array of shape {graph.parameters[name].shape} and was given as a sparse matrix: "
            "give its .toarray()"
        )
    given = Parameter(matrix)
    got = given.pattern
    same = got is not None and got.width == wanted.width and np.array_equal(got.starts, wanted.starts)
    if got is None or not same or not np.array_equal(got.columns, wanted.columns):
        count = wanted.columns.size
        raise ShapeError(
            f"parameter {name!r} is a sparse matrix of shape {matrix.shape} with {given.value.size} weights, not all "
            f"of them where those traced are (shape {(wanted.starts.size - 1, wanted.width)}, {count} weights): give "
            f"one of the same pattern, or the vector of its {count} weights row by row"
        )
    return given.value


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
