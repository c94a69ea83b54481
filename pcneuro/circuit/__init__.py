"""Circuits: which nodes of a graph have value and error neurons, and everything that is made of that."""

from pcneuro.circuit.building import build_circuit
from pcneuro.circuit.circuit import Circuit

__all__ = ["Circuit", "build_circuit"]
