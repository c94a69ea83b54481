"""The circuit that users have: its data, and how it is drawn, saved, written as equations and shown as a table."""

from __future__ import annotations

import copyreg
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from pcneuro.circuit.layers import Place, places
from pcneuro.circuit.structure import AbstractCircuit
from pcneuro.circuit.synapse_blocks import BLOCK, SynapseBlock, synapse_blocks
from pcneuro.errors import check_object
from pcneuro.graph.graph import Graph
from pcneuro.model.lamination import Scheme
from pcneuro.quantities import flag
from pcneuro.tables import html

if TYPE_CHECKING:
    import matplotlib.axes
    import networkx


@dataclass(frozen=True, eq=False)
class Circuit(AbstractCircuit):
    """A graph whose ``vertices`` have value neurons v and error neurons e.

    ``e = precision (v - prediction)`` and ``tau dv/dt = -e + feedback``, with the prediction computed from the parents'
    v, and the feedback from the children's e through the transposed derivatives of their predictions (Millidge,
    Tschantz & Buckley 2020, equations 2-5). What is no vertex is computed in the dendrite of the vertex that uses it.

    Attributes
    ----------
    graph : Graph
    vertices : tuple of str
        In topological order: nodes with neurons of their own, latent leaves included, inputs not.
    properties : mapping, read-only
        Vertex -> what its neurons have, ``pcneuro.circuit.properties.VertexProperties``. By property there are
        ``tau`` and ``precision`` (vertex -> time constants in ms, and precisions, float64 of the vertex's shape; the
        precision of a latent leaf without a prior is 0: nothing predicts it), ``error_tau`` (vertex -> time constants
        of the error neurons in ms, 0 where errors are there at once) and ``energies`` (vertex of each output -> its
        energy).
    delays : mapping, read-only
        Edge of ``nx``, ``(source, target)`` -> conduction delays of its synapses; those without any are left out.
    noise : mapping, read-only
        Population, ``"h1.value"`` or ``"h1.error"`` -> its noise; those without any are left out.
    plasticity : mapping, read-only
        Parameter or vertex -> the rule by which it, or its variance, changes while the circuit runs.
    scheme : Scheme, optional
        What says in which layer of which area populations are, and of which cells; see ``places``.

    Examples
    --------
    >>> circuit.vertices
    ('h', 'out')
    >>> float(circuit.properties["h"].tau.max())  # ms
    10.0
    >>> circuit.parameters["W1"].shape
    (3, 5)
    """

    def with_delays(self, delays: Any) -> Circuit:
        """The same circuit with these conduction delays, instead of those that it has.

        ``delays`` is as for ``build_circuit``, whose errors it raises.
        """
        from pcneuro.circuit.synapses import check, delays_of

        circuit = replace(self, delays=delays_of(self, delays))
        check(circuit)
        return circuit

    def with_plasticity(self, plasticity: Any) -> Circuit:
        """The same circuit with these rules of plasticity, instead of those that it has; ``{}``: with none.

        ``plasticity`` is as for ``build_circuit``, whose errors it raises.
        """
        from pcneuro.circuit.plasticity import rules_of

        return replace(self, plasticity=rules_of(self, plasticity))

    def with_scheme(self, scheme: Scheme | None) -> Circuit:
        """The same circuit with populations in the layers of this scheme, instead of where they are; None: nowhere.

        Raises ParameterError for what is no scheme, and for one that leaves out a population or projection.
        """
        circuit = replace(self, scheme=scheme)
        if scheme is not None:
            check_object("scheme", scheme, Scheme)
            # All are looked up for it, so that what the scheme leaves out is told of here.
            places(circuit.nx)
        return circuit

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything about it, weights among it, in hex: circuits that have the same one are the same."""
        from pcneuro.circuit.saving import digest_of

        return digest_of(self, np.float64)

    @cached_property
    def digest_float32(self) -> str:
        """The same of the circuit with its parameters in float32, as simulations in float32 have them."""
        from pcneuro.circuit.saving import digest_of

        return digest_of(self, np.float32)

    @cached_property
    def places(self) -> Mapping[str, Place]:
        """Population, as ``nx`` has them -> its area, layer and cell type. Empty where the circuit has no scheme."""
        return places(self.nx) if self.scheme is not None else {}

    def synapses(self, block: int = BLOCK) -> Iterator[SynapseBlock]:
        """List every synapse, at most ``block`` at a time: however many there are, only these are in memory.

        Of each: its units before and behind, its weight, which entry of which parameter that is, and its delays
        forward and back. Dendrites come in the order of the vertices. Raises ParameterError for a ``block`` that is
        no positive whole number, and for an operator that has no equivalent in single units.
        """
        return synapse_blocks(self, block)

    @cached_property
    def nx(self) -> networkx.MultiDiGraph:
        """Populations as nodes (``"h1.value"``, ``"h1.error"``) and connections as edges, with plain attributes."""
        from pcneuro.circuit.populations import to_networkx

        return to_networkx(self)

    def write_graphml(self, path: str | os.PathLike[str], *, overwrite: bool = False, weights: bool = True) -> None:
        """Write ``nx`` as GraphML. Raises OutputError where the file exists, unless ``overwrite``.

        With ``weights``, the whole circuit is in it, too, as an attribute of the graph: ``pcn.from_networkx`` of what
        networkx reads is this circuit. Raises ParameterError for ``weights`` that are neither True nor False.
        """
        from pcneuro.circuit.companion import as_text
        from pcneuro.circuit.populations import write_graphml

        companion = as_text(self) if flag("weights", weights) else ""
        write_graphml(self.nx, path, overwrite=overwrite, companion=companion)

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
        given = dict(self.properties), dict(self.delays), dict(self.noise), dict(self.plasticity), self.scheme
        return Circuit, (self.graph, self.vertices, *given)

    def __str__(self) -> str:
        from pcneuro.circuit.populations import table

        return table(self, self.nx)

    def _repr_html_(self) -> str:
        from pcneuro.circuit.populations import population_rows

        return html(repr(self)[1:-1], *population_rows(self))

    def __repr__(self) -> str:
        more = ", ..." if len(self.vertices) > 8 else ""
        return f"<Circuit of {len(self.vertices)} vertices: {', '.join(self.vertices[:8])}{more}>"


def _reduced(graph: Graph) -> tuple[Any, ...]:
    return Graph, (
        tuple(graph.nodes.values()),
        {name: node.name for name, node in graph.outputs.items()},
        dict(graph.trees),
    )


# A graph's read-only mappings are neither copied nor pickled: it is made again from its nodes.
copyreg.pickle(Graph, _reduced)
