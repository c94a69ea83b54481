"""The task ``spiking``: a circuit whose errors are spikes, in Brian2, beside the circuit of graded neurons.

How far decoded errors and gradients are off, by the number of neurons an error has and by the time simulated; and how
the circuit learns with them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from pcneuro.data import DATASETS, AbstractDataset
from pcneuro.export import brian2
from pcneuro.export.spiking import Spiking
from pcneuro.export.targets import Exported
from pcneuro.files.toml import Problem, Table
from pcneuro.learning import OPTIMIZERS, AbstractOptimizer, Examples, PredictiveCoding, Trainer, Training
from pcneuro.simulator.result import Result, Status, agreement, compare
from pcneuro.studies.datasets import examples
from pcneuro.studies.observer import Silent
from pcneuro.studies.records import decoded_records, spike_records
from pcneuro.studies.tables import kind_table
from pcneuro.studies.task import DrivenTask, FinishedRun, Job, Outcome, TextTable

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

SETTLE = 250.0
"""ms that are left out before the window of a simulated time begins."""
SOURCES = ("spikes", "rates")
MEASURING = 0.3
"""Share of a run that measuring takes, roughly, where the circuit learns, too."""
RunArrays = dict[str, dict[str, np.ndarray]]


class Learning(Table):
    """How long and how the circuit learns, with ``units`` neurons an error and ``duration`` ms a batch."""

    epochs: int = Field(1, ge=1)
    """Passes through the examples."""
    batch_size: int = Field(32, ge=1)
    """Samples of a batch."""
    samples: int | None = Field(None, ge=1)
    """Samples to learn from; all, where it is missing."""
    units: int = Field(20, ge=1)
    """ON and OFF neurons that an error has."""
    duration: float = Field(200.0, gt=0)
    """Time for which each batch relaxes, in ms."""
    window: float = Field(100.0, gt=0)
    """Time at the end over which rates are read, in ms."""
    optimizer: Annotated[AbstractOptimizer, kind_table(lambda: OPTIMIZERS, "SGD")]
    """What is done with gradients; a table with a kind."""


class SpikingTask(DrivenTask):
    """Runs for each number of ``units`` and each of ``durations`` (ms), and learns where there is a table for it."""

    kind = "spiking"

    units: list[Annotated[int, Field(ge=1)]] = Field(min_length=1)
    """ON and OFF neurons that an error has."""
    durations: list[Annotated[float, Field(gt=SETTLE, allow_inf_nan=False)]] = Field(default_factory=list)
    """Durations of the runs, in ms."""
    spiking: Annotated[Spiking, kind_table(lambda: {Spiking.__name__: Spiking}, Spiking.__name__)] = Spiking()
    """How rates are sent and read."""
    target: Literal["numpy", "cython", "cpp_standalone"] = "numpy"
    """How Brian2 runs its code."""
    dataset: Annotated[AbstractDataset | None, kind_table(lambda: DATASETS)] = None
    """Data set that samples are taken from; a table with a kind."""
    learning: Annotated[Learning | None, kind_table(lambda: {Learning.__name__: Learning}, Learning.__name__)] = None
    """Learning with spiking neurons; a table."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.duration is None:
            raise Problem(("until",), "does not go with spikes: give a duration")
        if self.dataset is not None and (self.inputs or self.targets):
            raise Problem(("dataset",), "stands beside inputs or targets: give one of the two")
        if self.learning is not None and self.dataset is None:
            raise Problem(("learning",), "needs a dataset")
        return self

    def _examples(self, job: Job) -> tuple[Examples, Examples] | None:
        if self.dataset is None:
            return None
        most = None if self.learning is None else self.learning.samples
        return examples(self.dataset.load(), job.circuit, most, None)

    def perform(self, job: Job) -> Outcome:
        sets = self._examples(job)
        data = self.data(job)
        if sets is not None:
            first = sets[0].take(np.arange(self.samples))
            data = {"inputs": dict(first.inputs), "targets": dict(first.targets), "clamp": data["clamp"]}
        # It takes next to no time, and none of the progress.
        graded = self.simulate(replace(job, observer=Silent()), self.simulator(job.circuit), data, [])
        measured, shown = self._measured(job, data, graded)
        numbers: dict[str, Any] = {key: rows for key, rows in measured.items() if rows}
        status, message = graded.status, graded.message
        trainings: dict[str, Training] = {}
        if sets is not None and self.learning is not None and not job.observer.stopped:
            trainings = self._learn(job, *sets, self.learning)
            numbers["learning"] = {name: training.columns for name, training in trainings.items()}
        if job.observer.stopped:
            status, message = Status.INTERRUPTED, "interrupted: not everything was measured"
        return Outcome(numbers, _records(measured, graded, shown, trainings), status, message, job.circuit)

    # Errors and gradients

    def _measured(
        self, job: Job, data: RunArrays, graded: Result
    ) -> tuple[dict[str, list[dict[str, Any]]], Exported | None]:
        """Rows by number of neurons and by simulated time; and the run with the most neurons."""
        assert self.duration is not None
        rows: dict[str, list[dict[str, Any]]] = {"by_units": [], "by_duration": []}
        shown: Exported | None = None
        most = max(self.units)
        runs = [("by_units", n, self.duration, self.spiking.decoding.window) for n in sorted(self.units)]
        middle = self.spiking.errors.units
        runs += [("by_duration", middle, duration, duration - SETTLE) for duration in sorted(self.durations)]
        for k, (key, units, duration, window) in enumerate(runs):
            share = 1.0 if self.learning is None else MEASURING
            job.observer.progress(share * k / len(runs), f"{units} neurons an error, {duration:g} ms")
            if job.observer.stopped:
                break
            last = key == "by_units" and units == most
            exported = self._spikes(job, data, units, duration, window, last)
            rows[key].append({"units": units, "duration": duration, "window": window, **_differences(exported, graded)})
            shown = exported if last else shown
        return rows, shown

    def _spikes(self, job: Job, data: RunArrays, units: int, duration: float, window: float, kept: bool) -> Exported:
        hidden = [name for name in job.circuit.vertices if name not in job.circuit.energies]
        network = brian2.spiking(
            job.circuit,
            **data,  # type: ignore[arg-type]
            dynamics=self.dynamics,
            integrator=self.integrator,
            spiking=self._spiking(units, window),
            spikes=hidden[:1] if kept else (),
            target=self.target,
        )
        return network.run(duration)

    def _spiking(self, units: int, window: float) -> Spiking:
        errors, decoding = self.spiking.errors, self.spiking.decoding
        return replace(self.spiking, errors=replace(errors, units=units), decoding=replace(decoding, window=window))

    # Learning

    def _learn(self, job: Job, learn: Examples, test: Examples, learning: Learning) -> dict[str, Training]:
        """One training with decoded gradients, one with those of graded neurons, on the same batches."""
        from pcneuro.learning.spiking import SpikingGradients

        sources = {
            SOURCES[0]: SpikingGradients(
                job.circuit,
                learning.duration,
                dynamics=self.dynamics,
                integrator=self.integrator,
                spiking=self._spiking(learning.units, learning.window),
                target=self.target,
            ),
            SOURCES[1]: PredictiveCoding(self.simulator(job.circuit), learning.duration),
        }
        trainings: dict[str, Training] = {}
        for turn, (name, source) in enumerate(sources.items()):
            trainer = Trainer(
                source,
                learning.optimizer,
                learn,
                test,
                batch=learning.batch_size,
                seed=self.seed,
                checkpoint=job.checkpoint(name),
                resume=job.resume,
            )
            while trainer.epoch < learning.epochs and not job.observer.stopped:
                # Nearly all of it is spent on spikes.
                done = MEASURING + (1 - MEASURING) * (trainer.epoch / learning.epochs if turn == 0 else 1.0)
                share = (1 - MEASURING) / learning.epochs if turn == 0 else 0.0
                trainer.advance(_progress_shown(job, name, done, share))
            trainings[name] = trainer.result()
        return trainings

    # What is shown

    @classmethod
    def figures(cls, runs: Sequence[FinishedRun]) -> dict[str, Figure]:
        from pcneuro.studies.figures.spikes import accuracy_figure, decoded_figure, has_spikes, raster_figure

        figures = {"spiking": accuracy_figure([(run.label, run.outcome.records) for run in runs])}
        shown = runs[0].outcome.records
        if has_spikes(shown):
            figures["errors"] = decoded_figure(shown)
            figures["raster"] = raster_figure(shown)
        return figures

    @classmethod
    def tables(cls, runs: Sequence[FinishedRun]) -> list[TextTable]:
        tables: list[TextTable] = []
        for run in runs:
            label = f" ({run.label})" if run.label else ""
            for key, title in (("by_units", "Neurons an error"), ("by_duration", "Simulated time")):
                rows = run.outcome.numbers.get(key, [])
                if rows:
                    tables.append(_table(f"{title}{label}", rows))
            learned = run.outcome.numbers.get("learning", {})
            lines = [
                [name, str(c["epoch"][-1]), *_score(c["test_loss"][-1], c["test_accuracy"][-1], sum(c["seconds"]))]
                for name, c in learned.items()
                if c["epoch"]
            ]
            if lines:
                columns = ["gradients from", "epochs", "test loss", "test accuracy (%)", "seconds"]
                tables.append(TextTable(f"Learning{label}", columns, lines))
        return tables


def _score(loss: float, accuracy: float, seconds: float) -> list[str]:
    return [f"{loss:.4f}", f"{100 * accuracy:.2f}", f"{seconds:.1f}"]


def _progress_shown(job: Job, name: str, done: float, share: float) -> Callable[[Any], bool]:
    def show_progress(progress: Any) -> bool:
        job.observer.progress(done + share * progress.share, f"{progress}, {name}")
        return not job.observer.stopped

    return show_progress


def _differences(decoded: Exported, graded: Result) -> dict[str, Any]:
    """How far decoded errors and gradients are from those of graded neurons."""
    with np.errstate(all="ignore"):
        gradients = compare(decoded, graded)
        errors = {
            name: agreement(name, decoded.errors[name], error).relative_error for name, error in graded.errors.items()
        }
        # A gradient that is zero has no direction.
        cosines = [row.cosine for row in gradients.rows if graded.gradients[row.parameter].any()]
    return {
        "errors": errors,
        "gradients": gradients.as_dict(),
        "worst_error": float(np.max(list(errors.values()), initial=0.0)),
        "worst_gradient": gradients.worst,
        "least_cosine": float(np.min(cosines)) if cosines else float("nan"),
    }


def _table(title: str, rows: Sequence[dict[str, Any]]) -> TextTable:
    columns = ["neurons", "time (ms)", "window (ms)", "worst error (%)", "worst gradient (%)", "least cosine"]
    lines = [
        [
            str(row["units"]),
            f"{row['duration']:g}",
            f"{row['window']:g}",
            f"{100 * row['worst_error']:.3f}",
            f"{100 * row['worst_gradient']:.3f}",
            f"{row['least_cosine']:.7f}",
        ]
        for row in rows
    ]
    return TextTable(title, columns, lines)


def _records(
    measured: dict[str, list[dict[str, Any]]], graded: Result, shown: Exported | None, trainings: dict[str, Training]
) -> xarray.Dataset:
    """What was measured with its dimensions, decoded and graded errors, spikes, and learning by epoch."""
    import xarray

    records = xarray.Dataset()
    for key, rows in measured.items():
        if rows:
            axis = key.removeprefix("by_")
            records = records.assign_coords({axis: [row[axis] for row in rows], "vertex": list(rows[0]["errors"])})
            errors = [[row["errors"][name] for name in rows[0]["errors"]] for row in rows]
            records[f"error_{key}"] = ((axis, "vertex"), errors)
            records[f"window_{key}"] = (axis, [row["window"] for row in rows], {"units": "ms"})
            for name in ("worst_gradient", "least_cosine"):
                records[f"{name}_{key}"] = (axis, [row[name] for row in rows])
    if shown is not None:
        records = records.merge(spike_records(shown)).merge(decoded_records(shown, graded))
    for name, training in trainings.items():
        learned = training.dataset().drop_attrs()
        # One that was interrupted has fewer epochs.
        records = records.merge(learned.rename({key: f"{name}_{key}" for key in learned.data_vars}), join="outer")
    return records
