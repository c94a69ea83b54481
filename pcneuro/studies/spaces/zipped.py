"""Values side by side: the first of each key, then the second of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, final

from pcneuro.studies.spaces.abstract import AbstractSpace
from pcneuro.studies.spaces.axes import AxisError, axes_of, described_axes, plain_axes


@final
@dataclass(frozen=True, repr=False)
class Zip(AbstractSpace):
    """Run n has value n of every axis.

    Parameters
    ----------
    axes
        Dotted key -> its values, equally many of each.

    Raises
    ------
    ParameterError
        As of a grid, and for axes of different lengths.

    Examples
    --------
    >>> pcn.spaces.Zip({"integrator.dt": [0.5, 1.0], "duration": [100.0, 200.0]}).values(1)
    {'integrator.dt': 1.0, 'duration': 200.0}
    """

    kind: ClassVar[str] = "zip"

    axes: Mapping[str, Sequence[Any]]

    def __post_init__(self) -> None:
        axes = plain_axes(self.axes)
        (first, most), *rest = ((key, len(values)) for key, values in axes.items())
        for key, count in rest:
            if count != most:
                raise AxisError(key, f"has {count} values, and {first} has {most}: a zip needs equally many of each")
        object.__setattr__(self, "axes", axes)

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(self.axes)

    def __len__(self) -> int:
        return len(next(iter(self.axes.values())))

    def values(self, number: int) -> dict[str, Any]:
        self.check_number(number)
        return {key: values[number] for key, values in self.axes.items()}

    def described(self) -> dict[str, Any]:
        return described_axes(self.kind, self.axes)

    @classmethod
    def from_table(cls, table: Mapping[str, Any], folder: Path) -> Zip:
        return cls(axes_of(table))
