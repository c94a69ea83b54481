"""What the dataset of a mapping has: each variable with its dimensions, kind of number and unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray

NEURON, POPULATION, CORE, LIMIT, LINK, DELAYED, PART, BOUND, ORDER, CANDIDATE = (
    "neuron",
    "population_index",
    "core",
    "limit",
    "link",
    "delayed",
    "part",
    "bound",
    "order",
    "candidate",
)
BOUNDS = ("low", "high")
PLASTICITY = "plasticity"
"""The part of a gradient's energy that a sample does not have."""
NAMES: Mapping[str, str] = {
    "population_name": POPULATION,
    **{name: name for name in (LIMIT, PART, BOUND, ORDER, CANDIDATE)},
}
"""Variables of text, each along one dimension."""


@dataclass(frozen=True)
class Entry:
    """A variable of numbers: its dimensions, its kind (``"i"`` whole, ``"f"`` not), what it is, and its unit."""

    dims: tuple[str, ...]
    kind: str
    text: str
    unit: str = ""

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.int64 if self.kind == "i" else np.float64)


ENTRIES: Mapping[str, Entry] = {
    "population": Entry((NEURON,), "i", "index of population_name"),
    "unit": Entry((NEURON,), "i", "unit of its population, flattened"),
    "core_of": Entry((NEURON,), "i", "core that a neuron is on"),
    "population_size": Entry((POPULATION,), "i", "neurons"),
    "slot": Entry((CORE,), "i", "place of a core on the chip"),
    "x": Entry((CORE,), "i", "column of its tile"),
    "y": Entry((CORE,), "i", "row of its tile"),
    "held": Entry((LIMIT, CORE), "i", "how much of a limit a core takes"),
    "most": Entry((LIMIT,), "f", "the most that a core holds; NaN: no limit"),
    "core_events": Entry((CORE,), "f", "events that a core's neurons send in a sample"),
    "core_packets_out": Entry((CORE,), "f", "packets that leave a core in a sample"),
    "core_packets_in": Entry((CORE,), "f", "packets that arrive from other cores in a sample"),
    "core_synops": Entry((CORE,), "f", "synaptic operations on a core in a sample"),
    "link_x": Entry((LINK,), "i", "column of the tile that a link leads from"),
    "link_y": Entry((LINK,), "i", "row of the tile that a link leads from"),
    "link_to_x": Entry((LINK,), "i", "column of the tile that a link leads to"),
    "link_to_y": Entry((LINK,), "i", "row of the tile that a link leads to"),
    "link_packets": Entry((LINK,), "f", "packets through a link in a sample"),
    "delay_from": Entry((DELAYED,), "i", "population that synapses with delays come from, index of population_name"),
    "delay_to": Entry((DELAYED,), "i", "population that they end at, index of population_name"),
    "delay_from_core": Entry((DELAYED,), "i", "core that they come from"),
    "delay_to_core": Entry((DELAYED,), "i", "core that they end on"),
    "delay": Entry((DELAYED, BOUND), "f", "shortest and longest conduction delay of these synapses", "ms"),
    "energy": Entry((PART, BOUND), "f", "energy of a sample", "pJ"),
    "energy_gradient": Entry((PART, BOUND), "f", "energy of a gradient: a sample, and one update of the weights", "pJ"),
    "order_packets": Entry((ORDER,), "f", "packets between cores in a sample, neurons in this order"),
    "candidate_packets": Entry(
        (CANDIDATE,), "f", "packets between cores in a sample, by the best division of each strategy that was tried"
    ),
    "candidate_plasticity_packets": Entry((CANDIDATE,), "f", "further packets between cores of an update, the same"),
    "candidate_beyond": Entry((CANDIDATE,), "i", "by how much it is beyond limits of cores, the same"),
    "events": Entry((), "f", "events of a sample"),
    "synops": Entry((), "f", "synaptic operations of a sample"),
    "packets": Entry((), "f", "packets between cores of a sample"),
    "packets_within": Entry((), "f", "packets that stay on their core, of a sample"),
    "plasticity_packets": Entry((), "f", "further packets between cores that one update of the weights takes"),
    "hops_east_west": Entry((), "f", "hops east or west of a sample"),
    "hops_north_south": Entry((), "f", "hops north or south of a sample"),
    "longest": Entry((), "i", "hops of the longest path that a packet takes"),
    "limiting_core": Entry((), "i", "core that others wait for longest; -1: times are not known"),
    "limiting_share": Entry((), "f", "share of a sample's time for which they do"),
    "limiting_packets": Entry((), "i", "1: they do so for the packets that it gets; 0: for its neurons"),
    "steps": Entry((), "f", "steps of a sample"),
    "time": Entry((BOUND,), "f", "time of a sample", "ns"),
    "step_time": Entry((BOUND,), "f", "time of a step, the mean of a sample", "ns"),
    "longest_step": Entry((BOUND,), "f", "time of the longest step; NaN without a raster", "ns"),
}
COORDINATES = ("population", "unit")
"""Of neurons."""


def dataset_of(values: Mapping[str, Any], attributes: Mapping[str, Any]) -> xarray.Dataset:
    """The dataset of values by name: all of ``ENTRIES`` and ``NAMES``."""
    import xarray

    variables: dict[str, Any] = {}
    for name, entry in ENTRIES.items():
        facts = {"long_name": entry.text} | ({"units": entry.unit} if entry.unit else {})
        variables[name] = (entry.dims, np.asarray(values[name], dtype=entry.dtype), facts)
    for name, dimension in NAMES.items():
        variables[name] = (dimension, np.array(values[name], dtype=str))
    coordinates = {name: variables.pop(name) for name in (*COORDINATES, *NAMES)}
    return xarray.Dataset(variables, coordinates, dict(attributes))
