"""Circuits of networkx graphs: populations as nodes, connections as edges; and what ``Circuit.nx`` is of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.networks.attributes import connection_of, given, name_of, population_of
from pcneuro.circuit.networks.building import build
from pcneuro.circuit.networks.companion import has_companion, read_back, without_identity
from pcneuro.circuit.networks.description import AbstractPopulation, Network
from pcneuro.circuit.networks.grid import Grid
from pcneuro.errors import GraphError, ParameterError, told, unknown_name

if TYPE_CHECKING:
    import networkx


def from_networkx(graph: networkx.Graph, *, dt: float | None = None, velocity: float | None = None) -> Circuit:
    """The circuit of a directed networkx graph, whose nodes are populations and whose edges are connections.

    Edges of kind ``"rate"`` (the default) make a rate network of it, tau dv/dt = -v + transfer(sum of u W + bias) under
    ``pcn.Strict()``. By edges of kind ``"prediction"`` errors come back: a predictive-coding graph (Salvatori et al.
    2022, Learning on arbitrary graph topologies via predictive coding), which may have cycles. Of what ``Circuit.nx``
    is, or ``Circuit.write_graphml`` wrote, it is that circuit.

    Parameters
    ----------
    graph
        A ``DiGraph`` or ``MultiDiGraph``. Names of nodes are text (letters, digits, _) or whole numbers (``3`` is
        called ``n3``). Nodes may have ``size`` or ``shape`` (one unit), ``kind`` (``"population"``, or ``"input"``:
        what runs have data for), ``transfer`` (a name such as ``"tanh"``, or an expression of x; linear), ``tau``
        (10 ms), ``precision``, ``error_tau``, ``noise``, ``bias``, ``drive`` (True: an input ``<name>_drive`` is
        added), ``prior``, ``sign`` (``"excitatory"``, ``"inhibitory"``, of all weights of its neurons on others, which
        are then magnitudes), ``positions`` (units, coordinates). Edges may have ``kind``, ``weight`` (source units,
        target units: a number for all, an array, or a sparse matrix of SciPy; 1), ``delay`` (ms: a number, an array
        like the weights, or a delay object), ``velocity`` (adds distance / velocity to the delay), ``sign``,
        ``plasticity`` (a rule), ``transfer`` (of the source's activity, before it is weighed).
    dt
        The integrator's, in ms. In networks with cycles or rates delays are whole steps of it: numbers and arrays have
        to be, those of distances and distributions are rounded.
    velocity
        Of edges that have none of their own, but for those of inputs, in units of the positions a ms.

    Returns
    -------
    A circuit whose vertices are the populations. Weights are parameters ``W_<source>_<target>``, biases ``b_<name>``;
    those of sparse weights are stored by target.

    Raises
    ------
    GraphError, ParameterError, ShapeError, DataError, UnknownNameError, ExpressionError, CapacityError
        For what is no directed graph, an attribute that is unknown or does not fit, by name of the node or edge.

    Examples
    --------
    >>> pcn.from_networkx(circuit.nx).vertices
    ('h', 'out')
    """
    import networkx

    if not isinstance(graph, networkx.Graph):
        raise GraphError(f"graph is {told(graph)}; give a DiGraph or MultiDiGraph of networkx")
    if has_companion(graph):
        if dt is not None or velocity is not None:
            raise ParameterError(
                "dt and velocity are of networks; a graph that Circuit.nx is has its delays: leave them out"
            )
        return read_back(graph)
    if graph and all({"vertex", "role"} <= known.keys() for _, known in graph.nodes(data=True)):
        raise GraphError(
            "graph is what Circuit.nx is, without the circuit's weights: write it by circuit.write_graphml(path), and "
            "change graph.copy(), which keeps the attributes of the graph"
        )
    if not graph.is_directed():
        raise GraphError(f"graph is a {type(graph).__name__}, which has no directions: give graph.to_directed()")
    populations: dict[str, AbstractPopulation] = {}
    names: dict[Any, str] = {}
    for node, attributes in graph.nodes(data=True):
        names[node] = name = name_of(node)
        if name in populations:
            raise GraphError(f"graph has two nodes of the name {name!r}: rename one of them")
        # A node that only an edge has named is one that was forgotten, as networkx adds it in silence.
        if not attributes and _attributed(graph):
            raise unknown_name("node of an edge, which has no attributes:", name, _attributed(graph))
        populations[name] = population_of(name, given(attributes))
    connections = [
        connection_of(populations[names[a]], populations[names[b]], without_identity(given(attributes)), velocity)
        for a, b, attributes in graph.edges(data=True)
    ]
    return build(Network(populations, connections), Grid(dt))


def _attributed(graph: networkx.Graph) -> list[str]:
    """Names of the nodes that have attributes."""
    return [str(node) for node, attributes in graph.nodes(data=True) if attributes]
