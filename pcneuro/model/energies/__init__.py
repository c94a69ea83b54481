"""Energies of output vertices: what a clamped target costs, and the error neurons' drive that follows. One a file."""

from pcneuro.model.energies.abstract import AbstractEnergy
from pcneuro.model.energies.bernoulli import Bernoulli
from pcneuro.model.energies.softmax_cross_entropy import SoftmaxCrossEntropy
from pcneuro.model.energies.squared_error import SquaredError

__all__ = ["AbstractEnergy", "Bernoulli", "SoftmaxCrossEntropy", "SquaredError"]
