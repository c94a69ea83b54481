"""A simulation file as a study."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, final

from pcneuro.batch.named_files import digests, digests_in, texts_of, texts_of_space
from pcneuro.batch.row import Row, RowStatus, row_of
from pcneuro.batch.studies.abstract import AbstractStudy, Values
from pcneuro.errors import OutputError, PcneuroError
from pcneuro.files import writing
from pcneuro.files.toml import Problem, nearest
from pcneuro.simulator.result import Status
from pcneuro.studies.file import Plan, parse_set
from pcneuro.studies.observer import Silent
from pcneuro.studies.packing import Prepared, packed_jobs
from pcneuro.studies.performing import Performer
from pcneuro.studies.seeds import SEED
from pcneuro.studies.sources import one_line
from pcneuro.studies.spaces import AbstractSpace
from pcneuro.studies.task import AbstractTask, Job

DATA = "data"
"""Key of tasks that names a folder, whose files the runs read."""


class _Stopped(Silent):
    """Shows nothing, and stops when it is told to."""

    def __init__(self, ask: Callable[[], bool]) -> None:
        self.ask = ask

    @property
    def stopped(self) -> bool:  # type: ignore[override]
        return self.ask()


@final
@dataclass(frozen=True)
class _Places:
    """Where a run has its files until it is done. Its folder is made when the first of them is."""

    folder: Path

    def checkpoint(self, name: str) -> Path:
        """The place of a checkpoint, with which the run goes on where it is there."""
        return self._place(f"{name}.npz")

    def stream(self, name: str) -> Path:
        """The place of a file that the run writes anew, whatever another one has left there when it was killed."""
        path = self._place(name)
        with writing(path):
            path.unlink(missing_ok=True)
        return path

    def _place(self, name: str) -> Path:
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / name


@final
class FileStudy(AbstractStudy):
    """The task of a simulation file. Keys of the space are its dotted keys.

    With ``pack``, runs of a block that differ in data only are simulated side by side; their rows are the same.
    """

    warms = True

    def __init__(self, plan: Plan, pack: bool = True) -> None:
        self.plan, self.pack = plan, pack

    @property
    def name(self) -> str:
        return self.plan.name

    @cached_property
    def _performer(self) -> Performer:
        return Performer(self.plan)

    @property
    def seed(self) -> int:
        seed = self.plan.base.get(SEED, 0)
        return seed if isinstance(seed, int) else 0

    def __repr__(self) -> str:
        return str(self.plan.path)

    def check(self, values: Values) -> None:
        self._performer.check_arguments(self.plan.with_swept(values))

    def check_names(self, values: Values) -> None:
        run = self.plan.with_swept(values)
        try:
            graph = self._performer.circuit(run).graph
        except PcneuroError:
            return  # a run that fails, as others need not
        for group, known in (("inputs", graph.inputs), ("targets", graph.outputs), ("clamp", graph.nodes)):
            for name in getattr(run.task, group, ()):
                if name not in known:
                    problem = Problem((group, name), f"the circuit has no such name; {nearest(name, known)}")
                    raise self.plan.error(problem, values)

    def perform(
        self,
        numbers: Sequence[int],
        values: Sequence[Values],
        scratch: Callable[[int], Path],
        stopped: Callable[[], bool],
    ) -> list[Row]:
        made = [self._prepared(n, each, scratch, stopped) for n, each in zip(numbers, values, strict=True)]
        prepared = [None if isinstance(each, Row) else each for each in made]
        jobs = packed_jobs(prepared, stopped) if self.pack else [each and each[1] for each in prepared]
        return [
            each if isinstance(each, Row) else self._row(number, each[0], job)
            for number, each, job in zip(numbers, made, jobs, strict=True)
        ]

    def _prepared(
        self, number: int, values: Values, scratch: Callable[[int], Path], stopped: Callable[[], bool]
    ) -> Prepared | Row:
        """A run's task, and what makes its job; or its row, where it cannot be made."""
        performer = self._performer
        try:
            run = self.plan.with_swept(values)
            circuit = performer.circuit(run)
        except Exception as error:
            return _failed(number, error)
        places = _Places(scratch(number))
        return run.task, lambda: performer.job(
            run, circuit, _Stopped(stopped), places.checkpoint, places.stream, resume=True
        )

    def _row(self, number: int, task: AbstractTask, job: Callable[[], Job] | None) -> Row:
        assert job is not None
        try:
            outcome = task.perform(job())
        except OutputError:
            raise  # of the disk, and not of the run
        except Exception as error:
            return _failed(number, error)
        if outcome.status is Status.INTERRUPTED:
            raise KeyboardInterrupt
        return row_of(number, outcome)

    def described(self) -> dict[str, Any]:
        path, sets = str(self.plan.path.resolve()), list(self.plan.sets)
        return {"path": path, "sets": sets, "tables": self.plan.base, "pack": self.pack}

    @classmethod
    def from_described(cls, described: Mapping[str, Any]) -> FileStudy:
        overrides = dict(parse_set(text) for text in described["sets"])
        return cls(Plan(Path(described["path"]), described["tables"], overrides), described["pack"])

    def identity(self) -> dict[str, Any]:
        tables = {key: value for key, value in self.plan.base.items() if key != "description"}
        engine = tables.get("engine")
        if isinstance(engine, Mapping):
            # Results do not depend on it.
            tables["engine"] = {key: value for key, value in engine.items() if key != "threads"}
        return {"tables": {key: value for key, value in tables.items() if value != {}}}

    def files(self, space: AbstractSpace) -> dict[str, str]:
        named = digests([*texts_of(self.identity()), *texts_of_space(space)], self.plan.folders)
        data = [*texts_of(self.plan.base.get(DATA)), *texts_of_space(space, DATA)]
        return named | digests_in(data, (self.plan.path.resolve().parent, Path.cwd()))


def _failed(number: int, error: Exception) -> Row:
    """The row of a run that ended with an error, whatever it is: of memory, of a library, of a circuit's own code."""
    return Row(number, RowStatus.FAILED, str(error) if isinstance(error, PcneuroError) else one_line(error))
