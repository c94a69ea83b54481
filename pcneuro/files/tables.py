"""Tables in CSV files, which are only read: nothing in them is run, and no other file is opened."""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pcneuro.errors import LONGEST, CapacityError, DataError
from pcneuro.files.reading import open_regular

if TYPE_CHECKING:
    import pandas

MOST_BYTES = 64_000_000
"""Of a CSV file."""
MOST_COLUMNS = 1_000
LONGEST_PATH = 255
"""Characters of a path in a message."""


@dataclass(frozen=True)
class TableKind:
    """What a table is, for messages: of what (``"trials"``), whose, and what to do where it is too large."""

    name: str
    owner: str
    instead: str

    def check_count(self, names: Sequence[Any]) -> None:
        """Raise CapacityError for a table of too many columns."""
        if len(names) > MOST_COLUMNS:
            raise CapacityError(
                f"the table of {self.owner} has {len(names)} columns; {MOST_COLUMNS} is the most: {self.instead}"
            )

    def read_csv(self, path: Path, cells: type[str] | None = None) -> pandas.DataFrame:
        """A CSV file in UTF-8 with names in its first line; nothing but an empty cell is empty.

        Cells are what their columns look like, or texts all of them where ``cells`` is ``str``.

        Raises DataError for what is none, CapacityError for one that is too large.
        """
        import pandas

        try:
            with open_regular(path) as file:
                size = os.fstat(file.fileno()).st_size
                if size > MOST_BYTES:
                    raise CapacityError(
                        f"{path} has {size / 1e6:.0f} MB, and a table of {self.name} {MOST_BYTES / 1e6:.0f} at most: "
                        f"{self.instead}"
                    )
                text = file.read(MOST_BYTES).decode("utf-8-sig")
        except OSError as error:
            place = path if len(str(path)) <= LONGEST_PATH else f"{str(path)[:LONGEST]} ..."
            raise DataError(f"cannot read the table of {self.name} {place}: {error.strerror or error}") from None
        except UnicodeDecodeError:
            raise DataError(
                f"{path} is no CSV file in UTF-8: write the table with DataFrame.to_csv(index=False)"
            ) from None
        try:
            rows = csv.reader(io.StringIO(text))
            header, row = next(rows, []), next(rows, [])
            self.check_count(header)
            twice = [name for name, count in Counter(header).items() if count > 1]
            # NA or None is a name as any other, as it is in a data frame.
            frame = pandas.read_csv(
                io.StringIO(text),
                skipinitialspace=True,
                keep_default_na=False,
                na_values=[""],
                low_memory=False,
                dtype=cells,
            )
        except (csv.Error, ValueError) as error:
            # pandas' own errors, of lines of different lengths and of empty files, are ValueErrors.
            raise DataError(f"{path} is no CSV file: {' '.join(str(error).split())}") from None
        if twice:
            raise DataError(f"{path} has two columns {twice[0]!r}: give each a name of its own")
        if len(row) > len(header):
            # pandas takes what stands in front for names of rows, so that all cells are those of the column before.
            raise DataError(
                f"{path} has {len(header)} names in its first line and {len(row)} cells in its second: name each"
            )
        return frame
