"""What a runner is: something that has blocks of runs done."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar

from pcneuro.batch import locks
from pcneuro.batch.beginning import make_store
from pcneuro.batch.settings import Settings
from pcneuro.studies.observer import AbstractObserver

RUNNERS: dict[str, type[AbstractRunner]] = {}
"""Kind -> class, for files."""


class AbstractRunner(ABC):
    """Has blocks of a batch done, in any order, by ``pcneuro.batch.work.perform_block(folder, block)`` wherever.

    Runners are frozen data. Whatever happens to one, blocks are done or not: a batch goes on with those that are not.
    """

    kind: ClassVar[str]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if hasattr(cls, "kind"):
            RUNNERS[cls.kind] = cls

    @property
    @abstractmethod
    def workers(self) -> int:
        """How many blocks it does at the same time, as far as it knows."""

    @property
    def sees_all(self) -> bool:
        """Whether whoever runs it is the only one to make the batch's folder, and so may choose the size of blocks."""
        return True

    def lock(self, folder: Path) -> AbstractContextManager[None]:
        """What is held while blocks of the batch in ``folder`` are done, so that nobody else does them, too."""
        return locks.client(folder)

    def share(self, blocks: Sequence[int]) -> Sequence[int]:
        """Which of these blocks it is to do; the others are somebody else's."""
        return blocks

    def described(self) -> dict[str, Any]:
        """The runner by which the batch may go on, as a table of a file has it."""
        given = {each.name: getattr(self, each.name) for each in fields(self)}  # type: ignore[arg-type]
        return {"kind": self.kind, **{name: value for name, value in given.items() if value is not None}}

    def begin(self, folder: Path, settings: Settings, workers: int | None, observer: AbstractObserver) -> None:
        """Make the folder of a batch, by doing its first runs; see ``pcneuro.batch.beginning.make_store``."""
        make_store(folder, settings, lambda: observer.stopped, workers)

    @abstractmethod
    def run(self, folder: Path, blocks: Sequence[int], observer: AbstractObserver, done: Callable[[int], None]) -> None:
        """Have ``blocks`` of the batch in ``folder`` done, and call ``done(block)`` in this process after each.

        Returns early where ``observer.stopped`` becomes true. A block whose worker dies again and again becomes rows
        that failed (``pcneuro.batch.work.give_up``). Raises ConfigurationError or MissingExtraError for what it cannot
        reach.
        """
