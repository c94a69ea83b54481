"""Dask: workers of this machine, or those of a scheduler that is there already."""

from __future__ import annotations

import logging
import math
import queue
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, final

from pcneuro.batch.extras import needed
from pcneuro.batch.runners.abstract import AbstractRunner
from pcneuro.batch.runners.apart import make_store_apart
from pcneuro.batch.runners.child import THREADS
from pcneuro.batch.settings import Settings
from pcneuro.batch.tasks import TRIES, Task
from pcneuro.batch.work import give_up, perform, runs_of
from pcneuro.engines.kernel.threads import available_threads
from pcneuro.errors import ConfigurationError, PcneuroError, WorkerError
from pcneuro.quantities import seconds, whole
from pcneuro.studies.observer import AbstractObserver

POLL = 0.2
"""Seconds between looks at whether the observer has been stopped, or the scheduler is gone."""
AHEAD = 2
"""Tasks that a scheduler has for each worker: with one more than is being done no worker waits."""
RECOUNT = 2.0
"""Seconds between counts of workers, which come and go."""
LEAST = 8
"""Tasks that it has before there are workers."""
CLOSING = 10.0
"""Seconds in which workers of this machine end."""


def on_worker(folder: str, described: dict[str, Any]) -> int:
    """What workers are told: which task of which folder. Only the number of the block goes back."""
    task = Task.from_described(described)
    perform(Path(folder), task)
    return task.block


class AbstractDask(AbstractRunner):
    """Has blocks done by workers of Dask, in no order. Only few of all tasks are at the scheduler at any time."""

    @abstractmethod
    def client(self, observer: AbstractObserver) -> AbstractContextManager[Any]:
        """A client of the scheduler, while it holds. Raises ConfigurationError where there is none."""

    def begin(self, folder: Path, settings: Settings, workers: int | None, observer: AbstractObserver) -> None:
        make_store_apart(folder, settings, workers, 1, observer)

    def refill(self, client: Any) -> None:
        """Have new workers start for those that have gone for good, where that is ours to do."""
        return None

    def run(self, folder: Path, blocks: Sequence[int], observer: AbstractObserver, done: Callable[[int], None]) -> None:
        if not blocks:
            return
        with self.client(observer) as client:
            sent = _Sent(client, folder, blocks, lambda: self.refill(client))
            try:
                for block in sent.performed(observer):
                    done(block)
            finally:
                sent.cancel()


class _Sent:
    """Tasks at a scheduler, by their futures; whatever ends comes into a queue."""

    def __init__(self, client: Any, folder: Path, blocks: Sequence[int], refill: Callable[[], None]) -> None:
        self.client, self.folder, self.refill = client, folder, refill
        self.tasks = map(Task, blocks)
        self.futures: dict[Any, Task] = {}
        self.counted, self.most = -math.inf, LEAST
        self.ended: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def performed(self, observer: AbstractObserver) -> Iterator[int]:
        """Blocks, as they are done; ends with the last, or when the observer is stopped."""
        self._fill()
        while self.futures and not observer.stopped:
            with suppress(queue.Empty):
                future = self.ended.get(timeout=POLL)
                task = self.futures.pop(future)
                following = self._following(task, future)
                future.release()
                if following is not None:
                    self._send(following)
                else:
                    yield task.block
            if self.client.status in ("closed", "closing"):
                raise self._lost()
            self._fill()

    def cancel(self) -> None:
        """Take back what is not done."""
        with suppress(Exception):  # the scheduler may be gone
            self.client.cancel(list(self.futures))
        self.futures.clear()

    def _fill(self) -> None:
        """Send what workers will soon need, no more: a scheduler with a million tasks does nothing else."""
        if time.monotonic() - self.counted > RECOUNT:
            self.counted = time.monotonic()
            self.refill()
            self.most = max(LEAST, AHEAD * sum(self.client.nthreads().values()))
        while len(self.futures) < self.most:
            task = next(self.tasks, None)
            if task is None:
                return
            self._send(task)

    def _send(self, task: Task) -> None:
        future = self.client.submit(on_worker, str(self.folder), task.described(), pure=False)
        self.futures[future] = task
        future.add_done_callback(self.ended.put)

    def _following(self, task: Task, future: Any) -> Task | None:
        """What is to be done after a task has ended; None where its block is done. Raises what it failed of."""
        if future.status == "finished":
            return None if task.trial is None else task.after_trial(runs_of(self.folder, task.block))
        if future.status != "error":
            raise self._lost()
        error = future.exception()
        if isinstance(error, needed("distributed").KilledWorker):
            # The scheduler has tried it on several workers already.
            following = replace(task, deaths=TRIES - 1).after_death(runs_of(self.folder, task.block))
            if following is None:
                give_up(self.folder, task.block)
            return following
        if isinstance(error, PcneuroError):
            raise error
        raise WorkerError(f"a worker failed: {type(error).__name__}: {' '.join(str(error).split())}") from error

    def _lost(self) -> WorkerError:
        where = self.client.scheduler.address if self.client.scheduler else "that was there"
        return WorkerError(
            f"the scheduler {where} is gone; what is done is kept: the same command goes on with the rest"
        )


@final
@dataclass(frozen=True)
class Dask(AbstractDask):
    """Workers of Dask: those of the scheduler at ``address``, or so many on this machine.

    Whoever calls this from a script does so below ``if __name__ == "__main__":``, since Dask starts its processes by
    running the script again.

    Parameters
    ----------
    address
        Of a scheduler that is there, such as ``tcp://node1:8786``; None for one of our own, on this machine.
    number
        How many workers there are on this machine; None for one a processor.
    wait
        Seconds in which a scheduler must answer.
    """

    kind: ClassVar[str] = "dask"
    address: str | None = None
    number: int | None = None
    wait: float = 30.0

    def __post_init__(self) -> None:
        seconds("wait", self.wait)
        if self.number is not None:
            whole("number of workers", self.number, 1)

    @property
    def workers(self) -> int:
        return self.number or available_threads()

    def begin(self, folder: Path, settings: Settings, workers: int | None, observer: AbstractObserver) -> None:
        if self.address is not None:  # nothing is made for a scheduler that does not answer
            with connected(needed("distributed"), self.address, self.wait):
                pass
        super().begin(folder, settings, workers, observer)

    def refill(self, client: Any) -> None:
        if client.cluster is not None:
            client.cluster.scale(self.workers)

    @contextmanager
    def client(self, observer: AbstractObserver) -> Iterator[Any]:
        distributed = needed("distributed")
        if self.address is not None:
            with connected(distributed, self.address, self.wait) as client:
                if not client.nthreads():
                    observer.say(f"the scheduler at {self.address} has no workers yet; waiting for them")
                yield client
            return
        settings = {
            "distributed.nanny.pre-spawn-environ": dict.fromkeys(THREADS, max(1, available_threads() // self.workers)),
            "distributed.worker.daemon": False,
        }
        layout = {"n_workers": self.workers, "threads_per_worker": 1, "processes": True, "memory_limit": 0}
        # Any free port: without an address it is the one that the next cluster on this machine warns of.
        quiet = {"dashboard_address": "127.0.0.1:0", "silence_logs": logging.ERROR}
        with needed("dask").config.set(settings), distributed.LocalCluster(**layout, **quiet) as cluster:
            with distributed.Client(cluster, set_as_default=False) as client:
                yield client


@contextmanager
def connected(distributed: Any, address: str, wait: float) -> Iterator[Any]:
    """A client of the scheduler at an address. Raises ConfigurationError where none answers."""
    try:
        client = distributed.Client(address, timeout=wait, set_as_default=False)
    except Exception as error:  # of any kind where something else answers there, whose bytes are taken for Dask's
        reason = " ".join(str(error).split())
        raise ConfigurationError(
            f"the scheduler at {address} does not answer: waited {wait:g} s ({type(error).__name__}: {reason})"
        ) from None
    try:
        yield client
    finally:
        with suppress(Exception):
            client.close(timeout=CLOSING)
