"""Processes of this machine, which are told one block at a time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, final

from pcneuro.batch.runners.abstract import AbstractRunner
from pcneuro.batch.runners.apart import make_store_apart
from pcneuro.batch.runners.child import Child
from pcneuro.batch.settings import Settings
from pcneuro.batch.tasks import Task
from pcneuro.batch.work import give_up, runs_of
from pcneuro.engines.kernel.threads import available_threads
from pcneuro.errors import WorkerError
from pcneuro.quantities import whole
from pcneuro.studies.observer import AbstractObserver

STARTS = 8
"""So many processes end before they could be told anything, one after the other, before that is an error."""
POLL = 0.2
"""Seconds between looks at whether the observer has been stopped."""


@final
@dataclass(frozen=True)
class Processes(AbstractRunner):
    """Processes of this machine, started anew (not forked), each with its share of the processors.

    A process that dies is replaced, and what it did is tried again. When this process dies, so do they.

    Parameters
    ----------
    number
        How many; None for one a processor.
    """

    kind: ClassVar[str] = "processes"
    number: int | None = None

    def __post_init__(self) -> None:
        if self.number is not None:
            whole("number of processes", self.number, 1)

    @property
    def workers(self) -> int:
        return self.number or available_threads()

    def begin(self, folder: Path, settings: Settings, workers: int | None, observer: AbstractObserver) -> None:
        make_store_apart(folder, settings, workers, max(1, available_threads() // self.workers), observer)

    def run(self, folder: Path, blocks: Sequence[int], observer: AbstractObserver, done: Callable[[int], None]) -> None:
        count = min(self.workers, len(blocks))
        if not count:
            return
        work = _Work(folder, blocks, max(1, available_threads() // count))
        drivers = [threading.Thread(target=work.drive, daemon=True) for _ in range(count)]
        try:
            for driver in drivers:
                driver.start()
            finished = 0
            for event in work.events(drivers):
                if observer.stopped:
                    work.stop()
                if isinstance(event, BaseException):
                    raise event
                if isinstance(event, str):
                    observer.progress(finished / len(blocks), event)
                elif event is not None:
                    finished += 1
                    done(event)
        except BaseException:
            work.kill()
            raise
        finally:
            for driver in drivers:
                driver.join()


class _Work:
    """Blocks that are to be done, shared by threads that each drive one process."""

    def __init__(self, folder: Path, blocks: Sequence[int], threads: int) -> None:
        self.folder, self.threads = folder, threads
        self.tasks = (Task(block) for block in blocks)
        self.again: list[Task] = []
        self.lock = threading.Lock()
        self.stopped = False
        self.children: set[Child] = set()
        self.queue: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def events(self, drivers: Sequence[threading.Thread]) -> Iterator[Any]:
        """What happens: a block that is done, a text about compiling, an error, None now and then; ends with all."""
        while True:
            ended = not any(driver.is_alive() for driver in drivers)
            try:
                yield self.queue.get(timeout=0 if ended else POLL)
            except queue.Empty:
                if ended:
                    return
                yield None

    def stop(self) -> None:
        """Have the processes end in order, at the next place where they can."""
        with self.lock:
            self.stopped = True
            for child in self.children:
                child.stop()

    def kill(self) -> None:
        """End the processes now."""
        with self.lock:
            self.stopped = True
            for child in self.children:
                child.kill()

    def drive(self) -> None:
        """Have one process do one task after the other, and a new one what it died of."""
        child: Child | None = None
        try:
            while not self.stopped:
                child = child or self._ready()
                task = self._next() if child is not None else None
                if child is None or task is None:
                    return
                if child.perform(task, self.queue.put):
                    self._performed(task)
                elif self.stopped:
                    return
                else:
                    self._ended(child)
                    child = None
                    self._died(task)
        except BaseException as error:
            self.queue.put(error)
        finally:
            if child is not None:
                self._ended(child)

    def _ready(self) -> Child | None:
        """A process that can be told something; None where all is stopped. Raises WorkerError where none comes up."""
        for _ in range(STARTS):
            child = self._started()
            if child.ready():
                return child
            self._ended(child)
            if self.stopped:
                return None
        raise WorkerError(f"{STARTS} processes in a row ended as they began, the last with {child.process.returncode}")

    def _next(self) -> Task | None:
        with self.lock:
            if self.stopped:
                return None
            return self.again.pop() if self.again else next(self.tasks, None)

    def _started(self) -> Child:
        with self.lock:
            child = Child(self.folder, self.threads)
            self.children.add(child)
            if self.stopped:
                child.stop()
            return child

    def _ended(self, child: Child) -> None:
        child.end()
        with self.lock:
            self.children.discard(child)

    def _performed(self, task: Task) -> None:
        if task.trial is None:
            self.queue.put(task.block)
        else:
            self._try_again(task.after_trial(runs_of(self.folder, task.block)))

    def _died(self, task: Task) -> None:
        following = task.after_death(runs_of(self.folder, task.block))
        if following is None:
            give_up(self.folder, task.block)
            self.queue.put(task.block)
        else:
            self._try_again(following)

    def _try_again(self, task: Task) -> None:
        with self.lock:
            self.again.append(task)
