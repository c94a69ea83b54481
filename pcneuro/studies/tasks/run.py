"""The task ``run``: one run on given or drawn values, with records, and events where the engine has some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import BeforeValidator, Field

from pcneuro.circuit.backprop import backprop
from pcneuro.circuit.circuit import Circuit
from pcneuro.engines import EventDriven
from pcneuro.files import ArrayFile
from pcneuro.files.toml import Problem
from pcneuro.model.timed import TimedArray
from pcneuro.norms import norm
from pcneuro.recording.events import RecordEvents, estimate_text
from pcneuro.recording.record import Record
from pcneuro.simulator.result import compare
from pcneuro.studies.events import event_numbers, event_rows, events_figure
from pcneuro.studies.perturbations import Perturbations
from pcneuro.studies.records import record_tables
from pcneuro.studies.tables import made_from
from pcneuro.studies.task import DrivenTask, FinishedRun, Job, Outcome, TextTable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EVENTS = "events.nc"


def _events(raw: Any) -> Any:
    for key in ("path", "overwrite"):
        if isinstance(raw, Mapping) and key in raw:
            raise Problem((key,), f"is not for files: events go to {EVENTS} in the folder of the results")
    return raw if raw is None else made_from({"RecordEvents": RecordEvents}, "RecordEvents", raw)


class RunTask(DrivenTask):
    """Simulates for ``duration`` ms, and keeps what ``[[record]]`` tables and ``[events]`` ask for."""

    kind = "run"
    packs = True
    streams = True

    record: Annotated[list[Record], BeforeValidator(record_tables)] = Field(default_factory=list)
    """Variables to keep over time: vertex, variable, every (ms), units, samples."""
    perturb: Perturbations = Field(default_factory=list)
    """What is done to the circuit meanwhile, each a table with a kind, start and stop in ms."""
    events: Annotated[RecordEvents | None, BeforeValidator(_events)] = None
    """Which events to keep, of a run by events."""

    def check(self, circuit: Circuit) -> None:
        super().check(circuit)
        for record in self.record:
            # How many samples there are is known with the data only.
            replace(record, samples=None).resolve(circuit, 1, self.integrator.dt)

    def perform(self, job: Job) -> Outcome:
        data = self.data(job)
        self._announce_streams(job, data)
        events = None
        if self.events is not None:
            events = replace(self.events, path=job.stream(EVENTS))
            self._announce(events, job, data)
        result = self.simulate(job, self.simulator(job.circuit), data, self.record, events, self.perturb)
        numbers: dict[str, Any] = {
            "time": result.time,
            "loss": result.loss,
            "energy": result.energy,
            "error_norms": {name: float(norm(e)) for name, e in result.errors.items()},
            "gradient_norms": {n: float(norm(g)) for n, g in result.gradients.items()},
            "stats": result.stats,
        }
        changes = any(isinstance(a, TimedArray) for group in data.values() for a in group.values())
        if data["targets"] and not data["clamp"] and not self.perturb and not job.circuit.graph.latents and not changes:
            reference = backprop(job.circuit, data["inputs"], data["targets"])
            with np.errstate(all="ignore"):
                numbers["against_backprop"] = compare(result, reference).as_dict()
        if result.events is not None:
            numbers["events"] = event_numbers(result.events)
        return Outcome(numbers, result.records, result.status, result.message, job.circuit, events=result.events)

    def _announce_streams(self, job: Job, data: Mapping[str, Mapping[str, Any]]) -> None:
        """Say what is read as time goes on, before the run."""
        for group, arrays in data.items():
            for name, timed in arrays.items():
                if isinstance(timed, TimedArray):
                    where = f"{timed.values.path}, " if isinstance(timed.values, ArrayFile) else ""
                    again = ", again and again" if timed.periodic else ""
                    job.observer.say(
                        f"{group}.{name}: {where}{timed.times} values of shape {timed.shape[1:]} "
                        f"({timed.values.dtype}), each for {timed.dt:g} ms, {timed.duration:g} ms in all{again}"
                    )

    def _announce(self, events: RecordEvents, job: Job, data: Mapping[str, Mapping[str, Any]]) -> None:
        """Say how much events may need, before the run."""
        graph = job.circuit.graph
        nodes = {**graph.nodes, **graph.outputs}
        samples: list[int] = []
        for name, array in ((n, a) for group in data.values() for n, a in group.items()):
            shape = array.shape[1:] if isinstance(array, TimedArray) else array.shape
            samples += shape[:1] if len(shape) > len(nodes[name].shape) else ()
        batch = max(samples, default=1)
        duration = self.duration if self.until is None else self.until.limit
        exact = isinstance(self.engine, EventDriven) and not self.engine.mode.binned
        steps = None if exact else round((duration or 0.0) / self.integrator.dt)
        job.observer.say(f"Events: {estimate_text(events.estimate(job.circuit, batch, steps))}")

    @classmethod
    def figures(cls, runs: Sequence[FinishedRun]) -> dict[str, Figure]:
        from pcneuro.studies.figures.circuit import readable_circuit
        from pcneuro.studies.figures.records import records_figure

        figures = readable_circuit(runs[0].outcome.circuit)
        if any(len(run.outcome.records.data_vars) for run in runs):
            figures["records"] = records_figure([(run.label, run.outcome.records) for run in runs])
        kept = [(run.label, run.outcome.events) for run in runs if run.outcome.events is not None]
        if kept:
            figures["raster"] = events_figure(kept)
        return figures

    @classmethod
    def tables(cls, runs: Sequence[FinishedRun]) -> list[TextTable]:
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
        tables = [TextTable("State at the end", ["run", "time (ms)", "loss", "free energy", "status"], rows)]
        for run in runs:
            compared = run.outcome.numbers.get("against_backprop", {})
            lines = [[name, *(f"{value:.9g}" for value in row.values())] for name, row in compared.items()]
            title = f"Gradients against backprop{f' ({run.label})' if run.label else ''}"
            if lines:
                tables.append(TextTable(title, ["parameter", "cosine", "norm ratio", "relative error"], lines))
            if "events" in run.outcome.numbers:
                tables.append(event_rows(run.outcome.numbers["events"], run.label))
        return tables
