"""Learning curves: epochs by seed and by source of gradients, their means, and tables of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pcneuro.learning import Epoch, Training
from pcneuro.simulator.result import Status
from pcneuro.studies.task import TextTable

if TYPE_CHECKING:
    import xarray

PC, BP = "predictive coding", "backprop"
COLUMNS = ("train_loss", "train_accuracy", "test_loss", "test_accuracy", "rate", "seconds")
SCORES = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
AGREEMENT = ("cosine", "norm_ratio", "relative_error")
GRADIENTS, DISTANCE, SCALARS = "gradients", "distance", "scalars"
"""Keys of what is measured after each epoch."""


@dataclass
class LearningCurves:
    """Trainings by source, one for each seed; ``rows`` counts the targets of a sample: time steps of a sequence."""

    seeds: list[int] = field(default_factory=list)
    trainings: dict[str, list[Training]] = field(default_factory=lambda: {PC: [], BP: []})
    rows: int = 1
    truth: Mapping[str, float] = field(default_factory=dict)

    def epochs(self, source: str) -> list[Sequence[Epoch]]:
        """The epochs of each seed."""
        return [training.epochs for training in self.trainings[source]]

    @property
    def longest(self) -> int:
        """Number of epochs, the start included, that at least one training has done."""
        return max((len(epochs) for source in self.trainings for epochs in self.epochs(source)), default=0)

    @property
    def judged(self) -> bool:
        """Whether there is an accuracy."""
        return any(math.isfinite(e.test.accuracy) for each in self.epochs(PC) for e in each)

    def array(self, column: str) -> np.ndarray:
        """A column of shape (seeds, sources, epochs), NaN where an epoch was not done."""
        values = np.full((len(self.seeds), len(self.trainings), self.longest), np.nan)
        for j, trainings in enumerate(self.trainings.values()):
            for i, training in enumerate(trainings):
                column_values = training.columns[column]
                values[i, j, : len(column_values)] = column_values
        return values

    def measured(self, source: str, *keys: str) -> np.ndarray:
        """A number measured after each epoch, of shape (seeds, epochs)."""
        numbers = np.full((len(self.seeds), self.longest), np.nan)
        for i, epochs in enumerate(self.epochs(source)):
            for k, epoch in enumerate(epochs):
                value: Any = epoch.measured
                for key in keys:
                    value = value.get(key, {})
                numbers[i, k] = value if isinstance(value, float | int) else np.nan
        return numbers

    def names(self, key: str) -> list[str]:
        """Parameters of which something is measured."""
        return list(next((e.measured.get(key, {}) for each in self.epochs(PC) for e in each), {}))

    @property
    def status(self) -> Status:
        """The worst of all."""
        statuses = [training.status for trainings in self.trainings.values() for training in trainings]
        return next((s for s in (Status.INTERRUPTED, Status.DIVERGED) if s in statuses), Status.COMPLETED)

    @property
    def message(self) -> str:
        """How it ended."""
        for name, trainings in self.trainings.items():
            for seed, training in zip(self.seeds, trainings, strict=True):
                if training.status is self.status is not Status.COMPLETED:
                    return f"seed {seed}, {name}: {training.message}"
        return f"completed {self.longest - 1} epochs" + (f" of {len(self.seeds)} seeds" if len(self.seeds) > 1 else "")

    def numbers(self) -> dict[str, Any]:
        """For the summary: means over seeds with their standard errors, how sources differ, and all of each seed."""
        learning: dict[str, Any] = {}
        for j, name in enumerate(self.trainings):
            learning[name] = {"epoch": list(range(self.longest))}
            for column in COLUMNS:
                mean, error = mean_and_error(self.array(column)[:, j])
                learning[name] |= {column: mean}
                if column in SCORES:
                    learning[name] |= {f"{column}_standard_error": error}
        return {
            "learning": learning,
            "difference": {column: self._difference(column) for column in SCORES},
            "gradients_against_backprop": [
                {name: {key: self._mean_agreement(name, key, k) for key in AGREEMENT} for name in self.names(GRADIENTS)}
                for k in range(self.longest)
                if np.isfinite(self.measured(PC, DISTANCE)[:, k]).any()
            ],
            "seeds": [
                {
                    "seed": seed,
                    "learning": {name: trainings[i].columns for name, trainings in self.trainings.items()},
                }
                for i, seed in enumerate(self.seeds)
            ],
        }

    def _mean_agreement(self, parameter: str, key: str, epoch: int) -> float:
        """Mean over seeds; NaN where the gradient is zero."""
        return mean_and_error(self.measured(PC, GRADIENTS, parameter, key)[:, [epoch]])[0][0]

    def _difference(self, column: str) -> dict[str, Any]:
        """Means after the last epoch, their difference, and the smaller of the standard errors over seeds."""
        last = self.array(column)[:, :, -1]
        mean, error = mean_and_error(last)
        return {
            PC: mean[0],
            BP: mean[1],
            "difference": mean[0] - mean[1],
            "standard_error": float(np.min(error)),
        }

    def dataset(self) -> xarray.Dataset:
        """Everything by seed, source and epoch; agreement of gradients by seed, parameter and epoch."""
        import xarray

        units = {"seconds": {"units": "s"}}
        variables: dict[str, Any] = {
            column: (("seed", "source", "epoch"), self.array(column), units.get(column, {})) for column in COLUMNS
        }
        parameters, scalars = self.names(GRADIENTS), self.names(SCALARS)
        for key in AGREEMENT:
            values = [self.measured(PC, GRADIENTS, name, key) for name in parameters]
            about = {"long_name": f"{key.replace('_', ' ')} of the gradient against backprop's"}
            variables[key] = (("seed", "parameter", "epoch"), np.stack(values, axis=1), about)
        about = {"long_name": "distance of the gradient of a batch, over all parameters, from backprop's"}
        variables[DISTANCE] = (("seed", "epoch"), self.measured(PC, DISTANCE), about)
        coordinates = {
            "seed": ("seed", np.array(self.seeds, dtype=int)),
            "source": ("source", np.array(list(self.trainings), dtype=str)),
            "epoch": ("epoch", np.arange(self.longest)),
            "parameter": ("parameter", np.array(parameters, dtype=str)),
        }
        if scalars:
            by_scalar = np.array([[self.measured(s, SCALARS, name) for s in self.trainings] for name in scalars])
            variables["value"] = (
                ("scalar", "source", "seed", "epoch"),
                by_scalar,
                {"long_name": "value of a parameter"},
            )
            coordinates["scalar"] = ("scalar", np.array(scalars, dtype=str))
            truth = [self.truth.get(name, np.nan) for name in scalars]
            variables["truth"] = ("scalar", truth, {"long_name": "true value"})
        return xarray.Dataset(variables, coordinates, {"rows": self.rows})

    def csv(self) -> str:
        """A row for each epoch and source: means over seeds, and their standard errors."""
        lines = ["epoch,source," + ",".join(f"{column},{column}_standard_error" for column in SCORES)]
        for k in range(self.longest):
            for j, source in enumerate(self.trainings):
                both = [mean_and_error(self.array(column)[:, j, [k]]) for column in SCORES]
                cells = [f"{value[0]:.9g}" if math.isfinite(value[0]) else "" for pair in both for value in pair]
                lines.append(",".join([str(k), source, *cells]))
        return "\n".join(lines) + "\n"

    def tables(self, chance: Mapping[str, float]) -> list[TextTable]:
        """To print: gradients, epochs, and parameters with a true value."""
        tables = [self._agreement(), self._learning(chance), self._values()]
        return [table for table in tables if table.rows]

    def _agreement(self) -> TextTable:
        last = self.longest - 1
        rows = []
        for name in self.names(GRADIENTS):
            cells = [name]
            for k in (0, last):
                cells += [f"{self._mean_agreement(name, key, k):.6f}" for key in AGREEMENT[:2]]
                cells += [f"{self._mean_agreement(name, AGREEMENT[2], k):.1e}"]
            rows.append(cells)
        columns = ["parameter"]
        for when in ("start", f"epoch {last}"):
            columns += [f"{when}: cosine", "norm ratio", "distance"]
        return TextTable("Gradients of the circuit against backprop, on one batch", columns, rows)

    def _learning(self, chance: Mapping[str, float]) -> TextTable:
        scale = 1 / self.rows
        each = "a time step" if self.rows > 1 else "a sample"
        shown = [("test_loss", f"test loss {each}", lambda m, e: _loss(m * scale, e * scale))]
        if self.judged:
            shown.append(("test_accuracy", "test accuracy", _percent))
        shown.append(("train_loss", f"training loss {each}", lambda m, e: _loss(m * scale, e * scale)))
        rows = []
        for k in range(self.longest):
            cells = [str(k)]
            for column, _, write in shown:
                cells += [write(m, e) for m, e in zip(*mean_and_error(self.array(column)[:, :, k]), strict=True)]
            rows.append(cells)
        columns = ["epoch"]
        for _, title, _ in shown:
            columns += [f"{title}, circuit", "backprop"]
        of = f", mean ± standard error over {len(self.seeds)} seeds" if len(self.seeds) > 1 else ""
        at = ""
        if chance:
            guesses = [_percent(chance[key], np.nan) for key in ("accuracy", "majority")]
            at = f"; chance: {guesses[0]} (most frequent class {guesses[1]}), loss {chance['loss'] * scale:.3f}"
        return TextTable(f"Learning{of}{at}", columns, rows)

    def _values(self) -> TextTable:
        rows = []
        for name in self.names(SCALARS):
            if name not in self.truth:
                continue
            cells = [name, f"{self.truth[name]:g}"]
            for k in (0, -1):
                for source in self.trainings:
                    mean, error = mean_and_error(self.measured(source, SCALARS, name)[:, [k]])
                    cells.append(_number(mean[0], error[0]))
            rows.append(cells)
        columns = ["parameter", "true", "circuit, start", "backprop", f"circuit, epoch {self.longest - 1}", "backprop"]
        return TextTable("Parameters", columns, rows)


def mean_and_error(values: np.ndarray) -> tuple[list[float], list[float]]:
    """Mean and its standard error over the first axis, of which missing (NaN) values are left out."""
    values = np.asarray(values, dtype=float)
    counts = np.isfinite(values).sum(axis=0)
    with np.errstate(all="ignore"):
        mean = np.nansum(values, axis=0) / counts
        square = np.nansum((values - mean) ** 2, axis=0) / (counts - 1)
        error = np.sqrt(square / counts)
    return mean.tolist(), np.where(counts > 1, error, np.nan).tolist()


def _with_error(mean: str, error: str, value: float) -> str:
    return f"{mean} ± {error}" if math.isfinite(value) else mean


def _percent(mean: float, error: float) -> str:
    return f"{_with_error(f'{100 * mean:.2f}', f'{100 * error:.2f}', error)} %" if math.isfinite(mean) else "-"


def _loss(mean: float, error: float) -> str:
    if not math.isfinite(mean):
        return "-"
    form = ".3e" if mean >= 1e4 or 0 < mean < 1e-3 else ".4f"
    return _with_error(f"{mean:{form}}", f"{error:{form if form == '.3e' else '.4f'}}", error)


def _number(mean: float, error: float) -> str:
    return _with_error(f"{mean:.5g}", f"{error:.2g}", error)
