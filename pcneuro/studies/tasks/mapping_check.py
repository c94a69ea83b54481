"""The task ``mapping_check``: a mapping, and the same counted by SANA-FE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from pcneuro.files.toml import Problem
from pcneuro.mapping.activity import traffic_in_steps
from pcneuro.mapping.against_sanafe import TOLERANCE, hold_against_sanafe
from pcneuro.studies.task import FinishedRun, Job, Outcome, TextTable
from pcneuro.studies.tasks.mapping import MappingTask


class MappingCheckTask(MappingTask):
    """Maps a circuit, runs its first sample step by step, and lets SANA-FE replay that on the same cores."""

    kind = "mapping_check"

    against: Literal["sanafe"] = "sanafe"
    tolerance: float = Field(TOLERANCE, ge=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _of_a_run(self) -> Self:
        if self.rate is not None:
            raise Problem(("rate",), "has no steps in which each neuron sends, which SANA-FE replays: give a duration")
        return self

    def perform(self, job: Job) -> Outcome:
        outcome = super().perform(job)
        made, data = outcome.detail.data, self.data(job)
        axons = self.axons(job.circuit, data)
        simulator = self.simulator(job.circuit)
        job.observer.say("The same by SANA-FE")
        traffic = traffic_in_steps(axons, simulator, made["steps"].item() * simulator.integrator.dt, **data)
        core, slot = (made[name].values.astype(np.int64) for name in ("core_of", "slot"))
        held = hold_against_sanafe(axons, core, slot, outcome.detail.chip, traffic, self.tolerance)
        checked = {"against": self.against, "tolerance": self.tolerance, "worst": held.worst, "agrees": held.agrees}
        rows = {row.quantity: {"pcneuro": row.ours, "sanafe": row.sanafe} for row in held.rows}
        return replace(outcome, numbers={**outcome.numbers, **checked, "held": rows})

    @classmethod
    def tables(cls, runs: Sequence[FinishedRun]) -> list[TextTable]:
        tables = super().tables(runs)
        columns = ["quantity", "pcneuro", "SANA-FE"]
        for run in runs:
            held, label = run.outcome.numbers["held"], f" ({run.label})" if run.label else ""
            rows = [[name, f"{row['pcneuro']:.17g}", f"{row['sanafe']:.17g}"] for name, row in held.items()]
            tables.append(TextTable(f"The first sample by pcneuro and by SANA-FE{label}", columns, rows))
        return tables
