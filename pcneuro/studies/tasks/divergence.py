"""The task ``divergence``: how far gradients are from the true ones, iteration by iteration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from pcneuro.analysis.relaxation import error_records, recorded, recorded_times
from pcneuro.circuit.backprop import backprop
from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.gradient_history import gradient_history
from pcneuro.errors import ParameterError, unknown_name
from pcneuro.norms import norm
from pcneuro.studies.task import DrivenTask, FinishedRun, Job, Outcome, TextTable

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure


class DivergenceTask(DrivenTask):
    """Records values and errors, computes what the gradients were at every time, and compares them with backprop's."""

    kind = "divergence"
    packs = True
    main = ("parameters.*.divergence_at_end", "parameters.*.steps_to_tolerance")

    parameters: list[str] | None = None
    """Names of the parameters that are compared; all, where it is missing."""
    tolerance: float = Field(1e-6, gt=0)
    """Relative distance from backprop's gradient below which the first step is told."""
    every: float | None = Field(None, gt=0, allow_inf_nan=False)
    """Time between two records, in ms; each step, where it is missing."""

    def check(self, circuit: Circuit) -> None:
        super().check(circuit)
        for name in self.parameters or ():
            if name not in circuit.graph.parameters:
                raise unknown_name("name in parameters", name, circuit.graph.parameters)
        if self.clamp or circuit.graph.latents:
            raise ParameterError(
                "the task divergence compares with backprop: it needs a circuit without latents and clamps"
            )

    def perform(self, job: Job) -> Outcome:
        self.check(job.circuit)
        simulator = self.simulator(job.circuit)
        data = self.data(job)
        result = self.simulate(job, simulator, data, error_records(simulator, self.every, "value", "error"))
        names = self.parameters or list(job.circuit.graph.parameters)
        inputs = {n: np.reshape(a, (-1, *job.circuit.graph.inputs[n].shape)) for n, a in data["inputs"].items()}
        values, errors = recorded(result, "value"), recorded(result, "error")
        true = backprop(job.circuit, data["inputs"], data["targets"]).gradients
        with np.errstate(all="ignore"):
            history = gradient_history(job.circuit, self.dynamics, inputs, values, errors, names)
            distances = np.array([_norms(history[name] - true[name]) for name in names])
        time = recorded_times(result)
        steps = np.round(time / self.integrator.dt).astype(np.int64)
        numbers: dict[str, Any] = {
            "eta": self.eta(job.circuit),
            "dynamics": repr(self.dynamics),
            "integrator": repr(self.integrator),
            "tolerance": self.tolerance,
            "time": result.time,
            "parameters": {
                name: {
                    "true": _plain(true[name]),
                    "final": _plain(result.gradients[name]),
                    "divergence_at_start": float(distances[k, 0]),
                    "divergence_at_end": float(distances[k, -1]),
                    "steps_to_tolerance": self._reached(distances[k], steps),
                }
                for k, name in enumerate(names)
            },
        }
        return Outcome(numbers, _dataset(names, time, steps, distances), result.status, result.message, job.circuit)

    def eta(self, circuit: Circuit) -> float | None:
        """dt/tau, where all populations have the same: the inference rate."""
        rates = {float(r) for tau in circuit.tau.values() for r in np.unique(self.integrator.dt / tau)}
        return rates.pop() if len(rates) == 1 else None

    def _reached(self, distances: np.ndarray, steps: np.ndarray) -> int | None:
        """First step from which on the divergence stays below the tolerance."""
        above = np.flatnonzero(~(distances < self.tolerance))
        first = int(above[-1]) + 1 if len(above) else 0
        return int(steps[first]) if first < len(steps) else None

    @classmethod
    def figures(cls, runs: Sequence[FinishedRun]) -> dict[str, Figure]:
        from pcneuro.studies.figures.divergence import divergence_figure

        lines = []
        for run in runs:
            eta, dynamics = run.outcome.numbers["eta"], type(run.task.dynamics).__name__
            lines.append((run.label if eta is None else f"$\\eta$ = {eta:g}", dynamics, run.outcome.records))
        names = list(runs[0].outcome.numbers["parameters"])
        tolerances = {run.outcome.numbers["tolerance"] for run in runs}
        return {"divergence": divergence_figure(names, lines, tolerances)}

    @classmethod
    def tables(cls, runs: Sequence[FinishedRun]) -> list[TextTable]:
        tables = []
        for name, first in runs[0].outcome.numbers["parameters"].items():
            rows = []
            for run in runs:
                numbers = run.outcome.numbers
                row = numbers["parameters"].get(name, first)
                eta, steps, final = numbers["eta"], row["steps_to_tolerance"], row["final"]
                rows.append(
                    [
                        type(run.task.dynamics).__name__,
                        "-" if eta is None else f"{eta:g}",
                        "never" if steps is None else str(steps),
                        f"{final:.9g}" if isinstance(final, float) else "(array)",
                        f"{row['divergence_at_end']:.2e}",
                    ]
                )
            true = f", by backprop {first['true']:.9g}" if isinstance(first["true"], float) else ""
            tolerance = f"{runs[0].outcome.numbers['tolerance']:g}"
            columns = ["dynamics", "eta", f"steps until < {tolerance}", "at the end", "divergence at the end"]
            tables.append(TextTable(f"dL/d{name}{true}", columns, rows))
        return tables


def _norms(array: np.ndarray) -> np.ndarray:
    return norm(array.reshape(len(array), -1), axis=1)


def _plain(array: np.ndarray) -> Any:
    """A number where it is one."""
    return float(array) if array.ndim == 0 else array.tolist()


def _dataset(names: Sequence[str], time: np.ndarray, steps: np.ndarray, distances: np.ndarray) -> xarray.Dataset:
    import xarray

    return xarray.Dataset(
        {
            "divergence": (
                ("parameter", "time"),
                distances,
                {"long_name": "norm of the gradient's difference from backprop's"},
            )
        },
        {
            "parameter": ("parameter", np.array(names, dtype=str)),
            "time": ("time", time, {"units": "ms", "long_name": "time"}),
            "iteration": ("time", steps, {"long_name": "number of the step"}),
        },
    )
