"""A graph network: messages by the adjacency matrix, the largest message of all neighbours, and a readout."""

import numpy as np

import pcneuro as pcn

EDGES = [(0, 1), (1, 2), (2, 3), (3, 0), (0, 2)]


def graph_network(nodes, W_self, W_sum, W_max, readout):
    n = len(nodes)
    A = np.zeros((n, n))
    for i, j in EDGES:
        A[i, j] = A[j, i] = 1
    for _ in range(2):
        summed = A @ nodes / A.sum(axis=1, keepdims=True)
        largest = np.where(A[:, :, None] > 0, nodes[None, :, :], -np.inf).max(axis=1)
        nodes = np.tanh(nodes @ W_self + summed @ W_sum + largest @ W_max)
    return nodes.mean(axis=0) @ readout


def sample(seed: int = 1) -> dict:
    """Features of the nodes."""
    return {"nodes": np.random.default_rng(seed).normal(size=(4, 3))}


def make(seed: int = 0) -> pcn.Circuit:
    """A circuit whose output is two properties of the graph."""
    rng = np.random.default_rng(seed)
    theta = {name: pcn.Parameter(0.7 * rng.normal(size=(3, 3))) for name in ("W_self", "W_sum", "W_max")}
    theta["readout"] = pcn.Parameter(rng.normal(size=(3, 2)))
    return pcn.build_circuit(pcn.trace(graph_network, nodes=pcn.Input((4, 3)), **theta))
