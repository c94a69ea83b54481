"""Batch: many runs of one study, performed by workers, kept in one store."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, final

from pcneuro.batch import locks
from pcneuro.batch.beginning import make_store
from pcneuro.batch.layout import SETTINGS, Layout
from pcneuro.batch.runners import AbstractRunner, Here
from pcneuro.batch.settings import Settings
from pcneuro.batch.store import Store
from pcneuro.batch.studies import AbstractStudy, FileStudy
from pcneuro.studies.file import read
from pcneuro.studies.observer import AbstractObserver, Silent, interruptible
from pcneuro.studies.spaces import AbstractSpace, Grid


@final
class Batch:
    """A study, run once for each point of a space.

    Parameters
    ----------
    study
        Path of a simulation file (its own sweep is not looked at where ``space`` is given).
    space
        What runs differ in: a space of ``pcn.spaces``, or a dict of dotted key -> values, which is a grid.
    """

    def __init__(self, study: str | os.PathLike[str], space: AbstractSpace | Mapping[str, Sequence[Any]]) -> None:
        self.study: AbstractStudy = FileStudy(read(Path(study)))
        self.space = space if isinstance(space, AbstractSpace) else Grid(space)

    def __len__(self) -> int:
        return len(self.space)

    def run(
        self,
        out: str | os.PathLike[str],
        runner: AbstractRunner | None = None,
        *,
        observer: AbstractObserver | None = None,
    ) -> Store:
        """Do all runs that are not done yet, and return the store in the folder ``out``, which is made if need be."""
        folder, runner, observer = Path(out).resolve(), runner or Here(), observer or Silent()
        self.study.check(self.space.values(0))
        if not (folder / SETTINGS).exists():
            layout = Layout(len(self.space), 1)
            settings = Settings(self.study, self.space, layout)
            with interruptible(observer):
                make_store(folder, settings, lambda: observer.stopped)
        store = Store.open(folder)
        with runner.lock(folder), interruptible(observer):
            rest, finished = runner.share(list(store.rest())), 0
            with locks.cleaning(folder):
                store.clean(rest)
            store.check_room(len(rest))

            def done(block: int) -> None:
                nonlocal finished
                finished += 1
                observer.progress(finished / len(rest))

            runner.run(folder, rest, observer, done)
        return store
