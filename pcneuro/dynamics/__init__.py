"""Dynamics: when predictions follow the value neurons. One variant a file."""

from pcneuro.dynamics.abstract import AbstractDynamics
from pcneuro.dynamics.fixed_prediction import FixedPrediction
from pcneuro.dynamics.strict import Strict

__all__ = ["AbstractDynamics", "FixedPrediction", "Strict"]
