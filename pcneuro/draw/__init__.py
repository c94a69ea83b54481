"""Pictures of circuits."""

from pcneuro.draw.picture import draw

__all__ = ["draw"]
