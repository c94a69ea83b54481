"""Samples out of what holds them together: parts of data sets, data frames (pandas), labelled datasets (xarray)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from pcneuro.circuit.batches import samples_first
from pcneuro.errors import DataError, ParameterError, told, unknown_name
from pcneuro.quantities import flag

Chosen = str | Sequence[str] | Mapping[str, str | Sequence[str]]


def arrays_of(
    source: Any, inputs: Chosen, targets: Chosen, flat: bool
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Inputs and targets by the circuit's names, as ``Examples.of`` documents it."""
    from pcneuro.data import AbstractPart, LoadedDataset

    flat = flag("flat", flat)
    if isinstance(source, LoadedDataset):
        raise DataError(f"source is the data set {source.name!r}: give one of its parts, .train or .test")
    if isinstance(source, AbstractPart):
        for what, name in (("inputs", inputs), ("targets", targets)):
            if not isinstance(name, str):
                raise ParameterError(
                    f"{what} is {told(name)}; a part of a data set has one array of them: give its name in the circuit"
                )
        return {str(inputs): _flattened(source.inputs, flat)}, {str(targets): _flattened(source.targets, flat)}
    take = None if isinstance(source, type) else _taking(source)
    if take is None:
        raise DataError(
            f"source is {told(source)}; give a part of a data set (pcneuro.data), a DataFrame of pandas, a Dataset of "
            "xarray, or arrays by name: Examples(inputs, targets)"
        )
    groups = []
    for what, chosen in (("inputs", inputs), ("targets", targets)):
        columns = _chosen(what, chosen)
        group = {
            leaf: _flattened(take(source, f"{what}: {told(leaf)}", names), flat) for leaf, names in columns.items()
        }
        groups.append(group)
    return groups[0], groups[1]


def _taking(source: Any) -> Callable[[Any, str, str | list[str]], np.ndarray] | None:
    """What takes columns or variables out of such a source, known by what it offers: no library is imported."""
    if hasattr(source, "iloc") and hasattr(source, "columns"):
        return _of_frame
    return _of_dataset if hasattr(source, "data_vars") else None


def _flattened(array: np.ndarray, flat: bool) -> np.ndarray:
    """Each sample as one row of numbers, where that is wanted."""
    return array.reshape(len(array), -1) if flat else array


def _chosen(what: str, chosen: Any) -> dict[str, str | list[str]]:
    """Name in the circuit -> columns or variables. Raises ParameterError."""
    if isinstance(chosen, str):
        return {chosen: chosen}
    if isinstance(chosen, Mapping):
        named = dict(chosen)
    elif isinstance(chosen, Sequence) and all(isinstance(name, str) for name in chosen):
        return {name: name for name in chosen}
    else:
        raise ParameterError(f"{what} is {told(chosen)}; give a name, or a dict from the circuit's names to columns")
    for leaf, names in named.items():
        listed = isinstance(names, Sequence) and not isinstance(names, str) and len(names) > 0
        if not isinstance(leaf, str) or not (isinstance(names, str) or listed):
            raise ParameterError(f"{what}: {told(leaf)} has {told(names)}; give the name of a column, or a list")
        if listed and not all(isinstance(name, str) for name in names):
            raise ParameterError(f"{what}: {leaf!r} has {told(names)}; names of columns are texts")
    return {leaf: names if isinstance(names, str) else list(names) for leaf, names in named.items()}


def _of_frame(frame: Any, what: str, names: str | list[str]) -> np.ndarray:
    """One column, shape (samples,), or of several (samples, columns); a category is a column for each class."""
    if isinstance(names, str):
        return _column(frame, what, names)
    blocks = [_column(frame, what, name) for name in names]
    return np.concatenate([block.reshape(len(frame), -1) for block in blocks], axis=1)


def _column(frame: Any, what: str, name: str) -> np.ndarray:
    column = _found(frame, f"column ({what})", name, [column for column in frame.columns if isinstance(column, str)])
    if getattr(column, "ndim", 1) != 1:
        raise DataError(f"{what}: there are several columns {name!r}: rename them, so that each has a name of its own")
    _none_missing(f"{what}: column {name!r}", int(column.isna().sum()), "rows", ".dropna()")
    if hasattr(column, "cat"):
        return np.eye(len(column.cat.categories))[column.cat.codes.to_numpy()]
    array = np.asarray(column.to_numpy())
    if array.dtype.kind not in "fiub":
        raise DataError(
            f"{what}: column {name!r} holds {column.dtype}, no numbers; of classes, frame[{name!r}].astype('category') "
            "makes a column of ones and zeros each"
        )
    return array


def _of_dataset(dataset: Any, what: str, names: str | list[str]) -> np.ndarray:
    """One variable, its samples in front."""
    if not isinstance(names, str):
        raise ParameterError(f"{what} has {told(names)}; of a labelled dataset give the name of one variable")
    variable = _found(dataset, f"variable ({what})", names, [str(name) for name in dataset.data_vars])
    array = np.asarray(samples_first(f"{what}: variable {names!r}", variable))
    if array.dtype.kind == "f":
        missing = int(np.isnan(array).sum())
        _none_missing(f"{what}: variable {names!r}", missing, "samples", ".dropna('batch')")
    return array


def _found(source: Any, what: str, name: str, known: Iterable[str]) -> Any:
    known = list(known)
    if name not in known:
        raise unknown_name(what, name, known)
    return source[name]


def _none_missing(what: str, missing: int, rows: str, cure: str) -> None:
    if missing:
        raise DataError(f"{what} lacks {missing} value(s) (NaN): leave these {rows} out, as by {cure}, or fill them in")
