"""What dynamics are: which quantities neurons integrate, what they hold meanwhile, and what follows from that."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pcneuro.errors import ParameterError
from pcneuro.model.integrators.abstract import AbstractIntegrator
from pcneuro.ops.sameness import value_key

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
    def at_once(self) -> Mapping[str, np.ndarray]: ...
    @property
    def feedback(self) -> Mapping[str, np.ndarray]: ...
    @property
    def rows(self) -> Mapping[str, Mapping[str, np.ndarray]]: ...


class Neurons(Protocol):
    """What dynamics need to know of the neurons of a vertex: arrays of its shape, times in ms."""

    @property
    def tau(self) -> np.ndarray: ...
    @property
    def precision(self) -> np.ndarray: ...
    @property
    def error_tau(self) -> np.ndarray: ...


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


def check_order(name: str, rows: tuple[StateRow, ...]) -> None:
    """Raise TypeError where a row moves by an earlier one, which has been stepped by then."""
    for number, row in enumerate(rows):
        if {row.drive, row.leak} & {earlier.region for earlier in rows[:number]}:
            raise TypeError(f"{name}: {row} moves by an earlier row, which has been stepped by then")


class AbstractDynamics(ABC):
    """tau dv/dt = drive - e, with e = precision (v - prediction); variants differ in when predictions are computed, and
    in what else is integrated.

    Everything that the engines have to know of a variant is said here. Instruction lists are named as in
    ``program.Program.code``. The error of clamped outputs with an energy of their own is written between
    ``before_error`` and ``after_error``.
    """

    holds_predictions: bool
    """Whether predictions and their derivatives stay those of the feedforward sweep while the state moves."""
    superposes: bool
    """Whether the state at any time is linear in the errors that it began with, so that what several of them bring
    about adds up: what ``FastForward``, ``Sequential``, bounds and extrapolated events need."""
    rows: tuple[StateRow, ...]
    """What is integrated; the first is the state of the value neurons. All others begin at zero."""
    activity: tuple[str, ...]
    """Regions, one or two, that add up to the value neurons' activity where they are free."""
    parts: tuple[str, ...] = ()
    """Names of instruction lists that ``emit`` makes, beside those that every program has."""
    before_error: tuple[str, ...]
    after_error: tuple[str, ...]

    def __init_subclass__(cls, *, chosen: bool = True) -> None:
        """``chosen`` tells whether users choose it, so that simulation files know its name."""
        super().__init_subclass__()
        if chosen:
            check_order(cls.__name__, cls.rows)
            DYNAMICS[cls.__name__] = cls

    @property
    def name(self) -> str:
        """What users call it."""
        return type(self).__name__

    @property
    def state(self) -> str:
        """Region of the value neurons' state."""
        return self.rows[0].region

    @property
    def regions(self) -> frozenset[str]:
        """Regions of the compiled program that the rows are kept in and move by."""
        return frozenset(region for row in self.rows for region in (row.region, row.drive, row.leak))

    def integrates(self, variable: str, vertex: str) -> bool:
        """Whether a variable of a vertex is a row of the state, instead of computed from it."""
        return any(row.variable == variable for row in self.rows)

    def moves(self, row: StateRow, vertex: str, clamped: bool, predicted: bool) -> bool:
        """Whether a vertex integrates a row: values where they are free, all else where something predicts them."""
        return predicted if row is not self.rows[0] else not clamped

    def gain(self, row: StateRow, integrator: AbstractIntegrator, neurons: Neurons) -> np.ndarray:
        """What one step multiplies (drive - leak) of a row of these neurons by."""
        return integrator.gain(*self.rates(row, neurons))

    def rates(self, row: StateRow, neurons: Neurons) -> tuple[np.ndarray, np.ndarray]:
        """Time constants of a row of these neurons, and what it leaks by: what its gain is worked out from."""
        return neurons.tau, neurons.precision

    def stirred(self, row: StateRow, integrator: AbstractIntegrator, neurons: Neurons) -> tuple[np.ndarray, np.ndarray]:
        """What one step adds to a row of these neurons: of white noise of deviation 1, and for a drive of 1."""
        return integrator.scatter(neurons.tau, neurons.precision), self.gain(row, integrator, neurons)

    def error_region(self, vertex: str) -> str | None:
        """Region that precision (v - prediction) of a vertex is computed to; None where that is no matter of code."""
        return None if self.integrates("error", vertex) else "error"

    def only_values(self, who: str, instead: str = "use Kernel() or Reference()") -> None:
        """Raise ParameterError, on behalf of ``who`` integrates values only, where there are further rows.

        ``instead`` says what to do.
        """
        if len(self.rows) > 1:
            others = ", ".join(row.variable for row in self.rows[1:])
            raise ParameterError(
                f"{who} integrates value neurons only, and {self.name} integrates {others}, too: {instead}"
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
            "at_once": network.at_once,
            "drive": network.feedback,
        }
        return held[region][vertex]

    def emit(  # noqa: B027, most have none
        self, part: str, program: Emitter, vertex: str, rows: Mapping[str, int], units: int
    ) -> None:
        """For the compiled program: append the instructions for one vertex of one of ``parts``.

        ``rows`` has the first row of the vertex in each region, and that of its ``precision`` in the shared buffer;
        ``units`` is the number of its units.
        """

    def __repr__(self) -> str:
        return f"{self.name}()"

    @property
    def key(self) -> Hashable:
        """Equal for dynamics of the same kind with the same data, and for no others."""
        own = ((k, v.key if isinstance(v, AbstractDynamics) else value_key(v)) for k, v in vars(self).items())
        return type(self), tuple(own)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    def __hash__(self) -> int:
        return hash(type(self))
