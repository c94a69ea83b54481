"""Events of a run as numbers, a table and a figure: how many there were, of which neurons, and until when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pcneuro.analysis.event_counts import events_per_neuron, time_of_share
from pcneuro.studies.task import TextTable

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure

SHARE = 0.99
"""Of a population's events, after which it is called at rest."""


def event_numbers(events: xarray.Dataset) -> dict[str, dict[str, Any]]:
    """By recorded population: neurons, events, events of a neuron in a sample, and when 99 % of them had come (ms)."""
    sizes = dict(zip(events["population_name"].values.tolist(), events["population_size"].values.tolist(), strict=True))
    samples, until = events.sizes["recorded_sample"], time_of_share(events, SHARE)
    return {
        name: {
            "neurons": sizes[name],
            "events": round(each * sizes[name] * samples),
            "per_neuron": each,
            "time_of_99_percent": until[name],
        }
        for name, each in events_per_neuron(events).items()
    }


def event_rows(numbers: Mapping[str, Mapping[str, Any]], label: str) -> TextTable:
    """A row for each population that had events, and one for all together."""
    active = {name: row for name, row in numbers.items() if row["events"]}
    rows = [
        [
            name,
            f"{row['neurons']:,}",
            f"{row['events']:,}",
            f"{row['per_neuron']:.4g}",
            f"{row['time_of_99_percent']:g}",
        ]
        for name, row in active.items()
    ]
    rows.append(["all", *(f"{sum(row[key] for row in active.values()):,}" for key in ("neurons", "events")), "", ""])
    title = f"Events{f' ({label})' if label else ''}"
    return TextTable(title, ["population", "neurons", "events", "a neuron and sample", "99 % by (ms)"], rows)


def events_figure(panels: Sequence[tuple[str, xarray.Dataset]]) -> Figure:
    """Raster of the first sample's events, a row for each run."""
    from matplotlib.figure import Figure

    from pcneuro.analysis.plot import raster
    from pcneuro.studies.figures.style import MOST_PANELS, WIDTH

    panels = panels[:MOST_PANELS]
    figure = Figure(figsize=(WIDTH, 3.4 * len(panels)))
    for ax, (title, events) in zip(figure.subplots(len(panels), 1, squeeze=False)[:, 0], panels, strict=True):
        raster(events, ax, sample=int(events["recorded_sample"].values[0]))
        counted = ax.get_title(loc="left")
        if counted and title:
            ax.set_title(f"{title}: {counted}", loc="left")
        else:
            ax.set_title(title)
    return figure
