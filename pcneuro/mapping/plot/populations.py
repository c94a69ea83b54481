"""A chip whose cores are coloured by the populations that are on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pcneuro.analysis.plot.names import COLOURS, LONGEST, short
from pcneuro.mapping.plot.arguments import axes_of, data_of
from pcneuro.mapping.plot.floor import boxes, canvas, fill, floor_size, inches_a_tile, places
from pcneuro.mapping.plot.load import fullest

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

MAP = "turbo"
"""Colours of more vertices than there are colours to be told apart: neighbours in the graph look alike."""
LEAST = 0.12
"""How high a core with anything on it is filled at least, so that it is seen."""
FEW = 5
"""So many of the colours to be told apart stay apart when they are pale."""
PALE = 0.55
"""How far value neurons' colours are on the way to white; error neurons have the full one."""
MOST_NAMES = 36
"""So many vertices are named."""
VALUE, ERROR, SEPARATOR = ".value", ".error", "."
LETTERS, LINE = 66, 0.16
"""Of a legend: letters in a line, and inches of it."""
BELOW = 0.42
"""Inches from the axes to it: numbers and name of the axis are between."""


def populations(mapping: Any, ax: Axes | None = None) -> Axes:
    """Draw the chip, each core in the colours of its populations, by their numbers of neurons on it; returns the axes.

    A vertex has a colour: full for its error neurons, pale for its value neurons. A core is filled as high as it is
    full, by the fullest of its limits.

    Parameters
    ----------
    mapping
        From ``pcn.map_circuit`` or ``Mapping.read``.
    ax
        Axes of matplotlib; None for a new figure of pyplot.

    Raises ParameterError for what is no mapping, or no axes.
    """
    data = data_of(mapping)
    ax = axes_of(ax, populations_size(data))
    floor = canvas(data, ax)
    names = [str(name) for name in data["population_name"].values]
    colours = np.array(population_colours(names))
    core, population, bottom, share = _layers(data)
    left, floors = places(data, floor)
    wide, high = floor.field()
    fields = boxes(left[core], floors[core] + high * bottom, wide, high * share)
    fill(ax, fields, colours[population], antialiased=False)
    _legend(ax, _labels(data), names, colours)
    return ax


def population_colours(names: Sequence[str]) -> list[tuple[float, float, float]]:
    """A colour for each population: a hue a vertex, pale for value neurons."""
    import matplotlib
    from matplotlib.colors import to_rgb

    vertices = list(dict.fromkeys(name.rpartition(SEPARATOR)[0] for name in names))
    if len(vertices) <= FEW:
        hues = [to_rgb(colour) for colour in COLOURS[: len(vertices)]]
    else:
        hues = [to_rgb(colour) for colour in matplotlib.colormaps[MAP](np.linspace(0.05, 0.95, len(vertices)))]
    of = dict(zip(vertices, hues, strict=True))
    return [
        _pale(of[n.rpartition(SEPARATOR)[0]]) if n.endswith(VALUE) else of[n.rpartition(SEPARATOR)[0]] for n in names
    ]


def _pale(colour: tuple[float, float, float]) -> tuple[float, float, float]:
    red, green, blue = (part + (1 - part) * PALE for part in colour)
    return red, green, blue


def _layers(data: xarray.Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Of each core and population on it: core, population, where its layer begins and how high it is, from 0 to 1."""
    cores, count = data.sizes["core"], data.sizes["population_index"]
    keys, neurons = np.unique(data["core_of"].values * count + data["population"].values, return_counts=True)
    core, population = keys // count, keys % count
    on_core = np.bincount(core, weights=neurons, minlength=cores)
    share = neurons / on_core[core] * np.clip(fullest(data), LEAST, 1.0)[core]
    ends = np.cumsum(share)
    first = np.searchsorted(core, np.arange(cores))
    before = np.concatenate([[0.0], ends])[first]
    return core, population, ends - share - before[core], share


def _legend(ax: Axes, labels: Mapping[str, str], names: Sequence[str], colours: np.ndarray) -> None:
    """A line for each vertex: its colour for value neurons, and that for error neurons."""
    from matplotlib.legend_handler import HandlerTuple
    from matplotlib.patches import Patch

    of = dict(zip(names, colours, strict=True))
    handles: list[Any] = []
    for vertex in list(labels)[:MOST_NAMES]:
        ours = [of[name] for name in (f"{vertex}{VALUE}", f"{vertex}{ERROR}") if name in of]
        handles.append(tuple(Patch(facecolor=tuple(colour)) for colour in ours))
    texts = list(labels.values())[:MOST_NAMES]
    if len(labels) > MOST_NAMES:
        handles.append(Patch(facecolor="none"))
        texts.append(f"and {len(labels) - MOST_NAMES} more")
    ax.legend(
        handles,
        texts,
        loc="upper center",
        bbox_to_anchor=(0.5, -BELOW / _height(ax)),
        title="pale: value neurons, full: error neurons",
        title_fontsize=7,
        fontsize=7,
        ncols=_columns(labels),
        frameon=False,
        handlelength=2.0,
        handler_map={tuple: HandlerTuple(ndivide=None, pad=0.1)},
    )


def distinct(names: Sequence[str]) -> list[str]:
    """Names for a legend: of long ones without what all begin and end with."""
    if len(names) < 2 or all(len(name) <= LONGEST for name in names):
        return [short(name) for name in names]
    parts = [name.split(SEPARATOR) for name in names]
    least = min(map(len, parts)) - 1
    begin = next((k for k in range(least) if len({part[k] for part in parts}) > 1), least)
    end = next((k for k in range(least - begin) if len({part[-1 - k] for part in parts}) > 1), least - begin)
    kept = [SEPARATOR.join(part[begin : len(part) - end]) for part in parts]
    return [f"{'…' if begin else ''}{short(name)}{'…' if end else ''}" for name in kept]


def _columns(labels: Mapping[str, str]) -> int:
    return max(1, min(len(labels), LETTERS // (max(map(len, labels.values())) + 6)))


def populations_size(data: xarray.Dataset) -> tuple[float, float]:
    """Inches of the picture."""
    labels = _labels(data)
    rows = -(-min(len(labels), MOST_NAMES + 1) // _columns(labels))
    return floor_size(data, LINE * (rows + 2))


def _labels(data: xarray.Dataset) -> dict[str, str]:
    """Vertex -> its name in the legend."""
    vertices = list(dict.fromkeys(str(name).rpartition(SEPARATOR)[0] for name in data["population_name"].values))
    return dict(zip(vertices, distinct(vertices), strict=True))


def _height(ax: Axes) -> float:
    """Inches of the axes, as tiles of equal sides leave them."""
    return inches_a_tile(ax) * abs(float(np.diff(ax.get_ylim())[0]))
