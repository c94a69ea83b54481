"""Pictures of circuits."""

from pcneuro.circuit.drawing.picture import draw

__all__ = ["draw"]
