"""Learning: gradients, from a circuit or from backprop, and a trainer that follows them over seeded mini-batches."""

from pcneuro.learning.checkpoint import load_parameters
from pcneuro.learning.epochs import Epoch
from pcneuro.learning.examples import Examples, Score, batches, evaluate
from pcneuro.learning.optimizers import OPTIMIZERS, SGD, AbstractOptimizer, Adam
from pcneuro.learning.pieces import AbstractDivision
from pcneuro.learning.rates import (
    RATES,
    AbstractRate,
    ConstantRate,
    CosineDecay,
    ExponentialDecay,
    StepDecay,
)
from pcneuro.learning.sources import AbstractSource, Backprop, Gradients, PredictiveCoding
from pcneuro.learning.trainer import Progress, Trainer
from pcneuro.learning.training import Training

__all__ = [
    "OPTIMIZERS",
    "RATES",
    "SGD",
    "AbstractDivision",
    "AbstractOptimizer",
    "AbstractRate",
    "AbstractSource",
    "Adam",
    "Backprop",
    "ConstantRate",
    "CosineDecay",
    "Epoch",
    "Examples",
    "ExponentialDecay",
    "Gradients",
    "PredictiveCoding",
    "Progress",
    "Score",
    "StepDecay",
    "Trainer",
    "Training",
    "batches",
    "evaluate",
    "load_parameters",
]
