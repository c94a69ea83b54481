"""The task ``event_driven``: how far off gradients are against what they cost, by events and by steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from pcneuro.analysis.operations import feedback_synapses, first_at, gradient_error, operations
from pcneuro.circuit.backprop import BackpropResult, backprop
from pcneuro.circuit.circuit import Circuit
from pcneuro.data import DATASETS, AbstractDataset
from pcneuro.engines import Absolute, EventDriven, Exact, Share, TimeBinned
from pcneuro.engines.events.abstract_mode import AbstractMode
from pcneuro.errors import ParameterError
from pcneuro.files.toml import Problem
from pcneuro.simulator.result import Status
from pcneuro.simulator.run_data import whole_steps
from pcneuro.simulator.schedules import Parallel
from pcneuro.simulator.simulator import Simulator
from pcneuro.studies.datasets import examples
from pcneuro.studies.observer import PartObserver
from pcneuro.studies.tables import kind_table, made_from
from pcneuro.studies.task import DrivenTask, FinishedRun, Job, Outcome, TextTable

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

MODES: dict[str, type[AbstractMode]] = {mode.__name__: mode for mode in (TimeBinned, Exact)}
MARK = 0.01
"""Gradient error at which engines are compared in short."""
ROUNDING = 100
"""Errors of so many times the precision of numbers are as good as none."""
STEPPING = 0.1
"""Share of a run that the clocked engine takes, roughly."""
RunArrays = dict[str, dict[str, np.ndarray]]
Row = dict[str, Any]


def _modes(raw: Any) -> Any:
    if not isinstance(raw, list | tuple):
        raise Problem((), 'needs a list of tables, such as [{kind = "TimeBinned"}, {kind = "Exact"}]')
    modes = []
    for number, table in enumerate(raw):
        try:
            modes.append(made_from(MODES, None, table))
        except Problem as problem:
            raise problem.below(str(number)) from None
    return modes


class EventDrivenTask(DrivenTask):
    """Runs by events for each of ``modes`` and ``thresholds``, and by steps, to see what the same gradients cost."""

    kind = "event_driven"
    main = ("at_mark.*.ratio", "clocked.steps_to_mark")

    title: str = ""
    """What figure and tables call it."""
    thresholds: list[Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        default_factory=lambda: [float(f"{t:.2g}") for t in np.geomspace(1e-4, 1.0, 13)], min_length=1
    )
    """Thresholds of events, each a share of the errors' root mean square."""
    absolute: bool = False
    """Whether thresholds are in the errors' own unit instead."""
    modes: Annotated[list[AbstractMode], BeforeValidator(_modes), Field(min_length=1)] = Field(
        default_factory=lambda: [TimeBinned(), Exact()]
    )
    """Ways in which events are computed, each a table with a kind."""
    dataset: Annotated[AbstractDataset | None, kind_table(lambda: DATASETS)] = None
    """Data set that samples are taken from, instead of inputs and targets; a table with a kind."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.duration is None:
            raise Problem(("until",), "would end runs at different times: give a duration, long enough to settle")
        if self.dataset is not None and (self.inputs or self.targets):
            raise Problem(("dataset",), "stands beside inputs or targets: give one of the two")
        if self.dataset is None and not self.targets:
            raise Problem(("targets",), "is missing, and so is dataset: without targets there are no gradients")
        if isinstance(self.engine, EventDriven):
            raise Problem(("engine",), "is the clocked one here, such as Kernel; give modes and thresholds for events")
        if not isinstance(self.schedule, Parallel):
            raise Problem(("schedule",), "needs to be Parallel: events are compared with steps of all populations")
        if len({_name(mode) for mode in self.modes}) < len(self.modes):
            raise Problem(("modes",), "has the same mode twice")
        return self

    def check(self, circuit: Circuit) -> None:
        super().check(circuit)
        if self.clamp or circuit.graph.latents:
            raise ParameterError(
                "the task event_driven compares with backprop: it needs a circuit without latents and clamps"
            )
        for mode in self.modes:
            self._by_events(circuit, mode, self.thresholds[0])

    def data(self, job: Job) -> RunArrays:
        if self.dataset is None:
            return super().data(job)
        first, _ = examples(self.dataset.load(), job.circuit, self.samples, None)
        return {"inputs": dict(first.inputs), "targets": dict(first.targets), "clamp": {}}

    def perform(self, job: Job) -> Outcome:
        self.check(job.circuit)
        data = self.data(job)
        reference = backprop(job.circuit, data["inputs"], data["targets"])
        outputs = [job.circuit.graph.outputs[name].name for name in data["targets"]]
        synapses = feedback_synapses(job.circuit, outputs)
        watched = replace(job, observer=PartObserver(job.observer, 0.0, STEPPING))
        clocked, status, message = self._clocked(watched, data, reference)
        rows: list[Row] = []
        if status is Status.COMPLETED:
            rows, status, message = self._events(job, data, reference)
        for row in rows:
            step = first_at([c["error"] for c in clocked], max(row["error"], ROUNDING * np.finfo(self.dtype).eps))
            known = step is not None and row["operations"] > 0
            row["clocked_steps"] = step
            row["clocked_operations"] = None if step is None else step * synapses
            row["ratio"] = row["clocked_operations"] / row["operations"] if known else None
        by_mode = {_name(mode): [r for r in rows if r["mode"] == _name(mode)] for mode in self.modes}
        numbers = {
            "title": self.title,
            "samples": len(next(iter(data["targets"].values()))),
            "feedback_synapses": synapses,
            "clocked": {
                "steps": len(clocked) - 1,
                "error": clocked[-1]["error"],
                "steps_to_mark": first_at([c["error"] for c in clocked], MARK),
            },
            "events": by_mode,
            "at_mark": {"error": MARK, **{name: _cheapest(rows_of_mode) for name, rows_of_mode in by_mode.items()}},
        }
        records = self._dataset(clocked, synapses, rows)
        return Outcome(numbers, records, status, message, job.circuit)

    # Runs

    def _by_events(self, circuit: Circuit, mode: AbstractMode, threshold: float) -> Simulator:
        asked = Absolute(threshold) if self.absolute else Share(threshold)
        return self.model_copy(update={"engine": EventDriven(asked, mode)}).simulator(circuit)

    def _clocked(self, job: Job, data: RunArrays, reference: BackpropResult) -> tuple[list[Row], Status, str]:
        """How far off gradients are after 0, 1, 2, ... steps."""
        assert self.duration is not None
        simulator, steps = self.simulator(job.circuit), whole_steps(self.duration, self.integrator.dt)
        result = simulator.run(0.0, **data)  # type: ignore[arg-type]
        rows = [asdict(gradient_error(result, reference))]
        for step in range(steps):
            if job.observer.stopped:
                return rows, Status.INTERRUPTED, f"interrupted after {step} steps of the clocked engine"
            result = simulator.run(self.integrator.dt)
            if result.status is not Status.COMPLETED:
                return rows, result.status, result.message
            rows.append(asdict(gradient_error(result, reference)))
            job.observer.progress((step + 1) / steps, "clocked")
        return rows, Status.COMPLETED, f"completed {steps} steps"

    def _events(self, job: Job, data: RunArrays, reference: BackpropResult) -> tuple[list[Row], Status, str]:
        """A row for each threshold and mode, large thresholds first: a small one takes as long as all before it."""
        plan = [(mode, threshold) for threshold in sorted(self.thresholds, reverse=True) for mode in self.modes]
        weights = np.array([1 / threshold for _, threshold in plan])
        sizes = (1 - STEPPING) * weights / weights.sum()
        done = STEPPING
        rows: list[Row] = []
        for (mode, threshold), size in zip(plan, sizes, strict=True):
            name, watched = _name(mode), PartObserver(job.observer, done, float(size))
            watched.progress(0.0, f"{name}, threshold {threshold:g}")
            if job.observer.stopped:
                return rows, Status.INTERRUPTED, f"interrupted after {len(rows)} of {len(plan)} runs by events"
            simulator = self._by_events(job.circuit, mode, threshold)
            result = self.simulate(replace(job, observer=watched), simulator, data, [])
            if result.status is not Status.COMPLETED:
                return rows, result.status, f"{name}, threshold {threshold:g}: {result.message}"
            batch = result.stats["batch"]
            rows.append(
                {
                    "mode": name,
                    "threshold": threshold,
                    "events": sum(result.stats["events"].values()) / batch,
                    "operations": operations(result.stats) / batch,
                    **asdict(gradient_error(result, reference)),
                }
            )
            done += float(size)
        return rows, Status.COMPLETED, f"completed {len(plan)} runs by events"

    # What is shown

    def _dataset(self, clocked: Sequence[Row], synapses: int, rows: Sequence[Row]) -> xarray.Dataset:
        """Of events by mode and threshold, of the clocked engine by step; all counts are for one sample."""
        import xarray

        modes, thresholds = [_name(mode) for mode in self.modes], sorted(self.thresholds)
        texts = {
            "error": "relative gradient error, all parameters together",
            "cosine": "cosine of the gradient with backprop's",
            "worst": "largest relative gradient error of a parameter",
            "events": "events a sample",
            "operations": "synaptic operations a sample",
            "clocked_operations": "synaptic operations a sample of the clocked engine at the same error",
        }
        variables: dict[str, Any] = {}
        for key, text in texts.items():
            values = np.full((len(modes), len(thresholds)), np.nan)
            for row in rows:
                if row[key] is not None:
                    values[modes.index(row["mode"]), thresholds.index(row["threshold"])] = row[key]
            variables[key] = (("mode", "threshold"), values, {"long_name": text})
        for key in ("error", "cosine", "worst"):
            named = {"long_name": f"{texts[key]}, clocked engine"}
            variables[f"clocked.{key}"] = ("step", [row[key] for row in clocked], named)
        steps = np.arange(len(clocked))
        variables["clocked.operations"] = ("step", steps * synapses, {"long_name": texts["operations"]})
        coordinates = {
            "mode": ("mode", np.array(modes, dtype=str)),
            "threshold": ("threshold", thresholds),
            "step": ("step", steps),
            "time": ("step", steps * self.integrator.dt, {"units": "ms", "long_name": "time"}),
        }
        return xarray.Dataset(variables, coordinates)

    @classmethod
    def figures(cls, runs: Sequence[FinishedRun]) -> dict[str, Figure]:
        from pcneuro.studies.figures.events import pareto_figure

        return {"pareto": pareto_figure([(_title(run), run.outcome.records) for run in runs], MARK)}

    @classmethod
    def tables(cls, runs: Sequence[FinishedRun]) -> list[TextTable]:
        tables, short = [], []
        columns = ["threshold", "error (%)", "worst (%)", "cosine", "operations", "clocked", "clocked / events"]
        for run in runs:
            for name, rows in run.outcome.numbers["events"].items():
                if rows:
                    text = f"{_title(run)}, {name}: synaptic operations a sample, clocked ones at the same error"
                    tables.append(TextTable(text, columns, [_text_row(row) for row in reversed(rows)]))
                best = run.outcome.numbers["at_mark"][name]
                if best is not None:
                    short.append([_title(run), name, *_text_row(best)])
        if short:
            title = f"Fewest synaptic operations a sample for a gradient error of {100 * MARK:g} % at most"
            tables.append(TextTable(title, ["circuit", "engine", *columns], short))
        return tables


def _name(mode: AbstractMode) -> str:
    return repr(mode).removesuffix("()")


def _title(run: FinishedRun) -> str:
    return run.outcome.numbers["title"] or run.label or run.task.circuit.rpartition(":")[2]


def _cheapest(rows: Sequence[Row]) -> Row | None:
    """Of what is close enough to backprop, the row with the fewest operations."""
    near = [row for row in rows if row["error"] <= MARK]
    return min(near, key=lambda row: row["operations"]) if near else None


def _text_row(row: Row) -> list[str]:
    clocked, ratio = row["clocked_operations"], row["ratio"]
    return [
        f"{row['threshold']:g}",
        f"{100 * row['error']:.3g}",
        f"{100 * row['worst']:.3g}",
        f"{row['cosine']:.7f}",
        f"{row['operations']:,.0f}",
        "-" if clocked is None else f"{clocked:,.0f}",
        "-" if ratio is None else f"{ratio:.2f}",
    ]
