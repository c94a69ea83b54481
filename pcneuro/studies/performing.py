"""One run of a simulation file: its circuit, what it is given, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.errors import ConfigurationError, PcneuroError
from pcneuro.files.toml import Problem
from pcneuro.studies.file import Plan, PlannedRun
from pcneuro.studies.observer import AbstractObserver
from pcneuro.studies.seeds import SEED
from pcneuro.studies.sources import Sources
from pcneuro.studies.task import AbstractTask, Job


class Performer:
    """Makes circuits and jobs of a plan's runs. The Python files that the plan names are run once, for all of them."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.sources = plan, Sources(plan.folders)

    def circuit(self, run: PlannedRun, more: int = 0) -> Circuit:
        """A run's circuit, drawn with a seed that is so much higher. Raises ConfigurationError."""
        try:
            made = self.sources.circuit(run.task.circuit, self._arguments(run.task, more))
            if run.task.delays is None:
                return made
            try:
                return made.with_delays(run.task.delays)
            except PcneuroError as error:
                raise Problem(("delays",), str(error)) from error
        except Problem as problem:
            raise self.plan.error(problem, run.swept) from problem.__cause__

    def _arguments(self, task: AbstractTask, more: int) -> Mapping[str, Any]:
        """Arguments of the circuit's function: with the file's seed, if it gives one, where it has none of its own."""
        known = self.sources.parameters(task.circuit)
        if SEED in task.arguments:
            seed = task.arguments[SEED]
        elif SEED in task.model_fields_set and SEED in known:
            seed = task.seed
        elif not more:
            return task.arguments
        else:
            default = known[SEED].default if SEED in known else 0
            seed = default if isinstance(default, int) else 0
        return {**task.arguments, SEED: seed + more if more else seed}

    def job(
        self,
        run: PlannedRun,
        circuit: Circuit,
        observer: AbstractObserver,
        checkpoint: Callable[[str], Path],
        stream: Callable[[str], Path],
        resume: bool,
    ) -> Job:
        """What a run's task is given. ``checkpoint`` and ``stream`` say where files of a name are."""
        return Job(
            circuit,
            self.plan.path.resolve().parent,
            observer,
            np.random.default_rng(run.task.seed),
            lambda more: self.circuit(run, more),
            checkpoint,
            stream,
            resume,
        )

    def placed(self, run: PlannedRun, error: PcneuroError) -> PcneuroError:
        """The same kind of error, with the file and the swept values in front."""
        if isinstance(error, ConfigurationError):
            return error
        values = ", ".join(f"{key} = {value!r}" for key, value in run.swept.items())
        return type(error)(f"{self.plan.path}{f' ({values})' if values else ''}: {error}")
