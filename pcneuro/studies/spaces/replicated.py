"""Each run several times, with seeds of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, final

from pcneuro.errors import check_object
from pcneuro.quantities import whole
from pcneuro.studies.spaces.abstract import MOST_CHECKED, AbstractSpace
from pcneuro.studies.spaces.axes import check_keys, check_runs
from pcneuro.studies.spaces.reading import space_of
from pcneuro.studies.spaces.tables import only


@final
@dataclass(frozen=True, repr=False)
class Replicated(AbstractSpace):
    """Every run of a space ``count`` times, with ``first``, ``first + 1``, ... for ``key``, which changes fastest.

    Parameters
    ----------
    space
        Whose runs are done several times.
    count
        How often.
    key
        What tells them apart: dotted key of a seed.
    first
        Its first value.

    Raises
    ------
    ParameterError
        For numbers that are not whole, and a key that the space sets itself.
    CapacityError
        More than 10^9 runs.

    Examples
    --------
    >>> space = pcn.spaces.Replicated(pcn.spaces.Grid({"duration": [50.0, 100.0]}), 3)
    >>> len(space)
    6
    >>> space.values(1)
    {'duration': 50.0, 'seed': 1}
    """

    kind: ClassVar[str] = "replicated"

    space: AbstractSpace
    count: int
    key: str = "seed"
    first: int = 0

    def __post_init__(self) -> None:
        check_object("space", self.space, AbstractSpace)
        object.__setattr__(self, "count", whole("count", self.count, 1))
        object.__setattr__(self, "first", whole("first", self.first, 0))
        check_keys((*self.space.keys, self.key))
        check_runs(len(self.space) * self.count)

    @property
    def keys(self) -> tuple[str, ...]:
        return (*self.space.keys, self.key)

    def __len__(self) -> int:
        return len(self.space) * self.count

    def values(self, number: int) -> dict[str, Any]:
        self.check_number(number)
        point, replicate = divmod(number, self.count)
        return {**self.space.values(point), self.key: self.first + replicate}

    def described(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "space": self.space.described(),
            "count": self.count,
            "key": self.key,
            "first": self.first,
        }

    @classmethod
    def from_table(cls, table: Mapping[str, Any], folder: Path) -> Replicated:
        fields = only(table, "space", "count", key="seed", first=0)
        return cls(**{**fields, "space": space_of(fields["space"], folder)})

    def probes(self) -> Iterator[tuple[str, int]]:
        yield from ((key, number * self.count) for key, number in self.space.probes())
        yield from ((self.key, number) for number in sorted({*range(min(self.count, MOST_CHECKED)), self.count - 1}))

    @property
    def notes(self) -> Sequence[str]:
        return self.space.notes
