"""The trainer: passes through examples, each from a checkpoint to the next."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pcneuro.circuit.saving import fingerprint
from pcneuro.errors import CircuitFileError, OutputError, ParameterError, reporting_divergence, told, warn_of_divergence
from pcneuro.files import place
from pcneuro.graph.graph import check_finite, real_array
from pcneuro.learning.checkpoint import Checkpoint
from pcneuro.learning.epochs import Epoch
from pcneuro.learning.examples import Arrays, Examples, Score, batches, judged_output
from pcneuro.learning.optimizers import AbstractOptimizer
from pcneuro.learning.pieces import AbstractDivision
from pcneuro.learning.rates import AbstractRate, ConstantRate
from pcneuro.learning.sources import AbstractSource, ScoringStopped
from pcneuro.learning.training import Training
from pcneuro.quantities import flag, seconds, whole
from pcneuro.simulator.progress import Bar, interruptible
from pcneuro.simulator.result import Status


@dataclass(frozen=True)
class Progress:
    """How far an epoch is: the share of its batches, their mean loss a sample, the last test accuracy, the rate."""

    epoch: int
    share: float
    loss: float
    accuracy: float
    rate: float

    def __str__(self) -> str:
        accuracy = "" if np.isnan(self.accuracy) else f", accuracy {100 * self.accuracy:.1f} %"
        return f"epoch {self.epoch}: loss {self.loss:.4g}{accuracy}, rate {self.rate:.3g}"


class Trainer:
    """Learns by mini-batches, and keeps a checkpoint after each pass through the examples.

    Parameters
    ----------
    source
        ``PredictiveCoding(simulator, duration)`` or ``Backprop(circuit)``. The seed alone decides on their batches.
    optimizer
        ``SGD(rate, momentum, weight_decay, clip)`` or ``Adam(rate, ...)``; it gets gradients averaged over the batch.
    train, test
        ``Examples`` to learn from, and those that are only predicted. The losses of all outputs that they have targets
        of add up. A circuit with latents is scored once they are inferred, where the source does that.
    batch, seed
        Samples a mini-batch (the last one of an epoch may have fewer), seed of their order.
    rates
        How the learning rate changes: ``StepDecay``, ``ExponentialDecay``, ``CosineDecay``; constant by default.
    parameters
        Where to start, by default at the circuit's own.
    checkpoint
        File that is written after each epoch, whole or not at all; None for none. With ``resume`` learning goes on
        from it, to end bit for bit as if it had not been interrupted; where there is none yet, it begins.
    output
        Output whose accuracy is scored: by default the only one that has a target, and none of several.
    measure
        Called after each epoch with the parameters; the plain numbers and lists that it returns are kept.
    gradients
        ``pcn.Distributed(client)``, to have the samples of each batch divided over the workers of a Dask cluster.

    Raises
    ------
    ParameterError
        For settings out of range.
    UnknownNameError
        For an ``output`` that has no target.
    OutputError
        Where the checkpoint exists, without ``resume``.
    CircuitFileError
        For a checkpoint that is damaged, or of another circuit, data, version or setting: which.

    Examples
    --------
    >>> examples = pcn.Examples({"x": np.eye(3)}, {"out": np.ones((3, 2))})
    >>> trainer = pcn.Trainer(pcn.Backprop(circuit), pcn.SGD(0.1), examples, examples, batch=3)
    >>> training = trainer.run(2)
    >>> len(training.epochs)  # the start, and two passes
    3
    """

    def __init__(
        self,
        source: AbstractSource,
        optimizer: AbstractOptimizer,
        train: Examples,
        test: Examples,
        *,
        batch: int = 64,
        seed: int = 0,
        rates: AbstractRate | None = None,
        parameters: Arrays | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        resume: bool = False,
        output: str | None = None,
        measure: Callable[[Arrays], Mapping[str, Any]] | None = None,
        gradients: AbstractDivision | None = None,
    ) -> None:
        self.source, self.optimizer, self.rates = source, optimizer, ConstantRate() if rates is None else rates
        for what, got, wanted in (
            ("source", source, AbstractSource),
            ("optimizer", optimizer, AbstractOptimizer),
            ("rates", self.rates, AbstractRate),
            ("train", train, Examples),
            ("test", test, Examples),
        ):
            if not isinstance(got, wanted):
                name = wanted.__name__.removeprefix("Abstract").lower()
                raise ParameterError(f"{what} is {told(got)}; needed is an object of pcneuro.learning: {name}")
        if gradients is not None:
            if not isinstance(gradients, AbstractDivision):
                raise ParameterError(f"gradients is {told(gradients)}; give pcn.Distributed(client), or None")
            self.source = gradients.of(source)
        batch, seed = whole("batch", batch, 1, len(train)), whole("seed", seed)
        if measure is not None and not callable(measure):
            raise ParameterError(f"measure is {told(measure)}; give a function of the parameters, or None")
        self.train, self.test, self.batch, self.seed = train, test, batch, seed
        self.measure = measure
        for part in (train, test):
            self.output = judged_output(part, output)
        resume = flag("resume", resume)
        self.path = None if checkpoint is None else place(checkpoint, overwrite=True)
        self.parameters = self._start({} if parameters is None else parameters)
        self.memory = {name: optimizer.start(value) for name, value in self.parameters.items()}
        self.updates = 0
        self.epochs: list[Epoch] = []
        self.status, self.message = Status.COMPLETED, ""
        self._take_up(resume)

    def _start(self, start: Arrays) -> dict[str, np.ndarray]:
        circuit = self.source.circuit
        arrays = {}
        for name, value in circuit.with_parameters(start).parameters.items():
            array = real_array(f"parameter {name!r}", value).astype(np.float64)
            check_finite(f"parameter {name!r}", array)
            arrays[name] = array
        return arrays

    def _take_up(self, resume: bool) -> None:
        """Go on from the checkpoint, if there is one."""
        if self.path is None or not self.path.exists():
            self.settings = self._settings() if self.path is not None else {}
            return
        if not resume:
            raise OutputError(f"{self.path} exists already: go on from it with resume=True, or choose another name")
        self.settings = self._settings()
        checkpoint = Checkpoint.read(self.path)
        checkpoint.check(self.settings, self.path)
        self._check_fits(checkpoint, self.path)
        self.parameters, self.memory, self.updates = checkpoint.parameters, checkpoint.memory, checkpoint.updates
        self.epochs = list(checkpoint.epochs)

    def _check_fits(self, checkpoint: Checkpoint, path: Path) -> None:
        """Raise CircuitFileError unless it has what a checkpoint of this trainer has."""
        if {n: a.shape for n, a in checkpoint.parameters.items()} != {n: a.shape for n, a in self.parameters.items()}:
            raise CircuitFileError(f"{path} has other parameters than the circuit: it is of another circuit")
        for name, memory in checkpoint.memory.items():
            if len(memory) != len(self.memory[name]):
                raise CircuitFileError(
                    f"{path} remembers {len(memory)} array(s) of {name!r}, and {self.optimizer!r} "
                    f"{len(self.memory[name])}: it is damaged; start anew with another file"
                )
        updates = (len(checkpoint.epochs) - 1) * -(-len(self.train) // self.batch)
        if checkpoint.updates != updates:
            raise CircuitFileError(
                f"{path} tells of {checkpoint.updates} updates in {len(checkpoint.epochs) - 1} epoch(s), which make "
                f"{updates}: it is damaged; start anew with another file"
            )

    def _settings(self) -> dict[str, Any]:
        start = hashlib.blake2b(digest_size=16)
        for name, value in sorted(self.parameters.items()):
            start.update(name.encode() + np.ascontiguousarray(value).tobytes())
        return {
            "circuit": fingerprint(self.source.circuit),
            "start": start.hexdigest(),
            "examples": f"{self.train.digest()} {self.test.digest()}",
            "source": self.source.settings(),
            "optimizer": repr(self.optimizer),
            "rates": repr(self.rates),
            "batch": self.batch,
            "seed": self.seed,
            "output": self.output,
        }

    @property
    def epoch(self) -> int:
        """Passes through the examples that are done; -1 where not even the start was scored."""
        return len(self.epochs) - 1

    def run(self, epochs: int, *, report: str | None = None, report_period: float = 10.0) -> Training:
        """Learn until so many passes through the examples are done, those of a checkpoint included.

        With ``report="text"`` a bar on a terminal, and lines every ``report_period`` seconds elsewhere, tell loss,
        accuracy, rate and time left. Ctrl-C ends it at the last epoch that was completed. Raises ParameterError for a
        negative number, or another report.
        """
        epochs = whole("epochs", epochs)
        if not (report is None or (isinstance(report, str) and report == "text")):
            raise ParameterError(f"report is {told(report)}; choose None or 'text'")
        report_period = seconds("report_period", report_period)
        with Bar("learning", quiet=report is None, period=report_period) as bar, interruptible() as noted:
            while self.epoch < epochs:

                def show(progress: Progress) -> bool:
                    bar.show((progress.epoch - 1 + progress.share) / epochs, str(progress))
                    return not noted

                if self.advance(show) is not Status.COMPLETED:
                    break
        return self.result()

    def result(self) -> Training:
        """What has come of it so far."""
        message = self.message or f"completed {max(self.epoch, 0)} epochs"
        parameters = self.source.circuit.graph.by_leaf(self.parameters)
        return Training(tuple(self.epochs), parameters, self.status, message)

    def advance(self, each_batch: Callable[[Progress], bool] | None = None) -> Status:
        """One epoch; the first call scores the start.

        ``each_batch`` is called after each batch, and learning stops where it returns False. An epoch that is not
        completed is as if it had not begun; ``status`` and ``message`` say why it was not. Where it diverged, a
        PcneuroWarning does, too.
        """
        if each_batch is not None and not callable(each_batch):
            raise ParameterError(f"each_batch is {told(each_batch)}; give a function of the progress, or None")
        before = self.parameters, self.memory, self.updates
        number = self.epoch + 1
        rate = self.optimizer.rate * self.rates.factor(max(number, 1))
        begun = time.perf_counter()
        try:
            self.status, self.message = self._learn(number, rate, each_batch) if number else (Status.COMPLETED, "")
            seconds = time.perf_counter() - begun if number else 0.0
            scores = self._scores() if self.status is Status.COMPLETED else None
        except ScoringStopped as error:
            self.status, self.message, scores = error.status, f"scores: {error}", None
        except BaseException:
            self.parameters, self.memory, self.updates = before
            raise
        if scores is None or self.status is not Status.COMPLETED:
            self.parameters, self.memory, self.updates = before
            self.message = f"epoch {number}: {self.message}"
            if self.status is Status.DIVERGED:
                warn_of_divergence(self.message)
            return self.status
        measured = {} if self.measure is None else self.measure(self.source.circuit.graph.by_leaf(self.parameters))
        self.epochs.append(Epoch(number, *scores, rate, seconds, measured))
        if self.path is not None:
            checkpoint = Checkpoint(self.settings, self.updates, self.epochs, self.parameters, self.memory)
            checkpoint.write(self.path, overwrite=number > 0)
        return self.status

    def _scores(self) -> tuple[Score, Score]:
        some = np.sort(next(batches(len(self.train), min(len(self.test), len(self.train)), 0, self.seed)))
        with np.errstate(all="ignore"):
            parts = (self.train.take(some), self.test)
            first, second = (self.source.score(self.parameters, part, self.output) for part in parts)
        return first, second

    def _learn(self, number: int, rate: float, each_batch: Callable[[Progress], bool] | None) -> tuple[Status, str]:
        """One pass through the batches; how it ended and, where that was early, why."""
        chosen = list(batches(len(self.train), self.batch, number, self.seed))
        accuracy = self.epochs[-1].test.accuracy
        loss = samples = 0.0
        cure = f"; lower the rate of {self.optimizer!r}"
        for k, batch in enumerate(chosen):
            with reporting_divergence():
                # Samples are numbered on from batch to batch, and what is drawn for each differs.
                first = self.updates * self.batch
                gradients = self.source.gradients(self.parameters, self.train.take(batch), first)
            if gradients.status is not Status.COMPLETED:
                return gradients.status, f"{gradients.message}{cure if gradients.status is Status.DIVERGED else ''}"
            loss, samples = loss + gradients.loss, samples + len(batch)
            self._update({name: g / len(batch) for name, g in gradients.gradients.items()}, rate)
            for name, value in self.parameters.items():
                if not np.isfinite(value).all():
                    return Status.DIVERGED, f"diverged: parameter {name!r} is no longer finite{cure}"
            progress = Progress(number, (k + 1) / len(chosen), loss / samples, accuracy, rate)
            if each_batch is not None and not each_batch(progress) and k + 1 < len(chosen):
                return Status.INTERRUPTED, f"interrupted after {k + 1} of {len(chosen)} batches"
        return Status.COMPLETED, ""

    def _update(self, means: Arrays, rate: float) -> None:
        parameters, memory = {}, {}
        self.updates += 1
        with np.errstate(all="ignore"):
            for name, value in self.parameters.items():
                gradient = np.asarray(means[name], dtype=np.float64)
                parameters[name], memory[name] = self.optimizer.update(
                    value, gradient, self.memory[name], rate, self.updates
                )
        self.parameters, self.memory = parameters, memory
