"""The task ``check``: the same run by the kernel and by another simulator, and how far they are apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field, field_validator

from pcneuro.errors import ParameterError, unknown_name
from pcneuro.export.spiking import Spiking
from pcneuro.export.targets import Asked, Exported, targets
from pcneuro.record import Record
from pcneuro.result import Agreement, Comparison, Result, Status, agreement, compare
from pcneuro.schedules import Sequential
from pcneuro.simulation.spike_records import decoded_records, spike_records
from pcneuro.simulation.tables import Problem, kind_table
from pcneuro.simulation.task import Finished, Job, Outcome, Text
from pcneuro.simulation.tasks.run import RunTask

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

VARIABLES = ("value", "error")
SINGLE = 1e-4
"""Least tolerance of a run in float32, unless one is given."""
MOST = 12
"""So many runs of a sweep are drawn, the first ones."""


class CheckTask(RunTask):
    """Runs twice, and compares values and errors of every population at every record, and all gradients."""

    kind = "check"

    against: str
    tolerance: float | None = Field(None, ge=0, allow_inf_nan=False)
    spiking: Annotated[Spiking, kind_table(lambda: {Spiking.__name__: Spiking}, Spiking.__name__)] = Spiking()

    @field_validator("against")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in targets():
            raise Problem((), str(unknown_name("target", name, targets())))
        return name

    def perform(self, job: Job) -> Outcome:
        if self.duration is None:
            raise ParameterError("a check cannot run until something: give a duration")
        if isinstance(self.schedule, Sequential):
            raise ParameterError("a check steps all populations at the same time, not one after the other (Sequential)")
        data = self.data(job)
        records = self.record or [
            Record(name, variable)
            for name in job.circuit.vertices
            for variable in VARIABLES
            if variable == "value" or job.circuit.has_prediction(name)
        ]
        own = self.simulate(job, self.simulator(job.circuit), data, records)
        if own.status is not Status.COMPLETED:
            # There is nothing that another simulator could agree with.
            numbers = {"against": self.against, "agrees": False, "worst": float("nan"), "stats": own.stats}
            return Outcome(numbers, own.records, own.status, own.message, job.circuit)
        asked = Asked(
            job.circuit, self.dynamics, self.integrator, self.duration, records=records, spiking=self.spiking, **data
        )
        job.observer.say(f"The same by {self.against}")
        target = targets()[self.against]()
        other = target.run(asked)
        with np.errstate(all="ignore"):
            rows = _populations(own.records, other.records) if target.at_records else _ends(own, other)
            parameters = compare(other, own)
        least = target.tolerance if self.dtype == "float64" else max(target.tolerance, SINGLE)
        tolerance = least if self.tolerance is None else self.tolerance
        status: Status = own.status
        message = own.message
        if job.observer.stopped:
            status, message = Status.INTERRUPTED, f"interrupted while {self.against} ran, which came to its end"
        worst = Comparison((*rows, *parameters.rows)).worst
        numbers = {
            "against": self.against,
            "tolerance": tolerance,
            "worst": worst,
            "agrees": bool(worst <= tolerance),
            "populations": Comparison(tuple(rows)).as_dict(),
            "gradients": parameters.as_dict(),
            "stats": own.stats,
        }
        return Outcome(numbers, _beside(own, other, self.against), status, message, job.circuit)

    @classmethod
    def figures(cls, runs: Sequence[Finished]) -> dict[str, Figure]:
        from pcneuro.simulation.figures import overlaid_figure
        from pcneuro.simulation.spikes_figures import decoded_figure, has_spikes, raster_figure

        found: dict[str, Figure] = {}
        for number, run in enumerate(runs[:MOST]):
            ending, records = f"-{number}" if len(runs) > 1 else "", run.outcome.records
            if "against" not in records.attrs:
                continue
            found[f"traces{ending}"] = overlaid_figure(records)
            if has_spikes(records):
                found[f"errors{ending}"] = decoded_figure(records)
                found[f"raster{ending}"] = raster_figure(records)
        return found

    @classmethod
    def tables(cls, runs: Sequence[Finished]) -> list[Text]:
        found = []
        columns = ["cosine", "norm ratio", "relative error"]
        for run in runs:
            numbers, label = run.outcome.numbers, f" ({run.label})" if run.label else ""
            for what, first in (("populations", "population"), ("gradients", "parameter")):
                compared = numbers.get(what, {})
                lines = [[name, *(f"{value:.9g}" for value in row.values())] for name, row in compared.items()]
                title = f"Kernel and {numbers['against']}, {what}{label}"
                found.append(Text(title, [first, *columns], lines))
        return found


def _ends(own: Result, other: Exported) -> list[Agreement]:
    """Of values and errors of each population at the end."""
    return [
        agreement(f"{name}.{variable}", found[name], wanted[name])
        for variable, found, wanted in (("value", other.values, own.values), ("error", other.errors, own.errors))
        for name in wanted
    ]


def _populations(own: xarray.Dataset, other: xarray.Dataset) -> list[Agreement]:
    """Of each recorded variable, over all its times, samples and units."""
    return [agreement(str(name), other[name].values, own[name].values) for name in own.data_vars]


def _beside(own: Result, other: Exported, name: str) -> xarray.Dataset:
    """Both recordings in one dataset, those of the other simulator under ``<variable>.<name>``."""
    renamed: Mapping[Any, str] = {key: f"{key}.{name}" for key in other.records.data_vars}
    found = own.records.merge(other.records.rename_vars(renamed), combine_attrs="drop_conflicts")
    if other.spikes:
        found = found.merge(spike_records(other)).merge(decoded_records(other, own))
    return found.assign_attrs(against=name)
