"""Pictures of what is measured. matplotlib is imported when the first is made."""

from pcneuro.plot.wavefront import wavefront

__all__ = ["wavefront"]
