"""How pictures of circuits look: colours, lines, sizes of letters, and what tells of them."""

from __future__ import annotations

from typing import Any

from pcneuro.circuit.structure import AbstractCircuit

# Okabe & Ito's colours, which are told apart with any kind of colour vision.
COLOURS = {"prediction": "#0072B2", "feedback": "#D55E00", "excite": "#009E73", "inhibit": "#CC79A7"}
FILL = {"value": "#9AD0F0", "input": "#D9D9D9", "error": "#F5C565"}
LINES: dict[str, Any] = {"prediction": "-", "feedback": (0, (4, 1.6)), "excite": "-", "inhibit": "-"}
FONT, SMALL, LINE = 8.0, 6.5, 0.9  # points
LONGEST_NAME = 20
LEGEND_ENTRY, LEGEND_LINE = 1.3, 0.15  # inches


def short(name: str) -> str:
    """A name of so many letters at most: of a longer one the begin and the end."""
    if len(name) <= LONGEST_NAME:
        return name
    half = (LONGEST_NAME - 1) // 2
    return f"{name[:half]}…{name[-half:]}"


def legend(ax: Any, circuit: AbstractCircuit, scale: float, columns: int) -> None:
    """What symbols and lines mean, below the circuit."""
    from matplotlib.lines import Line2D

    s = scale
    symbol: dict[str, Any] = {
        "linestyle": "none",
        "markeredgecolor": "#333333",
        "markeredgewidth": 0.7 * s,
        "markersize": 7 * s,
    }
    kinds = {"excite": "value excites error", "inhibit": "error inhibits value"}
    handles = [
        Line2D([], [], marker="o", markerfacecolor=FILL["value"], label="value neurons", **symbol),
        Line2D([], [], marker="D", markerfacecolor=FILL["error"], label="error neurons", **symbol),
    ]
    if circuit.graph.inputs:
        handles.insert(0, Line2D([], [], marker="o", markerfacecolor=FILL["input"], label="input", **symbol))
    for kind, colour in COLOURS.items():
        label = kinds.get(kind, kind)
        handles.append(Line2D([], [], color=colour, linestyle=LINES[kind], linewidth=1.4 * s, label=label))
    ax.legend(
        handles=handles,
        loc="lower center",
        ncols=columns,
        fontsize=SMALL * s,
        frameon=False,
        handlelength=2.2,
        columnspacing=1.2,
        borderaxespad=0.1,
    )
