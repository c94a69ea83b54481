"""The report of a wavefront: a row for each population, and curves over time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pcneuro.errors import unknown_name
from pcneuro.simulator.result import Status
from pcneuro.tables import aligned

if TYPE_CHECKING:
    import xarray

HALF = 0.5
"""Share of the final gradient that the critical population is last to reach."""
LATE = 1 / 3
"""Part of a run, its last, in which it is measured how the free energy changes."""
SHOWN = 8
"""So many populations of a critical path are printed."""
NOISE = 1e-13
"""Changes of the free energy below this share of it are rounding."""


@dataclass(frozen=True)
class Front:
    """How errors came to one vertex.

    Attributes
    ----------
    vertex : str
    arrival : float
        Time (ms) at which its feedback or its error first was other than zero, in any sample and unit; infinite where
        that did not happen. 0 for what is clamped away from its prediction.
    times : tuple of float
        Times (ms) at which its errors first had so much of the final gradient, by the report's ``shares``; NaN where
        they did not, or where the final error is zero.
    hops : int
        Projections on the least way to it from a clamped vertex with an error.
    bound : float
        Lower bound (ms) of ``arrival`` by distance and delays; infinite where no way leads to it.
    path : tuple of str
        Vertices on that way, the clamped one first, this one last; empty where there is none.
    final_norm : float
        Euclidean norm of its errors at the end, over batch and units; NaN where the run did not get there.
    """

    vertex: str
    arrival: float
    times: tuple[float, ...]
    hops: int
    bound: float
    path: tuple[str, ...] = field(repr=False)
    final_norm: float


@dataclass(frozen=True, eq=False)
class Wavefront:
    """When errors came to every population, and when their gradients were there; prints as a table.

    Attributes
    ----------
    rows : tuple of Front
        One for each vertex with error neurons, in topological order; ``report["h1"]`` is that of one.
    shares : tuple of float
        Of the final gradient, to which there are ``times``.
    time, every, dt : float
        Simulated time, the interval at which it was looked at, and the time step, in ms.
    curves : xarray.DataArray
        Share of the final gradient, (vertex, time), at some 500 times at most; NaN where the final error is zero.
    energy : xarray.DataArray
        Free energy, (energy_time), at some 100 times.
    status, message
        As of a ``Result``; and where the run did not complete, what is therefore missing.
    settings : dict of str
        Dynamics, integrator, schedule and engine.

    Examples
    --------
    >>> report = pcn.wavefront(pcn.Simulator(circuit), 200.0, **data)
    >>> len(report.rows)
    2
    """

    rows: tuple[Front, ...]
    shares: tuple[float, ...]
    time: float
    every: float
    dt: float
    curves: xarray.DataArray = field(repr=False)
    energy: xarray.DataArray = field(repr=False)
    status: Status
    message: str
    settings: Mapping[str, str]

    def __getitem__(self, vertex: str) -> Front:
        for row in self.rows:
            if row.vertex == vertex:
                return row
        raise unknown_name("vertex with errors", vertex, [row.vertex for row in self.rows])

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def critical(self) -> list[tuple[str, float, float]]:
        """The way to the population that is last to have half of its gradient (without that share: the largest one).

        (vertex, arrival in ms, time to that share in ms) of each population on it, the clamped one first. Empty where
        none has reached it.
        """
        column = self._column
        reached = [row for row in self.rows if not math.isnan(row.times[column])]
        if not reached:
            return []
        last = max(reached, key=lambda row: (row.times[column], row.hops))
        rows = {row.vertex: row for row in self.rows}
        # A latent without a prior may stand on the way, and has no errors of its own.
        return [(name, rows[name].arrival, rows[name].times[column]) for name in last.path if name in rows]

    @property
    def _column(self) -> int:
        return self.shares.index(HALF) if HALF in self.shares else len(self.shares) - 1

    @property
    def growth(self) -> float:
        """Rate (1/ms) at which changes of the free energy grow, or die away where it is negative, late in the run.

        The slope of log ``|dF/dt|`` over the last third of what was simulated, by least squares. Near an equilibrium, F
        comes to it or leaves it as exp(growth * time), so that the rate is one of the equations, not of dt; where it
        goes on swinging (``swing``) the rate is near 0. NaN where F no longer changes, up to rounding, or was hardly
        looked at.
        """
        return growth(self.energy["energy_time"].values, self.energy.values)

    @property
    def swing(self) -> float:
        """Largest less least free energy over the last third of what was simulated, as a share of the largest.

        Near 0 at an equilibrium; not so where the run was too short, or never comes to rest: then there is no final
        gradient that the shares could be of, but only that of the last moment. NaN where F is not finite, or zero.
        """
        values = self.energy.values[late(self.energy["energy_time"].values)]
        with np.errstate(all="ignore"):
            return float((values.max() - values.min()) / values.max()) if len(values) else math.nan

    def as_dict(self) -> dict[str, Any]:
        """All numbers, ready for JSON: None for what is not finite.

        ``from`` is the vertex before a population on the least way to it.
        """
        return {
            "status": str(self.status),
            "message": self.message,
            "time": self.time,
            "every": self.every,
            "dt": self.dt,
            **self.settings,
            "shares": list(self.shares),
            "growth": _finite(self.growth),
            "swing": _finite(self.swing),
            "critical": [
                {"vertex": name, "arrival": _finite(arrival), "time": _finite(time)}
                for name, arrival, time in self.critical
            ],
            "populations": {
                row.vertex: {
                    "arrival": _finite(row.arrival),
                    "times": [_finite(time) for time in row.times],
                    "hops": row.hops if row.path else None,
                    "bound": _finite(row.bound),
                    "from": row.path[-2] if len(row.path) > 1 else None,
                    "final_norm": _finite(row.final_norm),
                }
                for row in self.rows
            },
        }

    def to_dataset(self) -> xarray.Dataset:
        """The report as a dataset with the dimensions vertex, share, time (ms) and energy_time (ms)."""
        import xarray

        def column(values: list[float], units: str, name: str) -> tuple[str, np.ndarray, dict[str, str]]:
            array = np.array(values, dtype=np.float64)
            return "vertex", np.where(np.isfinite(array), array, np.nan), {"units": units, "long_name": name}

        times = np.array([row.times for row in self.rows], dtype=np.float64).reshape(len(self.rows), len(self.shares))
        hops = [float(row.hops) if row.path else math.nan for row in self.rows]
        meaning = {"units": "ms", "long_name": "time to a share of the final gradient"}
        return xarray.Dataset(
            {
                "arrival": column([row.arrival for row in self.rows], "ms", "first arrival of an error"),
                "bound": column([row.bound for row in self.rows], "ms", "lower bound of the first arrival"),
                "hops": column(hops, "1", "projections on the least way from what is clamped"),
                "final_norm": column([row.final_norm for row in self.rows], "1", "norm of the error at the end"),
                "time_to_share": (("vertex", "share"), times, meaning),
                "gradient_share": self.curves,
                "free_energy": self.energy,
            },
            {
                "vertex": ("vertex", np.array([row.vertex for row in self.rows], dtype=str)),
                "share": ("share", np.array(self.shares), {"units": "1", "long_name": "share of the final gradient"}),
            },
            {"dt": self.dt, "dt_units": "ms", "status": str(self.status), "message": self.message, **self.settings},
        )

    def __str__(self) -> str:
        heads = ("population", "hops", "bound/ms", "arrival/ms", *(f"{100 * share:g} %/ms" for share in self.shares))
        rows = [
            (
                row.vertex,
                str(row.hops) if row.path else "-",
                *(time_text(value) for value in (row.bound, row.arrival, *row.times)),
            )
            for row in self.rows
        ]
        lines = [f"Wavefront over {self.time:g} ms: {self.message}", ""]
        lines += aligned(heads, rows, "l" + "r" * (len(heads) - 1))
        if self.critical:
            share = f"{100 * self.shares[self._column]:g} %"
            lines += ["", f"Critical path, time to {share} in ms: {self._critical_text()}"]
        return "\n".join(lines)

    def _critical_text(self) -> str:
        steps = [f"{name} ({time_text(time)})" for name, _, time in self.critical]
        if len(steps) > SHOWN:
            steps = [*steps[: SHOWN // 2], f"... {len(steps) - SHOWN} more ...", *steps[-SHOWN // 2 :]]
        return " -> ".join(steps)


def time_text(value: float) -> str:
    """A time for a table; a dash where there is none."""
    return f"{value:g}" if math.isfinite(value) else "-"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def late(times: np.ndarray) -> np.ndarray:
    """Which times are in the last third."""
    return times >= times[-1] - LATE * (times[-1] - times[0]) if len(times) else np.zeros(0, dtype=bool)


def growth(times: np.ndarray, energy: np.ndarray) -> float:
    """Slope of log ``|dF/dt|`` by time over the last third, by least squares; of changes above rounding only.

    What is not finite is left out, before the last third is taken.
    """
    finite = np.isfinite(energy)
    moments, values = times[finite], energy[finite]
    chosen = late(moments)
    moments, values = moments[chosen], values[chosen]
    with np.errstate(all="ignore"):
        changes = np.abs(np.diff(values) / np.diff(moments))
        changing = np.isfinite(changes) & (np.abs(np.diff(values)) > NOISE * np.abs(values[1:]))
    if np.count_nonzero(changing) < 3:
        return math.nan
    middle = (moments[1:] + moments[:-1])[changing] / 2
    return float(np.polyfit(middle - middle.mean(), np.log(changes[changing]), 1)[0])
