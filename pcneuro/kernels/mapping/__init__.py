"""Loops over the axons of a circuit that is mapped to a chip."""
