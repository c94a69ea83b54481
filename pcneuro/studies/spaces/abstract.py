"""What a space is: the values that the runs of a sweep or a batch have, by dotted key."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

SPACES: dict[str, type[AbstractSpace]] = {}
"""Kind, as files have it -> class."""


class AbstractSpace(ABC):
    """Runs by number, from 0 on, each with values by dotted key, such as ``{"integrator.dt": 0.5}``.

    Spaces are frozen data, and nothing is listed before it is asked for: a million runs need no memory.

    Examples
    --------
    >>> isinstance(pcn.spaces.Grid({"seed": [0]}), pcn.spaces.AbstractSpace)
    True
    """

    kind: ClassVar[str]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "kind" in cls.__dict__:
            SPACES[cls.kind] = cls

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self):,} runs over {', '.join(self.keys) or 'nothing'}>"

    @property
    @abstractmethod
    def keys(self) -> tuple[str, ...]:
        """Keys that some run sets, in order."""

    @abstractmethod
    def __len__(self) -> int:
        """How many runs there are."""

    @abstractmethod
    def values(self, number: int) -> Mapping[str, Any]:
        """What the run of this number sets. The same number has the same values, always and everywhere.

        Raises IndexError where there is no such run.
        """

    @abstractmethod
    def described(self) -> Mapping[str, Any]:
        """All of it as JSON has it, of which it is made again: a table with its kind, as files have it."""

    @classmethod
    @abstractmethod
    def from_table(cls, table: Mapping[str, Any], folder: Path) -> AbstractSpace:
        """The space of a file's table, or of what was ``described``, without its kind; paths begin at ``folder``.

        Raises Problem, or PcneuroError.
        """

    def probes(self) -> Iterator[tuple[str, int]]:
        """Keys, and numbers of runs that set them, so that every value of a key is met once.

        Of more than a few hundred numbers of one key these are the smallest and the largest.
        """
        columns: dict[str, tuple[list[int], list[Any]]] = {key: ([], []) for key in self.keys}
        for number in range(len(self)):
            for key, value in self.values(number).items():
                columns[key][0].append(number)
                columns[key][1].append(value)
        for key, (numbers, values) in columns.items():
            yield from ((key, numbers[index]) for index in representatives(values))

    @property
    def notes(self) -> Sequence[str]:
        """What whoever makes it should know, though it is not wrong; a line each."""
        return ()

    def check_number(self, number: int) -> None:
        """Raise IndexError where there is no run of this number."""
        if not 0 <= number < len(self):
            raise IndexError(f"there is no run {number}: runs are 0 to {len(self) - 1}")


MOST_CHECKED = 256
"""So many different numbers of one key are all checked; of more, the smallest and the largest of each type."""


def representatives(values: Sequence[Any]) -> list[int]:
    """Indices of the values that stand for all of them when these are checked, in order."""
    first: dict[tuple[type, str], int] = {}
    for index, value in enumerate(values):
        first.setdefault((type(value), repr(value)), index)
    chosen = list(first.values())
    for number in (int, float):
        those = [index for index in chosen if type(values[index]) is number]
        if len(those) > MOST_CHECKED:
            ends = {min(those, key=values.__getitem__), max(those, key=values.__getitem__)}
            dropped = set(those) - ends
            chosen = [index for index in chosen if index not in dropped]
    return sorted(chosen)
