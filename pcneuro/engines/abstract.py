"""What an engine is: it holds the state of a run, steps it, and is read; and what it is given, and gives back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from pcneuro.circuit.abstract_property import ERROR, VALUE
from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.plasticity import VARIANCE
from pcneuro.circuit.properties import VertexProperties
from pcneuro.engines.data import RunData
from pcneuro.errors import ParameterError
from pcneuro.model.dynamics import AbstractDynamics, StateRow
from pcneuro.model.integrators import AbstractIntegrator
from pcneuro.model.noise import Stirring
from pcneuro.model.settled import Settled
from pcneuro.recording.probe import Probe

if TYPE_CHECKING:
    import xarray

    from pcneuro.recording.event_log import EventLog


@dataclass(frozen=True)
class Stepped:
    """What came of stepping: whole steps done; whether all stayed finite; per probe an array (times, batch, units).

    ``settled`` tells that every block of samples has settled, within this many steps.
    """

    steps: int
    finite: bool
    recorded: Sequence[np.ndarray]
    settled: bool = False


HopDistribution = Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray]]
"""After each of so many steps, for k = 0 ... hops: the share of an error that has come at least, and just, k hops."""


class AbstractEngine(ABC):
    """Holds the state of a run, and steps it."""

    exchangeable: ClassVar[bool] = False
    """Whether another engine of its kind can ``take_over`` in the midst of a run."""

    def __init__(
        self,
        circuit: Circuit,
        dynamics: AbstractDynamics,
        integrator: AbstractIntegrator,
        dtype: np.dtype,
        name: str,
    ) -> None:
        self.circuit, self.dynamics, self.integrator, self.dtype = circuit, dynamics, integrator, dtype
        self.name = name
        """What users call it, for messages."""
        self.data = RunData(1)
        self.separate_errors = False
        """Whether errors need room beside the deviations that they are; to be set before the first ``start``."""
        self.next_step = 0
        """Number of the step that comes next, which messages may be drawn by; to be set before each ``start``."""
        self.seed = 0
        """Of noise; to be set before the first ``start``."""
        self.first_sample = 0
        """Number of the first sample in the batch that it is a part of, by which noise and messages are drawn; to be
        set before each ``start``."""
        self.parameters = {k: np.array(v, dtype=dtype) for k, v in circuit.learned.items()}
        """Present values of parameters, and of variances that are learned, by the names of ``circuit.rules``."""
        self.learns = bool(circuit.plasticity)
        """Whether parameters change by their rules in the steps to come."""
        self.until: Settled | None = None
        self.rested: list[int | None] = [None]
        """By block of samples the number of the step before which it had settled."""
        self.resting: list[int | None] = [None]
        """By block of samples the number of the step since which it has been at rest; None where it is not."""

    def follow(self, data: RunData) -> None:
        """Go on with data that gives the same now but for how large currents are, and may change otherwise."""
        self.data = data

    @property
    def plays(self) -> bool:
        """Whether ``step`` itself lets stimuli change on the way; else it is asked for the steps between changes."""
        return False

    def steps_at_once(self, room: int) -> int:
        """Steps that the engine may be asked for at once, if what it has to read for them is to take so many bytes."""
        return room

    def read_ahead(self, number: int, steps: int) -> None:  # noqa: B027, most are given what they need
        """Read what stimuli are in the steps to come, for an engine that ``plays`` them. Raises DataError."""

    def begin(self, until: Settled | None) -> None:
        """Begin a run, in which each block of samples (``blocks``) is held as it is once it has settled."""
        self.until, self.rested, self.resting = until, [None] * len(self.blocks), [None] * len(self.blocks)

    def apart(self, batch: int) -> bool:
        """Whether samples of a run of so many are computed alike, bit for bit, among others in a larger one."""
        return False

    def state_of(self, state: Mapping[str, np.ndarray], samples: slice) -> dict[str, np.ndarray]:
        """Of what ``state`` gave, that of an engine which has these samples only, where they are ``apart``.

        Raises ParameterError for an engine whose samples are never.
        """
        raise ParameterError(f"{type(self).__name__} does not compute samples apart from others: run them alone")

    @property
    def steps_to_rest(self) -> int:
        """For how many steps a block has to be at rest to have settled.

        With conduction delays those of the longest: all that was on its way has then come, and has moved nothing.
        """
        return 0

    def learn(self, learn: bool) -> None:
        """Let parameters change by their rules from now on, or hold them."""
        self.learns = learn and bool(self.circuit.plasticity)

    def finite_parameters(self) -> bool:
        """Whether all that is learned is finite still."""
        return not self.learns or all(np.isfinite(self.parameters[name]).all() for name in self.circuit.rules)

    def precision(self, vertex: str) -> np.ndarray:
        """Precisions of the predictions of a vertex now, of its shape."""
        learned = f"{vertex}{VARIANCE}"
        if learned in self.circuit.variances:
            return 1.0 / self.parameters[learned].astype(np.float64)
        return self.circuit.precision[vertex]

    def observed(self, probe: Probe) -> np.ndarray:
        """What a probe sees now: (batch, units), or a parameter, (1, entries); an array of its own."""
        if probe.of_parameter:
            return self.parameters[probe.vertex].reshape(1, -1).copy()
        return self.read(probe.vertex, probe.variable).reshape(self.data.batch, -1)

    def look(self, number: int) -> bool:
        """Whether all blocks have settled by the step of this ``number``; errors and feedback must be up to date."""
        assert self.until is not None
        for k, samples in enumerate(self.blocks):
            if self.rested[k] is not None:
                continue
            if not self.rests(self.until, samples):
                self.resting[k] = None
                continue
            since = self.resting[k]
            self.resting[k] = since = number if since is None else since
            if number - since >= self.steps_to_rest:
                self.rested[k] = number
        return None not in self.rested

    def rests(self, until: Settled, samples: slice) -> bool:
        """Whether these samples have settled."""
        return all(
            until.holds(
                self.region(name, row.drive)[samples],
                self.region(name, row.leak)[samples],
                self.integrated(name, row)[samples],
                self.gain(name, row),
                self.circuit.has_prediction(name),
            ).all()
            for name, row in self.moving()
        )

    def moving(self) -> list[tuple[str, StateRow]]:
        """Vertices and the rows of their state that move: values of those that are free, all rows beside them."""
        return [
            (name, row)
            for row in self.dynamics.rows
            for name in self.circuit.vertices
            if self.dynamics.moves(row, name, name in self.data.clamped, self.circuit.has_prediction(name))
        ]

    def gain(self, vertex: str, row: StateRow) -> np.ndarray:
        """What one step multiplies (drive - leak) of a row of a vertex by, of the vertex' shape."""
        return self.dynamics.gain(row, self.integrator, self._neurons(vertex))

    def _neurons(self, vertex: str) -> VertexProperties:
        """What the neurons of a vertex have now."""
        return self.with_precision(vertex, self.precision(vertex))

    def with_precision(self, vertex: str, precision: np.ndarray) -> VertexProperties:
        """What the neurons of a vertex have, but for these precisions."""
        return replace(self.circuit.properties[vertex], precision=precision)

    def stirring(self, vertex: str, row: StateRow) -> Stirring | None:
        """What a step does to a row of a vertex by its noise; None where it has none."""
        noise = self.circuit.noise.get(self.population(vertex, row))
        if noise is None:
            return None
        added = self.dynamics.stirred(row, self.integrator, self._neurons(vertex))
        return noise.stirring(self.integrator.dt, *added)

    def population(self, vertex: str, row: StateRow) -> str:
        """The neurons that a row of a vertex is of, as in ``Circuit.nx``."""
        return f"{vertex}.{VALUE if row is self.dynamics.rows[0] else ERROR}"

    def noise_stream(self, vertex: str, row: StateRow) -> int:
        """The stream of normal numbers of a row (``philox``): 2 i for values of noisy vertex i, then errors.

        Vertices without noise do not count, so that those that a pass adds leave all noise as it is.
        """
        noisy = {population.rpartition(".")[0] for population in self.circuit.noise}
        number = [name for name in self.circuit.vertices if name in noisy].index(vertex)
        return 2 * number + int(row is not self.dynamics.rows[0])

    @property
    def persistent(self) -> dict[str, int]:
        """Population with noise that goes on from step to step, beside its row -> its number of units."""
        apart = {f"{vertex}.{ERROR}" for vertex in self.circuit.noisy_errors}
        noisy = [name for name, noise in self.circuit.noise.items() if noise.persists and name not in apart]
        return {name: self.circuit.graph.nodes[name.rpartition(".")[0]].size for name in noisy}

    def region(self, vertex: str, region: str) -> np.ndarray:
        """The drive or leak of a row of the state, by the name of its region, of shape (batch, \\*shape)."""
        return self.read(vertex, {"drive": "feedback"}.get(region, region))

    @property
    @abstractmethod
    def blocks(self) -> Sequence[slice]:
        """Samples that are stepped together."""

    @abstractmethod
    def integrated(self, vertex: str, row: StateRow) -> np.ndarray:
        """A row of the state, of shape (batch, \\*shape); that of values is v or v - prediction."""

    @abstractmethod
    def load(self, parameters: Mapping[str, np.ndarray]) -> None:
        """Take new values of parameters; they hold from the next ``start``."""

    def take_over(self, before: AbstractEngine) -> None:
        """Go on from the next ``start`` with what another engine has beside activities: parameters, noise, the past.

        The other one is of a circuit with the same neurons, of which something is otherwise for a time.
        """
        self.load(before.parameters)
        self.learn(before.learns)

    def update(self, parameters: Mapping[str, np.ndarray]) -> None:
        """Take new values of parameters, which hold from the next step on; the state goes on as it is.

        Where predictions are held they stay those of the sweep, and so do the activities that derivatives are taken at.
        Raises ParameterError for engines and circuits that cannot do this between two steps.
        """
        raise ParameterError(f"{self.name} takes new parameters with a new start only: use set_parameters()")

    @abstractmethod
    def start(self, data: RunData) -> None:
        """Clamp what is given, and set all else by the feedforward sweep; data may continue what has been so far."""

    @abstractmethod
    def step(self, number: int, steps: int, probes: Sequence[Probe]) -> Stepped:
        """Do ``steps`` steps, the first of which has this ``number``."""

    @abstractmethod
    def settle(self, number: int, steps: int, probes: Sequence[Probe]) -> Stepped:
        """Let one population after the other, children first, do ``steps`` steps with what comes from downstream held.

        For linear dynamics. Recordings are of each population's own steps.
        """

    @abstractmethod
    def leap(self, number: int, steps: int, reach: int, probes: Sequence[Probe], shares: HopDistribution) -> Stepped:
        """Bring the state, in one go, to where it is ``steps`` steps later.

        For linear dynamics with one rate in all free populations. Errors come ``reach`` hops at most in that time.
        """

    @abstractmethod
    def evaluate(self) -> None:
        """Bring errors up to date with the state."""

    @abstractmethod
    def read(self, vertex: str, variable: str) -> np.ndarray:
        """A variable of VARIABLES at a vertex, of shape (batch, \\*shape): an array of its own."""

    @abstractmethod
    def gradients(self) -> dict[str, np.ndarray]:
        """dL/dparameter, summed over the batch: minus presynaptic times postsynaptic error activity."""

    def bounds(self) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """How far off errors by vertex and gradients by parameter can be; see ``Simulator.bounds``."""
        raise ParameterError(f"{self.name} holds nothing back, and so has no bounds: use EventDriven(...) for them")

    @property
    def in_steps(self) -> bool:
        """Whether an error needs a step to get through a population, or only as long as it is delayed."""
        return True

    def arrivals(self) -> dict[str, np.ndarray] | None:
        """Vertex -> time in ms, since the start, at which an error first arrived at each unit, (batch, \\*shape).

        Infinite where none has; None from an engine that sees no more than its state at each step.
        """
        return None

    def activity(self) -> xarray.Dataset | None:
        """Events and operations by neuron since the start, for ``result.activity``; None where there are no events."""
        return None

    def axons(self) -> xarray.Dataset | None:
        """How often each axon has sent since the start, for ``result.axons``; None where there are no events."""
        return None

    @abstractmethod
    def state(self) -> dict[str, np.ndarray]:
        """All that the state consists of, as arrays by name."""

    @abstractmethod
    def set_state(self, data: RunData, state: Mapping[str, np.ndarray]) -> None:
        """Take up a state that ``state`` gave, for the same data."""

    def record_events(self, log: EventLog | None) -> None:
        """Append events to a log from now on; None: no more. Raises ParameterError where there are no events."""
        if log is not None:
            raise ParameterError(f"{self.name} has no events to record: use EventDriven(...), or leave out events=")

    @contextmanager
    def recording(self, log: EventLog | None) -> Iterator[None]:
        """While it holds, events go to the log, if any; at its end the log is closed, whatever happened."""
        self.record_events(log)
        try:
            if log is None:
                yield
            else:
                with log:
                    yield
        finally:
            self.record_events(None)

    @property
    def identity(self) -> str:
        """What a snapshot has to be of, for this engine to take it up."""
        return type(self).__name__

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Facts for ``result.stats``."""


class Engine(ABC):
    """Settings of an engine, and the way to make one."""

    @abstractmethod
    def make(
        self, circuit: Circuit, dynamics: AbstractDynamics, integrator: AbstractIntegrator, dtype: np.dtype
    ) -> AbstractEngine:
        """An engine for a circuit, and the dynamics that its error neurons make of those that a user chose."""

    def in_one_thread(self) -> Self:
        """The same, in one thread where no number of threads was chosen: for one of several workers on a machine."""
        return self
