"""Batch: many runs of one study, performed by workers, kept in one store."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, final

from pcneuro.batch import locks
from pcneuro.batch.beginning import remove_left_by_creators
from pcneuro.batch.blocks import untimed_block
from pcneuro.batch.layout import PROVENANCE, SETTINGS, Layout
from pcneuro.batch.making import check, patterns_of, space_for, study_of
from pcneuro.batch.row import EVERYTHING
from pcneuro.batch.runners import AbstractRunner, Here
from pcneuro.batch.settings import Settings
from pcneuro.batch.store import Store
from pcneuro.batch.studies.function import check_not_importing
from pcneuro.errors import OutputError, PcneuroError, StoreError, check_object, shown, warn
from pcneuro.files import path_of
from pcneuro.quantities import flag, whole
from pcneuro.studies.file import Plan
from pcneuro.studies.observer import AbstractObserver, Silent, interruptible
from pcneuro.studies.spaces import AbstractSpace
from pcneuro.tables import html

WORTH_SAYING = 10**8
"""Bytes on the disk of which is told before they are written."""


@final
class Batch:
    """A study, run once for each point of a space.

    Parameters
    ----------
    study
        Path of a simulation file; its tables, as a dict; or a function that is defined in a Python file. A function is
        called with the values of a run by keyword, and returns a dict of numbers and arrays, an ``xarray.Dataset`` or
        a ``pcn.Result``.
    space
        What runs differ in: a space of ``pcn.spaces``, or a dict of dotted key -> values, which is a grid. By default
        that of the file.
    replicates
        How often each run is done, with seeds (the key ``seed``) from that of the file on.
    block
        How many consecutive runs one process performs and writes together; rows do not depend on it. By default as many
        as take about half a second, at most 64, and so few that all workers have enough blocks; in shards, one.
    pack
        Whether runs of a block that differ in data only are simulated side by side, where their rows are the same, bit
        for bit.
    keep
        Names of numbers and records to keep, or patterns of them, such as ``"parameters.*"``.

    Raises
    ------
    ConfigurationError
        For a file that does not fit, for keys of the space that the study does not have, and for values that do not
        fit; each value of a key is tried once. A combination that does not fit is a run that failed.
    ParameterError
        For arguments of other types and ranges.
    """

    def __init__(
        self,
        study: str | os.PathLike[str] | Mapping[str, Any] | Callable[..., Any] | Plan,
        space: AbstractSpace | Mapping[str, Sequence[Any]] | None = None,
        *,
        replicates: int = 1,
        block: int | None = None,
        pack: bool = True,
        keep: Sequence[str] = (EVERYTHING,),
    ) -> None:
        self.study, of_file = study_of(study, flag("pack", pack))
        self.space = space_for(self.study, space, of_file, whole("replicates", replicates, 1))
        self.block = None if block is None else whole("block", block, 1)
        self.keep = patterns_of("keep", keep)
        check(self.study, self.space)

    def __len__(self) -> int:
        return len(self.space)

    def __repr__(self) -> str:
        return f"<Batch of {self.study!r}: {self.space!r}>"

    def _repr_html_(self) -> str:
        rows = [["study", repr(self.study)], ["space", repr(self.space)], ["runs", f"{len(self):,}"]]
        return html(f"Batch of {len(self):,} runs", ("", ""), rows)

    @cached_property
    def settings(self) -> Settings:
        """What its folder says of it; digests of files are those of the time when they are first asked for."""
        return Settings(
            self.study, self.space, Layout(len(self.space), self.block or untimed_block(len(self.space))), self.keep
        )

    def hash_of(self, number: int) -> str:
        """SHA-256 of all that the results of a run depend on: settings, its values, and the contents of files.

        These are files that the settings name, and Python files beside them that they import. Raises ParameterError
        where there is no such run.
        """
        return self.settings.hash_of(whole("number", number, 0, len(self) - 1))

    def run(
        self,
        out: str | os.PathLike[str],
        runner: AbstractRunner | None = None,
        *,
        observer: AbstractObserver | None = None,
    ) -> Store:
        """Do all runs that are not done yet, and return the store in the folder ``out``, which is made if need be.

        Raises
        ------
        ConfigurationError
            Where the batch in the folder is another one: other settings, other files, another version of pcneuro.
        OutputError
            Where it cannot be written, or the folder has something else in it.
        """
        check_not_importing()
        folder = _folder_of(out, OutputError)
        runner, observer = _done_by(runner, observer)
        if (folder / SETTINGS).exists():
            self.settings.check_same(folder)
        else:
            _check_free(folder)
            with interruptible(observer):
                workers = runner.workers if self.block is None and runner.sees_all else None
                runner.begin(folder, replace(self.settings, runner=runner.described()), workers, observer)
        return _carry_on(folder, runner, observer)


def _folder_of(given: Any, kind: type[PcneuroError]) -> Path:
    """A folder that is given by its path. Raises an error of this ``kind`` where it is none, or can be none."""
    folder = path_of(given, kind)
    try:
        folder.exists()
    except OSError as error:
        raise kind(f"the folder {shown(str(folder))}: {error.strerror}") from None
    return folder.resolve()


def _done_by(
    runner: AbstractRunner | None, observer: AbstractObserver | None
) -> tuple[AbstractRunner, AbstractObserver]:
    """Runner and observer, or those that there are without. Raises ParameterError."""
    runner, observer = Here() if runner is None else runner, Silent() if observer is None else observer
    check_object("runner", runner, AbstractRunner)
    check_object("observer", observer, AbstractObserver)
    return runner, observer


def _check_free(folder: Path) -> None:
    """Raise OutputError for a folder that has something else in it than a batch."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f"{folder} exists already, and is no batch: choose another folder")


class _Warned:
    """What runs have warned of: the first of it, and how much there was. It is told once, at the end."""

    def __init__(self) -> None:
        self.first, self.count = "", 0

    def add(self, texts: Sequence[str]) -> None:
        """Take note of what a block warned of."""
        self.first, self.count = self.first or next(iter(texts), ""), self.count + len(texts)

    def tell(self, folder: Path) -> None:
        """Warn of it, if there is any."""
        if self.count:
            more = f", and {self.count - 1} more" if self.count > 1 else ""
            warn(f"{folder}: runs warned: {self.first}{more} ({folder / PROVENANCE} has all)")


def _carry_on(folder: Path, runner: AbstractRunner, observer: AbstractObserver) -> Store:
    """Have the blocks done that are not, by a runner."""
    store = Store.open(folder)
    remove_left_by_creators(folder)
    with runner.lock(folder), interruptible(observer):
        rest, finished = runner.share(list(store.rest())), 0
        ours = frozenset(runner.share(range(store.layout.blocks)))
        with locks.cleaning(folder):
            store.clean(ours)
        room = store.room(len(rest))
        if room.size > WORTH_SAYING:
            observer.say(f"{folder}: {len(rest)} of {store.layout.blocks} blocks to do, on the disk up to {room}")

        warned = _Warned()

        def done(block: int) -> None:
            nonlocal finished
            finished += 1
            warned.add(store.warnings(block))
            observer.progress(finished / len(rest))

        runner.run(folder, rest, observer, done)
        with locks.cleaning(folder):
            store.clean(ours)  # of workers that died while others did the rest
        store.clean_up()
    warned.tell(folder)
    return store


def resume(
    folder: str | os.PathLike[str],
    runner: AbstractRunner | None = None,
    *,
    observer: AbstractObserver | None = None,
) -> Store:
    """Go on with the batch in a folder, as its settings there say, and return its store.

    Raises
    ------
    StoreError
        Where there is none.
    ConfigurationError
        Where files that it names have changed since, or it is of another version of pcneuro.
    """
    check_not_importing()
    place = _folder_of(folder, StoreError)
    runner, observer = _done_by(runner, observer)
    Settings.read(place).check_same(place)
    return _carry_on(place, runner, observer)


def open_batch(folder: str | os.PathLike[str]) -> Store:
    """The store of the batch in a folder: its rows, its progress. Raises StoreError where there is none."""
    return Store.open(_folder_of(folder, StoreError))
