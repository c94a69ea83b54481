"""Exact reverse-mode differentiation of a graph: the reference for everything else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcneuro.circuit.batches import batched, check_inputs, check_labels, check_targets, common_batch
from pcneuro.circuit.cycles import refuse_cycles
from pcneuro.circuit.feedback import joined_feedback, pull_back
from pcneuro.circuit.parameters import check_parameters
from pcneuro.errors import GraphError, unknown_name
from pcneuro.graph.forward import forward_pass, prior_mean
from pcneuro.graph.graph import Graph
from pcneuro.model.energies import AbstractEnergy, SquaredError

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class BackpropResult:
    """What ``backprop`` returns, under the names that a simulation's result has.

    Attributes
    ----------
    gradients : dict of arrays
        Parameter -> dL/dparameter, summed over the batch, of the parameter's shape; the name of a tree of parameters
        -> the same tree of gradients.
    values, errors : dict of arrays
        Node -> its value, and -dL/dvalue, of shape (batch, \\*shape). What depends on parameters alone is the same for
        all samples, and has no error of its own in a batch. Read-only.
    loss : float
        The outputs' energies, summed over the batch.
    """

    gradients: dict[str, np.ndarray]
    values: dict[str, np.ndarray]
    errors: dict[str, np.ndarray]
    loss: float


def backprop(
    graph: Any,
    inputs: Mapping[str, Any] | None = None,
    targets: Mapping[str, Any] | None = None,
    parameters: Mapping[str, Any] | None = None,
    latents: Mapping[str, Any] | None = None,
) -> BackpropResult:
    """Gradients of the outputs' energies by exact reverse mode, in float64.

    Parameters
    ----------
    graph
        A ``Graph``, with squared error at every output, or a ``Circuit``, with its energies and precisions.
    inputs, targets
        Input name -> array, output name -> array; of the leaf's own shape, or with a batch axis in front. Outputs
        without a target do not count.
    parameters, latents
        Values to use instead of the graph's (for latents: instead of the prior's mean, or zero).

    Raises
    ------
    ShapeError, DataError, UnknownNameError, ParameterError
        For a graph with cycles, of which ``graph.unrolled(steps)`` has none; for inputs or targets that do not fit:
        which one, what was got and what is needed.

    Examples
    --------
    >>> exact = pcn.backprop(circuit, **data)
    >>> exact.gradients["W2"].shape
    (5, 2)
    """
    energies: Mapping[str, AbstractEnergy] = {}
    inner = graph if isinstance(graph, Graph) else getattr(graph, "graph", None)
    if isinstance(inner, Graph):
        refuse_cycles(inner, "what backprop goes through", "give graph.unrolled(steps), which is backprop through time")
    precision: Mapping[str, np.ndarray] = {}
    if not isinstance(graph, Graph):
        try:
            graph, energies, precision = graph.graph, graph.energies, graph.precision
        except AttributeError:
            raise GraphError(f"backprop needs a Graph or a Circuit, got a {type(graph).__name__}") from None
    energies = {node.name: energies.get(node.name, SquaredError()) for node in graph.outputs.values()}
    check_labels({"inputs": inputs, "targets": targets})
    goals = check_targets(graph, _given(targets), energies, precision)
    leaves, batch = _leaves(graph, _given(inputs), _given(parameters), _given(latents), goals)
    seeds: Arrays = {}
    loss = 0.0
    # Where something is not finite the gradient says so.
    with np.errstate(all="ignore"):
        values = forward_pass(graph, leaves)
        for name, target in goals.items():
            node = graph.outputs[name]
            weight = precision.get(node.name, np.ones(node.shape))
            prediction = np.broadcast_to(values[node.name], target.shape)
            loss += float(energies[node.name].value(target, prediction, weight).sum())
            seeds[node.name] = energies[node.name].error(target, prediction, weight)
        # Errors, not derivatives, are what goes backwards: it is linear, and so they need not be copied to be negated.
        returned = pull_back(joined_feedback(graph), seeds, values, values) | seeds
    gradients = {
        name: np.asarray(-returned[name][0]) if name in returned else np.zeros(node.shape)
        for name, node in graph.parameters.items()
    }
    spread = {name: _fixed(value, batch) for name, value in values.items() if name not in graph.parameters}
    # Where all samples share a node, reverse mode knows the sum over the batch only, which is no sample's error.
    errors = {
        name: _fixed(returned[name], batch) if name in returned else np.zeros((batch, *graph.nodes[name].shape))
        for name in spread
        if name not in returned or len(values[name]) == batch
    }
    return BackpropResult(graph.by_leaf(gradients), graph.by_leaf(spread), graph.by_leaf(errors), loss)


def _given(argument: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return {} if argument is None else argument


def _leaves(
    graph: Graph, inputs: Mapping[str, Any], parameters: Mapping[str, Any], latents: Mapping[str, Any], goals: Arrays
) -> tuple[Arrays, int]:
    """Inputs, latents and the parameters that are given, each with a batch axis; and the batch size."""
    leaves = check_inputs(graph, inputs)
    for name, value in graph.expanded("latents", latents, graph.latents).items():
        if name not in graph.latents:
            raise unknown_name("latent", name, graph.latents)
        leaves[name] = batched(f"latent {name!r}", value, graph.latents[name].shape)
    batch = common_batch(
        {f"input {k!r}": v for k, v in leaves.items()} | {f"target {k!r}": v for k, v in goals.items()}
    )
    for name, node in graph.latents.items():
        # Every sample has a latent of its own, even where all of them begin at the same value.
        leaves.setdefault(name, np.broadcast_to(prior_mean(node), (batch, *node.shape)))
    for name, array in check_parameters(graph, parameters).items():
        leaves[name] = array[None].astype(np.float64)
    return leaves, batch


def _fixed(array: np.ndarray, batch: int) -> np.ndarray:
    """The array for every sample, not to be written to: those of neighbouring nodes may be the same memory."""
    if len(array) != batch:
        return np.broadcast_to(array, (batch, *array.shape[1:]))
    view = array.view()
    view.flags.writeable = False
    return view
