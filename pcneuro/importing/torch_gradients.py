"""Whether a graph's gradients are those that PyTorch has for the module, which may change its derivatives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pcneuro.circuit.backprop import backprop
from pcneuro.errors import TraceError, shown
from pcneuro.graph.graph import Graph
from pcneuro.importing.torch_library import calling, library
from pcneuro.importing.torch_program import memory, plain
from pcneuro.importing.torch_samples import SLACK, Call, drawn_sample

DIFFERENCE = 1e-2
"""Of a gradient, relative to its norm: rounding puts units that are close to a kink on its other side."""


def check_gradients(
    call: Call, graph: Graph, inputs: Mapping[str, str], outputs: Mapping[str, str], parameters: Mapping[str, Any]
) -> None:
    """Raise TraceError where the gradient of a parameter is another one than PyTorch's, for a sample that is drawn.

    ``inputs`` and ``outputs`` are names in the graph by the module's, ``parameters`` its tensors by names in the graph.
    What is written down of a module has its values, and not what it says of its derivatives: ``no_grad``, functions
    with a ``backward`` of their own, hooks.
    """
    sample = drawn_sample(call)
    leaves = zip(call.names, sample, strict=True)
    given = {inputs[name]: plain(x).reshape(call.shape(name)) for name, x in leaves if name in inputs}
    returned = call.outputs(sample, learning=True)
    ours = {outputs[name]: y for name, y in returned.items() if outputs[name] in graph.outputs}
    targets = {name: _target(y, graph.outputs[name].shape) for name, y in ours.items()}
    if not parameters or not all(np.isfinite(x).all() for x in (*given.values(), *targets.values())):
        return
    expected = _of_squared_errors(call, ours, targets, parameters)
    gradients = backprop(graph, given, targets).gradients
    norms = {name: float(np.linalg.norm(theirs)) for name, theirs in expected.items()}
    resolution = max(library().finfo(tensor.dtype).eps for tensor in (*ours.values(), *parameters.values()))
    floor = SLACK * resolution * max([1.0, *norms.values()])
    for name, theirs in expected.items():
        if np.isfinite(theirs).all():
            apart = float(np.linalg.norm(gradients[name] - theirs))
            if not apart <= DIFFERENCE * norms[name] + floor:
                raise TraceError(
                    f"the gradient of {shown(name)} in PyTorch is not the derivative of what the module returns: leave "
                    "out torch.no_grad(), hooks, and functions with a backward() of their own, and start away from "
                    "kinks, as weights of zero may not"
                )


def _target(y: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Something that an output is not, of its size."""
    value = plain(y).reshape(shape).astype(np.float64)
    largest = max(1.0, float(np.abs(value).max(initial=0.0)))
    return value + largest * np.random.default_rng(0).normal(size=shape)


def _of_squared_errors(
    call: Call, outputs: Mapping[str, Any], targets: Mapping[str, np.ndarray], parameters: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """Gradients by PyTorch, by names in the graph."""
    torch = library()
    own = {memory(tensor): tensor for tensor in call.module.parameters()}
    learned = {name: own[memory(tensor)] for name, tensor in parameters.items() if memory(tensor) in own}
    reached = {name: y for name, y in outputs.items() if y.requires_grad}
    errors = [y.detach() - torch.as_tensor(targets[name]).reshape(y.shape).to(y) for name, y in reached.items()]
    gradients: Any = [None] * len(learned)
    if reached and learned:
        with calling("PyTorch has no gradient of the module", "leave out what it cannot differentiate"):
            gradients = torch.autograd.grad(
                list(reached.values()), list(learned.values()), grad_outputs=errors, allow_unused=True
            )
    pairs = zip(learned.items(), gradients, strict=True)
    return {name: np.zeros(tuple(p.shape)) if g is None else plain(g) for (name, p), g in pairs}
