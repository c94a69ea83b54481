"""A batch that begins in a process of its own, so that its first runs may do to it what they like."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import final

from pcneuro.batch.beginning import FIRST
from pcneuro.batch.layout import SETTINGS
from pcneuro.batch.runners.child import Child
from pcneuro.batch.settings import Settings
from pcneuro.batch.tasks import TRIES
from pcneuro.errors import WorkerError, warn
from pcneuro.files import scratch, writing
from pcneuro.studies.observer import AbstractObserver

POLL = 0.2
"""Seconds between looks at whether the observer has been stopped."""


def make_store_apart(
    folder: Path, settings: Settings, workers: int | None, threads: int, observer: AbstractObserver
) -> None:
    """Make the folder of a batch as ``make_store`` does, by another process, of so many ``threads``.

    A first run of which processes die is a row that failed. Raises what ``make_store`` does, and WorkerError where
    processes end before they have begun.
    """
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
    with scratch(folder.parent, f".{folder.name}.", FIRST) as place:
        with writing(place):
            place.mkdir()
            (place / SETTINGS).write_text(json.dumps(settings.described()), encoding="utf-8")
        deaths: Counter[int | None] = Counter()
        while True:
            deadly = [run for run, count in deaths.items() if run is not None and count >= TRIES]
            attempt = _Attempt(place, threads)
            if attempt.succeeds(folder, workers, deadly, observer):
                return
            deaths[attempt.run] += 1
            if deaths[None] >= TRIES:
                code = attempt.child.process.returncode
                raise WorkerError(f"{TRIES} processes in a row ended as they began, the last with {code}")


@final
class _Attempt:
    """One process, which is told to begin; ``run`` is the run that it does, or has died of."""

    def __init__(self, place: Path, threads: int) -> None:
        self.child = Child(place, threads)
        self.run: int | None = None
        self.made, self.text = False, ""
        self.error: BaseException | None = None
        self.warned: list[str] = []

    def succeeds(self, folder: Path, workers: int | None, deadly: Sequence[int], observer: AbstractObserver) -> bool:
        """Whether it has made the folder; False where it has died. Raises its error, or KeyboardInterrupt."""
        thread = threading.Thread(target=self._ask, args=(folder, workers, deadly), daemon=True)
        thread.start()
        try:
            while thread.is_alive():
                thread.join(POLL)
                if observer.stopped:
                    self.child.stop()
                elif self.text:
                    observer.progress(0.0, self.text)
        except BaseException:
            self.child.kill()
            raise
        finally:
            thread.join()
            self.child.end()
        for text in self.warned:
            warn(text)
        if self.error is not None:
            raise self.error
        if not self.made and observer.stopped:
            raise KeyboardInterrupt
        return self.made

    def _ask(self, folder: Path, workers: int | None, deadly: Sequence[int]) -> None:
        try:
            self.made = self.child.ready() and self.child.begin_batch(
                folder, workers, deadly, self._say, self._at, self.warned.append
            )
        except BaseException as error:
            self.error = error

    def _say(self, text: str) -> None:
        self.text = text

    def _at(self, run: int) -> None:
        self.run, self.text = run, f"run {run}, which tells what rows are like"
