"""A process that does tasks of a batch, as its parent sees it, and their messages: one JSON object a line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, final

import pcneuro.errors
from pcneuro.batch.tasks import Task
from pcneuro.errors import PcneuroError, WorkerError

THREADS = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")
"""Environment variables with the number of threads that a process may use."""
BEGIN = Path(__file__).with_name("begin.py")
"""What a process runs, by its path: the package is not imported before its input is watched."""
PATIENCE = 5.0
"""Seconds in which a process that has nothing more to do ends, before it is killed."""
TASK, BEGIN_BATCH, STOP = "task", "begin", "stop"
READY, DONE, RUN, WARNED, COMPILING, ERROR, MESSAGE = "ready", "done", "run", "warned", "compiling", "error", "message"


def environment(threads: int) -> dict[str, str]:
    """Variables of a process that may use so many threads, and imports from where this one does."""
    places = os.pathsep.join(os.path.abspath(place) for place in sys.path)
    return {**os.environ, "PYTHONPATH": places, **dict.fromkeys(THREADS, str(threads))}


@final
class Child:
    """A process of this machine that does tasks of the batch in ``folder``, with so many ``threads``."""

    def __init__(self, folder: Path, threads: int) -> None:
        command = [sys.executable, "-P", str(BEGIN), str(folder)]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(threads),
            text=True,
            encoding="utf-8",
        )
        self.lock = threading.Lock()

    def ready(self) -> bool:
        """Wait until it can be told something; False where it ended before."""
        assert self.process.stdout is not None
        return bool(self.process.stdout.readline())

    def perform(self, task: Task, say: Callable[[str], None]) -> bool:
        """Have it do a task; False where it ended on the way. ``say`` is told of kernels that it compiles.

        Raises the error that it met: a PcneuroError as it is, WorkerError for anything else.
        """
        return self._ask({TASK: task.described()}, say)

    def begin_batch(
        self,
        folder: Path,
        workers: int | None,
        deadly: Sequence[int],
        say: Callable[[str], None],
        at: Callable[[int], None],
        warned: Callable[[str], None],
    ) -> bool:
        """Have it make the folder of a batch, whose settings its own folder has; see ``beginning.make_store``.

        ``at`` is told of each run that it begins with, and ``warned`` what it warns of. Returns and raises what
        ``perform`` does.
        """
        heard: dict[str, Callable[[Any], None]] = {RUN: at, WARNED: warned}
        return self._ask({BEGIN_BATCH: [str(folder), workers, list(deadly)]}, say, heard)

    def _ask(
        self,
        message: dict[str, Any],
        say: Callable[[str], None],
        heard: Mapping[str, Callable[[Any], None]] = MappingProxyType({}),
    ) -> bool:
        if not self._send(message):
            return False
        assert self.process.stdout is not None
        for line in self.process.stdout:
            reply = json.loads(line)
            if COMPILING in reply:
                say(f"compiling kernels: {reply[COMPILING]:.0%}")
            elif told := reply.keys() & heard:
                for key in told:
                    heard[key](reply[key])
            elif ERROR in reply:
                raise _error(reply)
            else:
                return True
        return False

    def stop(self) -> None:
        """Have it end at the next place where it can: what it did so far is kept in checkpoints."""
        self._send({STOP: True})

    def kill(self) -> None:
        """End it now."""
        self.process.kill()

    def end(self) -> None:
        """Wait for its end, which comes when it has nothing to do; where it does not come, kill it."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with self.lock, suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def _send(self, message: dict[str, Any]) -> bool:
        assert self.process.stdin is not None
        try:
            with self.lock:
                self.process.stdin.write(json.dumps(message) + "\n")
                self.process.stdin.flush()
        except (OSError, ValueError):  # it has ended, or is about to
            return False
        return True


def _error(reply: dict[str, str]) -> PcneuroError:
    """The error that a process has told of."""
    kind = getattr(pcneuro.errors, reply[ERROR], None)
    if isinstance(kind, type) and issubclass(kind, PcneuroError):
        return kind(reply[MESSAGE])
    return WorkerError(f"a worker failed: {reply[ERROR]}: {reply[MESSAGE]}")
