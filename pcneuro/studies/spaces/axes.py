"""Axes of spaces: keys that can be set together, and values that a file can hold."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from pcneuro.errors import CapacityError, ParameterError, shown, told
from pcneuro.files.toml import Problem
from pcneuro.studies.keys import flat, split

MOST_RUNS = 10**9
"""Of a space."""
EXAMPLE = '{"integrator.dt": [0.5, 1.0]}'


class AxisError(ParameterError):
    """An axis of a space with something wrong; ``key`` is its key, and ``text`` says what it is."""

    def __init__(self, key: str, text: str, value: Any = None) -> None:
        super().__init__(f"{key}{'' if value is None else f' = {shown(value)}'}: {text}")
        self.key, self.text = key, text


def check_runs(runs: int) -> None:
    """Raise CapacityError for more runs than a space may have."""
    if runs > MOST_RUNS:
        raise CapacityError(f"a space of {told(runs)} runs; {MOST_RUNS:,} is the most: take fewer")


def check_keys(keys: Iterable[Any]) -> None:
    """Raise AxisError for what is no dotted key, and for two that set the same."""
    paths: dict[tuple[str, ...], str] = {}
    for key in keys:
        if not isinstance(key, str):
            raise AxisError(told(key), "is no key: keys are texts, such as 'integrator.dt'")
        try:
            path = split(key)
        except Problem as problem:
            raise AxisError(shown(key), problem.text) from None
        if path in paths:
            raise AxisError(key, "is set twice: leave one of the two out")
        for depth in range(1, len(path)):
            if path[:depth] in paths:
                raise AxisError(key, f"and {paths[path[:depth]]} set the same: give one of them")
        for other, name in paths.items():
            if other[: len(path)] == path:
                raise AxisError(key, f"and {name} set the same: give one of them")
        paths[path] = key


def plain_axes(axes: Any) -> dict[str, tuple[Any, ...]]:
    """Values by key, as plain Python values. Raises AxisError, and ParameterError for what is no dict."""
    if not isinstance(axes, Mapping):
        raise ParameterError(f"axes is {told(axes)}: give keys and their values, such as {EXAMPLE}")
    if not axes:
        raise ParameterError(f"axes is empty: give keys and their values, such as {EXAMPLE}")
    check_keys(axes)
    return {key: plain_values(key, values) for key, values in axes.items()}


def plain_values(key: str, values: Any) -> tuple[Any, ...]:
    """The values of an axis, at least one, as plain Python values. Raises AxisError."""
    if isinstance(values, np.ndarray) and values.ndim:
        values = values.tolist()
    if not isinstance(values, Sequence) or isinstance(values, str | bytes) or not len(values):
        raise AxisError(key, "needs a list of at least one value", values)
    return tuple(plain_value(key, value) for value in values)


def plain_value(key: str, value: Any) -> Any:
    """A value as JSON and TOML both have it: texts, flags, numbers, lists and tables of them. Raises AxisError."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, bool | int | str):
        return value if not isinstance(value, str) else str(value)
    if isinstance(value, float):
        if math.isnan(value):
            raise AxisError(key, "NaN is no value: take it out")
        return float(value)
    if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        return {str(name): plain_value(key, each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(key, each) for each in value]
    raise AxisError(key, f"{told(value)} is no value of a file: give numbers, texts, lists or dicts of them")


AXES = "axes"


def described_axes(kind: str, axes: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """A space of such axes, as JSON has it."""
    return {"kind": kind, AXES: {key: list(values) for key, values in axes.items()}}


def axes_of(table: Mapping[str, Any]) -> Mapping[str, Any]:
    """Axes of a table: in a table ``axes`` of their own, or its keys themselves, where tables may stand in one another.

    Raises Problem.
    """
    return table[AXES] if set(table) == {AXES} and isinstance(table[AXES], Mapping) else flat(table)
