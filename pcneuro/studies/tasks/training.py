"""The task ``training``: a circuit learns by its own gradients and, from the same start, by backprop's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from pcneuro.analysis.relaxation import ErrorRelaxation, error_records
from pcneuro.circuit.circuit import Circuit
from pcneuro.data import DATASETS, AbstractDataset, LoadedDataset, Passages
from pcneuro.errors import ParameterError
from pcneuro.learning import (
    OPTIMIZERS,
    RATES,
    AbstractOptimizer,
    AbstractRate,
    Backprop,
    ConstantRate,
    Examples,
    PredictiveCoding,
    Progress,
    Trainer,
    batches,
)
from pcneuro.learning.examples import Arrays
from pcneuro.model.energies import SoftmaxCrossEntropy
from pcneuro.norms import norm
from pcneuro.simulator.result import Status, compare
from pcneuro.simulator.simulator import Simulator
from pcneuro.studies.curves import BP, DISTANCE, GRADIENTS, PC, SCALARS, LearningCurves
from pcneuro.studies.datasets import examples, placed
from pcneuro.studies.sampling import sample_text
from pcneuro.studies.tables import kind_table
from pcneuro.studies.task import AbstractTask, FinishedRun, Job, Outcome, TextTable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_POPULATIONS = 16
"""Of larger circuits the relaxation of the errors is not recorded."""


class TrainingTask(AbstractTask):
    """Learns from examples by mini-batches, each of which relaxes for ``duration`` ms."""

    kind = "training"
    main = ("difference.test_accuracy.*", "difference.test_loss.*")

    duration: float = Field(gt=0, allow_inf_nan=False, description="the time for which each batch relaxes, in ms")
    epochs: int = Field(10, ge=0)
    """Passes through the examples."""
    batch_size: int = Field(32, ge=1)
    """Samples of a batch."""
    seeds: int = Field(1, ge=1)
    """How many trainings, each from a seed one higher."""
    data: str | None = None
    """Folder of the data sets."""
    samples: int | None = Field(None, ge=1)
    """Samples to learn from; all, where it is missing."""
    test_samples: int | None = Field(None, ge=1)
    """Samples to test with; all, where it is missing."""
    dataset: Annotated[AbstractDataset, kind_table(lambda: DATASETS)] = Field(description="a table with a kind")
    output: str | None = None
    """Output that is learned and scored; needed where there are several."""
    optimizer: Annotated[AbstractOptimizer, kind_table(lambda: OPTIMIZERS, "SGD")] = Field(
        description="a table such as {rate = 0.1}"
    )
    rates: Annotated[AbstractRate, kind_table(lambda: RATES, "ConstantRate")] = ConstantRate()
    """How the learning rate changes with epochs; a table with a kind."""
    sample_length: int = Field(0, ge=0)
    """Characters that a language model writes in the end."""
    temperature: float = Field(1.0, gt=0)
    """Of these characters, how random they are."""

    def check(self, circuit: Circuit) -> None:
        super().check(circuit)
        self.dataset_in(Path.cwd())

    def dataset_in(self, folder: Path) -> AbstractDataset[Any]:
        """The data set with its files where ``data`` says, seen from ``folder`` or from the working folder."""
        return placed(self.dataset, self.data, (folder, Path.cwd()))

    def perform(self, job: Job) -> Outcome:
        loaded = self.dataset_in(job.folder).load()
        learn, test = examples(loaded, job.circuit, self.samples, self.test_samples, self.output)
        if self.batch_size > len(learn):
            raise ParameterError(f"batch_size = {self.batch_size} is more than the {len(learn)} samples to learn from")
        for note in loaded.notes:
            job.observer.say(f"{loaded.name}: {note}")
        first = learn.take(next(batches(len(learn), self.batch_size, 1, self.seed)))
        relaxation = self._relaxation(job.circuit, first)
        curves = self._curves(job, loaded, learn, test)
        records = curves.dataset()
        numbers = {
            "samples": {"train": len(learn), "test": len(test)},
            "chance": self._chance(job.circuit, learn),
            "notes": loaded.notes,
            **curves.numbers(),
        }
        if relaxation is not None:
            records = relaxation.dataset().merge(records, combine_attrs="drop_conflicts")
            numbers["relaxation"] = relaxation.numbers()
        texts = self._written(job.circuit, curves, loaded)
        if texts:
            numbers["sampled"] = texts
        files = {f"sampled {name}.txt".replace(" ", "_"): text for name, text in texts.items()}
        files["learning.csv"] = curves.csv()
        tables = [*curves.tables(numbers["chance"]), *(_text_table(name, text) for name, text in texts.items())]
        status, message = curves.status, curves.message
        if status is Status.INTERRUPTED:
            message += "; --resume goes on from the last epoch"
        return Outcome(numbers, records, status, message, job.circuit, files, tables)

    def _relaxation(self, circuit: Circuit, first: Examples) -> ErrorRelaxation | None:
        """How the errors relax on the first batch, before anything is learned."""
        if len(circuit.vertices) > MOST_POPULATIONS or not self.schedule.divisible:
            return None
        simulator = self.simulator(circuit)
        records = error_records(simulator, None, "error")
        result = simulator.run(self.duration, inputs=first.inputs, targets=first.targets, record=records)
        held = [circuit.graph.outputs[name].name for name in first.targets]
        return ErrorRelaxation.of(simulator, result, first.inputs, held)

    def _judged(self, learn: Examples) -> str:
        """The output that is scored."""
        return next(iter(learn.targets)) if self.output is None else self.output

    def _chance(self, circuit: Circuit, learn: Examples) -> dict[str, float]:
        """What a guess reaches that knows the number of classes only, and one that knows the most frequent one.

        Empty where there are no classes.
        """
        name = self._judged(learn)
        node = circuit.graph.outputs[name]
        classes = node.shape[-1] if node.shape else 0
        if classes < 2 or not isinstance(circuit.energies[node.name], SoftmaxCrossEntropy):
            return {}
        most = float(learn.targets[name].reshape(-1, classes).mean(axis=0).max())
        return {"accuracy": 1 / classes, "majority": most, "loss": node.size / classes * float(np.log(classes))}

    def _curves(self, job: Job, loaded: LoadedDataset[Any], learn: Examples, test: Examples) -> LearningCurves:
        """Both ways to learn, for each seed in turn, epoch by epoch, so that an interrupted run has both."""
        node = job.circuit.graph.outputs[self._judged(learn)]
        curves = LearningCurves(rows=max(1, node.size // node.shape[-1]) if node.shape else 1, truth=loaded.truth)
        for k in range(self.seeds):
            circuit = job.circuit if k == 0 else job.drawn(k)
            simulator = self.simulator(circuit)
            trainers = self._trainers(job, k, circuit, simulator, learn, test)
            for number in range(self.epochs + 1):
                for turn, (name, trainer) in enumerate(trainers.items()):
                    share = (k * self.epochs + max(number - 1, 0) + turn / 2) / (self.seeds * max(self.epochs, 1))
                    if trainer.epoch < number and trainer.status is Status.COMPLETED:
                        trainer.advance(self._progress_shown(job, f"seed {self.seed + k}, {name}", share))
                if job.observer.stopped or any(t.status is not Status.COMPLETED for t in trainers.values()):
                    break
            curves.seeds.append(self.seed + k)
            for name, trainer in trainers.items():
                if job.observer.stopped and trainer.epoch < self.epochs and trainer.status is Status.COMPLETED:
                    trainer.status, trainer.message = Status.INTERRUPTED, f"interrupted after {trainer.epoch} epochs"
                curves.trainings[name].append(trainer.result())
            if curves.status is Status.INTERRUPTED or (job.observer.stopped and k + 1 < self.seeds):
                break
        return curves

    def _progress_shown(self, job: Job, what: str, share: float) -> Callable[[Progress], bool]:
        def show_progress(progress: Progress) -> bool:
            done = share + progress.share / (2 * self.seeds * self.epochs)
            job.observer.progress(done, f"{progress}, {what}")
            return not job.observer.stopped

        return show_progress

    def _trainers(
        self, job: Job, k: int, circuit: Circuit, simulator: Simulator, learn: Examples, test: Examples
    ) -> dict[str, Trainer]:
        sources = {PC: PredictiveCoding(simulator, self.duration), BP: Backprop(circuit)}
        probe = learn.take(next(batches(len(learn), self.batch_size, 1, self.seed)))

        def scalars(parameters: Arrays) -> dict[str, Any]:
            return {SCALARS: {name: float(np.ravel(a)[0]) for name, a in parameters.items() if a.size == 1}}

        def agreement(parameters: Arrays) -> dict[str, Any]:
            gradients, exact = (source.gradients(parameters, probe) for source in sources.values())
            with np.errstate(all="ignore"):
                compared = compare(gradients, exact)
                parts = [norm(gradients.gradients[n] - g) for n, g in exact.gradients.items()]
            distance = float(norm(np.array(parts))) / len(probe)
            return {GRADIENTS: compared.as_dict(), DISTANCE: distance, **scalars(parameters)}

        return {
            name: Trainer(
                source,
                self.optimizer,
                learn,
                test,
                batch=self.batch_size,
                seed=self.seed + k,
                rates=self.rates,
                checkpoint=job.checkpoint(f"seed{self.seed + k}-{name.replace(' ', '-')}"),
                resume=job.resume,
                output=self.output,
                measure=agreement if name == PC else scalars,
            )
            for name, source in sources.items()
        }

    def _written(self, circuit: Circuit, curves: LearningCurves, loaded: LoadedDataset[Any]) -> dict[str, str]:
        """Text that the first seed's circuits write."""
        if not self.sample_length:
            return {}
        if not isinstance(loaded.test, Passages):
            raise ParameterError(f"sample_length: the data set {loaded.name!r} is no text; leave the key out")
        return {
            name: sample_text(
                circuit,
                trainings[0].parameters,
                loaded.test,
                self.sample_length,
                self.temperature,
                np.random.default_rng(self.seed),
            )
            for name, trainings in curves.trainings.items()
        }

    @classmethod
    def figures(cls, runs: Sequence[FinishedRun]) -> dict[str, Figure]:
        from pcneuro.studies.figures.circuit import readable_circuit
        from pcneuro.studies.figures.learning import learning_figure, values_figure
        from pcneuro.studies.figures.relaxation import errors_figure

        panels = [(run.label, run.outcome.records) for run in runs]
        figures = {"learning": learning_figure(panels), **readable_circuit(runs[0].outcome.circuit)}
        if all("error_norm" in records for _, records in panels):
            figures["relaxation"] = errors_figure(panels)
        if all("value" in records for _, records in panels):
            figures["parameters"] = values_figure(panels)
        return figures

    @classmethod
    def tables(cls, runs: Sequence[FinishedRun]) -> list[TextTable]:
        return [
            TextTable(f"{table.title}{f' ({run.label})' if run.label else ''}", table.columns, table.rows)
            for run in runs
            for table in run.outcome.tables
        ]


def _text_table(name: str, text: str) -> TextTable:
    return TextTable(f"Text written by the first seed's circuit, {name}", [""], [[line] for line in text.splitlines()])
