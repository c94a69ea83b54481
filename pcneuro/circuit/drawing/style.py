"""How pictures of circuits look: colours, lines, symbols, sizes of letters, the page, and what tells of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pcneuro.circuit.structure import AbstractCircuit

if TYPE_CHECKING:
    import matplotlib.axes

# Okabe & Ito's colours, which are told apart with any kind of colour vision.
COLOURS = {"prediction": "#0072B2", "feedback": "#D55E00", "excite": "#009E73", "inhibit": "#CC79A7"}
FILL = {"value": "#9AD0F0", "input": "#D9D9D9", "error": "#F5C565"}
LINES: dict[str, Any] = {"prediction": "-", "feedback": (0, (4, 1.6)), "excite": "-", "inhibit": "-"}
FONT, SMALL, LINE = 8.0, 6.5, 0.9  # points
LONGEST_NAME = 20
_LEGEND_ENTRY, _LEGEND_LINE = 1.3, 0.15  # inches
_EDGE = "#333333"
RADIUS = 0.14
"""Of the neurons' symbols, in inches."""
OUTLINE_OF_ERRORS = 1.15 * RADIUS
"""From the middle of the symbol of error neurons to each of its corners."""


@dataclass(frozen=True)
class Page:
    """Size in inches of all that is drawn, by what it is scaled to fit, and the columns of the legend."""

    width: float
    height: float
    scale: float
    columns: int


def prepared(
    circuit: AbstractCircuit, ax: matplotlib.axes.Axes | None, size: tuple[float, float]
) -> tuple[matplotlib.axes.Axes, Page]:
    """Axes whose unit is an inch at scale 1, for a picture of this size and a legend below it.

    Those that are given, scaled; a new figure as large as it needs to be where there are none.
    """
    entries = len(COLOURS) + len(_symbols(circuit))
    width = max(size[0], 2 * _LEGEND_ENTRY)
    rows = -(-entries // int(width // _LEGEND_ENTRY))
    height = size[1] + _LEGEND_LINE * rows
    if ax is None:
        from matplotlib import pyplot

        ax = pyplot.figure(figsize=(width, height)).add_axes((0.0, 0.0, 1.0, 1.0))
    box = ax.get_window_extent().transformed(ax.figure.dpi_scale_trans.inverted())  # type: ignore[union-attr]
    ax.set(aspect="equal")
    ax.axis("off")
    return ax, Page(width, height, min(box.width / width, box.height / height), -(-entries // rows))


def connection_id(source: str, target: str) -> str:
    """Name of what is drawn for a connection, by which it is found in a file; populations have their own."""
    return f"{source} -> {target}"


def symbol(kind: str, middle: tuple[float, float], scale: float, name: str) -> Any:
    """The symbol of a population: a diamond for ``error``, a circle for ``value`` and ``input``."""
    from matplotlib.patches import Circle, RegularPolygon

    style: dict[str, Any] = {"facecolor": FILL[kind], "linewidth": LINE * scale, "edgecolor": _EDGE, "zorder": 4}
    style["gid"] = name
    if kind == "error":
        return RegularPolygon(middle, 4, radius=OUTLINE_OF_ERRORS, **style)
    return Circle(middle, RADIUS, **style)


def arrow(kind: str, bar: bool, scale: float) -> dict[str, Any]:
    """How a connection of some kind is drawn: up to an arrowhead, or to a ``bar`` where it inhibits."""
    return {
        "arrowstyle": "-[,widthB=0.4,lengthB=0" if bar else "-|>,head_length=0.55,head_width=0.26",
        "mutation_scale": 8 * scale,
        "linewidth": LINE * scale,
        "linestyle": LINES[kind],
        "color": COLOURS[kind],
    }


def short(name: str) -> str:
    """A name of so many letters at most: of a longer one the begin and the end."""
    if len(name) <= LONGEST_NAME:
        return name
    half = (LONGEST_NAME - 1) // 2
    return f"{name[:half]}…{name[-half:]}"


def _symbols(circuit: AbstractCircuit) -> dict[str, str]:
    """Kinds of symbols in a picture of a circuit, and what they mean."""
    inputs = {"input": "input"} if circuit.graph.inputs else {}
    return {**inputs, "value": "value neurons", "error": "error neurons"}


def legend(ax: Any, circuit: AbstractCircuit, page: Page) -> None:
    """What symbols and lines mean, below the circuit."""
    from matplotlib.lines import Line2D

    s = page.scale
    style: dict[str, Any] = {
        "linestyle": "none",
        "markeredgecolor": _EDGE,
        "markeredgewidth": 0.7 * s,
        "markersize": 7 * s,
    }
    kinds = {"excite": "value excites error", "inhibit": "error inhibits value"}
    handles = [
        Line2D([], [], marker="D" if kind == "error" else "o", markerfacecolor=FILL[kind], label=label, **style)
        for kind, label in _symbols(circuit).items()
    ]
    for kind, colour in COLOURS.items():
        label = kinds.get(kind, kind)
        handles.append(Line2D([], [], color=colour, linestyle=LINES[kind], linewidth=1.4 * s, label=label))
    ax.legend(
        handles=handles,
        loc="lower center",
        ncols=page.columns,
        fontsize=SMALL * s,
        frameon=False,
        handlelength=2.2,
        columnspacing=1.2,
        borderaxespad=0.1,
    )
