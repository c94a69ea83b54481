"""A process that does tasks of a batch, which ``begin.py`` has started.

It reads what it is told from what was standard input when it started, and answers on what was standard output; what
runs print goes to standard error, and what they read is empty. When its input ends, so does it: within a second,
whatever it does.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from pcneuro.batch.beginning import make_store
from pcneuro.batch.runners.child import BEGIN_BATCH, COMPILING, DONE, ERROR, MESSAGE, READY, RUN, STOP, TASK, WARNED
from pcneuro.batch.settings import Settings
from pcneuro.batch.tasks import Task
from pcneuro.batch.work import perform
from pcneuro.errors import PcneuroError, PcneuroWarning
from pcneuro.kernels.progress import AbstractReport, compilation
from pcneuro.studies.observer import Silent, interruptible, pass_on

POLL = 0.2
"""Seconds between looks at whether a signal has come."""


class _ToParent(AbstractReport):
    """Tells the parent what is being compiled."""

    def __init__(self, worker: _Worker) -> None:
        self.worker = worker

    def show(self, share: float, name: str) -> None:
        self.worker.tell({COMPILING: share})

    def pause(self, share: float) -> None:
        return None


class _Worker:
    """The process, between its input and its answers."""

    def __init__(self, answers: TextIO) -> None:
        self.answers = answers
        self.tasks: queue.SimpleQueue[Callable[[Path], None] | None] = queue.SimpleQueue()
        """What is to be done with the folder."""
        self.observer = Silent()

    def take(self, line: str) -> None:
        """Take what is told, in the thread that reads it."""
        message = json.loads(line)
        if STOP in message:
            self.stop()
        elif BEGIN_BATCH in message:
            self.tasks.put(lambda folder: self._begin_batch(folder, *message[BEGIN_BATCH]))
        else:
            task = Task.from_described(message[TASK])
            self.tasks.put(lambda folder: perform(folder, task, lambda: self.observer.stopped))

    def _begin_batch(self, folder: Path, target: str, workers: int | None, deadly: list[int]) -> None:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", PcneuroWarning)
            make_store(
                Path(target),
                Settings.read(folder),
                lambda: self.observer.stopped,
                workers,
                deadly=deadly,
                at=lambda run: self.tell({RUN: run}),
            )
        for warning in caught:
            self.tell({WARNED: str(warning.message)})

    def stop(self) -> None:
        """End at the next place where that can be."""
        self.observer.stopped = True
        self.tasks.put(None)
        pass_on(self.observer)

    def tell(self, message: dict[str, Any]) -> None:
        """Answer, if there is somebody to hear it."""
        try:
            self.answers.write(json.dumps(message) + "\n")
            self.answers.flush()
        except OSError:
            self.observer.stopped = True

    def _next(self) -> Callable[[Path], None] | None:
        while not self.observer.stopped:  # which signals set, and they do not wake who waits for a task
            with suppress(queue.Empty):
                return self.tasks.get(timeout=POLL)
        return None

    def work(self, folder: Path) -> None:
        """Do tasks until there is none."""
        while (task := self._next()) is not None:
            try:
                task(folder)
            except KeyboardInterrupt:
                return
            except PcneuroError as error:
                self.tell({ERROR: type(error).__name__, MESSAGE: str(error)})
            except Exception as error:
                traceback.print_exc()
                self.tell({ERROR: type(error).__name__, MESSAGE: " ".join(str(error).split())})
            else:
                self.tell({DONE: True})


def main(given: Any, folder: Path) -> None:
    """Do what the parent tells, until it has nothing more to tell, or is gone."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    worker = _Worker(answers)
    compilation.report = _ToParent(worker)
    given.take, given.end = worker.take, worker.stop
    with interruptible(worker.observer):
        worker.tell({READY: True})
        worker.work(folder)
