"""Worker of compare.py: FabricPC, strict dynamics of a layered problem.

Linear nodes with its Gaussian energy, E = 1/2 sum (z - f(a))^2, are ours; FeedforwardStateInit is the feedforward
sweep, InferenceSGD the Euler step of all nodes at once, and compute_local_weight_gradients sums over the batch. All of
it is compiled as one function, as its trainer does.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import fabricpc
import jax
import jax.numpy as jnp
import numpy as np
from fabricpc.core.activations import IdentityActivation, TanhActivation
from fabricpc.core.inference import InferenceSGD, run_inference
from fabricpc.core.learning import compute_local_weight_gradients
from fabricpc.core.topology import Edge
from fabricpc.core.types import GraphParams, NodeParams
from fabricpc.graph_assembly import TaskMap, graph
from fabricpc.graph_initialization import FeedforwardStateInit, initialize_graph_state
from fabricpc.nodes import Linear
from peer import Problem, Step, main


def make(method: str, problem: Problem, threads: int) -> Step:
    """``strict``."""
    if method != "strict":
        raise SystemExit(f"{method}: FabricPC's predictions always follow the values")
    last = problem.layers
    nodes = [
        Linear((size,), f"v{i}", activation=TanhActivation() if 0 < i < last else IdentityActivation())
        for i, size in enumerate(problem.sizes)
    ]
    edges = [Edge(source=a, target=b.slot("in")) for a, b in pairwise(nodes)]
    structure = graph(
        nodes,
        edges,
        TaskMap(x=nodes[0], y=nodes[-1]),
        InferenceSGD(eta_infer=problem.rate, infer_steps=problem.steps),
        FeedforwardStateInit(),
    )
    parameters = {"v0": NodeParams(weights={}, biases={})}
    for i in range(1, last + 1):
        weights = {f"v{i - 1}->v{i}:in": jnp.asarray(problem.theta[f"W{i}"])}
        parameters[f"v{i}"] = NodeParams(weights=weights, biases={"b": jnp.asarray(problem.theta[f"b{i}"])[None]})
    params = GraphParams(nodes=parameters)
    clamps = {"v0": jnp.asarray(problem.x), f"v{last}": jnp.asarray(problem.y)}

    @jax.jit
    def gradients(params: GraphParams, clamps: dict[str, jax.Array], key: jax.Array) -> GraphParams:
        state = initialize_graph_state(structure, len(problem.x), key, clamps=clamps, params=params)
        state = run_inference(params, state, clamps, structure)
        return compute_local_weight_gradients(params, state, structure)

    key = jax.random.PRNGKey(0)  # the initialiser asks for one; the sweep replaces whatever it draws

    def step() -> Mapping[str, np.ndarray]:
        changes = gradients(params, clamps, key).nodes
        W = {f"W{i}": np.asarray(changes[f"v{i}"].weights[f"v{i - 1}->v{i}:in"]) for i in range(1, last + 1)}
        return W | {f"b{i}": np.asarray(changes[f"v{i}"].biases["b"])[0] for i in range(1, last + 1)}

    return step


if __name__ == "__main__":
    main(make, f"{fabricpc.__version__}, jax {jax.__version__}")
