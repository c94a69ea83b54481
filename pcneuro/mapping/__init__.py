"""Circuits on neuromorphic hardware: where every neuron goes, what every spike costs."""

from pcneuro.mapping import plot
from pcneuro.mapping.activity import traffic_in_steps, traffic_of
from pcneuro.mapping.assumed import AssumedRate
from pcneuro.mapping.chips import CHIPS, Chip, chip_of, chips_table, keys_table
from pcneuro.mapping.mapping import map_circuit
from pcneuro.mapping.of_circuit import axons_of
from pcneuro.mapping.partition import AbstractStrategy, Greedy, HypergraphPartitioner, NaturalOrder, RandomOrder
from pcneuro.mapping.result import Mapping
from pcneuro.mapping.traffic import Traffic

__all__ = [
    "AbstractStrategy",
    "AssumedRate",
    "CHIPS",
    "Chip",
    "Greedy",
    "HypergraphPartitioner",
    "Mapping",
    "NaturalOrder",
    "RandomOrder",
    "Traffic",
    "axons_of",
    "chip_of",
    "chips_table",
    "keys_table",
    "map_circuit",
    "plot",
    "traffic_in_steps",
    "traffic_of",
]
