"""Runs of a CSV file: a row each, a column for each key."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, ClassVar, final

from pcneuro.errors import DataError, ParameterError
from pcneuro.files import path_of
from pcneuro.files.tables import TableKind
from pcneuro.studies.keys import toml_value
from pcneuro.studies.spaces.abstract import AbstractSpace
from pcneuro.studies.spaces.axes import AxisError, check_keys, plain_value
from pcneuro.studies.spaces.tables import only

TABLE = TableKind("runs", "runs", "divide it among several files")
ROWS = "rows"


@final
@dataclass(frozen=True, repr=False)
class Csv(AbstractSpace):
    """A row of a CSV file is a run, and the names in its first line are dotted keys.

    Cells are TOML values (``0.5``, ``true``, ``[1, 2]``), and texts where they are none. An empty cell leaves its key
    as the simulation file has it. Batches keep the values: a file that moves or changes later does no harm.

    Parameters
    ----------
    path
        Of the file, in UTF-8.

    Raises
    ------
    DataError
        For what is no CSV file, or has no rows.
    CapacityError
        For a file that is too large.
    ParameterError
        For NaN, and for names that are no keys, or set the same.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp()) / "runs.csv"
    >>> _ = path.write_text("seed,integrator.dt\\n0,0.5\\n1,1.0\\n")
    >>> pcn.spaces.Csv(path).values(1)
    {'seed': 1, 'integrator.dt': 1.0}
    """

    kind: ClassVar[str] = "csv"

    path: str | os.PathLike[str]
    rows: Sequence[Mapping[str, Any]] = field(default=(), init=False)

    def __post_init__(self) -> None:
        path = path_of(self.path, ParameterError)
        frame = TABLE.read_csv(path, str)
        names = [str(name).strip() for name in frame.columns]
        check_keys(names)
        if not len(frame):
            raise DataError(f"{path} has no rows below its names: a row is a run")
        rows = []
        for number, cells in enumerate(frame.itertuples(index=False, name=None)):
            try:
                pairs = zip(names, cells, strict=True)
                rows.append({name: plain_value(name, _value(cell)) for name, cell in pairs if isinstance(cell, str)})
            except AxisError as error:
                raise AxisError(error.key, f"{error.text} (row {number + 1} of {path})") from None
        self._set(path, tuple(rows))

    def _set(self, path: str | os.PathLike[str], rows: tuple[Mapping[str, Any], ...]) -> None:
        object.__setattr__(self, "path", os.fspath(path))
        object.__setattr__(self, "rows", rows)

    @cached_property
    def _keys(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(key for row in self.rows for key in row))

    @property
    def keys(self) -> tuple[str, ...]:
        return self._keys

    def __len__(self) -> int:
        return len(self.rows)

    def values(self, number: int) -> dict[str, Any]:
        self.check_number(number)
        return dict(self.rows[number])

    def described(self) -> dict[str, Any]:
        return {"kind": self.kind, "path": str(self.path), ROWS: [dict(row) for row in self.rows]}

    @classmethod
    def from_table(cls, table: Mapping[str, Any], folder: Path) -> Csv:
        if ROWS not in table:
            return cls(folder / path_of(only(table, "path")["path"], ParameterError))
        made = object.__new__(cls)
        made._set(table["path"], tuple(table[ROWS]))
        return made


@lru_cache(maxsize=4096)
def _value(cell: str) -> Any:
    return toml_value(cell)
