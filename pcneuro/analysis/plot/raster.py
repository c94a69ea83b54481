"""Rasters of events: time against neurons, population above population; of very many, how many there were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pcneuro.analysis.event_counts import blocks, checked
from pcneuro.analysis.plot.bands import bands
from pcneuro.analysis.plot.names import short
from pcneuro.errors import ParameterError, told, unknown_name
from pcneuro.quantities import name_tuple, whole

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

ON, OFF = "#D55E00", "#0072B2"
"""Colours of positive and negative changes (Okabe & Ito 2008), told apart with any colour vision."""
MAP = "viridis"
LEAST = 0.05
"""Share of the height that a small population has at least, so that it is seen beside large ones."""
MOST_NAMES = 40
"""So many names of populations stand at the side; of more, some are left out."""
FEW = 2000
"""Marks of up to so many events are drawn solid."""
COLUMNS, ROWS = 300, 200
"""Of the image of very many events, about."""
MOST_TIMES = 10 * COLUMNS
"""So many different times are taken for bins, if they are regular."""
WIDTH, HEIGHT, MOST_HEIGHT, ROW = 7.2, 4.0, 7.5, 0.17
"""Of a new figure, in inches, and of a row of it."""


def raster(
    events: xarray.Dataset,
    ax: Axes | None = None,
    sample: int = 0,
    populations: Sequence[str] | None = None,
    most: int = 20_000,
) -> Axes:
    """Draw the events of a sample; returns the axes.

    Parameters
    ----------
    events
        ``result.events``, or a file of them by ``xarray.open_dataset``.
    ax
        Axes of matplotlib; None for a new figure of pyplot.
    sample
        Index of the sample in the batch.
    populations
        Names such as ``"h1.error"``, from the top down; None for all that have an event.
    most
        Up to so many events each is a mark, ON (positive change) or OFF (negative). Of more there is an image: how many
        each neuron sent in a millisecond, on average over the neurons and the time of a field.

    Small populations are drawn higher than large ones, so that they are seen: the axis has their names and sizes.
    Raises ParameterError or UnknownNameError for a sample or population that is not recorded.

    Examples
    --------
    >>> result = pcn.Simulator(circuit, engine=pcn.EventDriven()).run(200.0, **data, events=pcn.RecordEvents())
    >>> pcn.plot.raster(result.events).get_xlabel()
    'time (ms)'
    """
    from matplotlib.axes import Axes

    checked(events)
    if ax is not None and not isinstance(ax, Axes):
        raise ParameterError(f"ax is {told(ax)}; give axes of matplotlib, or None for a new figure")
    recorded = events["recorded_sample"].values
    sample, most = whole("sample", sample), whole("most", most, 1)
    if sample not in recorded:
        raise ParameterError(f"sample {told(sample)} is not recorded; recorded are {recorded[:12].tolist()}")
    counts, times = _counts(events, sample)
    stack = _Stack.of(events, _chosen(events, populations, counts))
    if ax is None:
        from matplotlib import pyplot

        height = min(max(HEIGHT, 1.0 + ROW * len(stack.names)), MOST_HEIGHT)
        ax = pyplot.figure(figsize=(WIDTH, height), layout="constrained").add_subplot()
    begin = float(events.attrs.get("begin", 0.0))
    span = begin, max(float(events.attrs.get("end", begin)), float(times.max(initial=0.0)), begin + 1e-9)
    number = int(sum(counts[p] for p in stack.numbers))
    if number == 0:
        ax.text(0.5, 0.5, "no events", ha="center", va="center", transform=ax.transAxes)
    elif number <= most:
        _marks(ax, events, sample, stack)
    else:
        _image(ax, events, sample, stack, _columns(span, times), number)
    _frame(ax, stack, span, over=number > most)
    bands(ax, events.attrs)
    return ax


@dataclass(frozen=True)
class _Stack:
    """Populations above each other, the first at the top: y is 0 there, and 1 at the lower end."""

    names: Sequence[str]
    numbers: Sequence[int]
    sizes: Sequence[int]
    edges: np.ndarray
    """Of shape (populations + 1,)."""

    @classmethod
    def of(cls, events: xarray.Dataset, names: Sequence[str]) -> _Stack:
        known = [str(name) for name in events["population_name"].values]
        numbers = [known.index(name) for name in names]
        sizes = [int(events["population_size"].values[p]) for p in numbers]
        heights = np.maximum(sizes, min(LEAST, 1 / max(len(sizes), 1)) * sum(sizes))
        edges = np.concatenate([[0.0], np.cumsum(heights)])
        return cls(names, numbers, sizes, edges / max(edges[-1], 1e-9))

    def y(self, place: int, units: np.ndarray) -> np.ndarray:
        """Where the middles of units of the population at a place are."""
        top, bottom = self.edges[place : place + 2]
        return top + (bottom - top) * (units + 0.5) / self.sizes[place]


def _counts(events: xarray.Dataset, sample: int) -> tuple[np.ndarray, np.ndarray]:
    """Events of a sample by population, and the times that there were: all of them, where they are not too many."""
    counts, times = np.zeros(len(events["population_name"]), dtype=np.int64), np.zeros(0)
    for block in blocks(events, "sample", "population", "time"):
        in_sample = block["sample"] == sample
        counts += np.bincount(block["population"][in_sample], minlength=len(counts))
        times = np.unique(np.concatenate([times, block["time"][in_sample]]))
        if len(times) > MOST_TIMES:
            times = times[[*range(MOST_TIMES), -1]]
    return counts, times


def _columns(span: tuple[float, float], times: np.ndarray) -> np.ndarray:
    """Edges of columns of the image: each with as many bins of time as any other, where events come in bins."""
    begin, end = span
    step = float(np.diff(times).min(initial=np.inf))
    steps = (end - begin) / step
    whole = (times - times[0]) / step
    if len(times) > MOST_TIMES or steps > MOST_TIMES or np.abs(whole - np.round(whole)).max() > 1e-3:
        return np.linspace(begin, end, COLUMNS + 1)
    width = step * max(1, -(-round(steps) // COLUMNS))
    return np.arange(times[0] - step / 2, end + width, width)


def _chosen(events: xarray.Dataset, populations: Sequence[str] | None, counts: np.ndarray) -> list[str]:
    known = [str(name) for name in events["population_name"].values]
    recorded = [name for name, kept in zip(known, events["population_recorded"].values, strict=True) if kept]
    if populations is None:
        return [name for name in recorded if counts[known.index(name)]] or recorded
    chosen = name_tuple("populations", populations)
    if not chosen:
        raise ParameterError("populations are none: give a list of names, or None for all")
    for name in chosen:
        if name not in recorded:
            raise unknown_name("recorded population", name, recorded)
    return list(chosen)


def _events_of(events: xarray.Dataset, sample: int, stack: _Stack, *columns: str) -> Any:
    """Of each block and each population of the stack: its place, and these columns of the sample's events."""
    for block in blocks(events, "sample", "population", *columns):
        in_sample = block["sample"] == sample
        for place, number in enumerate(stack.numbers):
            chosen = in_sample & (block["population"] == number)
            if chosen.any():
                yield place, {name: block[name][chosen] for name in columns}


def _marks(ax: Axes, events: xarray.Dataset, sample: int, stack: _Stack) -> None:
    """A mark for each event, about as high as its neuron's row."""
    marks: dict[bool, list[np.ndarray]] = {True: [], False: []}
    for place, block in _events_of(events, sample, stack, "time", "unit", "change"):
        rows = stack.y(place, block["unit"])
        for on in marks:
            of_sign = (block["change"] > 0) == on
            marks[on].append(np.stack([block["time"][of_sign], rows[of_sign]]))
    points = ax.get_window_extent().height * 72.0 / ax.figure.dpi
    least = float(np.min(np.diff(stack.edges) / np.maximum(stack.sizes, 1)))
    high = float(np.clip(0.8 * least * points, 2.5, 12.0))
    number = sum(part.shape[1] for parts in marks.values() for part in parts)
    # Marks that lie on one another are still told apart by how dark they are together.
    look: Mapping[str, Any] = {
        "marker": "|",
        "s": high**2,
        "linewidths": 0.9 if number <= FEW else 0.7,
        "alpha": 1.0 if number <= FEW else 0.75,
        "rasterized": True,
    }
    for on, colour, label in ((True, ON, "ON"), (False, OFF, "OFF")):
        x, y = np.concatenate(marks[on], axis=1) if marks[on] else np.zeros((2, 0))
        ax.scatter(x, y, color=colour, label=label, **look)
    legend = ax.legend(
        loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, frameon=False, handletextpad=0.2, borderaxespad=0.1
    )
    for handle in legend.legend_handles:
        if handle is not None:
            handle.set(sizes=[64.0], alpha=1.0, linewidth=1.2)


def _image(ax: Axes, events: xarray.Dataset, sample: int, stack: _Stack, times: np.ndarray, number: int) -> None:
    """Events in a field, by neuron and millisecond: fields of no population reach into another."""
    from matplotlib.colors import LogNorm

    rows = [
        max(1, min(size, round(ROWS * height))) for size, height in zip(stack.sizes, np.diff(stack.edges), strict=True)
    ]
    columns = len(times) - 1
    counts = [np.zeros((columns, n)) for n in rows]
    for place, block in _events_of(events, sample, stack, "time", "unit"):
        n, size = rows[place], stack.sizes[place]
        column = ((block["time"] - times[0]) / (times[-1] - times[0]) * columns).astype(np.int64)
        field = np.clip(column, 0, columns - 1) * n + block["unit"].astype(np.int64) * n // size
        counts[place] += np.bincount(field, minlength=columns * n).reshape(columns, n)
    neurons = [np.bincount(np.arange(size) * n // size) for size, n in zip(stack.sizes, rows, strict=True)]
    per = [c / k / (times[1] - times[0]) for c, k in zip(counts, neurons, strict=True)]
    rates = np.ma.masked_equal(np.concatenate(per, axis=1).T, 0.0)
    places = [np.linspace(a, b, n + 1)[:-1] for a, b, n in zip(stack.edges[:-1], stack.edges[1:], rows, strict=True)]
    y = np.append(np.concatenate(places), stack.edges[-1])
    low, high = float(rates.min()), float(rates.max())
    ax.set_facecolor("0.93")
    mesh = ax.pcolormesh(times, y, rates, cmap=MAP, norm=LogNorm(low, max(high, low * 1.01)), rasterized=True)
    ax.figure.colorbar(mesh, ax=ax, label="events per neuron and ms", pad=0.01)
    ax.set_title(f"{number:,} events, as rates; none where grey", loc="left", fontsize="medium")


def _frame(ax: Axes, stack: _Stack, span: tuple[float, float], over: bool) -> None:
    """Axes, lines between populations, and their names."""
    begin, end = span
    # A mark at the very begin is not hidden by the frame.
    ax.set(xlim=(begin - 0.01 * (end - begin), end), ylim=(1.0, 0.0), xlabel="time (ms)")
    for edge in stack.edges[1:-1]:
        ax.axhline(edge, color="white" if over else "0.8", linewidth=0.6, zorder=3 if over else 0)
    step = -(-len(stack.names) // MOST_NAMES)
    middles = ((stack.edges[:-1] + stack.edges[1:]) / 2)[::step]
    spacing = float(np.diff(middles).min(initial=1.0)) * ax.get_window_extent().height * 72.0 / ax.figure.dpi
    between = "\n" if spacing > 22.0 else " "
    labels = [f"{short(name)}{between}({size:,})" for name, size in zip(stack.names, stack.sizes, strict=True)]
    ax.set_yticks(middles, labels[::step])
    ax.tick_params(axis="y", length=0, labelsize=float(np.clip(0.9 * spacing, 4.0, 8.0)))
