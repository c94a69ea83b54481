"""Circuits in other tools: one target a module, whose library is imported where it is used.

``units`` is a circuit in single units and synapses, which is all that a target needs to know.
"""
