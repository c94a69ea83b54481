"""The task ``protocol``: trials from a table in one run, what is recorded by trial, and means by condition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from pcneuro.circuit.circuit import Circuit
from pcneuro.data import DATASETS, AbstractDataset
from pcneuro.errors import unknown_name
from pcneuro.files.toml import Problem
from pcneuro.graph.graph import Node
from pcneuro.norms import norm
from pcneuro.recording.record import Record
from pcneuro.simulator.protocol import Protocol, ResetState
from pcneuro.simulator.protocol.between import AbstractBetween
from pcneuro.simulator.protocol.reading import read_table
from pcneuro.simulator.result import Status
from pcneuro.studies.datasets import examples
from pcneuro.studies.perturbations import NamedPerturbations, Perturbations
from pcneuro.studies.records import record_tables
from pcneuro.studies.tables import KIND, kind_table
from pcneuro.studies.task import REPORT_SECONDS, AbstractTask, FinishedRun, Job, Outcome, TextTable, progress
from pcneuro.studies.values import AbstractValues, Values, values_of

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure


def _stimuli(raw: Any) -> Any:
    """By column the values of its stimuli, or a table of them by name."""
    if not isinstance(raw, Mapping):
        raise Problem((), "needs a table: under the name of each column its stimuli")
    made: dict[str, Any] = {}
    for name, given in raw.items():
        try:
            if isinstance(given, Mapping) and KIND not in given:
                made[name] = {key: values_of(value) for key, value in given.items()}
            else:
                made[name] = values_of(given)
        except Problem as problem:
            raise problem.below(str(name)) from None
    return made


def _between() -> dict[str, type]:
    return {made.__name__: made for made in AbstractBetween.__subclasses__()}


Milliseconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class ProtocolTask(AbstractTask):
    """Runs the trials of ``table``, or of ``[[trial]]`` tables, and keeps what ``[[record]]`` tables ask for."""

    kind = "protocol"

    table: str | None = Field(None, min_length=1)
    """CSV file with a trial a row."""
    trial: list[dict[str, Any]] = Field(default_factory=list)
    """Trials in the file itself: onset and duration in ms, values, condition."""
    values: Annotated[dict[str, Any], BeforeValidator(_stimuli)] = Field(default_factory=dict)
    """Named values that trials give to inputs and vertices."""
    dataset: Annotated[AbstractDataset | None, kind_table(lambda: DATASETS)] = None
    """Data set whose samples are stimuli; a table with a kind."""
    rest: dict[str, Values] = Field(default_factory=dict)
    """Values between trials and of empty cells, by name."""
    inputs: dict[str, Values] = Field(default_factory=dict)
    """Values of inputs that are held all the time."""
    targets: dict[str, Values] = Field(default_factory=dict)
    """Values of outputs that are held all the time."""
    clamp: dict[str, Values] = Field(default_factory=dict)
    """Values at which vertices are held all the time."""
    samples: int = Field(1, ge=1)
    """Stimuli of values that are drawn."""
    repeats: int = Field(1, ge=1)
    """How often all trials come."""
    shuffle: bool = False
    """Whether trials of a block are shuffled, anew in each repeat, by the seed."""
    interval: Milliseconds | Annotated[list[Milliseconds], Field(min_length=2, max_length=2)] | None = None
    """Time between trials, in ms; two numbers: drawn between them."""
    grid: float = Field(1.0, gt=0, allow_inf_nan=False)
    """Intervals that are drawn are multiples of this, in ms."""
    tail: Milliseconds = 0.0
    """Time after the last trial, in ms."""
    between: Annotated[AbstractBetween, kind_table(_between, "ResetState")] = ResetState()
    """Whether neurons restart at onsets; a table with a kind."""
    perturbations: NamedPerturbations = Field(default_factory=dict)
    """Named perturbations, with times from the onset of a trial, which the column `perturb` asks for."""
    perturb: Perturbations = Field(default_factory=list)
    """Perturbations at times of the whole run, each a table with a kind."""
    record: Annotated[list[Record], BeforeValidator(record_tables)] = Field(min_length=1)
    """Variables to keep over time: vertex, variable, every (ms), units, samples."""
    before: Milliseconds = 0.0
    """Time before an onset in averages, in ms."""
    after: float | None = Field(None, gt=0, allow_inf_nan=False)
    """Time after an onset in averages, in ms; the longest trial, where it is missing."""
    by: str | None = None
    """Column of the trials by which averages are separate."""

    @model_validator(mode="after")
    def _either(self) -> Self:
        if self.table is None and not self.trial:
            raise Problem(("table",), "is missing: the path of a CSV file of trials, or [[trial]] tables")
        if self.table is not None and self.trial:
            raise Problem(("trial",), "stands beside table: give one of the two")
        return self

    @property
    def draws(self) -> bool:
        """The order of trials, and the time between them."""
        return self.shuffle or isinstance(self.interval, list)

    def check(self, circuit: Circuit) -> None:
        super().check(circuit)
        for record in self.record:
            record.resolve(circuit, self.samples, self.integrator.dt)

    def protocol(self, job: Job) -> Protocol:
        """The protocol of the file."""
        nodes = _nodes(job.circuit)
        bank: dict[str, Any] = {}
        if self.dataset is not None:
            learned = examples(self.dataset.load(), job.circuit, None, None)[0]
            bank |= {**learned.inputs, **learned.targets}
        for name, given in self.values.items():
            if isinstance(given, Mapping):
                named = {key: _array(job, "values", name, each, 1) for key, each in given.items()}
                bank[name] = {key: _alone(each, nodes[name].shape) for key, each in named.items()}
            else:
                bank[name] = _array(job, "values", name, given, self.samples)
        table = read_table(self.trial if self.table is None else job.folder / self.table)
        return Protocol(
            table,
            {name: stimuli for name, stimuli in bank.items() if name in table or name in self.values},
            {name: _alone(_array(job, "rest", name, each, 1), nodes[name].shape) for name, each in self.rest.items()},
            self.repeats,
            self.shuffle,
            tuple(self.interval) if isinstance(self.interval, list) else self.interval,
            self.tail,
            self.between,
            self.seed,
            self.grid,
            self.perturbations,
        )

    def perform(self, job: Job) -> Outcome:
        protocol = self.protocol(job)
        constant = {
            group: {name: _array(job, group, name, each, 1) for name, each in sorted(getattr(self, group).items())}
            for group in ("inputs", "targets", "clamp")
        }
        result = protocol.run(
            self.simulator(job.circuit),
            record=self.record,
            **constant,
            perturb=self.perturb,
            report=progress(job),
            report_period=REPORT_SECONDS,
        )
        aligned = protocol.aligned(result, self.before, self.after)
        by = self.by or ("condition" if "condition" in aligned.coords else None)
        numbers: dict[str, Any] = {"time": result.time, "loss": result.loss, "trials": len(protocol)}
        if by is not None:
            numbers["by"] = by
            numbers["conditions"] = condition_numbers(protocol.mean(aligned, by), by)
        numbers["stats"] = result.stats
        return Outcome(numbers, aligned, Status(result.status), result.message, job.circuit)

    @classmethod
    def figures(cls, runs: Sequence[FinishedRun]) -> dict[str, Figure]:
        from pcneuro.studies.figures.circuit import readable_circuit
        from pcneuro.studies.figures.trials import trials_figure

        panels = [(run.label, run.outcome.records, run.outcome.numbers.get("by")) for run in runs]
        return {**readable_circuit(runs[0].outcome.circuit), "trials": trials_figure(panels)}

    @classmethod
    def tables(cls, runs: Sequence[FinishedRun]) -> list[TextTable]:
        rows = []
        for run in runs:
            for label, row in run.outcome.numbers.get("conditions", {}).items():
                for name, most in row["largest"].items():
                    cells = [f"{most['norm']:.4g}", f"{most['at']:g}"]
                    rows.append([run.label or "-", label, str(row["trials"]), name, *cells])
        columns = ["run", "condition", "trials", "record", "largest mean (norm over units)", "at (ms)"]
        return [TextTable("Means over trials", columns, rows)] if rows else []


def _nodes(circuit: Circuit) -> dict[str, Node]:
    """All that may be given values, by name."""
    return {**circuit.graph.nodes, **circuit.graph.outputs}


def _array(job: Job, what: str, name: str, values: AbstractValues, samples: int) -> Any:
    """Values for an input or vertex. Raises UnknownNameError."""
    nodes = _nodes(job.circuit)
    if name not in nodes:
        raise unknown_name(f"name in [{what}]", name, nodes)
    return values.array(nodes[name].shape, samples, job.generator, job.folder)


def _alone(array: Any, shape: tuple[int, ...]) -> Any:
    """What was drawn for one sample, without the axis of samples."""
    return array[0] if isinstance(array, np.ndarray) and array.shape == (1, *shape) else array


def condition_numbers(means: xarray.Dataset, by: str) -> dict[str, Any]:
    """By condition how many trials it has, and by record when the mean over them is largest, as a norm over units."""
    numbers = {}
    for row, label in enumerate(means[by].values.tolist()):
        largest = {}
        for name, array in means.data_vars.items():
            if not str(name).endswith(".sem"):
                time = array.dims[1]
                sizes = norm(array.values[row].reshape(array.sizes[time], -1), axis=1)
                if np.isfinite(sizes).any():
                    at = int(np.nanargmax(sizes))
                    largest[str(name)] = {"norm": float(sizes[at]), "at": float(means[time].values[at])}
        numbers[str(label)] = {"trials": int(means["trials"].values[row]), "largest": largest}
    return numbers
