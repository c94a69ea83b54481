"""A simulation file as a study."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, final

from pcneuro.batch.row import Row, RowStatus, row_of
from pcneuro.batch.studies.abstract import AbstractStudy, Values
from pcneuro.errors import PcneuroError
from pcneuro.simulator.result import Status
from pcneuro.studies.file import Plan
from pcneuro.studies.observer import Silent
from pcneuro.studies.output import plain
from pcneuro.studies.performing import Performer


class _Stopped(Silent):
    """Shows nothing, and stops when it is told to."""

    def __init__(self, ask: Callable[[], bool]) -> None:
        self.ask = ask

    @property
    def stopped(self) -> bool:  # type: ignore[override]
        return self.ask()


@final
class FileStudy(AbstractStudy):
    """The task of a simulation file. Keys of the space are its dotted keys."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    @property
    def name(self) -> str:
        return self.plan.name

    @cached_property
    def _performer(self) -> Performer:
        return Performer(self.plan)

    def check(self, values: Values) -> None:
        self.plan.with_swept(values)

    def perform(
        self,
        numbers: Sequence[int],
        values: Sequence[Values],
        scratch: Callable[[int], Path],
        stopped: Callable[[], bool],
    ) -> list[Row]:
        return [self._row(number, each, scratch, stopped) for number, each in zip(numbers, values, strict=True)]

    def _row(self, number: int, values: Values, scratch: Callable[[int], Path], stopped: Callable[[], bool]) -> Row:
        performer = self._performer
        try:
            run = self.plan.with_swept(values)
            place = lambda name: scratch(number) / name  # noqa: E731
            job = performer.job(run, performer.circuit(run), _Stopped(stopped), place, place, resume=True)
            outcome = run.task.perform(job)
        except PcneuroError as error:
            return Row(number, RowStatus.FAILED, str(error))
        if outcome.status is Status.INTERRUPTED:
            raise KeyboardInterrupt
        return row_of(number, outcome)

    def described(self) -> dict[str, Any]:
        return {"path": str(self.plan.path.resolve()), "tables": plain(self.plan.base)}

    @classmethod
    def from_described(cls, described: Mapping[str, Any]) -> FileStudy:
        return cls(Plan(Path(described["path"]), described["tables"], {}))

    def content(self) -> str:
        return hashlib.sha256(json.dumps(self.described()["tables"], sort_keys=True).encode()).hexdigest()
