"""The picture of a circuit: value and error neurons as symbols, projections as arrows, drawn with matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pcneuro.circuit.drawing.columns import draw_columns
from pcneuro.circuit.drawing.depths import pieces
from pcneuro.circuit.drawing.layout import HALF, Arrangement, arrange, halfway, shifted
from pcneuro.circuit.drawing.style import (
    COLOURS,
    FONT,
    OUTLINE_OF_ERRORS,
    RADIUS,
    SMALL,
    arrow,
    connection_id,
    legend,
    prepared,
    short,
    symbol,
)
from pcneuro.circuit.projections import Bundle, Projection, bundled, projections, role_of
from pcneuro.circuit.properties import number_range
from pcneuro.circuit.structure import AbstractCircuit
from pcneuro.errors import CapacityError, ParameterError, told

if TYPE_CHECKING:
    import matplotlib.axes

_LETTER = 0.066  # mean width of a letter of FONT, inches
_MOST_WEIGHT_LABELS = 16
MOST_POPULATIONS = 500
MOST_PIECES = 20_000
"""Of lines from a layer to the next: with more, wires are all that a picture shows."""
_MARGIN = 0.12
_WITHIN = 0.045  # of the two connections within a vertex from its middle
_APART = 0.032  # of a prediction and its feedback from the line between them


class _Picture:
    """Draws into one axes, whose unit is an inch at ``scale`` 1; lines and text shrink with it."""

    def __init__(self, circuit: AbstractCircuit, ax: Any, layout: Arrangement, scale: float) -> None:
        self.circuit, self.ax, self.layout, self.scale = circuit, ax, layout, scale

    def arrow(self, kind: str, points: np.ndarray, order: float, ends: tuple[str, str]) -> None:
        """An arrow along ``points``, of the connection between these populations of ``circuit.nx``."""
        from matplotlib.patches import FancyArrowPatch
        from matplotlib.path import Path

        self.ax.add_artist(
            FancyArrowPatch(
                path=Path(points),
                **arrow(kind, kind == "inhibit", self.scale),
                capstyle="butt",
                joinstyle="round",
                shrinkA=0,
                shrinkB=0,
                zorder=order,
                gid=connection_id(*ends),
            )
        )

    def projection(self, number: int, projection: Projection) -> None:
        """Prediction and feedback side by side, each up to the outline of the symbol that it ends at."""
        wire = self.layout.wires[number]
        fed_back = projection.back is not None
        there, back = shifted(wire, -_APART if fed_back else 0.0), shifted(wire, _APART)[::-1]
        (x, y), (end, low) = (self.layout.vertices[name] for name in (projection.parent, projection.child))
        if number in self.layout.turn:
            there[-1, 1] = low - max(OUTLINE_OF_ERRORS - abs(there[-1, 0] - end + HALF), 0.0)
            back[-1, 1] = y - np.sqrt(max(RADIUS**2 - (back[-1, 0] - x - HALF) ** 2, 0.0))
        else:
            there[-1, 0] = end - HALF - max(OUTLINE_OF_ERRORS - abs(there[-1, 1] - low), 0.0)
            back[-1, 0] = x + HALF + np.sqrt(max(RADIUS**2 - (back[-1, 1] - y) ** 2, 0.0))
        parent, error = f"{projection.parent}.value", f"{projection.child}.error"
        self.arrow("prediction", there, 2, (parent, error))
        if fed_back:
            self.arrow("feedback", back, 2, (error, parent))

    def vertex(self, name: str) -> None:
        """Symbols of the value and error neurons, the two connections between them, name and size."""
        x, y = self.layout.vertices[name]
        is_input = name in self.circuit.graph.inputs
        value, error = f"{name}.value", f"{name}.error"
        self.ax.add_artist(symbol("input" if is_input else "value", (x + HALF, y), self.scale, value))
        paired = not is_input and self.circuit.has_prediction(name)
        if paired:
            self.ax.add_artist(symbol("error", (x - HALF, y), self.scale, error))
            right = x + HALF - np.sqrt(RADIUS**2 - _WITHIN**2)
            left = x - HALF + OUTLINE_OF_ERRORS - _WITHIN
            self.arrow("excite", np.array([[right, y - _WITHIN], [left, y - _WITHIN]]), 3, (value, error))
            self.arrow("inhibit", np.array([[left, y + _WITHIN], [right - 0.03, y + _WITHIN]]), 3, (error, value))
        node = self.circuit.graph.nodes[name]
        middle, below = (x if paired else x + HALF), y + RADIUS + 0.1
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0.4 * self.scale, "alpha": 0.8}
        text = {"ha": "center", "va": "top", "zorder": 6}
        weight = "bold" if role_of(self.circuit, name) == "output" else "normal"
        self.ax.text(
            middle, below, short(name), fontsize=FONT * self.scale, fontweight=weight, bbox=box, clip_on=True, **text
        )
        self.ax.text(
            middle, below + 0.135, f"{node.size:,}", fontsize=SMALL * self.scale, color="#666666", clip_on=True, **text
        )

    def label(self, number: int, bundle: Bundle, weights: bool) -> None:
        """On a projection, where the symbols leave room: the parameters that weight it, and how late it comes."""
        projection = bundle.first
        words = short(", ".join(projection.parameters)) if weights and number not in self.layout.turn else ""
        words = ", ".join(filter(None, (words, f"{number_range(*bundle.delays)} ms" if bundle.delays[1] else "")))
        wire = self.layout.wires[number]
        if 0 < len(words) * _LETTER * SMALL / FONT < np.ptp(wire[:, 0]):
            x, y = halfway(wire)
            # Above a wire that is nearly level, else on it.
            level = abs(wire[-1, 1] - wire[0, 1]) < 0.2
            self.ax.text(
                x,
                y - (0.05 if level else 0.0),
                words,
                fontsize=SMALL * self.scale,
                color=COLOURS["prediction"],
                ha="center",
                va="bottom" if level else "center",
                zorder=3.5,
                clip_on=True,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6 * self.scale},
            )


def _limited(count: int, most: int, what: str) -> None:
    if count > most:
        raise CapacityError(
            f"a picture of {count:,} {what} cannot be read; {most:,} are the most: write_graphml(path) for a graph "
            'viewer (Gephi, yEd), or mark fewer vertices in the function, and build with vertices="marked"'
        )


def draw(circuit: AbstractCircuit, ax: matplotlib.axes.Axes | None = None) -> matplotlib.axes.Axes:
    """Draw a circuit: vertices from left to right by the depth of their predictions, and what connects them.

    Value neurons are circles, and the error neurons on their left are diamonds, with the vertex's name and number of
    units below (outputs in bold). Predictions run from a parent's value to a child's error neurons, feedback beside
    them the other way; inputs are clamped and get none. What closes a cycle turns above the two vertices that it
    connects. Delays are on the lines of what they make late. Long circuits are broken into bands, read like lines of
    text. Up to some fifty populations remain legible on a page, and some hundreds in a figure that is as large as they
    need. Where there are few projections, their parameters are named.

    A circuit with a scheme of layers is drawn with a column for each area and a row for each layer, in which its
    populations are.

    Parameters
    ----------
    circuit
    ax
        Axes to draw into, scaled to its size; a new figure as large as the circuit needs where there is none.

    Returns
    -------
    The axes. ``draw(circuit).figure.savefig("circuit.pdf")`` writes a file. Raises ParameterError where ``ax`` is none,
    and CapacityError for a circuit that no picture shows legibly.
    """
    from matplotlib.axes import Axes

    if ax is not None and not isinstance(ax, Axes):
        raise ParameterError(f"ax is {told(ax)}; give axes of matplotlib, or None for a new figure")
    names = [*circuit.graph.inputs, *circuit.vertices]
    _limited(len(names), MOST_POPULATIONS, "populations")
    if circuit.scheme is not None:
        return draw_columns(circuit, ax)
    bundles = bundled(projections(circuit))
    connections = [bundle.first for bundle in bundles]
    longest = max((len(short(name)) for name in names), default=0)
    pairs = [(p.parent, p.child) for p in connections]
    _limited(pieces(names, pairs), MOST_PIECES, "lines from layer to layer")
    layout = arrange(names, pairs, longest * _LETTER + 0.06)
    ax, page = prepared(circuit, ax, (layout.size[0] + 2 * _MARGIN, layout.size[1] + 2 * _MARGIN))
    spare = (page.width - layout.size[0]) / 2
    ax.set(xlim=(-spare, page.width - spare), ylim=(page.height - _MARGIN, -_MARGIN))
    picture = _Picture(circuit, ax, layout, page.scale)
    for number, projection in enumerate(connections):
        picture.projection(number, projection)
    for name in names:
        picture.vertex(name)
    named = sum(bool(p.parameters) for p in connections) <= _MOST_WEIGHT_LABELS
    for number, bundle in enumerate(bundles):
        picture.label(number, bundle, named)
    legend(ax, circuit, page)
    return ax
