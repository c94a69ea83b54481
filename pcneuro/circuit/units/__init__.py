"""A circuit as single units: sums over synapses, and functions unit by unit, in both directions."""

from pcneuro.circuit.units.feedback import (
    AbstractUnitWalk,
    SlopePull,
    SynapsePull,
    UnitPull,
    UnitStation,
    UnitWalk,
    leading_to,
)
from pcneuro.circuit.units.graph import UnitGraph
from pcneuro.circuit.units.populations import Population, Source, SynapseGroup, SynapticSum, UnitFunction, sources_of

__all__ = [
    "AbstractUnitWalk",
    "Population",
    "SlopePull",
    "Source",
    "SynapseGroup",
    "SynapsePull",
    "SynapticSum",
    "UnitFunction",
    "UnitGraph",
    "UnitPull",
    "UnitStation",
    "UnitWalk",
    "leading_to",
    "sources_of",
]
