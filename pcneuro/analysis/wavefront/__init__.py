"""The wavefront of a run: when errors arrive at every population on their way back from what is clamped."""

from pcneuro.analysis.wavefront.measure import SHARES, wavefront
from pcneuro.analysis.wavefront.report import Front, Wavefront

__all__ = ["SHARES", "Front", "Wavefront", "wavefront"]
