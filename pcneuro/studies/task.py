"""Tasks of a simulation file: settings that are the file's keys, one run, its figures and its tables."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from pcneuro.circuit.circuit import Circuit
from pcneuro.engines import Engine, Kernel
from pcneuro.errors import unknown_name
from pcneuro.files.toml import Problem, Table
from pcneuro.model.delays import DELAYS, AbstractDelay, ConstantDelay, SynapticDelays
from pcneuro.model.dynamics import AbstractDynamics, FixedPrediction
from pcneuro.model.dynamics.abstract import DYNAMICS
from pcneuro.model.integrators import AbstractIntegrator, Euler
from pcneuro.model.integrators.abstract import INTEGRATORS
from pcneuro.model.perturbations import AbstractPerturbation
from pcneuro.model.settled import Settled
from pcneuro.recording.events import RecordEvents
from pcneuro.recording.record import Record
from pcneuro.simulator.packing import PlannedCall
from pcneuro.simulator.result import Result, Status
from pcneuro.simulator.schedules import AbstractSchedule, Parallel
from pcneuro.simulator.schedules.abstract import SCHEDULES
from pcneuro.simulator.simulator import Simulator
from pcneuro.studies.observer import AbstractObserver, pass_on
from pcneuro.studies.tables import KIND, kind_table, made_from
from pcneuro.studies.values import Values

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

TASKS: dict[str, type[AbstractTask]] = {}


def engines() -> dict[str, type[Engine]]:
    """Name -> engine, of all that there are."""
    return {engine.__name__: engine for engine in Engine.__subclasses__()}


def _delays(raw: Any) -> Any:
    """A number of ms, or a table of a kind that needs no array."""
    if isinstance(raw, Real) and not isinstance(raw, bool):
        raw = {KIND: ConstantDelay.__name__, "ms": float(raw)}
    if raw is not None and not isinstance(raw, Mapping | AbstractDelay):
        raise Problem((), "needs a number of ms, or a table with a kind")
    kinds = {name: made for name, made in DELAYS.items() if made is not SynapticDelays}
    return raw if raw is None else made_from(kinds, None, raw)


@dataclass(frozen=True)
class Job:
    """One run of a task: the circuit, the folder of the file, who watches, a generator of its own, and checkpoints."""

    circuit: Circuit
    folder: Path
    observer: AbstractObserver
    generator: np.random.Generator
    drawn: Callable[[int], Circuit]
    """The circuit with its argument ``seed`` so much higher."""
    checkpoint: Callable[[str], Path]
    """Place of the checkpoint of this name."""
    stream: Callable[[str], Path]
    """Place of a file of results of this name, to be written while the run goes on."""
    resume: bool = False
    """Whether to go on from checkpoints."""
    simulated: Callable[[PlannedCall, Callable[..., None]], Result] | None = None
    """What has the simulation of a task done, where that is not the simulator itself: a call, and its ``report``."""


@dataclass(frozen=True)
class TextTable:
    """A table of text to print: a title, the columns' names, and rows of as many cells."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Outcome:
    """What came of a run: numbers for ``summary.json``, arrays for ``records.nc``, texts by file name, tables."""

    numbers: Mapping[str, Any]
    records: xarray.Dataset
    status: Status
    message: str
    circuit: Circuit = field(repr=False)
    texts: Mapping[str, str] = field(default_factory=dict)
    tables: Sequence[TextTable] = ()
    events: xarray.Dataset | None = field(default=None, repr=False)
    detail: Any = field(default=None, repr=False)
    """What else the task's figures are made of."""


@dataclass(frozen=True)
class FinishedRun:
    """An outcome, the task that it came of, and what was set for it by the sweep."""

    task: AbstractTask
    outcome: Outcome
    swept: Mapping[str, Any]

    @property
    def label(self) -> str:
        """The swept values as short text; empty without a sweep."""
        return ", ".join(f"{key.rpartition('.')[2]} = {value}" for key, value in self.swept.items())


GROUPS = ("inputs", "targets", "clamp")
"""Tables of a file that values stand in."""
REPORT_SECONDS = 0.1
"""Seconds between two reports of progress."""


def progress(job: Job) -> Callable[[float, float, float, float], None]:
    """The ``report`` of a run: passes progress on to the observer, and a Ctrl-C on to the run."""

    def report(elapsed: float, completed: float, start: float, duration: float) -> None:
        job.observer.progress(completed)
        if 0.0 < completed < 1.0:
            pass_on(job.observer)

    return report


class AbstractTask(Table):
    """Keys that every simulation file has.

    A subclass adds its own, and says what is done with them.
    """

    kind: ClassVar[str]
    packs: ClassVar[bool] = False
    """Whether ``perform`` has one simulation, and all that comes before only prepares it: that may be done twice, so
    that runs of a batch are simulated side by side."""
    main: ClassVar[tuple[str, ...]] = ("loss", "energy")
    """Patterns of the numbers that figures of a batch show, in order. Those of tables have dotted names."""

    task: str
    """What is done: the name of a task."""
    circuit: str = Field(min_length=1, description="'file.py:function', or a saved circuit")
    description: str = ""
    """Text for readers, which results carry along."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """Arguments of the function that makes the circuit."""
    seed: int = Field(0, ge=0)
    """Seed of all that is drawn, noise included."""
    dtype: Literal["float64", "float32"] = "float64"
    """Type of all state and results."""
    dynamics: Annotated[AbstractDynamics, kind_table(lambda: DYNAMICS, "FixedPrediction")] = FixedPrediction()
    """Whether predictions stay at the feedforward sweep or follow the activity; a table with a kind."""
    integrator: Annotated[AbstractIntegrator, kind_table(lambda: INTEGRATORS, "Euler")] = Euler()
    """How time passes, with the step dt in ms; a table with a kind."""
    schedule: Annotated[AbstractSchedule, kind_table(lambda: SCHEDULES, "Parallel")] = Parallel()
    """In which order populations do their steps; a table with a kind."""
    engine: Annotated[Engine, kind_table(engines, "Kernel")] = Kernel()
    """What computes the run; a table with a kind."""
    delays: Annotated[AbstractDelay | None, BeforeValidator(_delays)] = None
    """Conduction delays of all connections: a number of ms, or a table with a kind."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "kind" in cls.__dict__:
            TASKS[cls.kind] = cls

    @classmethod
    def set_to_check(cls, against: str, tolerance: float | None) -> list[str]:
        """What ``pcneuro check`` sets in a file of this task, such as ``'against="reference"'``."""
        more = [] if tolerance is None else [f"tolerance={tolerance!r}"]
        return ['task="check"', f"against={json.dumps(against)}", *more]

    @property
    def draws(self) -> bool:
        """Whether a run draws something from ``seed`` that neither its settings nor its circuit have."""
        return False

    @abstractmethod
    def perform(self, job: Job) -> Outcome:
        """Do one run."""

    @classmethod
    @abstractmethod
    def figures(cls, runs: Sequence[FinishedRun]) -> dict[str, Figure]:
        """File name without suffix -> figure, of all runs of a sweep together."""

    @classmethod
    @abstractmethod
    def tables(cls, runs: Sequence[FinishedRun]) -> list[TextTable]:
        """The main numbers, to print."""

    @classmethod
    def parts(cls, run: FinishedRun, pictures: Mapping[str, str]) -> list[str] | None:
        """What the report of a run has in place of its tables and figures, as HTML; None for these.

        ``pictures`` are its figures by name, as elements of a page.
        """
        return None

    def simulator(self, circuit: Circuit) -> Simulator:
        """A simulator with the file's dynamics, integrator, schedule, engine and dtype, and its seed for noise."""
        return Simulator(
            circuit,
            dynamics=self.dynamics,
            integrator=self.integrator,
            dtype=np.dtype(self.dtype),
            engine=self.engine,
            schedule=self.schedule,
            seed=self.seed if circuit.noise else 0,
        )

    def check(self, circuit: Circuit) -> None:
        """Raise for settings that do not fit the circuit, before anything is run."""
        self.simulator(circuit)


def _settled(raw: Any) -> Any:
    return raw if raw is None else made_from({Settled.__name__: Settled}, Settled.__name__, raw)


class DrivenTask(AbstractTask):
    """Keys of tasks that simulate once, on values that the file gives."""

    duration: float | None = Field(None, gt=0, allow_inf_nan=False)
    """Time to simulate, in ms; or give until."""
    until: Annotated[Settled | None, BeforeValidator(_settled)] = None
    """Tolerances at which the run ends as settled: rtol, atol, and limit in ms; or give duration."""
    inputs: dict[str, Values] = Field(default_factory=dict)
    """Values of each input, by name: of one sample's shape, or (samples, *shape)."""
    targets: dict[str, Values] = Field(default_factory=dict)
    """Values of each output, by name: of one sample's shape, or (samples, *shape)."""
    clamp: dict[str, Values] = Field(default_factory=dict)
    """Values at which vertices are held, by name, as inputs."""
    samples: int = Field(1, ge=1)
    """Samples of values that are drawn."""

    streams: ClassVar[bool] = False
    """Whether values may change with time."""

    @model_validator(mode="after")
    def _constant(self) -> Self:
        for group in () if self.streams else GROUPS:
            for name in (name for name, values in getattr(self, group).items() if values.changes):
                text = f"changes with time, and the task {self.kind!r} is for what stays: use task = 'run'"
                raise Problem((group, name), text)
        return self

    @model_validator(mode="after")
    def _either(self) -> Self:
        if self.duration is None and self.until is None:
            raise Problem(("duration",), "is missing: the time to simulate, in ms")
        if self.duration is not None and self.until is not None:
            raise Problem(("until",), "stands beside duration: give one of the two, and limit in until")
        return self

    def check(self, circuit: Circuit) -> None:
        super().check(circuit)
        if self.until is not None:
            self.schedule.check_until()

    def data(self, job: Job) -> dict[str, dict[str, Any]]:
        """Arrays for ``Simulator.run``: inputs, targets and clamps, drawn in the order of their names."""
        graph = job.circuit.graph
        arrays: dict[str, dict[str, Any]] = {}
        for group, values, known in (
            ("inputs", self.inputs, graph.inputs),
            ("targets", self.targets, graph.outputs),
            ("clamp", self.clamp, graph.nodes),
        ):
            arrays[group] = {}
            for name in sorted(values):
                if name not in known:
                    raise unknown_name(f"name in [{group}]", name, known)
                node = graph.nodes.get(name) or graph.outputs[name]
                arrays[group][name] = values[name].array(node.shape, self.samples, job.generator, job.folder)
        return arrays

    def held(self, circuit: Circuit) -> list[str]:
        """Vertices that targets and clamps hold."""
        outputs = circuit.graph.outputs
        return [outputs[name].name if name in outputs else name for name in (*self.targets, *self.clamp)]

    def simulate(
        self,
        job: Job,
        simulator: Simulator,
        data: dict[str, dict[str, Any]],
        records: Sequence[Record],
        events: RecordEvents | None = None,
        perturb: Sequence[AbstractPerturbation] = (),
    ) -> Result:
        """One run for ``duration``, or ``until`` it has settled, on ``data``, with progress."""
        if job.simulated is not None and events is None and not perturb:
            return job.simulated(PlannedCall(simulator, self.duration, self.until, data, records), progress(job))
        return simulator.run(
            self.duration,
            until=self.until,
            **data,  # type: ignore[arg-type]
            record=records,
            events=events,
            perturb=perturb,
            report=progress(job),
            report_period=REPORT_SECONDS,
        )
