"""The task ``check``: the same run by the kernel and by another simulator, and how far they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field, field_validator

from pcneuro.analysis.check import Check, check_target, every_record, hold_against
from pcneuro.errors import ParameterError
from pcneuro.export.spiking import Spiking
from pcneuro.export.targets import RunRequest
from pcneuro.files.toml import Problem
from pcneuro.simulator.result import Status
from pcneuro.simulator.schedules import Sequential
from pcneuro.studies.records import decoded_records, spike_records
from pcneuro.studies.tables import kind_table
from pcneuro.studies.task import FinishedRun, Job, Outcome, TextTable
from pcneuro.studies.tasks.run import RunTask

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

MOST = 12
"""So many runs of a sweep are drawn, the first ones."""


class CheckTask(RunTask):
    """Runs twice, and compares values and errors of every population at every record, and all gradients."""

    kind = "check"
    main = ("worst",)

    against: str
    """The other simulator, such as "brian2-rate" or "reference"."""
    tolerance: float | None = Field(None, ge=0, allow_inf_nan=False)
    """Largest relative error that is agreement."""
    spiking: Annotated[Spiking, kind_table(lambda: {Spiking.__name__: Spiking}, Spiking.__name__)] = Spiking()
    """Of spiking targets, how rates are sent and read."""

    @field_validator("against")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            check_target(name)
        except ParameterError as error:
            raise Problem((), str(error)) from None
        return name

    @field_validator("perturb")
    @classmethod
    def _unperturbed(cls, perturb: list[Any]) -> list[Any]:
        if perturb:
            raise Problem((), "is not for checks: other simulators have no perturbations; leave it out")
        return perturb

    def perform(self, job: Job) -> Outcome:
        if self.duration is None:
            raise ParameterError("a check cannot run until something: give a duration")
        if isinstance(self.schedule, Sequential):
            raise ParameterError("a check steps all populations at the same time, not one after the other (Sequential)")
        data = self.data(job)
        records = self.record or every_record(job.circuit)
        result = self.simulate(job, self.simulator(job.circuit), data, records)
        if result.status is not Status.COMPLETED:
            # There is nothing that another simulator could agree with.
            numbers = {"against": self.against, "agrees": False, "worst": float("nan"), "stats": result.stats}
            return Outcome(numbers, result.records, result.status, result.message, job.circuit)
        request = RunRequest(
            job.circuit, self.dynamics, self.integrator, result.time, records=records, spiking=self.spiking, **data
        )
        job.observer.say(f"The same by {self.against}")
        check = hold_against(result, request, self.against, self.tolerance, np.dtype(self.dtype))
        status: Status = result.status
        message = result.message
        if job.observer.stopped:
            status, message = Status.INTERRUPTED, f"interrupted while {self.against} ran, which came to its end"
        numbers = {
            "against": self.against,
            "tolerance": check.tolerance,
            "worst": check.worst,
            "agrees": check.agrees,
            "populations": check.populations.as_dict(),
            "gradients": check.gradients.as_dict(),
            "stats": result.stats,
        }
        return Outcome(numbers, _beside(check), status, message, job.circuit)

    @classmethod
    def figures(cls, runs: Sequence[FinishedRun]) -> dict[str, Figure]:
        from pcneuro.studies.figures.records import overlaid_figure
        from pcneuro.studies.figures.spikes import decoded_figure, has_spikes, raster_figure

        figures: dict[str, Figure] = {}
        for number, run in enumerate(runs[:MOST]):
            ending, records = f"-{number}" if len(runs) > 1 else "", run.outcome.records
            if "against" not in records.attrs:
                continue
            figures[f"traces{ending}"] = overlaid_figure(records)
            if has_spikes(records):
                figures[f"errors{ending}"] = decoded_figure(records)
                figures[f"raster{ending}"] = raster_figure(records)
        return figures

    @classmethod
    def tables(cls, runs: Sequence[FinishedRun]) -> list[TextTable]:
        tables = []
        columns = ["cosine", "norm ratio", "relative error"]
        for run in runs:
            numbers, label = run.outcome.numbers, f" ({run.label})" if run.label else ""
            for what, first in (("populations", "population"), ("gradients", "parameter")):
                compared = numbers.get(what, {})
                lines = [[name, *(f"{value:.9g}" for value in row.values())] for name, row in compared.items()]
                title = f"Kernel and {numbers['against']}, {what}{label}"
                tables.append(TextTable(title, [first, *columns], lines))
        return tables


def _beside(check: Check) -> xarray.Dataset:
    """Both recordings in one dataset, those of the other simulator under ``<variable>.<name>``."""
    result, other, name = check.result, check.other, check.against
    renamed: Mapping[Any, str] = {key: f"{key}.{name}" for key in other.records.data_vars}
    both = result.records.merge(other.records.rename_vars(renamed), combine_attrs="drop_conflicts")
    if other.spikes:
        both = both.merge(spike_records(other)).merge(decoded_records(other, result))
    return both.assign_attrs(against=name)
