"""The task ``relaxation``: errors over time in every population, against their closed form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field

from pcneuro.analysis.relaxation import ErrorRelaxation, error_records
from pcneuro.circuit.backprop import backprop
from pcneuro.simulator.result import compare
from pcneuro.studies.task import DrivenTask, FinishedRun, Job, Outcome, TextTable

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class RelaxationTask(DrivenTask):
    """Lets a circuit relax, records all errors, and compares them with the Erlang curve and gradients with backprop."""

    kind = "relaxation"
    packs = True

    every: float | None = Field(None, gt=0, allow_inf_nan=False)
    """Time between two records, in ms; each step, where it is missing."""

    def perform(self, job: Job) -> Outcome:
        simulator = self.simulator(job.circuit)
        data = self.data(job)
        result = self.simulate(job, simulator, data, error_records(simulator, self.every, "error"))
        relaxation = ErrorRelaxation.of(simulator, result, data["inputs"], self.held(job.circuit))
        numbers: dict[str, Any] = {"time": result.time, "loss": result.loss, "vertices": relaxation.numbers()}
        for key in ("deviation_continuous", "deviation_stepped"):
            values = [row[key] for row in numbers["vertices"].values() if key in row]
            numbers[f"largest_{key}"] = max(values) if values else None
        if not data["clamp"] and not job.circuit.graph.latents:
            reference = backprop(job.circuit, data["inputs"], data["targets"])
            numbers["against_backprop"] = compare(result, reference).as_dict()
        return Outcome(numbers, relaxation.dataset(), result.status, result.message, job.circuit)

    @classmethod
    def figures(cls, runs: Sequence[FinishedRun]) -> dict[str, Figure]:
        from pcneuro.studies.figures.relaxation import relaxation_figure

        return {"relaxation": relaxation_figure([(run.label, run.outcome.records) for run in runs])}

    @classmethod
    def tables(cls, runs: Sequence[FinishedRun]) -> list[TextTable]:
        rows = []
        for run in runs:
            numbers = run.outcome.numbers
            settling = [row["settling_time"] for row in numbers["vertices"].values()]
            slowest = "-" if None in settling else f"{max(settling):g}"
            deviations = [numbers[f"largest_{key}"] for key in ("deviation_continuous", "deviation_stepped")]
            cells = ["-" if d is None else f"{d:.2e}" for d in deviations]
            rows.append([run.label or "-", str(len(numbers["vertices"])), slowest, *cells])
        columns = ["run", "populations", "all settled at (ms)", "max |e - Erlang|", "max |e - binomial|"]
        return [TextTable("Relaxation of the errors", columns, rows)]
