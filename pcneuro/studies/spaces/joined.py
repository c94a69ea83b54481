"""Spaces one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, final

from pcneuro.errors import ParameterError, check_object, told
from pcneuro.studies.spaces.abstract import AbstractSpace
from pcneuro.studies.spaces.axes import check_keys, check_runs
from pcneuro.studies.spaces.reading import space_of
from pcneuro.studies.spaces.tables import only


@final
@dataclass(frozen=True, repr=False)
class Joined(AbstractSpace):
    """The runs of several spaces, one space after the other. A run leaves keys of other spaces as they are.

    Parameters
    ----------
    spaces
        At least one.

    Raises
    ------
    ParameterError
        For what is no list of spaces, and where a key of one is a table with a key of another in it.

    Examples
    --------
    >>> both = pcn.spaces.Joined([pcn.spaces.Grid({"seed": [0, 1]}), pcn.spaces.Grid({"duration": [50.0]})])
    >>> len(both)
    3
    """

    kind: ClassVar[str] = "joined"

    spaces: Sequence[AbstractSpace]

    def __post_init__(self) -> None:
        if not isinstance(self.spaces, Sequence) or isinstance(self.spaces, str) or not len(self.spaces):
            raise ParameterError(f"spaces is {told(self.spaces)}: give a list of at least one space")
        for number, space in enumerate(self.spaces):
            check_object(f"spaces[{number}]", space, AbstractSpace)
        object.__setattr__(self, "spaces", tuple(self.spaces))
        check_keys(self.keys)
        check_runs(sum(len(space) for space in self.spaces))

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(key for space in self.spaces for key in space.keys))

    def __len__(self) -> int:
        return sum(len(space) for space in self.spaces)

    def values(self, number: int) -> Mapping[str, Any]:
        self.check_number(number)
        for space in self.spaces:
            if number < len(space):
                return space.values(number)
            number -= len(space)
        raise AssertionError

    def described(self) -> dict[str, Any]:
        return {"kind": self.kind, "spaces": [space.described() for space in self.spaces]}

    @classmethod
    def from_table(cls, table: Mapping[str, Any], folder: Path) -> Joined:
        return cls([space_of(each, folder) for each in only(table, "spaces")["spaces"]])

    def probes(self) -> Iterator[tuple[str, int]]:
        begin = 0
        for space in self.spaces:
            yield from ((key, begin + number) for key, number in space.probes())
            begin += len(space)

    @property
    def notes(self) -> Sequence[str]:
        return [note for space in self.spaces for note in space.notes]
