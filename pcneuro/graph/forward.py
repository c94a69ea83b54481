"""The feedforward sweep: the value of every node of a graph, in NumPy."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from pcneuro.errors import UnknownNameError
from pcneuro.graph.graph import Constant, Graph, Latent, Node, Parameter, Recurrent


def prior_mean(latent: Node) -> np.ndarray:
    """Mean of the prior of a latent leaf, or zero."""
    prior = latent.source.prior if isinstance(latent.source, Latent) else None
    return np.zeros(latent.shape) if prior is None else np.asarray(prior, dtype=np.float64)


def forward_pass(
    graph: Graph,
    leaves: Mapping[str, np.ndarray],
    rounded: Callable[[np.ndarray], np.ndarray] | None = None,
) -> dict[str, np.ndarray]:
    """Value of every node, each with a batch axis first (of length 1 for what all samples share).

    ``leaves`` gives inputs as batches; parameters, constants, the priors' means of latents, and what leaves that close
    cycles have initially, are taken from the graph unless given, too. Each operator's output becomes what ``rounded``
    makes of it, where that is given.
    """
    values: dict[str, np.ndarray] = {}
    for name, node in graph.nodes.items():
        if name in leaves:
            values[name] = leaves[name]
        elif node.operands:
            output = node.compute(*[values[o] for o in node.operands])
            values[name] = output if rounded is None else rounded(output)
        elif isinstance(node.source, Parameter | Constant):
            values[name] = node.source.value[None].astype(np.float64, copy=False)
        elif isinstance(node.source, Recurrent):
            values[name] = np.asarray(node.source.initial, dtype=np.float64)[None]
        elif isinstance(node.source, Latent):
            values[name] = prior_mean(node)[None]
        else:
            raise UnknownNameError(f"missing input {name!r}")
    return values
