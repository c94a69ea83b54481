"""The task ``experiment``: a function of a Python file simulates, and returns numbers, arrays and figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from pcneuro.analysis.experiment import Experiment
from pcneuro.errors import ConfigurationError, ParameterError, PcneuroError, told
from pcneuro.files.toml import Problem
from pcneuro.simulator.progress import interruptible
from pcneuro.simulator.result import Status
from pcneuro.studies.laboratory import Laboratory
from pcneuro.studies.observer import pass_on
from pcneuro.studies.sources import Sources, one_line
from pcneuro.studies.task import AbstractTask, FinishedRun, Job, Outcome, TextTable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DIGITS = 5


class ExperimentTask(AbstractTask):
    """Calls ``experiment``, a function ``(laboratory, **options)`` that returns an ``Experiment``."""

    kind = "experiment"
    main = ()

    experiment: str = Field(min_length=1, description="'file.py:function'")
    options: dict[str, Any] = Field(default_factory=dict)
    """Further arguments of the experiment's function."""

    @property
    def draws(self) -> bool:
        """Experiments have the generator of their laboratory."""
        return True

    def perform(self, job: Job) -> Outcome:
        def progress(share: float) -> None:
            job.observer.progress(share)
            pass_on(job.observer)

        laboratory = Laboratory(job.circuit, job.generator, self.seed, self.simulator, progress)
        try:
            sources = Sources((job.folder, job.folder.parent, Path.cwd()))
            function = sources.function(self.experiment, self.options, 1)
            # A simulator that is interrupted returns what it has by then, which the function takes for the whole.
            with interruptible() as noted:
                found = function(laboratory, **self.options)
        except Problem as problem:
            raise ConfigurationError(f"experiment: {problem.text}") from problem.__cause__
        except PcneuroError:
            raise
        except (Exception, SystemExit) as error:
            raise ParameterError(f"{self.experiment} raised {one_line(error)}") from error
        if not isinstance(found, Experiment):
            raise ParameterError(f"{self.experiment} returned {told(found)}; needed is a pcn.Experiment")
        status = Status.INTERRUPTED if noted else Status.COMPLETED
        message = f"{status} {self.experiment}"
        return Outcome(found.numbers, found.records, status, message, job.circuit, detail=found)

    @classmethod
    def figures(cls, runs: Sequence[FinishedRun]) -> dict[str, Figure]:
        drawn = {}
        for number, run in enumerate(runs):
            for name, figure in run.outcome.detail.draw().items():
                drawn[f"{name}-{number}" if len(runs) > 1 else name] = figure
        return drawn

    @classmethod
    def tables(cls, runs: Sequence[FinishedRun]) -> list[TextTable]:
        rows = [[run.label or "-", name, _text(value)] for run in runs for name, value in run.outcome.numbers.items()]
        return [TextTable(runs[0].task.description or "Experiment", ["run", "number", "value"], rows)]


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.{_DIGITS}g}"
    if isinstance(value, list | tuple):
        return ", ".join(_text(each) for each in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(each)}" for name, each in value.items())
    return str(value)
