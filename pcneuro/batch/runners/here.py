"""Runs in this process, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

from pcneuro.batch.runners.abstract import AbstractRunner
from pcneuro.batch.work import perform_block
from pcneuro.studies.observer import AbstractObserver


@final
@dataclass(frozen=True)
class Here(AbstractRunner):
    """This process, block after block."""

    kind: ClassVar[str] = "here"

    @property
    def workers(self) -> int:
        return 1

    def run(self, folder: Path, blocks: Sequence[int], observer: AbstractObserver, done: Callable[[int], None]) -> None:
        for block in blocks:
            if observer.stopped:
                return
            try:
                perform_block(folder, block, lambda: observer.stopped)
            except KeyboardInterrupt:
                observer.stopped = True
                return
            done(block)
