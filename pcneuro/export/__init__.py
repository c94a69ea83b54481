"""Circuits in other tools: one target a file, whose library is imported where it is used.

What a target needs to know of a circuit is its single units and synapses (``pcneuro.circuit.units``).
"""
