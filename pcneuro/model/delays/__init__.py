"""Conduction delays: how long what one population sends takes to the other, synapse by synapse. One kind a file."""

from importlib import import_module
from pkgutil import iter_modules

from pcneuro.model.delays.abstract import DELAYS, AbstractDelay, DelaysInTurn, Places, check_stages
from pcneuro.model.delays.constant import ConstantDelay
from pcneuro.model.delays.distance import DistanceDelay
from pcneuro.model.delays.lognormal import LognormalDelay
from pcneuro.model.delays.synaptic import SynapticDelays
from pcneuro.model.delays.uniform import UniformDelay

# A file that is put here is found by itself: its classes register where ``abstract`` keeps them, for files and studies.
for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = [
    "AbstractDelay",
    "ConstantDelay",
    "DELAYS",
    "DelaysInTurn",
    "DistanceDelay",
    "LognormalDelay",
    "Places",
    "SynapticDelays",
    "UniformDelay",
    "check_stages",
]
