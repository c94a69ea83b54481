"""Noise: what stirs populations of neurons. One kind a file."""

from importlib import import_module
from pkgutil import iter_modules

from pcneuro.model.noise.abstract import NOISES, AbstractNoise, Stirring
from pcneuro.model.noise.ornstein_uhlenbeck import OrnsteinUhlenbeck
from pcneuro.model.noise.white import WhiteNoise

# A file that is put here is found by itself: its classes register where ``abstract`` keeps them, for files and studies.
for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

__all__ = ["NOISES", "AbstractNoise", "OrnsteinUhlenbeck", "Stirring", "WhiteNoise"]
