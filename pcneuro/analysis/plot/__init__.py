"""Pictures of what runs give, on axes of matplotlib, which is imported when the first is drawn."""

from pcneuro.analysis.plot.layers import layers
from pcneuro.analysis.plot.raster import raster
from pcneuro.analysis.plot.trials import trials
from pcneuro.analysis.plot.wavefront import wavefront

__all__ = ["layers", "raster", "trials", "wavefront"]
