"""Energies of output vertices: what a clamped target costs, and the error neurons' drive that follows. One a file."""

from pcneuro.energies.abstract import AbstractEnergy
from pcneuro.energies.bernoulli import Bernoulli
from pcneuro.energies.softmax_cross_entropy import SoftmaxCrossEntropy
from pcneuro.energies.squared_error import SquaredError

__all__ = ["AbstractEnergy", "Bernoulli", "SoftmaxCrossEntropy", "SquaredError"]
