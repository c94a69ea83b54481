"""What a runner is: something that has blocks of runs done."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar

from pcneuro.batch import locks
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

    @abstractmethod
    def run(self, folder: Path, blocks: Sequence[int], observer: AbstractObserver, done: Callable[[int], None]) -> None:
        """Have ``blocks`` of the batch in ``folder`` done, and call ``done(block)`` in this process after each.

        Returns early where ``observer.stopped`` becomes true. A block whose worker dies again and again becomes rows
        that failed (``pcneuro.batch.work.give_up``). Raises ConfigurationError or MissingExtraError for what it cannot
        reach.
        """
