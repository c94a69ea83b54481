"""What an engine is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pcneuro.circuit import Circuit
from pcneuro.dynamics import AbstractDynamics
from pcneuro.integrators import AbstractIntegrator


@dataclass(frozen=True)
class Data:
    """What a circuit is given: arrays of shape (batch, \\*shape).

    ``clamped`` are the vertices that are held, targets included; ``initial`` are values of free vertices after the
    feedforward sweep (of latent leaves: before it).
    """

    batch: int
    inputs: Mapping[str, np.ndarray] = field(default_factory=dict)
    clamped: Mapping[str, np.ndarray] = field(default_factory=dict)
    initial: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Tape:
    """What is to be recorded of one vertex: every ``every`` steps, beginning with step 0."""

    vertex: str
    variable: str
    every: int

    def count(self, step: int, steps: int) -> int:
        """How many recordings fall into the ``steps`` steps from step number ``step``."""
        return -(-(step + steps) // self.every) - -(-step // self.every)


@dataclass(frozen=True)
class Stepped:
    """What came of stepping: whole steps done; whether all stayed finite; per tape an array (times, batch, units)."""

    steps: int
    finite: bool
    recorded: Sequence[np.ndarray]


Law = Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray]]
"""After each of so many steps, for k = 0 ... hops: the share of an error that has come at least, and just, k hops."""

VARIABLES = ("value", "error", "prediction", "feedback")


class AbstractEngine(ABC):
    """Holds the state of a run, and steps it."""

    def __init__(
        self,
        circuit: Circuit,
        dynamics: AbstractDynamics,
        integrator: AbstractIntegrator,
        dtype: np.dtype,
        settings: Engine,
    ) -> None:
        self.circuit, self.dynamics, self.integrator, self.dtype = circuit, dynamics, integrator, dtype
        self.settings = settings
        self.data = Data(1)
        self.parameters = {k: np.array(v, dtype=dtype) for k, v in circuit.parameters.items()}

    @abstractmethod
    def load(self, parameters: Mapping[str, np.ndarray]) -> None:
        """Take new values of parameters; they hold from the next ``start``."""

    @abstractmethod
    def start(self, data: Data) -> None:
        """Clamp what is given, and set all else by the feedforward sweep."""

    @abstractmethod
    def step(self, number: int, steps: int, tapes: Sequence[Tape]) -> Stepped:
        """Do ``steps`` steps, the first of which has this ``number``."""

    @abstractmethod
    def settle(self, number: int, steps: int, tapes: Sequence[Tape]) -> Stepped:
        """Let one population after the other, children first, do ``steps`` steps with what comes from downstream held.

        For linear dynamics. Recordings are of each population's own steps.
        """

    @abstractmethod
    def leap(self, number: int, steps: int, reach: int, tapes: Sequence[Tape], law: Law) -> Stepped:
        """Bring the state, in one go, to where it is ``steps`` steps later.

        For linear dynamics with one rate in all free populations. Errors come ``reach`` hops at most in that time.
        """

    @abstractmethod
    def evaluate(self) -> None:
        """Bring errors and feedback up to date with the state."""

    @abstractmethod
    def read(self, vertex: str, variable: str) -> np.ndarray:
        """A variable of VARIABLES at a vertex, of shape (batch, \\*shape)."""

    @abstractmethod
    def gradients(self) -> dict[str, np.ndarray]:
        """dL/dparameter, summed over the batch: minus presynaptic times postsynaptic error activity."""

    @abstractmethod
    def state(self) -> dict[str, np.ndarray]:
        """All that the state consists of, as arrays by name."""

    @abstractmethod
    def set_state(self, data: Data, state: Mapping[str, np.ndarray]) -> None:
        """Take up a state that ``state`` gave, for the same data."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Facts for ``result.stats``."""


class Engine(ABC):
    """Settings of an engine, and the way to make one."""

    @abstractmethod
    def make(
        self, circuit: Circuit, dynamics: AbstractDynamics, integrator: AbstractIntegrator, dtype: np.dtype
    ) -> AbstractEngine:
        """An engine for a circuit."""
