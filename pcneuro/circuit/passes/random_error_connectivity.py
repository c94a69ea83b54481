"""Value neurons that reach error neurons through a matrix (Millidge, Tschantz, Seth & Buckley 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.passes.abstract import AbstractPass
from pcneuro.circuit.passes.rewriting import AbstractRewriting
from pcneuro.errors import CapacityError, ParameterError, unknown_name
from pcneuro.graph.graph import Node, Parameter, Recurrent
from pcneuro.graph.tracing.array import TracedArray
from pcneuro.model.energies import SquaredError
from pcneuro.model.plasticity import Hebbian
from pcneuro.quantities import NOT_NEGATIVE, milliseconds, name_tuple, number, whole

MOST_SYNAPSES = 2**28
"""Of one matrix: two GB of memory."""


@final
@dataclass(frozen=True)
class RandomErrorConnectivity(AbstractPass):
    """Connects the value neurons of a vertex with its error neurons through a drawn matrix psi, not one to one.

        e = precision (psi^T v - prediction),    tau dv/dt = -psi e + feedback

    psi, ``h_errors`` for a vertex h, of shape (neurons, neurons), is learned as all weights are: by error times
    activity. It closes a cycle without delay, for strict dynamics.

    Parameters
    ----------
    vertices
        Which vertices; None: all hidden ones.
    scale
        psi is drawn with deviation ``scale / sqrt(neurons)``, and has ``diagonal`` added on its diagonal.
    diagonal
        1 with scale 0 is the circuit that was given.
    tau, decay
        Of ``Hebbian`` plasticity of psi in ms; tau None: it is fixed.
    seed
        Of the generator that they are drawn by.

    Raises ParameterError for values out of range, and for a vertex that nothing predicts, or whose energy is not
    the squared error; UnknownNameError for one that
    there is not; CapacityError for a matrix of more than 2^28 weights.

    Examples
    --------
    >>> pcn.passes.apply(circuit, pcn.passes.RandomErrorConnectivity(vertices=["h"])).vertices
    ('h', 'out')
    """

    vertices: Sequence[str] | None = None
    scale: float = 1.0
    diagonal: float = 0.0
    tau: float | None = None
    decay: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        kind = "RandomErrorConnectivity"
        if self.vertices is not None:
            object.__setattr__(self, "vertices", name_tuple(f"vertices of {kind}", self.vertices))
        object.__setattr__(self, "scale", number(f"scale of {kind}", self.scale, NOT_NEGATIVE))
        object.__setattr__(self, "diagonal", number(f"diagonal of {kind}", self.diagonal))
        if self.tau is not None:
            object.__setattr__(self, "tau", milliseconds(f"tau of {kind}", self.tau))
        object.__setattr__(self, "decay", number(f"decay of {kind}", self.decay, NOT_NEGATIVE))
        object.__setattr__(self, "seed", whole(f"seed of {kind}", self.seed, 0))

    def apply(self, circuit: Circuit) -> Circuit:
        return _Mixed(circuit, self).circuit_of()


class _Mixed(AbstractRewriting):
    def __init__(self, circuit: Circuit, asked: RandomErrorConnectivity) -> None:
        super().__init__(circuit, "RandomErrorConnectivity")
        self.asked = asked
        outputs = {node.name for node in self.graph.outputs.values()}
        hidden = [v for v in circuit.vertices if v not in outputs and v not in self.graph.latents]
        self.chosen = set(hidden if asked.vertices is None else asked.vertices)
        for name in self.chosen:
            if name not in circuit.vertices:
                raise unknown_name("vertex of RandomErrorConnectivity", name, circuit.vertices)
            if self.graph.nodes[name].is_leaf:
                raise ParameterError(
                    f"RandomErrorConnectivity of {name!r}, a latent: no prediction is computed that its neurons could "
                    "be compared with; leave it out"
                )
            energy = circuit.energies.get(name, SquaredError())
            if energy != SquaredError():
                raise ParameterError(
                    f"RandomErrorConnectivity of {name!r}, whose energy is {energy!r}: its errors are no difference of "
                    "what its neurons do and a prediction, into which a matrix could come; leave it out"
                )

    def computed(self, node: Node, operands: tuple[TracedArray, ...]) -> Any:
        prediction = self.again(node, *operands)
        if node.name not in self.chosen:
            return prediction
        if node.size**2 > MOST_SYNAPSES:
            raise CapacityError(
                f"RandomErrorConnectivity of {node.name!r}: {node.size:,} neurons have {node.size**2:,} weights; "
                f"{MOST_SYNAPSES:,} are the most: leave it out of vertices"
            )
        itself = self.leaf(f"{node.name}_itself", Recurrent(node.name, node.shape))
        psi = self.leaf(f"{node.name}_errors", Parameter(self._drawn(node)))
        if self.asked.tau is not None:
            self.rules[f"{node.name}_errors"] = Hebbian(self.asked.tau, self.asked.decay)
        seen = np.reshape(np.reshape(itself, (node.size,)) @ psi, node.shape)
        # e = v - (prediction + v - psi^T v): v itself comes back by the leaf, and is no synapse.
        return prediction + (itself - seen)

    def _drawn(self, node: Node) -> np.ndarray:
        rng = np.random.default_rng([self.asked.seed, self.circuit.vertices.index(node.name)])
        psi = self.asked.scale / np.sqrt(node.size) * rng.standard_normal((node.size, node.size))
        return psi + self.asked.diagonal * np.eye(node.size)
