"""What dynamics are: which quantities neurons integrate, what they hold meanwhile, and what follows from that."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from pcneuro.errors import ParameterError
from pcneuro.model.integrators.abstract import AbstractIntegrator

DYNAMICS: dict[str, type[AbstractDynamics]] = {}


def deviation(value: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """value - prediction, and 0 where the two are the same: there is none from an infinity, as under a mask."""
    return np.subtract(value, prediction, out=np.zeros_like(value), where=value != prediction)


def masked(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Where a state is an infinity, and has been: it is under a mask, and has not diverged."""
    return np.isinf(after) & (before == after)


class Predicting(Protocol):
    """A simulator that computes predictions when it is told to."""

    def predict(self) -> None:
        """Compute every prediction from the present values."""


class Network(Protocol):
    """What the reference simulator offers to dynamics: its populations, as arrays (batch, \\*shape) by vertex."""

    @property
    def value(self) -> Mapping[str, np.ndarray]: ...
    @property
    def prediction(self) -> Mapping[str, np.ndarray]: ...
    @property
    def error(self) -> Mapping[str, np.ndarray]: ...
    @property
    def feedback(self) -> Mapping[str, np.ndarray]: ...


class Emitter(Protocol):
    """What the compiler offers to dynamics that have instructions of their own for a vertex."""

    def emit(self, kernel: str, *arguments: int) -> None:
        """Append an instruction for one of the operator kernels."""


@dataclass(frozen=True)
class StateRow:
    """A quantity that neurons integrate: time constant * d(row)/dt = drive - leak, unit by unit.

    ``variable`` is what records call it (``"value"``, ``"error"``); ``region``, ``drive`` and ``leak`` are the regions
    of the compiled program that hold the three (``program.Program``). Rows are stepped in their order, so that a drive
    or leak is no region of an earlier row.
    """

    variable: str
    region: str
    drive: str
    leak: str


class AbstractDynamics(ABC):
    """tau dv/dt = drive - e, with e = precision (v - prediction); variants differ in when predictions are computed, and
    in what else is integrated.

    Everything that the engines have to know of a variant is said here. Instruction lists are named as in
    ``program.Program.code``. The error of clamped outputs with an energy of their own is written between
    ``before_error`` and ``after_error``.
    """

    holds_predictions: ClassVar[bool]
    """Whether predictions and their derivatives stay those of the feedforward sweep while the state moves."""
    superposes: ClassVar[bool]
    """Whether the state at any time is linear in the errors that it began with, so that what several of them bring
    about adds up: what ``FastForward``, ``Sequential``, bounds and extrapolated events need."""
    rows: ClassVar[tuple[StateRow, ...]]
    """What is integrated; the first is the state of the value neurons. All others begin at zero."""
    activity: ClassVar[tuple[str, ...]]
    """Regions, one or two, that add up to the value neurons' activity where they are free."""
    parts: ClassVar[tuple[str, ...]] = ()
    """Names of instruction lists that ``emit`` makes, beside those that every program has."""
    before_error: ClassVar[tuple[str, ...]]
    after_error: ClassVar[tuple[str, ...]]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for number, row in enumerate(cls.rows):
            if {row.drive, row.leak} & {earlier.region for earlier in cls.rows[:number]}:
                raise TypeError(f"{cls.__name__}: {row} moves by an earlier row, which has been stepped by then")
        DYNAMICS[cls.__name__] = cls

    @property
    def state(self) -> str:
        """Region of the value neurons' state."""
        return self.rows[0].region

    @property
    def regions(self) -> frozenset[str]:
        """Regions of the compiled program that the rows are kept in and move by."""
        return frozenset(region for row in self.rows for region in (row.region, row.drive, row.leak))

    def integrates(self, variable: str) -> bool:
        """Whether a variable is a row of the state, instead of computed from it."""
        return any(row.variable == variable for row in self.rows)

    def moves(self, row: StateRow, clamped: bool, predicted: bool) -> bool:
        """Whether a vertex integrates a row: values where they are free, all else where something predicts them."""
        return predicted if row is not self.rows[0] else not clamped

    def gain(self, row: StateRow, integrator: AbstractIntegrator, tau: np.ndarray, precision: np.ndarray) -> np.ndarray:
        """What one step multiplies (drive - leak) of a row by; ``tau`` (ms) and ``precision`` are the vertex'."""
        return integrator.gain(tau, precision)

    def only_values(self, who: str) -> None:
        """Raise ParameterError, on behalf of ``who`` integrates values only, where there are further rows."""
        if len(self.rows) > 1:
            others = ", ".join(row.variable for row in self.rows[1:])
            raise ParameterError(
                f"{who} integrates value neurons only, and {type(self).__name__} integrates {others}, too: use "
                "Kernel() or Reference()"
            )

    @abstractmethod
    def refresh(self, network: Predicting) -> None:
        """In a simulator of plain arrays: what is computed anew before errors are."""

    def region(self, network: Network, region: str, vertex: str, precision: np.ndarray) -> np.ndarray:
        """In the reference simulator: what a region holds of a vertex, (batch, \\*shape)."""
        if region == "deviation":
            return deviation(network.value[vertex], network.prediction[vertex])
        held: dict[str, Mapping[str, np.ndarray]] = {
            "value": network.value,
            "prediction": network.prediction,
            "error": network.error,
            "drive": network.feedback,
        }
        return held[region][vertex]

    def emit(self, part: str, program: Emitter, rows: Mapping[str, int], units: int) -> None:  # noqa: B027, most have none
        """For the compiled program: append the instructions for one vertex of one of ``parts``.

        ``rows`` has the first row of the vertex in each region, and that of its ``precision`` in the shared buffer;
        ``units`` is the number of its units.
        """

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    def __hash__(self) -> int:
        return hash(type(self))
