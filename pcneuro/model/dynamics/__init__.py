"""Dynamics: when predictions follow the value neurons. One variant a file."""

from pcneuro.model.dynamics.abstract import AbstractDynamics, StateRow
from pcneuro.model.dynamics.fixed_prediction import FixedPrediction
from pcneuro.model.dynamics.strict import Strict

__all__ = ["AbstractDynamics", "FixedPrediction", "StateRow", "Strict"]
