"""The picture of a circuit in layers: a column for each area, a row for each layer, populations where they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pcneuro.circuit.drawing.style import (
    FONT,
    LINE,
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
from pcneuro.circuit.projections import role_of
from pcneuro.circuit.structure import AbstractCircuit
from pcneuro.errors import CapacityError
from pcneuro.model.lamination.rows import INHIBITORY

if TYPE_CHECKING:
    import matplotlib.axes
    import networkx

_ROOM, _BETWEEN = 0.98, 0.55
"""Width for a population with its label, and between two columns, in inches."""
_FULL, _EMPTY = 0.92, 0.3
"""Height of a layer with populations, and of one without."""
_ASIDE = 0.36
"""Share of a layer's height from the middle of a symbol to the end that has no label."""
_LEFT, _TOP, _MARGIN = 0.85, 0.3, 0.1
"""Room for the names of layers and of areas, and around it all."""
_BEND, _FURTHER = 0.16, 0.05
"""How far a connection bends from a straight line, as a share of its length; and more for each column further."""
_LABEL = 0.11
"""Height of a line of a label."""
MOST_AREAS = 60


@dataclass(frozen=True)
class _Columns:
    """Middle of each population, of each column and of each layer, and the size of it all; y grows downwards."""

    populations: Mapping[str, tuple[float, float]]
    areas: Mapping[str, tuple[float, float]]
    """Area -> the left and the right end of its column."""
    layers: Mapping[str, tuple[float, float]]
    """Layer -> its upper and its lower end."""
    size: tuple[float, float]
    labelled_above: frozenset[str]
    """Populations whose labels are above them: connections reach them from below."""

    def column(self, population: str, graph: networkx.MultiDiGraph) -> int:
        return list(self.areas).index(graph.nodes[population]["area"])


def _arranged(layers: Iterator[str], graph: networkx.MultiDiGraph) -> _Columns:
    cells: dict[tuple[str, str], list[str]] = {}
    for name, data in graph.nodes(data=True):
        cells.setdefault((data["area"], data["layer"]), []).append(name)
    left, spans = _LEFT, {}
    for area in dict.fromkeys(area for area, _ in cells):
        width = _ROOM * max(len(names) for (of, _), names in cells.items() if of == area)
        spans[area] = (left, left + width)
        left += width + _BETWEEN
    top, heights = _TOP, {}
    for layer in layers:
        height = _FULL if any(of == layer for _, of in cells) else _EMPTY
        heights[layer] = (top, top + height)
        top += height
    places, above = {}, set()
    lowest = {area: max((layer for of, layer in cells if of == area), key=list(heights).index) for area in spans}
    for (area, layer), names in cells.items():
        (start, end), (upper, lower) = spans[area], heights[layer]
        over = layer != lowest[area]
        above |= set(names) if over else set()
        for k, name in enumerate(names):
            x = (start + end) / 2 + _ROOM * (k - (len(names) - 1) / 2)
            places[name] = (x, upper + (1 - _ASIDE if over else _ASIDE) * (lower - upper))
    return _Columns(places, spans, heights, (left - _BETWEEN + _MARGIN, top), frozenset(above))


class _Picture:
    """Draws into one axes, whose unit is an inch at ``scale`` 1."""

    def __init__(self, circuit: AbstractCircuit, graph: Any, ax: Any, layout: _Columns, scale: float) -> None:
        self.circuit, self.graph, self.ax, self.layout, self.scale = circuit, graph, ax, layout, scale

    def background(self) -> None:
        """Layers as bands with their names, areas as columns with theirs."""
        from matplotlib.patches import FancyBboxPatch

        right = self.layout.size[0]
        text: dict[str, Any] = {"fontsize": FONT * self.scale, "color": "#333333", "clip_on": True}
        for k, (layer, (upper, lower)) in enumerate(self.layout.layers.items()):
            self.ax.axhspan(upper, lower, color="#F6F6F6" if k % 2 else "white", zorder=0)
            self.ax.text(_MARGIN, (upper + lower) / 2, short(layer), ha="left", va="center", **text)
        for area, (start, end) in self.layout.areas.items():
            box: dict[str, Any] = {
                "facecolor": "none",
                "edgecolor": "#CCCCCC",
                "linewidth": LINE * self.scale,
                "zorder": 1,
            }
            height = self.layout.size[1] - _TOP
            self.ax.add_artist(
                FancyBboxPatch((start, _TOP), end - start, height, boxstyle="round,pad=0,rounding_size=0.1", **box)
            )
            weight = "bold" if role_of(self.circuit, area) == "output" else "normal"
            self.ax.text((start + end) / 2, _TOP / 2, short(area), ha="center", va="center", fontweight=weight, **text)
        self.ax.set_xlim(0, right)

    def population(self, name: str) -> None:
        """Its symbol, with its cell type and number of neurons; and the vertex where it is none that is an area."""
        x, y = self.layout.populations[name]
        data = self.graph.nodes[name]
        kind = "error" if data["kind"] == "error" else "input" if data["role"] == "input" else "value"
        self.ax.add_artist(symbol(kind, (x, y), self.scale, name))
        if data.get("sign"):
            self._text(x, y, "+" if data["sign"] > 0 else "\N{MINUS SIGN}", FONT, "#333333", va="center")
        lines = [data["cell_type"], f"{data['size']:,}"]
        lines = lines if data["vertex"] == data["area"] else [data["vertex"], *lines]
        top = y + RADIUS + _LABEL / 2
        if name in self.layout.labelled_above:
            top = y - OUTLINE_OF_ERRORS - _LABEL * (len(lines) + 0.3)
        for k, words in enumerate(lines):
            colour = "#333333" if len(lines) - k > 2 else "#666666"
            self._text(x, top + _LABEL * k, short(words), SMALL - 1, colour, va="top")

    def _text(self, x: float, y: float, words: str, size: float, colour: str, **more: Any) -> None:
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0.3 * self.scale, "alpha": 0.7}
        kept = {} if more["va"] == "center" else {"bbox": box}
        self.ax.text(
            x, y, words, fontsize=size * self.scale, color=colour, ha="center", zorder=6, clip_on=True, **more, **kept
        )

    def connection(self, source: str, target: str, data: Mapping[str, Any]) -> None:
        """An arrow, or with a bar where it is inhibitory; those to and fro bend to different sides."""
        from matplotlib.patches import FancyArrowPatch

        columns = [self.layout.column(name, self.graph) for name in (source, target)]
        bend = _BEND + _FURTHER * max(abs(columns[1] - columns[0]) - 1, 0)
        self.ax.add_artist(
            FancyArrowPatch(
                self.layout.populations[source],
                self.layout.populations[target],
                connectionstyle=f"arc3,rad={bend:g}",
                **arrow(data["kind"], data["effect"] == INHIBITORY, self.scale),
                # Points from the middle of a symbol to beyond its outline.
                shrinkA=72 * RADIUS * self.scale,
                shrinkB=72 * RADIUS * 1.2 * self.scale,
                zorder=2,
                gid=connection_id(source, target),
            )
        )


def draw_columns(circuit: Any, ax: matplotlib.axes.Axes | None) -> matplotlib.axes.Axes:
    """See ``draw``: of a circuit with a scheme."""
    graph, scheme = circuit.nx, circuit.scheme
    layout = _arranged(iter(scheme.layers), graph)
    if len(layout.areas) > MOST_AREAS:
        raise CapacityError(
            f"a picture of {len(layout.areas):,} columns cannot be read; {MOST_AREAS} are the most: "
            "circuit.with_scheme(None).draw() has no layers, write_graphml(path) is for a graph viewer (Gephi, yEd)"
        )
    ax, page = prepared(circuit, ax, (layout.size[0], layout.size[1] + 2 * _MARGIN))
    picture = _Picture(circuit, graph, ax, layout, page.scale)
    picture.background()
    ax.set(xlim=(0, page.width), ylim=(page.height, 0))
    for source, target, data in graph.edges(data=True):
        picture.connection(source, target, data)
    for name in graph:
        picture.population(name)
    legend(ax, circuit, page)
    return ax
