"""What a gradient's accuracy costs on a chip: its error against energy, and against time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pcneuro.analysis.plot.names import COLOURS, short
from pcneuro.errors import ParameterError, ShapeError, told
from pcneuro.mapping.formatting import joule_scale, second_scale
from pcneuro.quantities import flag, plain_array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 7.2, 3.3
MARKERS = "osD^vP*"
SHADE = 0.18
"""Of the band between the lowest and the highest price."""
MARGIN = 0.12
"""Of the axes beyond the points, where the numbers beside these are."""
SHORT = 4.0
"""Costs that lie within this factor of each other have a label at each tenth of a decade."""
COLUMNS = 3
"""Of the legend."""
TOGETHER = 4
"""Of more lines only the first has its settings beside it."""


@dataclass(frozen=True, eq=False)
class ParetoLine:
    """One line of the picture: a circuit on a chip, with a setting that differs from point to point.

    Attributes
    ----------
    name
        As the legend has it.
    setting
        (points,): the threshold, or the bits.
    error
        (points,): relative error of the gradient.
    energy
        (points, 2): of a gradient in pJ, lowest and highest; NaN where nothing is priced.
    time
        (points, 2): of a sample in ns, lowest and highest; NaN where nothing is known.
    alone
        Whether it is one point to compare with, such as a clocked implementation, and has no setting.
    """

    name: str
    setting: np.ndarray
    error: np.ndarray
    energy: np.ndarray
    time: np.ndarray
    alone: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise ParameterError(f"name is {told(self.name)}; give text")
        object.__setattr__(self, "alone", flag("alone", self.alone))
        for what in ("setting", "error", "energy", "time"):
            object.__setattr__(self, what, plain_array(what, getattr(self, what)).astype(np.float64))
        points = np.shape(self.setting)
        if len(points) != 1:
            raise ShapeError(f"setting is of shape {points}; give a number for each point of the line")
        for what, wanted in (("error", points), ("energy", (*points, 2)), ("time", (*points, 2))):
            if getattr(self, what).shape != wanted:
                raise ShapeError(f"{what} is of shape {getattr(self, what).shape}; needed is {wanted}, as setting is")


def pareto(lines: Sequence[ParetoLine], setting: str = "threshold") -> list[Axes]:
    """Draw the error of gradients against their energy and their time, in a new figure of pyplot; returns both axes.

    Further left and down is better. A band is from the lowest price to the highest; a line has the geometric mean.

    Parameters
    ----------
    lines
        A line for each circuit and chip.
    setting
        What differs along a line, in words.

    Raises ParameterError for what are no lines, or text that is none.
    """
    if not isinstance(setting, str):
        raise ParameterError(f"setting is {told(setting)}; give what differs along a line, in words")
    if isinstance(lines, str) or not isinstance(lines, Sequence) or not all(isinstance(x, ParetoLine) for x in lines):
        raise ParameterError(f"lines is {told(lines)}; give a list of pcn.mapping.plot.ParetoLine")
    if not lines:
        raise ParameterError("lines is empty; give a pcn.mapping.plot.ParetoLine at least")
    from matplotlib import pyplot

    figure = pyplot.figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for ax, what, scale in ((left, "energy", joule_scale), (right, "time", second_scale)):
        costs = [getattr(line, what) for line in lines]
        largest = np.nanmax([np.nanmax(cost, initial=0.0) for cost in costs])
        factor, unit = scale(float(largest))
        drawn = [
            _line(ax, line, factor * cost, k, len(lines))
            for k, (line, cost) in enumerate(zip(lines, costs, strict=True))
        ]
        if not any(drawn):
            ax.text(0.5, 0.5, "no prices", ha="center", va="center", transform=ax.transAxes, fontsize=9)
            continue
        ax.set_xscale("log")
        _label_costs(ax)
        ax.set_xlabel(f"{what} of a {'gradient' if what == 'energy' else 'sample'} ({unit})", fontsize=9)
    left.set_yscale("log")
    left.set_ylabel("relative gradient error", fontsize=9)
    for ax in (left, right):
        ax.margins(x=MARGIN, y=MARGIN)
        ax.tick_params(labelsize=8)
        ax.spines[["top", "right"]].set_visible(False)
    _legend(figure, (left, right), setting)
    return [left, right]


def _legend(figure: Figure, both: Sequence[Axes], setting: str) -> None:
    """Names of all lines, those that are on one of the axes only among them, below."""
    handles = {label: handle for ax in both for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    figure.legend(
        list(handles.values()),
        list(handles),
        loc="outside lower center",
        ncols=min(len(handles), COLUMNS),
        fontsize=8,
        frameon=False,
        title=f"numbers at the points: {setting}",
        title_fontsize=7,
    )


def _label_costs(ax: Axes) -> None:
    """Less than a decade has labels, too, and several have them at some distance."""
    from matplotlib import ticker

    low, high = ax.get_xlim()
    ax.xaxis.set_major_locator(ticker.LogLocator(subs="all" if high < SHORT * low else (1.0, 2.0, 5.0)))
    ax.xaxis.set_major_formatter(ticker.StrMethodFormatter("{x:g}"))
    ax.xaxis.set_minor_formatter(ticker.NullFormatter())


def _line(ax: Axes, line: ParetoLine, cost: np.ndarray, number: int, count: int) -> bool:
    """Draw one line; returns whether there was anything."""
    shown = np.isfinite(cost).all(axis=1) & (cost > 0).all(axis=1) & (line.error > 0) & np.isfinite(line.error)
    if not shown.any():
        return False
    cost, error, setting = cost[shown], line.error[shown], line.setting[shown]
    middle = np.sqrt(cost[:, 0] * cost[:, 1])
    colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
    if line.alone:
        spread = np.stack([middle - cost[:, 0], cost[:, 1] - middle])
        look: dict[str, Any] = {"marker": marker, "markerfacecolor": "none", "linestyle": "none", "capsize": 2}
        ax.errorbar(middle, error, xerr=spread, color=colour, label=short(line.name), markersize=5, **look)
        return True
    ax.fill_betweenx(error, cost[:, 0], cost[:, 1], color=colour, alpha=SHADE, linewidth=0)
    ax.plot(middle, error, color=colour, marker=marker, markersize=3.5, linewidth=1.0, label=short(line.name))
    if count > TOGETHER and number:
        return True
    ends = {int(np.argmin(setting)), int(np.argmax(setting))}
    for k in range(len(setting)):
        # Of the first line every other one, where it is not beside one of the ends.
        if k in ends or (number == 0 and k % 2 == 0 and not ends & {k - 1, k + 1}):
            place = (4, 3) if number % 2 == 0 else (-4, -4)
            side = {"ha": "left", "va": "bottom"} if number % 2 == 0 else {"ha": "right", "va": "top"}
            text: dict[str, Any] = {"textcoords": "offset points", "fontsize": 6.5, "color": colour, **side}
            ax.annotate(f"{setting[k]:g}", (middle[k], error[k]), xytext=place, **text)
    return True
