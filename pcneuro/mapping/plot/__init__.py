"""Pictures of mappings, on axes of matplotlib, which is imported when the first is drawn."""

from pcneuro.mapping.plot.energy import energy
from pcneuro.mapping.plot.links import links
from pcneuro.mapping.plot.load import load
from pcneuro.mapping.plot.pareto import ParetoLine, pareto
from pcneuro.mapping.plot.populations import populations

__all__ = ["ParetoLine", "energy", "links", "load", "pareto", "populations"]
