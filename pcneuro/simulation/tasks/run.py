"""The task ``run``: one run on given or drawn values, with records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import BeforeValidator, Field

from pcneuro.backprop import backprop
from pcneuro.record import Record
from pcneuro.result import compare
from pcneuro.simulation.tables import Problem, made_from
from pcneuro.simulation.task import DrivenTask, Finished, Job, Outcome, Text

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _records(raw: Any) -> Any:
    if not isinstance(raw, list):
        raise Problem((), "needs tables: write [[record]] above the keys of each")
    found = []
    for number, table in enumerate(raw):
        try:
            found.append(made_from({"Record": Record}, "Record", table))
        except Problem as problem:
            raise problem.below(str(number)) from None
    return found


class RunTask(DrivenTask):
    """Simulates for ``duration`` ms, and keeps what ``[[record]]`` tables ask for."""

    kind = "run"

    record: Annotated[list[Record], BeforeValidator(_records)] = Field(default_factory=list)

    def perform(self, job: Job) -> Outcome:
        data = self.data(job)
        result = self.simulate(job, self.simulator(job.circuit), data, self.record)
        numbers: dict[str, Any] = {
            "time": result.time,
            "loss": result.loss,
            "energy": result.energy,
            "error_norms": {name: float(np.linalg.norm(e.astype(np.float64))) for name, e in result.errors.items()},
            "gradient_norms": {n: float(np.linalg.norm(g.astype(np.float64))) for n, g in result.gradients.items()},
            "stats": result.stats,
        }
        if data["targets"] and not data["clamp"] and not job.circuit.graph.latents:
            reference = backprop(job.circuit, data["inputs"], data["targets"])
            with np.errstate(all="ignore"):
                numbers["against_backprop"] = compare(result, reference).as_dict()
        return Outcome(numbers, result.records, result.status, result.message, job.circuit)

    @classmethod
    def figures(cls, runs: Sequence[Finished]) -> dict[str, Figure]:
        from pcneuro.simulation.figures import readable_circuit, records_figure

        found = readable_circuit(runs[0].outcome.circuit)
        if any(len(run.outcome.records.data_vars) for run in runs):
            found["records"] = records_figure([(run.label, run.outcome.records) for run in runs])
        return found

    @classmethod
    def tables(cls, runs: Sequence[Finished]) -> list[Text]:
        rows = [
            [
                run.label or "-",
                f"{run.outcome.numbers['time']:g}",
                f"{run.outcome.numbers['loss']:.6g}",
                f"{run.outcome.numbers['energy']:.6g}",
                str(run.outcome.status),
            ]
            for run in runs
        ]
        found = [Text("State at the end", ["run", "time (ms)", "loss", "free energy", "status"], rows)]
        for run in runs:
            compared = run.outcome.numbers.get("against_backprop", {})
            lines = [[name, *(f"{value:.9g}" for value in row.values())] for name, row in compared.items()]
            title = f"Gradients against backprop{f' ({run.label})' if run.label else ''}"
            if lines:
                found.append(Text(title, ["parameter", "cosine", "norm ratio", "relative error"], lines))
        return found
