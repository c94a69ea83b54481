"""A scheme: the table that says where populations are in the cortex; claims of papers, as data."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from pcneuro.errors import CapacityError, DataError, told, unknown_name
from pcneuro.files.tables import TableKind
from pcneuro.model.lamination.rows import COLUMNS, LAYER, POPULATION, PROJECTION, SchemeRow, row_of

if TYPE_CHECKING:
    import pandas

_FOLDER = Path(__file__).parent / "schemes"
_SCHEME = TableKind("a scheme", "a Scheme", f"its columns are {', '.join(COLUMNS)}")
MOST_ROWS = 10_000


@final
@dataclass(frozen=True)
class Scheme:
    """Layers from the pia down, and which layer, cell type and kind each population and projection has.

    Of the rows that fit a population, or a projection, the first is its own.

    Parameters
    ----------
    rows
        Rows (``SchemeRow``), a list of dicts, a dict of columns, a data frame of pandas, or the path of a CSV file. The
        columns are the fields of ``SchemeRow``; those that a table does not have are empty.

    Raises
    ------
    DataError, UnknownNameError, CapacityError
        For tables, columns and cells that do not fit, layers that are there twice or not in the order of their depths,
        and rows whose layer is none of the scheme.

    Examples
    --------
    >>> scheme = pcn.passes.Scheme.named("bastos_2012")
    >>> len(scheme.rows) > 0
    True
    """

    rows: Any

    def __post_init__(self) -> None:
        given = self.rows
        if isinstance(given, Scheme):
            given = given.rows
        rows = tuple(_rows(given))
        if len(rows) > MOST_ROWS:
            raise CapacityError(f"a Scheme has {len(rows):,} rows; {MOST_ROWS:,} is the most")
        object.__setattr__(self, "rows", rows)
        self._check()

    def _check(self) -> None:
        layers, below = self.layers, -1.0
        if not layers:
            raise DataError("a Scheme has no layers: give rows whose 'what' is 'layer', from the pia down")
        seen = set()
        for name, depth in self._layers():
            if name in seen:
                raise DataError(f"a Scheme has the layer {name!r} twice: give it one row")
            seen.add(name)
            if depth is not None:
                if depth <= below:
                    raise DataError(
                        f"the layer {name!r} of a Scheme is at {depth:g} mm, and one before it at {below:g}: give them "
                        "from the pia down"
                    )
                below = depth
        for row in self.rows:
            if row.layer and row.layer not in layers:
                raise unknown_name(f"layer of the row ({row}) of a Scheme", row.layer, layers)

    def _layers(self) -> Iterator[tuple[str, float | None]]:
        return ((row.layer, row.depth) for row in self.rows if row.what == LAYER)

    @property
    def layers(self) -> Mapping[str, float | None]:
        """Layer -> depth of its middle below the pia in mm, None outside the cortex; from the pia down."""
        return dict(self._layers())

    def population(self, kind: str, role: str, vertex: str) -> SchemeRow | None:
        """The row of a population with these attributes in ``Circuit.nx``; None where there is none."""
        return self._first(POPULATION, kind, role, vertex)

    def projection(self, kind: str, role: str, vertex: str, reach: str) -> SchemeRow | None:
        """The row of an edge of this kind and reach from a population with this role and vertex; None without one."""
        return self._first(PROJECTION, kind, role, vertex, reach)

    def _first(self, what: str, *attributes: str) -> SchemeRow | None:
        return next((row for row in self.rows if row.what == what and row.fits(*attributes)), None)

    def before(self, rows: Any) -> Scheme:
        """This scheme with more rows in front, so that they come before its own. Raises what a Scheme does."""
        return Scheme((*_rows(rows), *self.rows))

    @property
    def table(self) -> pandas.DataFrame:
        """All rows as a data frame, from which a scheme can be made, or its ``to_csv`` a file."""
        import pandas

        return pandas.DataFrame([asdict(row) for row in self.rows], columns=list(COLUMNS))

    def __str__(self) -> str:
        table = self.table.astype(object).fillna("")
        return str(table.loc[:, (table != "").any()].to_string(index=False))

    def __repr__(self) -> str:
        return f"<Scheme of {len(self.rows)} rows, layers {', '.join(self.layers)}>"

    @staticmethod
    def named(name: str) -> Scheme:
        """A scheme that comes with the package: ``"bastos_2012"``, ``"errors_in_layer_5"`` (docs/cortex.md).

        Raises UnknownNameError for a name of none.
        """
        known = {path.stem: path for path in sorted(_FOLDER.glob("*.csv"))}
        if not isinstance(name, str) or name not in known:
            raise unknown_name("scheme", name if isinstance(name, str) else told(name), known)
        return Scheme(known[name])


def _rows(given: Any) -> Iterator[SchemeRow]:
    """The rows of a table as users have them."""
    import pandas

    if isinstance(given, str | os.PathLike):
        given = _SCHEME.read_csv(Path(given))
    elif isinstance(given, Mapping) and not all(isinstance(cell, str | float | int | None) for cell in given.values()):
        try:
            given = pandas.DataFrame(given)
        except ValueError as error:
            raise DataError(f"the table of a Scheme has columns that do not fit together: {error}") from None
    if isinstance(given, pandas.DataFrame):
        given = [_plain(row) for row in given.astype(object).where(given.notna(), None).to_dict("records")]
    if isinstance(given, Mapping | SchemeRow):
        given = [given]
    if not isinstance(given, Sequence):
        raise DataError(
            f"the rows of a Scheme are {told(given)}; give a list of dicts, a data frame of pandas, the path of a CSV "
            "file, or Scheme.named(...).rows"
        )
    for row in given:
        if isinstance(row, Mapping):
            row = {name: cell for name, cell in row.items() if cell is not None}
        yield row_of(row)


def _plain(row: Mapping[Any, Any]) -> dict[Any, Any]:
    """A row of a data frame: layers that are called 1, 2 and so on are numbers in it."""
    numbered = {name: cell for name, cell in row.items() if name != "depth" and isinstance(cell, int | float)}
    return {**row, **{name: f"{cell:g}" for name, cell in numbered.items()}}
