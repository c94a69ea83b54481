"""Data as batches: inputs and targets of a graph, checked, with the batch axis first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pcneuro.errors import DataError, ParameterError, ShapeError, UnknownNameError, unknown_name
from pcneuro.graph.graph import Graph, cast, check_finite, real_array
from pcneuro.model.energies import AbstractEnergy
from pcneuro.model.timed import TimedArray
from pcneuro.quantities import by_name


def batched(what: str, value: Any, shape: tuple[int, ...], dtype: Any = np.float64) -> np.ndarray:
    """An array of shape (batch, \\*shape): of the leaf's own shape it is a batch of one.

    Of a labelled array (``xarray.DataArray``) the dimension ``batch`` is that of samples, wherever it stands; all
    others, and the columns of tables, are taken in their order. Raises ShapeError for any other shape and for labels
    that do not say which dimension is that of samples, and DataError for NaN or infinity.
    """
    if isinstance(value, TimedArray):
        raise ParameterError(
            f"{what} changes with time (a TimedArray), which is for Simulator.run and stream: give an array here"
        )
    array = real_array(what, samples_first(what, value, len(shape)))
    if array.shape == shape:
        array = array[None]
    elif array.shape[1:] != shape or array.ndim != len(shape) + 1:
        batch_shape = f"(batch, {', '.join(map(str, shape))})" if shape else "(batch,)"
        raise ShapeError(f"{what} has shape {array.shape}; needed is {shape}, or {batch_shape} for a batch")
    if not len(array):
        raise ShapeError(f"{what} is an empty batch, of shape {array.shape}")
    check_finite(what, array)
    return cast(what, array, dtype)


BATCH = "batch"
"""Name of the dimension of samples, in results and in what is given."""


def samples_first(what: str, value: Any, axes: int | None = None) -> Any:
    """A labelled array with the dimension of samples in front; all else as it is.

    ``axes`` is the number of axes of one sample; None where there are samples in any case. Raises ShapeError where it
    is not said which dimension is that of samples.
    """
    dims = getattr(value, "dims", None)
    if not isinstance(dims, tuple) or not hasattr(value, "transpose") or not dims:
        return value
    batched_dims = len(dims) > 1 if axes is None else len(dims) == axes + 1
    if BATCH in dims and (batched_dims or axes is None):
        return value.transpose(BATCH, ...)
    if BATCH in dims and len(dims) == axes:
        raise ShapeError(f"{what} has the dimensions {dims}; needed are {BATCH!r} and {axes} for the axes of a sample")
    if batched_dims and len(dims) > 1:
        raise ShapeError(
            f"{what} has the dimensions {dims}: call that of samples {BATCH!r}, as in .rename({dims[0]}={BATCH!r}), or "
            "give .values"
        )
    return value


def check_labels(groups: Mapping[str, Any]) -> None:
    """Raise ShapeError where samples are labelled and the same labels stand in another order in two arrays.

    ``groups`` are arrays by name, of those that are called inputs, targets and so on.
    """
    arrays = {
        f"{what.removesuffix('s')} {name!r}": value
        for what, group in groups.items()
        if isinstance(group, Mapping)
        for name, value in group.items()
    }
    known = {what: _labels(value) for what, value in arrays.items()}
    labelled = {what: labels.tolist() for what, labels in known.items() if labels is not None}
    for what, labels in labelled.items():
        first, others = next(iter(labelled.items()))
        if len(labels) == len(others) and not np.array_equal(labels, others) and {*labels} == {*others}:
            raise ShapeError(
                f"samples of {what} have the labels of those of {first} in another order: bring both into one, as by "
                ".reindex, or give arrays without labels"
            )


def sample_labels(groups: Mapping[str, Any], batch: int) -> np.ndarray | None:
    """Labels of the samples, as the first array has them that labels so many; None where none does.

    ``groups`` are arrays by name, of those that are called inputs, targets and so on.
    """
    for group in groups.values():
        for value in group.values() if isinstance(group, Mapping) else ():
            labels = _labels(value)
            if labels is not None and labels.shape == (batch,):
                # Texts that are objects to a table are texts of one length in files.
                texts = labels.dtype == object and all(isinstance(label, str) for label in labels)
                return labels.astype(str) if texts else None if labels.dtype == object else labels
    return None


def _labels(value: Any) -> np.ndarray | None:
    """Labels of the samples of a table or labelled array; None where it has none."""
    if hasattr(value, "iloc"):
        return np.asarray(value.index)
    if isinstance(getattr(value, "dims", None), tuple) and BATCH in getattr(value, "coords", ()):
        return np.asarray(value.coords[BATCH].values)
    return None


def common_batch(arrays: Mapping[str, np.ndarray]) -> int:
    """The number of samples, which must be the same for all. Raises ShapeError that names two which differ."""
    sizes = {name: len(a) for name, a in arrays.items()}
    for name, n in sizes.items():
        first = next(iter(sizes))
        if n != sizes[first]:
            raise ShapeError(f"batch sizes differ: {first} has {sizes[first]} samples, {name} has {n}")
    return next(iter(sizes.values()), 1)


def check_inputs(graph: Graph, inputs: Mapping[str, Any], dtype: Any = np.float64) -> dict[str, np.ndarray]:
    """Inputs as batches. Raises for an unknown name and a missing one."""
    inputs = graph.expanded("inputs", inputs, graph.inputs)
    for name in inputs:
        if name not in graph.inputs:
            raise unknown_name("input", name, graph.inputs)
    missing = [name for name in graph.inputs if name not in inputs]
    if missing:
        shapes = ", ".join(f"{name} of shape {graph.inputs[name].shape}" for name in missing)
        raise UnknownNameError(f"inputs lack {shapes}: give values for every input, those that stay the same, too")
    return {name: batched(f"input {name!r}", inputs[name], graph.inputs[name].shape, dtype) for name in graph.inputs}


def check_targets(
    graph: Graph,
    targets: Mapping[str, Any],
    energies: Mapping[str, AbstractEnergy],
    precision: Mapping[str, np.ndarray],
    dtype: Any = np.float64,
) -> dict[str, np.ndarray]:
    """Targets as batches, by output name. Raises for an unknown name, and for values that the energy cannot take."""
    by_name("targets", targets)
    arrays = {}
    for name, value in targets.items():
        if name not in graph.outputs:
            raise unknown_name("target (targets go by the outputs' names)", name, graph.outputs)
        node = graph.outputs[name]
        arrays[name] = batched(f"target {name!r}", value, node.shape, dtype)
        wrong = energies[node.name].check(arrays[name], precision.get(node.name, np.ones(node.shape)))
        if wrong:
            raise DataError(f"target {name!r}: {wrong}")
    return arrays
