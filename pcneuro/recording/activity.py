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
    "sends": "events that an axon carried",
    "active": "whether the activity that it carries is not 0 at the feedforward sweep",
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


def axons_dataset(
    sends: Mapping[str, np.ndarray], active: Mapping[str, np.ndarray], steps: int | None, dt: float
) -> xarray.Dataset:
    """``sends``, int64, and ``active``, bool, by branch (batch, units); what has no activity is not active.

    ``branch`` and ``unit`` say which axon is which. The attributes have ``steps`` since the start, of ``dt`` ms; no
    steps at exact times.
    """
    import xarray

    first = next(iter(sends.values()), np.zeros((0, 0), dtype=np.int64))
    rows = {name: active.get(name, np.zeros(counts.shape, dtype=bool)) for name, counts in sends.items()}
    sizes = [counts.shape[1] for counts in sends.values()]
    units = [np.arange(size, dtype=np.int64) for size in sizes]
    coordinates = {
        "batch": ("batch", np.arange(len(first)), {"long_name": "sample"}),
        "branch": ("axon", np.repeat(np.array([*sends], dtype=str), sizes), {}),
        "unit": ("axon", np.concatenate([np.zeros(0, np.int64), *units]), {"long_name": "unit of the branch"}),
    }
    variables = {
        name: (
            ("batch", "axon"),
            np.concatenate([first[:, :0].astype(kind), *parts.values()], axis=1),
            {"long_name": LONG_NAMES[name]},
        )
        for name, parts, kind in (("sends", sends, np.int64), ("active", rows, bool))
    }
    return xarray.Dataset(variables, coordinates, {"dt": dt} if steps is None else {"dt": dt, "steps": steps})


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
