"""The task ``training``: a circuit learns by its own gradients and, from the same start, by backprop's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from pcneuro.circuit import Circuit
from pcneuro.learning import (
    OPTIMIZERS,
    AbstractOptimizer,
    Backprop,
    Epoch,
    Examples,
    PredictiveCoding,
    batches,
    train,
)
from pcneuro.result import Comparison, Status, compare
from pcneuro.simulate import Simulator
from pcneuro.simulation.datasets import DATASETS, AbstractDataset
from pcneuro.simulation.relaxation import Relaxation, error_records
from pcneuro.simulation.tables import kind_table
from pcneuro.simulation.task import AbstractTask, Finished, Job, Outcome, Text

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

PC, BP = "predictive coding", "backprop"


@dataclass
class _Curves:
    """What was seen so far: epochs by source, and the gradients' agreement after each epoch."""

    epochs: dict[str, list[Epoch]] = field(default_factory=lambda: {PC: [], BP: []})
    agreement: list[Comparison] = field(default_factory=list)
    status: Status = Status.COMPLETED
    message: str = ""


class TrainingTask(AbstractTask):
    """Learns from labelled data by mini-batches, each of which relaxes for ``duration`` ms."""

    kind = "training"

    duration: float = Field(gt=0, allow_inf_nan=False, description="the time for which each batch relaxes, in ms")
    epochs: int = Field(10, ge=0)
    batch: int = Field(32, ge=1)
    data: Annotated[AbstractDataset, kind_table(lambda: DATASETS)] = Field(description="a table with a kind")
    optimizer: Annotated[AbstractOptimizer, kind_table(lambda: OPTIMIZERS, "SGD")] = Field(
        description="a table such as {rate = 0.1}"
    )

    def check(self, circuit: Circuit) -> None:
        super().check(circuit)
        self.data.split(circuit)

    def perform(self, job: Job) -> Outcome:
        simulator = self.simulator(job.circuit)
        learn, test = self.data.split(job.circuit)
        first = learn.take(next(batches(len(learn), min(self.batch, len(learn)), 1, self.seed)))
        relaxation = self._relaxation(simulator, first)
        curves = self._curves(job, simulator, learn, test, first)
        records = relaxation.dataset().merge(_dataset(curves), combine_attrs="drop_conflicts")
        numbers = {
            "samples": {"train": len(learn), "test": len(test)},
            "learning": {name: _columns(epochs) for name, epochs in curves.epochs.items()},
            "gradients_against_backprop": [c.as_dict() for c in curves.agreement],
            "largest_accuracy_difference": _difference(curves),
            "relaxation": relaxation.numbers(),
        }
        return Outcome(numbers, records, curves.status, curves.message, job.circuit)

    def _relaxation(self, simulator: Simulator, first: Examples) -> Relaxation:
        """How the errors relax on the first batch, before anything is learned."""
        result = simulator.run(
            self.duration,
            inputs=first.inputs,
            targets=first.targets,
            record=error_records(simulator, None, "error"),
        )
        held = [simulator.circuit.graph.outputs[name].name for name in first.targets]
        return Relaxation.of(simulator, result, first.inputs, held)

    def _curves(self, job: Job, simulator: Simulator, learn: Examples, test: Examples, first: Examples) -> _Curves:
        """Both ways to learn, epoch by epoch in turn, so that an interrupted run has both."""
        sources = {PC: PredictiveCoding(simulator, self.duration), BP: Backprop(job.circuit)}
        curves = _Curves()

        def each_batch(share: float) -> bool:
            if self.epochs:
                job.observer.progress((len(curves.epochs[PC]) - 1 + share) / self.epochs)
            return not job.observer.stopped

        trainings = {
            name: train(
                source,
                self.optimizer,
                learn,
                test,
                epochs=self.epochs,
                batch=self.batch,
                seed=self.seed,
                each_batch=each_batch if name == PC else None,
            )
            for name, source in sources.items()
        }
        for epochs in zip(*trainings.values(), strict=False):
            for name, epoch in zip(trainings, epochs, strict=True):
                curves.epochs[name].append(epoch)
            ended = next((e for e in epochs if e.status is not Status.COMPLETED), epochs[0])
            curves.status, curves.message = ended.status, ended.message or f"completed {ended.number} epochs"
            if curves.status is not Status.COMPLETED:
                break
            own, exact = (source.gradients(epochs[0].parameters, first) for source in sources.values())
            curves.agreement.append(compare(own, exact))
            if job.observer.stopped and ended.number < self.epochs:
                curves.status, curves.message = Status.INTERRUPTED, f"interrupted after {ended.number} epochs"
                break
        return curves

    @classmethod
    def figures(cls, runs: Sequence[Finished]) -> dict[str, Figure]:
        from pcneuro.simulation.figures import circuit_figure, errors_figure, learning_figure

        return {
            "relaxation": errors_figure([(run.label, run.outcome.records) for run in runs]),
            "learning": learning_figure([(run.label, run.outcome.records) for run in runs]),
            "circuit": circuit_figure(runs[0].outcome.circuit),
        }

    @classmethod
    def tables(cls, runs: Sequence[Finished]) -> list[Text]:
        found = []
        for run in runs:
            behind = f" ({run.label})" if run.label else ""
            found += [_agreement_table(run.outcome.numbers, behind), _accuracy_table(run.outcome.numbers, behind)]
        return [table for table in found if table.rows]


def _columns(epochs: Sequence[Epoch]) -> dict[str, list[float]]:
    return {
        "epoch": [epoch.number for epoch in epochs],
        "train_loss": [epoch.train.loss for epoch in epochs],
        "train_accuracy": [epoch.train.accuracy for epoch in epochs],
        "test_loss": [epoch.test.loss for epoch in epochs],
        "test_accuracy": [epoch.test.accuracy for epoch in epochs],
        "seconds": [epoch.seconds for epoch in epochs],
    }


def _difference(curves: _Curves) -> float:
    pairs = zip(curves.epochs[PC], curves.epochs[BP], strict=False)
    return max(abs(a.test.accuracy - b.test.accuracy) for a, b in pairs)


def _dataset(curves: _Curves) -> xarray.Dataset:
    import xarray

    found = {name: _columns(epochs) for name, epochs in curves.epochs.items()}
    units = {"train_loss": "1", "train_accuracy": "1", "test_loss": "1", "test_accuracy": "1", "seconds": "s"}
    variables: dict[str, Any] = {
        key: (("source", "epoch"), [columns[key] for columns in found.values()], {"units": unit})
        for key, unit in units.items()
    }
    parameters = [row.parameter for row in curves.agreement[0].rows] if curves.agreement else []
    done = len(curves.epochs[PC])
    for key in ("cosine", "norm_ratio", "relative_error"):
        array = np.full((len(parameters), done), np.nan)
        for k, comparison in enumerate(curves.agreement):
            array[:, k] = [getattr(row, key) for row in comparison.rows]
        variables[key] = (("parameter", "epoch"), array, {"long_name": f"{key} of the gradient against backprop's"})
    coordinates = {
        "source": ("source", np.array(list(found), dtype=str)),
        "epoch": ("epoch", np.arange(done)),
        "parameter": ("parameter", np.array(parameters, dtype=str)),
    }
    return xarray.Dataset(variables, coordinates)


def _agreement_table(numbers: Mapping[str, Any], behind: str) -> Text:
    compared = numbers["gradients_against_backprop"]
    rows = []
    if compared:
        for name, last in compared[-1].items():
            start = compared[0][name]
            values = [start["cosine"], start["norm_ratio"], last["cosine"], last["norm_ratio"]]
            rows.append([name, *(f"{value:.9f}" for value in values)])
    columns = ["parameter", "cosine, at the start", "norm ratio", f"cosine, epoch {len(compared) - 1}", "norm ratio"]
    return Text(f"Gradients of the circuit against backprop, on one batch{behind}", columns, rows)


def _loss(value: float) -> str:
    return f"{value:.6f}" if value < 1e4 else f"{value:.3e}"


def _accuracy_table(numbers: Mapping[str, Any], behind: str) -> Text:
    rows = []
    both = numbers["learning"][PC], numbers["learning"][BP]
    for k, epoch in enumerate(both[0]["epoch"]):
        accuracies = [f"{100 * columns['test_accuracy'][k]:.2f} %" for columns in both]
        rows.append([str(epoch), *accuracies, *(_loss(columns["train_loss"][k]) for columns in both)])
    columns = ["epoch", "test accuracy, circuit", "backprop", "training loss, circuit", "backprop"]
    return Text(f"Learning{behind}", columns, rows)
