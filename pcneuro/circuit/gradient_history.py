"""Gradients at every recorded time: what the synapses would have read then, from recorded values and errors alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.cycles import recurrent_of
from pcneuro.circuit.feedback import feedback, pull_back
from pcneuro.errors import ParameterError
from pcneuro.graph.graph import Constant, Parameter, Recurrent
from pcneuro.model.dynamics import AbstractDynamics

Arrays = dict[str, np.ndarray]


class _History:
    """All times at once, as a batch that nothing is summed over: one sample, and parameters repeated."""

    def __init__(self, circuit: Circuit, dynamics: AbstractDynamics, inputs: Arrays, values: Arrays, errors: Arrays):
        self.circuit, self.values, self.errors = circuit, values, errors
        self.times = len(next(iter(errors.values())))
        self.inputs = inputs
        # What predictions read: the values at the start, unless the dynamics have them computed anew.
        self.read = {name: self._repeated(array[0]) for name, array in values.items()}
        dynamics.refresh(self)

    def predict(self) -> None:
        """Predictions follow the values."""
        self.read = self.values

    def _repeated(self, array: np.ndarray) -> np.ndarray:
        return np.broadcast_to(array, (self.times, *array.shape))

    def gradients(self) -> Arrays:
        """Parameter -> dL/dparameter of shape (times, \\*shape)."""
        graph = self.circuit.graph
        output: Arrays = {}
        read: Arrays = dict(self.read)
        for name, node in graph.nodes.items():
            if name in self.inputs:
                read[name] = self._repeated(self.inputs[name])
            elif isinstance(node.source, Parameter | Constant):
                read[name] = self._repeated(np.asarray(node.source.value, dtype=np.float64))
            elif isinstance(node.source, Recurrent):
                read[name] = self.read[graph.sender(name)]
            elif not node.is_leaf:
                output[name] = node.operator.forward(*(read[o] for o in node.operands))
                read.setdefault(name, output[name])
        adjoints = pull_back(feedback(graph), self.errors, read, output)
        return {
            name: -adjoints[name] if name in adjoints else np.zeros((self.times, *node.shape))
            for name, node in graph.parameters.items()
        }


def gradient_history(
    circuit: Circuit,
    dynamics: AbstractDynamics,
    inputs: Mapping[str, np.ndarray],
    values: Mapping[str, np.ndarray],
    errors: Mapping[str, np.ndarray],
    parameters: Sequence[str],
) -> Arrays:
    """Parameter -> dL/dparameter at every time, summed over the batch, of shape (times, \\*shape).

    ``inputs`` have shape (batch, \\*shape); ``values`` of all vertices and ``errors`` of those that have any are
    records from the start of a simulation on, of shape (times, batch, \\*shape). Raises ParameterError for cycles with
    a delay, for which it would have to be known when they were.
    """
    for name in circuit.graph.recurrent:
        if recurrent_of(circuit.graph, name).delay:
            raise ParameterError(
                f"gradients over time are not known with the delay of the Recurrent {name!r}: give none"
            )
    batch = next(iter(values.values())).shape[1]
    total: Arrays = {}
    for sample in range(batch):
        history = _History(
            circuit,
            dynamics,
            {name: np.asarray(array[sample], dtype=np.float64) for name, array in inputs.items()},
            {name: np.asarray(array[:, sample], dtype=np.float64) for name, array in values.items()},
            {name: np.asarray(array[:, sample], dtype=np.float64) for name, array in errors.items()},
        )
        for name, part in history.gradients().items():
            if name in parameters:
                total[name] = total[name] + part if name in total else part
    return total
