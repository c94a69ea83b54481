"""Spaces one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from pcneuro.studies.spaces.abstract import AbstractSpace


@final
@dataclass(frozen=True)
class Joined(AbstractSpace):
    """The runs of several spaces, one space after the other. A run leaves keys of other spaces as they are."""

    spaces: Sequence[AbstractSpace]

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(key for space in self.spaces for key in space.keys))

    def __len__(self) -> int:
        return sum(len(space) for space in self.spaces)

    def values(self, number: int) -> Mapping[str, Any]:
        for space in self.spaces:
            if number < len(space):
                return space.values(number)
            number -= len(space)
        raise IndexError(number)

    def described(self) -> dict[str, Any]:
        return {"kind": "joined", "spaces": [space.described() for space in self.spaces]}
