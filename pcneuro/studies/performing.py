"""One run of a simulation file: its circuit, what it is given, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.errors import ConfigurationError, PcneuroError
from pcneuro.files.toml import Problem
from pcneuro.graph.graph import Constant, Parameter
from pcneuro.ops.sameness import value_key
from pcneuro.program.kept import Kept
from pcneuro.studies.file import Plan, PlannedRun
from pcneuro.studies.observer import AbstractObserver
from pcneuro.studies.seeds import SEED
from pcneuro.studies.sources import Sources
from pcneuro.studies.task import AbstractTask, Job

_MOST_CIRCUITS = 16
_MOST_BYTES = 64_000_000
"""Circuits that are kept for runs to come, and bytes that their weights may take."""


def _bytes(circuit: Circuit) -> int:
    sources = (node.source for node in circuit.graph.nodes.values())
    return sum(source.value.nbytes for source in sources if isinstance(source, Parameter | Constant))


class Performer:
    """Makes circuits and jobs of a plan's runs. The Python files that the plan names are run once, for all of them."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.sources = plan, Sources(plan.folders)
        self._circuits: Kept[Circuit] = Kept(_MOST_CIRCUITS, _MOST_BYTES)

    def circuit(self, run: PlannedRun, more: int = 0) -> Circuit:
        """A run's circuit, drawn with a seed that is so much higher. Raises ConfigurationError.

        Runs that ask for the same circuit are given the same one: it is frozen.
        """
        task = run.task
        try:
            arguments = self._arguments(task, more)
            key = value_key((task.circuit, arguments, task.delays))
            return self._circuits.get(key, lambda: self._made(task, arguments), _bytes)
        except Problem as problem:
            raise self.plan.error(problem, run.swept) from problem.__cause__

    def _made(self, task: AbstractTask, arguments: Mapping[str, Any]) -> Circuit:
        made = self.sources.circuit(task.circuit, arguments)
        if task.delays is None:
            return made
        try:
            return made.with_delays(task.delays)
        except PcneuroError as error:
            raise Problem(("delays",), str(error)) from error

    def check_arguments(self, run: PlannedRun) -> None:
        """Raise ConfigurationError where a run's circuit takes other arguments. Its function is not called."""
        try:
            self.sources.check(run.task.circuit, run.task.arguments)
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
