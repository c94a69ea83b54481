"""Store of a batch: one zarr group whose rows are runs, written block by block, each block's status last."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from pcneuro.batch import locks
from pcneuro.batch.layout import PROVENANCE, RUNS, SCRATCH, Layout
from pcneuro.batch.provenance import WARNINGS
from pcneuro.batch.row import Row, RowStatus
from pcneuro.batch.store import retrying
from pcneuro.batch.store.checking import Contents, contents, layout_of
from pcneuro.batch.store.creating import create
from pcneuro.batch.store.names import RESERVED, STATUS
from pcneuro.batch.store.progress import Progress, progress
from pcneuro.batch.store.room import Room, check_room, needed_for
from pcneuro.batch.store.writing import Names, Writer
from pcneuro.files import writing
from pcneuro.quantities import flag
from pcneuro.tables import html

if TYPE_CHECKING:
    import xarray

FAILURES = (RowStatus.FAILED, RowStatus.DIVERGED)
"""What is done again unless it is said otherwise."""


@final
class Store:
    """The rows of a batch, in ``folder``. Many processes may write to it, each to blocks of its own.

    Reading it runs no code of the study, and takes nothing for granted that the folder says of itself.
    """

    def __init__(self, folder: Path, layout: Layout) -> None:
        self.folder, self.layout = folder, layout

    def __repr__(self) -> str:
        return f"Store({str(self.folder)!r}, runs={self.layout.runs})"

    def _repr_html_(self) -> str:
        known = self.status()
        counts = {"done": known.done, "failed": known.failed, "diverged": known.diverged}
        counts |= {"unsettled": known.unsettled, "to do": known.runs - known.ended}
        rows = [[what, f"{count:,}"] for what, count in counts.items()]
        return html(f"Batch in {self.folder}: {known.ended:,} of {known.runs:,} runs have ended", ("", "runs"), rows)

    @classmethod
    def create(
        cls,
        folder: Path,
        described: Mapping[str, Any],
        layout: Layout,
        swept: Mapping[str, Sequence[Any]],
        first: Row | None = None,
    ) -> Store:
        """Make the folder of a batch, which appears whole, under its name, or not at all; and open it.

        Parameters
        ----------
        described
            Settings, as JSON has them.
        swept
            Dotted key -> its value in each run; None where a run has none.
        first
            The first row that has records: the main group is made for records like these. Whoever makes the folder, the
            row must be the same.
        """
        create(folder, described, layout, swept, first)
        return cls.open(folder)

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> Store:
        """The store of the batch in a folder. Raises StoreError where there is none, or it is damaged."""
        store = cls(Path(folder).absolute(), layout_of(Path(folder)))
        store.contents()
        return store

    def contents(self, *, others: bool = False) -> Contents:
        """What is in it by now, checked; with ``others`` groups of records that differ from the first, too."""
        return contents(self.folder, self.layout, others=others)

    # Blocks

    def done(self) -> set[int]:
        """Blocks that are done: one listing, nothing is read."""
        chunks = self.folder / RUNS / STATUS / "c"
        try:
            return {int(name) for name in os.listdir(chunks) if name.isdecimal()}
        except FileNotFoundError:
            return set()

    def is_done(self, block: int) -> bool:
        """Whether a block is done."""
        return (self.folder / RUNS / STATUS / "c" / str(block)).exists()

    def rest(self) -> list[int]:
        """Blocks that are not done."""
        done = self.done()
        return [block for block in range(self.layout.blocks) if block not in done]

    def clean(self, blocks: Collection[int]) -> None:
        """Remove what killed processes have left of blocks, which nobody else may be writing."""
        with writing(self.folder):
            retrying.clean(self.folder, self.contents(others=True), self.layout, frozenset(blocks))

    def room(self, blocks: int) -> Room:
        """What so many blocks more will take on the disk, at most. Raises OutputError where there is less."""
        wanted = needed_for(self.contents().rows, blocks)
        check_room(self.folder, wanted, self.layout)
        return wanted

    def clean_up(self) -> None:
        """Remove the folder of checkpoints, once all runs are done; before, others may be putting theirs there."""
        if not self.rest():
            with suppress(OSError):  # there is none
                (self.folder / SCRATCH).rmdir()

    # Rows

    @cached_property
    def _writer(self) -> Writer:
        known = self.contents()
        main = known.main
        dims = {dim for array in main.arrays.values() for dim in array.metadata["dimension_names"]}
        return Writer(
            self.folder,
            self.layout,
            Names(
                frozenset({*RESERVED, *known.swept, *main.variables, *dims}),
                frozenset({*RESERVED, *known.swept}),
                main.schema,
            ),
        )

    def write(self, block: int, rows: Sequence[Row], provenance: Mapping[str, Any] | None = None) -> None:
        """Write the rows of a block, its status last. Raises OutputError; the block is not done then."""
        with writing(self.folder):
            self._writer.write(block, rows)
            if provenance is not None:
                place = self.folder / PROVENANCE / f"{block}.json"
                place.parent.mkdir(exist_ok=True)
                retrying.write_small(place, json.dumps(provenance, indent=1).encode())
            self._writer.finish(block)
            retrying.forget(self.folder, block)

    def warnings(self, block: int) -> list[str]:
        """What the runs of a block warned of, as its provenance has it; nothing where that cannot be read."""
        try:
            noted = json.loads((self.folder / PROVENANCE / f"{block}.json").read_bytes())[WARNINGS]
            return [str(text) for text in noted]
        except (OSError, ValueError, KeyError, TypeError):
            return []

    def kept(self, block: int) -> list[Row]:
        """Rows of a block that is not done which stay as they are: others of its runs are done again."""
        statuses = retrying.kept(self.folder, self.layout, block)
        if statuses is None:
            return []
        from pcneuro.batch.store.reading import rows

        return rows(self.contents(others=True), self.layout, block, statuses)

    def retry(self, statuses: Collection[RowStatus] = FAILURES) -> int:
        """Have runs that ended so done again when the batch goes on; how many these are. Rows of all others stay.

        Raises LockedError where somebody works on the batch, StoreError, and OutputError.
        """
        with locks.client(self.folder), writing(self.folder):
            known = self.contents()
            return sum(
                retrying.take_back(self.folder, known, self.layout, block, statuses) for block in sorted(self.done())
            )

    # What is made of it

    def _statuses(self, known: Contents) -> dict[int, Any]:
        from pcneuro.batch.store.reading import statuses

        blocks = (block for block in sorted(self.done()) if block < self.layout.blocks)
        return statuses(known.main.arrays[STATUS], self.layout, blocks)

    def status(self) -> Progress:
        """How far the batch is. Raises StoreError."""
        known = self.contents()
        return progress(known, self.layout, self._statuses(known), locks.holders(self.folder))

    def dataset(self) -> xarray.Dataset:
        """All rows along ``run``, as they are by now; arrays are read when they are asked for.

        What was swept are coordinates of ``run``. Numbers are NaN, and ``status`` 0, where a run is not done. Records
        of other shapes than those of the first run have bare indices in place of what they differ in, and NaN behind
        their ends. Raises StoreError.
        """
        from pcneuro.batch.store.reading import dataset

        return dataset(self.contents(others=True), self.layout)

    def statistics(self, by: Sequence[str] = (), numbers: Sequence[str] = ("*",)) -> xarray.Dataset:
        """Count, mean, standard deviation (n - 1), least and largest of numbers over the runs that are done.

        Parameters
        ----------
        by
            Swept keys. Runs that have the same values of all of these are a group; without any all runs are one.
        numbers
            Patterns of names, such as ``parameters.*``.

        Returns
        -------
        xarray.Dataset
            A variable (group, statistic) for each number, and the values of the keys as coordinates of ``group``. Rows
            are read block by block, in the order of runs.

        Raises
        ------
        UnknownNameError, ParameterError, StoreError
        """
        from pcneuro.batch.store.statistics import statistics

        known = self.contents()
        return statistics(known, self.layout, self._statuses(known), by, numbers)

    def export(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write all of it to one netCDF file, block by block. Raises OutputError where it exists, and StoreError."""
        from pcneuro.batch.store.exporting import export
        from pcneuro.batch.store.reading import check_sizes
        from pcneuro.files import place

        place(path, overwrite=flag("overwrite", overwrite))
        known = self.contents(others=True)
        for array in known.rows:
            for block in self.done():
                check_sizes(array, block)
        return export(self.dataset(), path, self.layout.block, overwrite=overwrite)

    @classmethod
    def merge(cls, folders: Sequence[str | os.PathLike[str]], out: str | os.PathLike[str]) -> Store:
        """Stores of the same batch, of which each has some blocks, as one in the new folder ``out``.

        Raises OutputError where it exists, StoreError for stores of other batches, damaged ones, and where two have
        other rows of the same runs.
        """
        from pcneuro.batch.store.merging import merge

        merge([Path(folder).absolute() for folder in folders], Path(out).absolute())
        return cls.open(out)
