"""Cores placed on the mesh of a chip: along a snake, then annealed."""

from pcneuro.mapping.placement.placing import hop_cost, place
from pcneuro.mapping.placement.snake import snake

__all__ = ["hop_cost", "place", "snake"]
