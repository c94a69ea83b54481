"""A grid: every combination of values."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, final

from pcneuro.studies.spaces.abstract import AbstractSpace, representatives
from pcneuro.studies.spaces.axes import axes_of, check_runs, described_axes, plain_axes


@final
@dataclass(frozen=True, repr=False)
class Grid(AbstractSpace):
    """Every combination of the axes' values. The last axis changes fastest.

    Parameters
    ----------
    axes
        Dotted key -> its values, at least one: ``pcn.spaces.Grid({"integrator.dt": [0.5, 1.0], "seed": range(5)})``.

    Raises
    ------
    ParameterError
        Axes without values, NaN, and keys that set the same.
    CapacityError
        More than 10^9 runs.

    Examples
    --------
    >>> space = pcn.spaces.Grid({"integrator.dt": [0.5, 1.0], "seed": [0, 1, 2]})
    >>> len(space)
    6
    >>> space.values(1)
    {'integrator.dt': 0.5, 'seed': 1}
    """

    kind: ClassVar[str] = "grid"

    axes: Mapping[str, Sequence[Any]]

    def __post_init__(self) -> None:
        object.__setattr__(self, "axes", plain_axes(self.axes))
        check_runs(math.prod(len(values) for values in self.axes.values()))

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(self.axes)

    def __len__(self) -> int:
        return math.prod(len(values) for values in self.axes.values())

    def values(self, number: int) -> dict[str, Any]:
        self.check_number(number)
        chosen = {}
        for key, values in reversed(self.axes.items()):  # type: ignore[call-overload]
            number, index = divmod(number, len(values))
            chosen[key] = values[index]
        return {key: chosen[key] for key in self.axes}

    def described(self) -> dict[str, Any]:
        return described_axes(self.kind, self.axes)

    @classmethod
    def from_table(cls, table: Mapping[str, Any], folder: Path) -> Grid:
        return cls(axes_of(table))

    def probes(self) -> Iterator[tuple[str, int]]:
        stride = len(self)
        for key, values in self.axes.items():
            stride //= len(values)
            yield from ((key, index * stride) for index in representatives(values))
