"""Spaces of runs, one kind a file, and the tables of files that stand for them. A file put here is found by itself."""

from importlib import import_module
from pkgutil import iter_modules

from pcneuro.studies.spaces.abstract import SPACES, AbstractSpace
from pcneuro.studies.spaces.csv import Csv
from pcneuro.studies.spaces.grid import Grid
from pcneuro.studies.spaces.joined import Joined
from pcneuro.studies.spaces.latin_hypercube import LatinHypercube
from pcneuro.studies.spaces.listed import Listed
from pcneuro.studies.spaces.reading import space_of
from pcneuro.studies.spaces.replicated import Replicated
from pcneuro.studies.spaces.sampled import Range
from pcneuro.studies.spaces.sobol import Sobol
from pcneuro.studies.spaces.zipped import Zip

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = [
    "SPACES",
    "AbstractSpace",
    "Csv",
    "Grid",
    "Joined",
    "LatinHypercube",
    "Listed",
    "Range",
    "Replicated",
    "Sobol",
    "Zip",
    "space_of",
]
