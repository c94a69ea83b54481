"""A mapping as tables: for printing, for its report, and as CSV files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pcneuro.mapping.abstract_mapping import AbstractMapping
from pcneuro.mapping.formatting import UNKNOWN, count, counts_only, joule, no_energy, not_priced, of_what, second, share
from pcneuro.mapping.schema import BOUNDS, CANDIDATE, DELAYED, LIMIT, ORDER, PART, PLASTICITY
from pcneuro.tables import aligned

if TYPE_CHECKING:
    import xarray

WIDEST = 100
"""Letters of a cell that are shown."""
MOST_NAMES = 4
"""So many populations of a core are named."""


@dataclass(frozen=True)
class TextTable:
    """A table of text: a title, names of columns, and rows; ``right`` has an ``r`` for columns of numbers."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: str


def text(mapping: AbstractMapping) -> str:
    """All of it, to print."""
    lines = headline(mapping)
    for table in tables(mapping):
        lines += [
            "",
            f"{table.title}:",
            *(f"  {line}" for line in aligned(table.columns, table.rows, table.right, widest=WIDEST)),
        ]
    return "\n".join([*lines, "", *remarks(mapping)])


def headline(mapping: AbstractMapping) -> list[str]:
    """What was mapped to what, in two lines."""
    data = mapping.data
    sizes, facts = data.sizes, data.attrs
    slots = facts["mesh_width"] * facts["mesh_height"] * facts["cores_a_tile"]
    return [
        f"Mapping of {sizes['neuron']:,} neurons in {sizes['population_index']:,} populations, with "
        f"{facts['synapses']:,} synapses, to {sizes['core']:,} of {slots:,} cores of {mapping.chip.name}",
        f"  activity: {facts['activity']}; division: {facts['division']}, {_chosen_among(data)}, seed {facts['seed']}",
    ]


def _chosen_among(data: xarray.Dataset) -> str:
    libraries = json.loads(data.attrs["libraries"])
    by = f", with {', '.join(libraries)}" if libraries else ""
    tried = data.sizes[CANDIDATE]
    return f"the best of {tried:,} that were tried{by}" if tried > 1 else "all that was tried"


def tables(mapping: AbstractMapping) -> list[TextTable]:
    """Counts, energies, times and delays where there are any, limits and orders."""
    data = mapping.data
    energies = [] if counts_only(data) else [_energies(mapping)]
    times = [_times(mapping)] if np.isfinite(mapping.time).all() else []
    delays = [_delays(data)] if data.sizes[DELAYED] else []
    return [_counts(data), *energies, *times, *delays, _limits(data), _candidates(data), _orders(data)]


def remarks(mapping: AbstractMapping) -> list[str]:
    """What has to be known beside the numbers: what is not priced, and how events were priced."""
    missing, facts = not_priced(mapping.data), mapping.data.attrs
    lines = list(json.loads(facts["notes"]))
    if counts_only(mapping.data):
        lines.insert(0, no_energy(mapping.data))
    elif missing:
        lines.insert(0, f"not priced, and in no sum: {', '.join(missing)} ({_reasons(mapping)})")
    if int(mapping.data["limiting_core"]) >= 0:
        lines.append(_limiting(mapping.data))
    return lines


def _reasons(mapping: AbstractMapping) -> str:
    """Why parts of the energy are not known: operations without a price, or without a number."""
    lacking: dict[str, list[str]] = {}
    for operation in json.loads(mapping.data.attrs["unpriced"]):
        reason = (
            "no price of" if mapping.chip.price(operation) is None else "at exact times, without steps, no number of"
        )
        lacking.setdefault(reason, []).append(operation.replace("_", " "))
    return "; ".join(f"{reason} {', '.join(operations)}" for reason, operations in lacking.items())


def mean_hops(data: xarray.Dataset) -> float:
    """Hops of a packet, those within a tile among them; 0 without packets."""
    packets = float(data["packets"] + data["packets_within"])
    return float(data["hops_east_west"] + data["hops_north_south"]) / packets if packets else 0.0


def _counts(data: xarray.Dataset) -> TextTable:
    loads = data["link_packets"].values
    rows = [
        ("events", count(float(data["events"]))),
        ("synaptic operations", count(float(data["synops"]))),
        ("packets between cores", count(float(data["packets"]))),
        ("packets within cores", count(float(data["packets_within"]))),
        ("hops east or west", count(float(data["hops_east_west"]))),
        ("hops north or south", count(float(data["hops_north_south"]))),
        ("hops a packet", count(mean_hops(data))),
        ("hops of the longest path", count(float(data["longest"]))),
        ("packets through the busiest link", count(float(loads.max(initial=0.0)))),
        ("further packets of an update of the weights", count(float(data["plasticity_packets"]))),
    ]
    return TextTable("Counts of a sample", ("", "number"), rows, "lr")


def _energies(mapping: AbstractMapping) -> TextTable:
    data = mapping.data
    sample, gradient = data["energy"].values, data["energy_gradient"].values
    rows = []
    for name, row, whole in zip(data[PART].values, sample, gradient, strict=True):
        rows.append((str(name), *map(joule, whole if name == PLASTICITY else row)))
    rows.append((f"a sample{of_what(data)}", *map(joule, mapping.energy)))
    rows.append((f"a gradient{of_what(data)}", *map(joule, mapping.energy_gradient)))
    return TextTable("Energy", ("", *BOUNDS), rows, "lrr")


def _times(mapping: AbstractMapping) -> TextTable:
    times = {
        "a sample": mapping.time,
        "a step": mapping.data["step_time"].values.tolist(),
        "the longest step": mapping.data["longest_step"].values.tolist(),
    }
    return TextTable("Time", ("", *BOUNDS), [(name, *map(second, both)) for name, both in times.items()], "lrr")


def _delays(data: xarray.Dataset) -> TextTable:
    """By projection; pairs of cores are in the dataset."""
    names, delay = data["population_name"].values, data["delay"].values
    pairs = np.stack([data["delay_from"].values, data["delay_to"].values])
    rows = []
    for source, target in np.unique(pairs, axis=1).T:
        of = delay[(pairs[0] == source) & (pairs[1] == target)]
        rows.append((f"{names[source]} -> {names[target]}", f"{of[:, 0].min():.4g} ms", f"{of[:, 1].max():.4g} ms"))
    return TextTable("Conduction delays", ("", "shortest", "longest"), rows, "lrr")


def _limiting(data: xarray.Dataset) -> str:
    """Which core others wait for longest, what is on it, and what it does meanwhile."""
    core, part = int(data["limiting_core"]), 100 * float(data["limiting_share"])
    work = "the packets that it gets" if data["limiting_packets"] else "its neurons"
    on = populations_on(data, core)
    return f"for {part:.0f} % of the time it is core {core} that steps wait for, and mostly {work}: it has {on}"


def populations_on(data: xarray.Dataset, core: int) -> str:
    """Names of what is on a core."""
    names = data["population_name"].values[np.unique(data["population"].values[data["core_of"].values == core])]
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(str(name) for name in names[:MOST_NAMES]) + more


def _limits(data: xarray.Dataset) -> TextTable:
    rows = []
    for name, most, held in zip(data[LIMIT].values, data["most"].values, data["held"].values, strict=True):
        fullest = int(held.max(initial=0))
        mean = float(held.mean()) if held.size else 0.0
        part = share(fullest, most) if np.isfinite(most) else UNKNOWN
        top = int(held.argmax()) if held.size else 0
        limit = count(most) if np.isfinite(most) else "none"
        rows.append((str(name).replace("_", " "), limit, f"{fullest:,}", part, str(top), count(round(mean, 1))))
    return TextTable("Limits of a core", ("", "most", "fullest core", "share", "core", "mean of cores"), rows, "lrrrrr")


def _candidates(data: xarray.Dataset) -> TextTable:
    chosen = data.attrs["division"]
    numbers = (data[f"candidate_{name}"].values for name in ("packets", "plasticity_packets", "beyond"))
    rows = [
        (str(name), count(float(packets)), count(float(update)), f"{beyond:,}", "chosen" if name == chosen else "")
        for name, packets, update, beyond in zip(data[CANDIDATE].values, *numbers, strict=True)
    ]
    columns = ("strategy", "packets", "further of an update", "beyond limits", "")
    return TextTable("Divisions that were tried, packets between cores", columns, rows, "lrrrl")


def _orders(data: xarray.Dataset) -> TextTable:
    ours = float(data["packets"])
    rows = [
        (str(name), count(float(packets)), share(ours, float(packets)))
        for name, packets in zip(data[ORDER].values, data["order_packets"].values, strict=True)
    ]
    return TextTable(
        "Packets between cores, beside other divisions", ("", "packets", "this mapping's share"), rows, "lrr"
    )
