"""The abstract schedule: in which order populations take their steps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from typing import ClassVar

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.noise import refuse_noise
from pcneuro.engines import AbstractEngine, Stepped
from pcneuro.errors import ParameterError
from pcneuro.model.dynamics import AbstractDynamics
from pcneuro.recording.probe import Probe

SCHEDULES: dict[str, type[AbstractSchedule]] = {}


class AbstractSchedule(ABC):
    """The order in which the populations of a circuit take their steps."""

    divisible: ClassVar[bool]
    """Whether a run of n steps is n runs of one, so that it can be left on the way."""
    settles: ClassVar[bool] = False
    """Whether a run can end where the circuit has settled."""
    delays: ClassVar[bool] = False
    """Whether it is defined for circuits with conduction delays."""

    noise: ClassVar[bool] = False
    """Whether it is defined for circuits with noise."""

    plasticity: ClassVar[bool] = False
    """Whether it is defined for circuits whose weights change while they run."""
    currents: ClassVar[bool] = False
    """Whether currents can flow."""
    perturbed: ClassVar[bool] = False
    """Whether it is defined for connections and precisions that change in a run."""
    together: ClassVar[bool] = True
    """Whether all populations have the same time."""
    payloads: ClassVar[bool] = True
    """Whether it is defined for circuits whose errors are sent in a few bits."""
    separate_errors: ClassVar[bool] = False
    """Whether it needs room for errors beside that for deviations."""

    @property
    def stepped(self) -> bool:
        """Whether the integrator's steps are made, so that they have to be stable."""
        return True

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        SCHEDULES[cls.__name__] = cls

    @abstractmethod
    def check(self, dynamics: AbstractDynamics) -> None:
        """Raise ParameterError for dynamics that the schedule is not defined for."""

    def check_delays(self, circuit: Circuit) -> None:
        """Raise ParameterError for a circuit with conduction delays, unless the schedule is defined for them."""
        if circuit.delayed and not self.delays:
            raise ParameterError(
                f"{self!r} is not defined for circuits with conduction delays: use Parallel(), or "
                "circuit.with_delays(0.0)"
            )

    def check_noise(self, circuit: Circuit) -> None:
        """Raise ParameterError for a circuit with noise, unless the schedule is defined for it."""
        if not self.noise:
            refuse_noise(circuit, repr(self), "use Parallel()")

    def check_plasticity(self, circuit: Circuit) -> None:
        """Raise ParameterError for a circuit with rules of plasticity, unless the schedule is defined for them."""
        if not self.plasticity:
            circuit.only_fixed_weights(repr(self), "use Parallel()")

    def check_payloads(self, circuit: Circuit) -> None:
        """Raise ParameterError for errors that are sent in a few bits, unless the schedule is defined for them."""
        if not self.payloads:
            circuit.only_whole_errors(repr(self), "use Parallel()")
        if not self.together:
            circuit.only_fixed_messages(repr(self))

    def check_until(self) -> None:
        """Raise ParameterError where a run must be for a given time."""
        if not self.settles:
            raise ParameterError(f"{self!r} runs for a given time: to run until=Settled(...), use Parallel()")

    @abstractmethod
    def admit(self, circuit: Circuit, clamped: Collection[str]) -> None:
        """Raise ParameterError for a circuit that the schedule is not defined for, with these vertices clamped."""

    @abstractmethod
    def step(self, engine: AbstractEngine, number: int, steps: int, probes: Sequence[Probe]) -> Stepped:
        """Let the engine do ``steps`` steps of every population, the first of which has this ``number``."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    def __hash__(self) -> int:
        return hash(type(self))
