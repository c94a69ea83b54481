"""Runs one by one, as they are listed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, final

from pcneuro.errors import ParameterError, told
from pcneuro.studies.spaces.abstract import AbstractSpace
from pcneuro.studies.spaces.axes import check_keys, plain_value
from pcneuro.studies.spaces.tables import only


@final
@dataclass(frozen=True, repr=False)
class Listed(AbstractSpace):
    """Each run as a dict of what it sets. What a run leaves out is as in the file.

    Parameters
    ----------
    runs
        A dict each, of dotted key -> value.

    Raises
    ------
    ParameterError
        For what is no list of dicts, for NaN, and keys that set the same.

    Examples
    --------
    >>> pcn.spaces.Listed([{"seed": 1}, {"integrator.dt": 0.5}]).values(1)
    {'integrator.dt': 0.5}
    """

    kind: ClassVar[str] = "list"

    runs: Sequence[Mapping[str, Any]]

    def __post_init__(self) -> None:
        if not isinstance(self.runs, Sequence) or isinstance(self.runs, str) or not len(self.runs):
            raise ParameterError(f"runs is {told(self.runs)}: give a list of dicts, such as [{{'integrator.dt': 0.5}}]")
        plain, known = [], set[tuple[str, ...]]()
        for number, run in enumerate(self.runs):
            if not isinstance(run, Mapping):
                raise ParameterError(f"runs[{number}] is {told(run)}; needed is a dict of keys and values")
            if tuple(run) not in known:
                check_keys(run)
                known.add(tuple(run))
            plain.append({key: plain_value(key, value) for key, value in run.items()})
        object.__setattr__(self, "runs", tuple(plain))

    @cached_property
    def _keys(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(key for run in self.runs for key in run))

    @property
    def keys(self) -> tuple[str, ...]:
        return self._keys

    def __len__(self) -> int:
        return len(self.runs)

    def values(self, number: int) -> dict[str, Any]:
        self.check_number(number)
        return dict(self.runs[number])

    def described(self) -> dict[str, Any]:
        return {"kind": self.kind, "runs": [dict(run) for run in self.runs]}

    @classmethod
    def from_table(cls, table: Mapping[str, Any], folder: Path) -> Listed:
        return cls(**only(table, "runs"))
