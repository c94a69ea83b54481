"""What neurons do from one trial of a protocol to the next."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np


class AbstractBetween(ABC):
    """What becomes of the state of neurons where a trial begins; time, parameters and what learns go on."""

    @abstractmethod
    def restarts(self, onsets: np.ndarray) -> np.ndarray:
        """Times in ms at which neurons go back to the feedforward sweep, from those at which trials begin."""


@dataclass(frozen=True)
class ResetState(AbstractBetween):
    """Each trial begins at its onset in the feedforward sweep of its stimuli, as a simulation of its own would.

    Examples
    --------
    >>> import pandas
    >>> table = pandas.DataFrame({"x": [0, 1], "duration": [50.0, 50.0]})
    >>> pcn.Protocol(table, values={"x": np.eye(3)[:2]}, between=pcn.ResetState()).between
    ResetState()
    """

    def restarts(self, onsets: np.ndarray) -> np.ndarray:
        return onsets


@dataclass(frozen=True)
class KeepState(AbstractBetween):
    """Neurons go on from where the trial, or the interval, before has left them.

    Examples
    --------
    >>> import pandas
    >>> table = pandas.DataFrame({"x": [0, 1], "duration": [50.0, 50.0]})
    >>> pcn.Protocol(table, values={"x": np.eye(3)[:2]}, between=pcn.KeepState()).between
    KeepState()
    """

    def restarts(self, onsets: np.ndarray) -> np.ndarray:
        return onsets[:0]
