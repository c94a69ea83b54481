"""The scalar graph of section 5.1 of Millidge, Tschantz & Buckley (2020): v4 = tan(sqrt(theta v0)) + sin(v0^2)."""

import numpy as np

import pcneuro as pcn


def scalar(v0, theta):
    """The computation, with its four vertices."""
    v1 = pcn.vertex(theta * v0, "v1")
    v2 = pcn.vertex(np.sqrt(v1), "v2")
    v3 = pcn.vertex(v0**2, "v3")
    return pcn.vertex(np.tan(v2) + np.sin(v3), "v4")


def scalar_graph(v0: float = 5.0, theta: float = 2.0, tau: float = 10.0) -> pcn.Circuit:
    """The graph as a circuit of four vertices. Its root ``v0`` and ``theta`` are parameters, ``tau`` is in ms."""
    graph = pcn.trace(scalar, v0=pcn.Parameter(v0), theta=pcn.Parameter(theta))
    return pcn.build_circuit(graph, tau=tau)


def deep_scalar_graph(depth: int = 10, v0: float = 5.0, theta: float = 2.0, tau: float = 10.0) -> pcn.Circuit:
    """The graph with ``depth`` vertices more behind v4, each arsinh of the one before it: d1, d2, ...

    Errors come back from ``out`` through all of these, and then by both ways of the graph.
    """

    def forward(v0, theta):
        value = scalar(v0, theta)
        for i in range(1, depth + 1):
            value = pcn.vertex(np.arcsinh(value), f"d{i}")
        return {"out": value}

    graph = pcn.trace(forward, v0=pcn.Parameter(v0), theta=pcn.Parameter(theta))
    return pcn.build_circuit(graph, tau=tau)
