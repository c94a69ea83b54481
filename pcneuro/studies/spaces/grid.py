"""A grid: every combination of values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from pcneuro.studies.spaces.abstract import AbstractSpace


@final
@dataclass(frozen=True)
class Grid(AbstractSpace):
    """Every combination of the axes' values. The last axis changes fastest.

    Parameters
    ----------
    axes
        Dotted key -> its values, at least one.
    """

    axes: Mapping[str, Sequence[Any]]

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(self.axes)

    def __len__(self) -> int:
        return math.prod(len(values) for values in self.axes.values())

    def values(self, number: int) -> dict[str, Any]:
        chosen = {}
        for key, values in reversed(list(self.axes.items())):
            number, index = divmod(number, len(values))
            chosen[key] = values[index]
        return {key: chosen[key] for key in self.axes}

    def described(self) -> dict[str, Any]:
        return {"kind": "grid", **{key: list(values) for key, values in self.axes.items()}}
