"""Circuits of networks that are written as graphs, tables or SONATA files, and not as functions."""

from pcneuro.circuit.networks.graphs import from_networkx
from pcneuro.circuit.networks.sonata import from_sonata
from pcneuro.circuit.networks.tables import from_tables

__all__ = ["from_networkx", "from_sonata", "from_tables"]
