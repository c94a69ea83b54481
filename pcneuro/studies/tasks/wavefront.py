"""The task ``wavefront``: when errors come to every population, and when their gradients are there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field

from pcneuro.analysis.wavefront import SHARES, wavefront
from pcneuro.circuit.circuit import Circuit
from pcneuro.errors import ParameterError
from pcneuro.simulator.result import Status
from pcneuro.studies.task import REPORT_SECONDS, DrivenTask, FinishedRun, Job, Outcome, TextTable, progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 12
"""So many runs of a sweep are drawn by themselves, the first ones."""
LONGEST = 60
"""Rows that a table of populations has at most; the middle of a longer one is left out."""


class WavefrontTask(DrivenTask):
    """Runs twice, and follows the errors back through the circuit."""

    kind = "wavefront"
    main = ("growth", "swing")

    every: float | None = Field(None, gt=0, allow_inf_nan=False)
    """Time between two records, in ms; each step, where it is missing."""
    shares: list[float] = Field(default_factory=lambda: list(SHARES))
    """Shares of the final gradient whose times are told."""
    may_diverge: bool = False
    """Whether a run that diverges counts as done."""

    def check(self, circuit: Circuit) -> None:
        super().check(circuit)
        if self.duration is None:
            raise ParameterError("a wavefront is of a run for a given time: give a duration instead of until")

    def perform(self, job: Job) -> Outcome:
        self.check(job.circuit)
        assert self.duration is not None
        report = wavefront(
            self.simulator(job.circuit),
            self.duration,
            **self.data(job),
            every=self.every,
            shares=self.shares,
            report=progress(job),
            report_period=REPORT_SECONDS,
        )
        numbers: dict[str, Any] = report.as_dict()
        status = report.status
        if status is Status.DIVERGED and self.may_diverge:
            # It is what was asked; the summary of this run still says that it diverged.
            status = Status.COMPLETED
        return Outcome(numbers, report.to_dataset(), status, report.message, job.circuit, detail=report)

    @classmethod
    def figures(cls, runs: Sequence[FinishedRun]) -> dict[str, Figure]:
        from pcneuro.studies.figures.wavefront import energy_figure, front_figure, sweep_axis, times_figure

        figures: dict[str, Figure] = {}
        for number, run in enumerate(runs[:MOST]):
            figures[f"wavefront-{number}" if len(runs) > 1 else "wavefront"] = front_figure(run)
        key = sweep_axis(runs)
        if key is not None:
            figures |= {"times": times_figure(runs, key), "energy": energy_figure(runs, key)}
        return figures

    @classmethod
    def tables(cls, runs: Sequence[FinishedRun]) -> list[TextTable]:
        shares = [f"{100 * share:g} % (ms)" for share in runs[0].outcome.numbers["shares"]]
        if len(runs) > 1:
            changes = ["growth (1/s)", "swing (%)"]
            columns = ["run", "status", *changes, "last population", "bound (ms)", "arrival (ms)", *shares]
            return [TextTable("Wavefronts, at the population that is last", columns, [_last(run) for run in runs])]
        numbers = runs[0].outcome.numbers
        rows = [_row(name, row) for name, row in numbers["populations"].items()]
        if len(rows) > LONGEST:
            cut = [f"... {len(rows) - LONGEST} more ..."] + [""] * (len(rows[0]) - 1)
            rows = [*rows[: LONGEST // 2], cut, *rows[-LONGEST // 2 :]]
        tables = [TextTable("Wavefront", ["population", "hops", "bound (ms)", "arrival (ms)", *shares], rows)]
        way = [[row["vertex"], _number_text(row["arrival"]), _number_text(row["time"])] for row in numbers["critical"]]
        return (
            [*tables, TextTable("Critical path", ["population", "arrival (ms)", "time (ms)"], way)] if way else tables
        )


def _row(name: str, row: dict[str, Any]) -> list[str]:
    return [
        name,
        _number_text(row["hops"]),
        _number_text(row["bound"]),
        _number_text(row["arrival"]),
        *map(_number_text, row["times"]),
    ]


def _last(run: FinishedRun) -> list[str]:
    """A run in a line: what happened at the end of its critical path, or where errors came last."""
    numbers = run.outcome.numbers
    populations = numbers["populations"]
    changes = [numbers["growth"], numbers["swing"]]
    shown = ["-" if x is None else f"{scale * x:.3g}" for x, scale in zip(changes, (1000, 100), strict=True)]
    cells = [run.label or "-", numbers["status"], *shown]
    last = numbers["critical"][-1]["vertex"] if numbers["critical"] else None
    if last is None:
        arrived = {name: row["arrival"] for name, row in populations.items() if row["arrival"] is not None}
        last = max(arrived, key=arrived.__getitem__, default=None)
    if last is None:
        return [*cells, *["-"] * (3 + len(numbers["shares"]))]
    name, _, *rest = _row(last, populations[last])
    return [*cells, name, *rest]


def _number_text(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:g}"
