"""How much an error or a value has to change before it is sent."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcneuro.errors import DataError, ParameterError, ShapeError, UnknownNameError, told, unknown_name
from pcneuro.norms import root_mean_square
from pcneuro.quantities import NOT_NEGATIVE, Range, number, plain_array

_WANTED = Range("a number of at least 0, Share(...), Absolute(...), or a dict of them by vertex", NOT_NEGATIVE.fits)


def _checked(values: float | np.ndarray, what: str) -> np.ndarray:
    try:
        array = plain_array(what, values)
    except DataError:
        array = np.array(False)
    if array.dtype.kind == "b":
        raise ParameterError(f"{what} is {told(values)}; needed are plain numbers of at least 0")
    array = array.astype(np.float64)
    if array.size == 0 or not (array >= 0).all() or np.isinf(array).any():
        wrong = array[~((array >= 0) & np.isfinite(array))]
        got = "an empty array" if array.size == 0 else f"{wrong[0]:g}" + (" in places" if array.ndim else "")
        raise ParameterError(f"{what} is {got}; needed are finite numbers of at least 0")
    return array


class AbstractThreshold(ABC):
    """Thresholds of the units of a population."""

    @property
    @abstractmethod
    def zero(self) -> bool:
        """Whether whatever changes is sent."""

    @abstractmethod
    def of(self, errors: np.ndarray, shape: tuple[int, ...], vertex: str) -> np.ndarray:
        """(units,), where ``errors`` (samples, units) are those at the equilibrium of fixed prediction."""


@dataclass(frozen=True)
class Share(AbstractThreshold):
    """A share of the root mean square of the population's errors at equilibrium, over all samples of a run.

    Where these are zero, and there is nothing to send, it is the share itself. Raises ParameterError for what is no
    finite number of at least 0.

    Examples
    --------
    >>> pcn.Share(0.05).share
    0.05
    """

    share: float = 0.01

    def __post_init__(self) -> None:
        object.__setattr__(self, "share", number("share of a threshold", self.share, NOT_NEGATIVE))

    @property
    def zero(self) -> bool:
        return self.share == 0

    def of(self, errors: np.ndarray, shape: tuple[int, ...], vertex: str) -> np.ndarray:
        return np.full(errors.shape[1], self.share * (root_mean_square(errors) or 1.0))


@dataclass(frozen=True, eq=False)
class Absolute(AbstractThreshold):
    """The same for all units, or an array of the population's shape, in the errors' own unit.

    Raises ParameterError for what are no finite numbers of at least 0; a shape that does not fit is a ShapeError of the
    first run.

    Examples
    --------
    >>> pcn.EventDriven(threshold=pcn.Absolute(0.001)).threshold.values
    array(0.001)
    """

    values: float | np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", _checked(self.values, "threshold"))

    def __repr__(self) -> str:
        values = np.asarray(self.values)
        return f"Absolute({values.item()!r})" if values.ndim == 0 else f"Absolute(<array of shape {values.shape}>)"

    @property
    def zero(self) -> bool:
        return not np.any(self.values)

    def of(self, errors: np.ndarray, shape: tuple[int, ...], vertex: str) -> np.ndarray:
        values = np.asarray(self.values)
        if values.shape not in ((), shape):
            raise ShapeError(f"threshold of {vertex!r} is of shape {values.shape}; the population has {shape}")
        return np.broadcast_to(values, shape).ravel().astype(np.float64)


Thresholds = AbstractThreshold | float | Mapping[str, AbstractThreshold | float]
"""One for all populations, or by vertex (others have the default); a number is a share."""

DEFAULT = Share()


def by_vertex(thresholds: Thresholds, vertices: Mapping[str, object]) -> dict[str, AbstractThreshold]:
    """Vertex -> its threshold. Raises ParameterError for what is none, UnknownNameError for what is no vertex with an
    error."""
    if isinstance(thresholds, Mapping):
        for name in thresholds:
            if name not in vertices:
                unknown: UnknownNameError = unknown_name("vertex with errors", name, vertices)
                raise unknown
        return {name: _threshold(thresholds.get(name, DEFAULT)) for name in vertices}
    return dict.fromkeys(vertices, _threshold(thresholds))


def checked_thresholds(what: str, thresholds: Any) -> Thresholds:
    """Thresholds that a user gives, with numbers as floats. Raises ParameterError for what is none."""
    if isinstance(thresholds, Mapping):
        return {name: _checked_threshold(f"{what} of {name!r}", each) for name, each in thresholds.items()}
    return _checked_threshold(what, thresholds)


def _checked_threshold(what: str, threshold: Any) -> AbstractThreshold | float:
    if isinstance(threshold, AbstractThreshold):
        return threshold
    return number(what, threshold, _WANTED)


def _threshold(threshold: AbstractThreshold | float) -> AbstractThreshold:
    return threshold if isinstance(threshold, AbstractThreshold) else Share(threshold)
