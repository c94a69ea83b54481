"""Figures of the task ``wavefront``: one of each run, and of a sweep over a number what depends on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pcneuro.analysis.plot import wavefront
from pcneuro.analysis.plot.wavefront import size_of
from pcneuro.analysis.wavefront import Wavefront
from pcneuro.simulator.result import Status
from pcneuro.studies.figures.style import COLOURS, FEW, MOST_PANELS, WIDTH, sequence

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pcneuro.studies.task import FinishedRun

ROOM = 1e4
"""Energies are drawn up to so many times the largest at the start: what diverges leaves the picture there."""
RESTLESS = 0.01
"""A run whose free energy still varies by this share late on is not at rest."""
DEEP = 1e-12
"""And down to this share of it."""
UNSETTLED, DIVERGED = "not at rest\nat the end", "diverged"
HOLLOW: dict[str, Any] = {
    "marker": "o",
    "markersize": 4,
    "markerfacecolor": "white",
    "linestyle": "none",
    "zorder": 3,
}
CROSS: dict[str, Any] = {"marker": "x", "markersize": 6, "color": "black", "linestyle": "none"}


def front_figure(run: FinishedRun) -> Figure:
    """The wavefront of one run."""
    report: Wavefront = run.outcome.detail
    ax = wavefront(report, Figure(figsize=size_of(report), layout="constrained").subplots())
    title = ", ".join(part for part in (run.label, "" if report.status is Status.COMPLETED else report.message) if part)
    figure = ax.figure
    assert isinstance(figure, Figure)
    if title:
        figure.suptitle(title, fontsize=9, wrap=True)
    return figure


def sweep_axis(runs: Sequence[FinishedRun]) -> str | None:
    """The first swept key with numbers, of which there are several."""
    for key in runs[0].swept:
        values = [run.swept[key] for run in runs]
        if all(isinstance(v, int | float) and not isinstance(v, bool) for v in values) and len(set(values)) > 1:
            return key
    return None


def _groups(runs: Sequence[FinishedRun], key: str) -> dict[str, list[FinishedRun]]:
    """Runs by what else was swept, in words; of each in the order of the key's values."""
    groups: dict[str, list[FinishedRun]] = {}
    for run in runs:
        rest = ", ".join(f"{k.rpartition('.')[2]} = {v}" for k, v in run.swept.items() if k != key)
        groups.setdefault(rest, []).append(run)
    return {rest: sorted(group, key=lambda r: r.swept[key]) for rest, group in list(groups.items())[:MOST_PANELS]}


def _panels(groups: dict[str, list[FinishedRun]]) -> tuple[Figure, list[Axes]]:
    columns = min(len(groups), 2)
    rows = -(-len(groups) // columns)
    figure = Figure(figsize=(WIDTH, 3.2 * rows + 0.2))
    axes = list(figure.subplots(rows, columns, squeeze=False, sharey=True).flat)
    for ax in axes[len(groups) :]:
        ax.set_visible(False)
    for ax, title in zip(axes, groups, strict=False):
        ax.set_title(title)
    return figure, axes


def times_figure(runs: Sequence[FinishedRun], key: str) -> Figure:
    """Time to the largest of the shares against a swept number: a line for each population, a panel for all else."""
    groups = _groups(runs, key)
    figure, axes = _panels(groups)
    name = key.rpartition(".")[2]
    handles: dict[str, Any] = {}
    for ax, group in zip(axes, groups.values(), strict=False):
        handles |= _times_lines(ax, group, key)
        ax.set_xlabel(f"{name} (ms)" if name in ("delays", "dt", "tau") else name)
    axes[0].set_ylim(bottom=-0.02 * axes[0].get_ylim()[1])  # of all, once all have been drawn
    share = runs[0].outcome.detail.shares[-1]
    axes[0].set_ylabel(f"time to {100 * share:g} % of the final gradient (ms)")
    _legend(figure, handles, UNSETTLED, DIVERGED)
    return figure


def _legend(figure: Figure, handles: dict[str, Any], *last: str) -> None:
    """Beside all panels; some entries come last."""
    entries = {label: handle for label, handle in handles.items() if label not in last}
    entries |= {label: handles[label] for label in last if label in handles}
    figure.legend(list(entries.values()), list(entries), loc="outside right upper")


def _times_lines(ax: Axes, group: Sequence[FinishedRun], key: str) -> dict[str, Any]:
    """Lines of one panel; by what its legend says. Where a run diverged there is no gradient, but a cross."""
    x = np.array([float(run.swept[key]) for run in group])
    rows = [{row.vertex: row for row in run.outcome.detail.rows} for run in group]
    names = list(dict.fromkeys(name for each in reversed(rows) for name in reversed(each)))
    many = len(names) > FEW
    colours = sequence(len(names)) if many else COLOURS
    handles: dict[str, Any] = {}
    restless = np.array([run.outcome.detail.swing > RESTLESS for run in group])
    for number, name in enumerate(names):
        y = np.ma.masked_invalid([each[name].times[-1] if name in each else math.nan for each in rows])
        # No line leads to a gradient that is none.
        (line,) = ax.plot(
            x, np.ma.masked_where(restless, y), marker="o", markersize=4, color=colours[number], label=name
        )
        ax.plot(x[restless], y[restless], color=line.get_color(), **HOLLOW)
        handles[name] = line
    if restless.any():
        handles[UNSETTLED] = Line2D([], [], color="0.4", **HOLLOW)
    lost = x[[run.outcome.detail.status is Status.DIVERGED for run in group]]
    if len(lost):
        (cross,) = ax.plot(lost, np.full(len(lost), 0.97), transform=ax.get_xaxis_transform(), **CROSS)
        handles[DIVERGED] = cross
    return handles


def energy_figure(runs: Sequence[FinishedRun], key: str) -> Figure:
    """Free energy over time, a line for each value of a swept number, a panel for all else."""
    groups = _groups(runs, key)
    figure, axes = _panels(groups)
    values = sorted({run.swept[key] for run in runs})
    colours = dict(zip(values, sequence(len(values)), strict=True))
    name = key.rpartition(".")[2]
    start = max((run.outcome.detail.energy.values[0] for run in runs), default=1.0) or 1.0
    handles: dict[str, Any] = {}
    for ax, group in zip(axes, groups.values(), strict=False):
        for run in group:
            report: Wavefront = run.outcome.detail
            time, energy = report.energy["energy_time"].values, report.energy.values
            shown = np.isfinite(energy) & (energy > DEEP * start) & (energy <= ROOM * start)
            value = run.swept[key]
            label = f"{name} = {value:g}"
            (handles[label],) = ax.plot(time, np.where(shown, energy, np.nan), color=colours[value], label=label)
            if report.status is Status.DIVERGED and shown.any():
                last = np.flatnonzero(shown)[-1]
                (handles[DIVERGED],) = ax.plot(time[last], energy[last], **CROSS)
        ax.set_yscale("log")
        ax.set_xlabel("time (ms)")
    axes[0].set_ylabel("free energy")
    _legend(figure, handles, DIVERGED)
    return figure
