"""Processes that are measured: each does a step whenever it is told to, so that two of them can take turns.

Needs NumPy only, since a worker may run in an environment without pcneuro.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np


def peak() -> int:
    """Bytes that this program has had in memory at most."""
    status = Path("/proc/self/status")
    if status.exists():
        # Unlike getrusage, this leaves out what the process was before it became this program: a copy of its parent.
        return next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    # In kB, but in bytes on macOS.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def serve(step: Callable[[], Mapping[str, np.ndarray]], path: Path, **facts: object) -> None:
    """In the worker: tell ``facts``, do a step for each line of input, and at its end save what the last returned."""
    print(json.dumps(facts | {"base": peak()}), flush=True)
    arrays: Mapping[str, np.ndarray] = {}
    for _ in sys.stdin:
        begun = time.perf_counter()
        arrays = step()
        seconds = time.perf_counter() - begun
        print(json.dumps({"seconds": seconds, "peak": peak()}), flush=True)
    np.savez(path, **arrays)


class WorkerEnded(SystemExit):
    """A worker that ended too early."""

    def __init__(self, command: str, code: int, last: str) -> None:
        super().__init__(f"{command} ended with code {code}: {last}")
        self.last = last
        """The last line that it said."""


class Worker:
    """Outside of it: the process, which ends with the block, on the ``processors`` given (else all)."""

    def __init__(
        self, command: Sequence[object], environment: Mapping[str, str], processors: Collection[int] | None = None
    ) -> None:
        self.command = [str(word) for word in command]
        self.said = tempfile.TemporaryFile("w+")
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self.said, "text": True}
        begun = time.perf_counter()
        # A process runs where the one that makes it may run.
        pinned = processors is not None and hasattr(os, "sched_setaffinity")
        allowed = os.sched_getaffinity(0) if pinned else set()
        if pinned:
            os.sched_setaffinity(0, processors or allowed)
        try:
            self.process: subprocess.Popen[str] = subprocess.Popen(self.command, env=environment, **pipes)  # type: ignore[call-overload]
        finally:
            if pinned:
                os.sched_setaffinity(0, allowed)
        self.seconds: list[float] = []
        self.peak = 0
        """Bytes, after the last step."""
        self.facts = self._told()
        self.ready = time.perf_counter() - begun
        """Seconds until the first step could begin: the start of the process, imports, set-up."""

    def step(self, counts: bool = True) -> None:
        """Let it do a step, which goes into ``seconds`` if it counts."""
        assert self.process.stdin is not None
        # One that has ended is told of below.
        with suppress(BrokenPipeError):
            self.process.stdin.write("step\n")
            self.process.stdin.flush()
        answer = self._told()
        if counts:
            self.seconds.append(answer["seconds"])
        self.peak = answer["peak"]

    def end(self) -> None:
        """Let it save what the last step returned."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        if self.process.wait():
            raise self._ended()

    def _told(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        # Libraries may say something there, too.
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        raise self._ended()

    def _ended(self) -> WorkerEnded:
        code = self.process.wait()
        self.said.seek(0)
        last = next((line for line in reversed(self.said.read().splitlines()) if line.strip()), "no message")
        return WorkerEnded(" ".join(self.command), code, last)

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.said.close()
