"""Activity by neuron: a dataset of how many events each neuron sent, and of the operations that they took."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import xarray

LONG_NAMES = {
    "events": "events that a neuron sent",
    "Effective_MACs": "events times synapses with a weight other than 0 that they went through",
    "synaptic_operations": "events times synapses that they went through",
}


def activity_dataset(
    sizes: Mapping[str, int], counts: Mapping[str, np.ndarray], samples: np.ndarray | None = None
) -> xarray.Dataset:
    """``counts`` by name, int64 of shape (batch, neuron), of all neurons of populations of these sizes.

    ``population`` and ``unit`` (flattened) say which neuron is which; ``batch`` has the numbers of ``samples``.
    """
    import xarray

    batch = len(next(iter(counts.values())))
    units = [np.arange(size, dtype=np.int64) for size in sizes.values()]
    coordinates = {
        "batch": ("batch", np.arange(batch) if samples is None else samples, {"long_name": "sample"}),
        "population": ("neuron", np.repeat(np.array([*sizes], dtype=str), [*sizes.values()]), {}),
        "unit": ("neuron", np.concatenate([np.zeros(0, np.int64), *units]), {"long_name": "unit, flattened"}),
    }
    variables = {name: (("batch", "neuron"), a, {"long_name": LONG_NAMES[name]}) for name, a in counts.items()}
    return xarray.Dataset(variables, coordinates)


def parts_of(activity: xarray.Dataset, name: str = "events") -> dict[str, np.ndarray]:
    """Population -> its part of one of the counts, (batch, units)."""
    populations, counts = activity["population"].values, activity[name].values
    ends = np.append(np.flatnonzero(populations[1:] != populations[:-1]) + 1, len(populations))
    parts = np.split(counts, ends[:-1], axis=1) if populations.size else []
    return {str(populations[end - 1]): part for end, part in zip(ends, parts, strict=False)}


def since(now: xarray.Dataset, before: xarray.Dataset) -> xarray.Dataset:
    """What was counted between two such datasets of the same samples.

    Populations that have come since, as inputs do when they first send, had counted nothing before.
    """
    part = now.copy(deep=True)
    for name in part.data_vars:
        earlier = parts_of(before, str(name))
        for population, counts in parts_of(part, str(name)).items():
            counts -= earlier.get(population, 0)
    return part
