"""Activity of a circuit at one moment, in NumPy: the feedforward sweep, errors, feedback and Hebbian sums.

What needs a moment of a circuit, and not its course in time, works it out here, on whole batches. The reference engine
has the same few lines of its own, on purpose: an oracle shares as little as it can with what it is held against.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from pcneuro.circuit.feedback import feedback, pull_back
from pcneuro.circuit.structure import AbstractCircuit
from pcneuro.graph.graph import Constant, Input, Latent, Parameter
from pcneuro.model.dynamics import AbstractDynamics, deviation

Arrays = dict[str, np.ndarray]


def check_like(got: Mapping[str, np.ndarray], wanted: Mapping[str, np.ndarray]) -> None:
    """Raise ValueError unless the arrays of a state have the names, shapes and types of another's."""
    for name in sorted(got.keys() ^ wanted.keys()):
        raise ValueError(f"{name!r} is {'missing' if name in wanted else 'nothing that its state has'}")
    for name, array in wanted.items():
        if got[name].shape != array.shape or got[name].dtype != array.dtype:
            raise ValueError(
                f"{name!r} is {got[name].dtype} of shape {got[name].shape} instead of {array.dtype} of {array.shape}"
            )


class Activity:
    """Values, predictions and errors of a circuit for a batch of data: arrays of shape (batch, \\*shape) by vertex.

    ``values`` may be set at will; ``evaluate`` then brings errors and feedback up to date.
    """

    def __init__(self, circuit: AbstractCircuit, dtype: np.dtype) -> None:
        self.circuit, self.dtype = circuit, dtype
        self.parameters = {name: np.array(array, dtype=dtype) for name, array in circuit.parameters.items()}
        self.way = feedback(circuit.graph, circuit.vertices)
        """The way from errors back to values."""
        self.vertices = frozenset(circuit.vertices)
        self.batch = 1
        self.inputs: Mapping[str, np.ndarray] = {}
        self.clamped: Collection[str] = ()
        self.values: Arrays = {}
        self.predictions: Arrays = {}
        self.errors: Arrays = {}
        self.feedback: Arrays = {}
        self.presynaptic: Arrays = {}
        """Value of every node when predictions were last computed; derivatives are taken there."""
        self.outputs: Arrays = {}
        """What every operator made of them: for a vertex its prediction."""

    @property
    def free(self) -> list[str]:
        """Vertices that are not clamped."""
        return [name for name in self.circuit.vertices if name not in self.clamped]

    def variable(self, name: str) -> Arrays:
        """Arrays by vertex of a variable: "value", "error", "prediction" or "feedback"."""
        variables = {"value": self.values, "error": self.errors, "prediction": self.predictions}
        return (variables | {"feedback": self.feedback})[name]

    def start(
        self,
        batch: int,
        inputs: Mapping[str, np.ndarray],
        clamped: Mapping[str, np.ndarray],
        initial: Mapping[str, np.ndarray],
    ) -> None:
        """Take data: the feedforward sweep, after which free vertices are at their ``initial`` values, if given."""
        self.batch, self.inputs, self.clamped = batch, inputs, frozenset(clamped)
        self.values = {name: array.astype(self.dtype) for name, array in clamped.items()}
        for name, node in self.circuit.graph.latents.items():
            if name not in self.values:
                assert isinstance(node.source, Latent)
                prior = np.zeros(node.shape) if node.source.prior is None else np.asarray(node.source.prior)
                mean = np.broadcast_to(prior, (batch, *node.shape))
                self.values[name] = np.array(initial.get(name, mean), self.dtype)
        self.predict(sweep=True)
        self.values |= {name: array.astype(self.dtype) for name, array in initial.items()}

    def predict(self, sweep: bool = False) -> None:
        """Compute every prediction from the present values; in a ``sweep`` free vertices take their predictions on."""
        for name, node in self.circuit.graph.nodes.items():
            source = node.source
            if isinstance(source, Input):
                self.presynaptic[name] = self.inputs[name].astype(self.dtype)
            elif isinstance(source, Parameter):
                self.presynaptic[name] = self.parameters[name][None]
            elif isinstance(source, Constant):
                self.presynaptic[name] = source.value[None].astype(self.dtype)
            elif isinstance(source, Latent):
                mean = self.values[name] if source.prior is None else np.asarray(source.prior)
                self.predictions[name] = np.broadcast_to(mean, (self.batch, *node.shape)).astype(self.dtype)
                self.presynaptic[name] = self.values[name].copy()
            else:
                self.outputs[name] = node.compute(*(self.presynaptic[o] for o in node.operands))
                self.presynaptic[name] = self.outputs[name]
                if name in self.vertices:
                    self.predictions[name] = np.array(np.broadcast_to(self.outputs[name], (self.batch, *node.shape)))
                    if sweep and name not in self.clamped:
                        self.values[name] = self.predictions[name].copy()
                    self.presynaptic[name] = self.values[name].copy()

    def reweight(self) -> None:
        """Read the parameters anew, and what is computed from them alone; all else stays as it is."""
        for name, node in self.circuit.graph.nodes.items():
            if isinstance(node.source, Parameter):
                self.presynaptic[name] = self.parameters[name][None]
            elif name in self.circuit.graph.shared and name not in self.vertices and not node.is_leaf:
                self.presynaptic[name] = self.outputs[name] = node.compute(
                    *(self.presynaptic[o] for o in node.operands)
                )

    def compare(self, dynamics: AbstractDynamics) -> None:
        """Bring errors up to date with the values: those of vertices, or of the energies of what is clamped."""
        dynamics.refresh(self)
        for name in self.circuit.vertices:
            precision = self.circuit.precision[name].astype(self.dtype)
            if name in self.circuit.energies and name in self.clamped:
                energy = self.circuit.energies[name]
                self.errors[name] = energy.error(self.values[name], self.predictions[name], precision)
            else:
                self.errors[name] = precision * deviation(self.values[name], self.predictions[name])

    def evaluate(self, dynamics: AbstractDynamics) -> None:
        """Bring errors and feedback up to date with the values."""
        with np.errstate(all="ignore"):
            self.compare(dynamics)
            self.feedback = self.fed_back()

    def adjoints(self, relaxed: bool = False) -> Arrays:
        """Node -> sum of (d prediction / d node)^T e over the predictions that it enters, where that is anything.

        Of a vertex it is the feedback, of a parameter its Hebbian change. ``relaxed``: with errors of free vertices
        where fixed prediction brings them, instead of the present ones.
        """
        seeds = {n: e for n, e in self.errors.items() if not (relaxed and n not in self.clamped)}
        return pull_back(self.way, seeds, self.presynaptic, self.outputs)

    def fed_back(self, relaxed: bool = False) -> Arrays:
        """Vertex -> what comes back to it from its children's errors; see ``adjoints``."""
        adjoints = self.adjoints(relaxed)
        return {name: adjoints.get(name, np.zeros_like(self.values[name])) for name in self.circuit.vertices}

    def gradients(self) -> Arrays:
        """dL/dparameter, summed over the batch: minus presynaptic times postsynaptic error activity."""
        with np.errstate(all="ignore"):
            adjoints = self.adjoints()
        return {
            name: -adjoints[name][0] if name in adjoints else np.zeros_like(array)
            for name, array in self.parameters.items()
        }

    # Snapshots

    def _groups(self) -> dict[str, Arrays]:
        return {
            "value": self.values,
            "prediction": self.predictions,
            "presynaptic": self.presynaptic,
            "output": self.outputs,
            "parameter": self.parameters,
        }

    def state(self) -> Arrays:
        """All of it but the data, as arrays by name; ``take_up`` takes it up."""
        return {f"{group}.{name}": a for group, arrays in self._groups().items() for name, a in arrays.items()}

    def take_up(
        self, batch: int, inputs: Mapping[str, np.ndarray], clamped: Mapping[str, np.ndarray], state: Mapping[str, Any]
    ) -> None:
        """Take up what ``state`` gave, for the same data. Raises ValueError, and changes nothing, for what is none."""
        template = Activity(self.circuit, self.dtype)
        template.start(batch, inputs, clamped, {})
        check_like(state, template.state())
        self.batch, self.inputs, self.clamped = batch, inputs, frozenset(clamped)
        for group, arrays in self._groups().items():
            arrays.clear()
            arrays.update(
                {key.partition(".")[2]: a.copy() for key, a in state.items() if key.partition(".")[0] == group}
            )
