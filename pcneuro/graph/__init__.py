"""Computation graphs, and how an ordinary NumPy function becomes one."""

from pcneuro.graph.graph import Constant, Graph, Input, Latent, Node, Parameter, Recurrent

__all__ = ["Constant", "Graph", "Input", "Latent", "Node", "Parameter", "Recurrent"]
