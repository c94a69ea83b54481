"""Circuits: which nodes of a graph have value and error neurons, and everything that is made of that."""

from pcneuro.circuit.circuit import Circuit, build_circuit

__all__ = ["Circuit", "build_circuit"]
