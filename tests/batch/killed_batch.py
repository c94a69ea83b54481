"""A program that kills batches: ``killed_batch.py FOLDER RUNS SEED KIND:COUNT ...``.

Each kind of kill is done so often, at random moments of as many batches as it takes. A batch goes on after each until
it is whole. It must be what an uninterrupted one is, to the byte, and nothing may be left of any kill. Prints what was
killed how often.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pcneuro.batch import Batch, resume
from pcneuro.batch.runners import AbstractRunner, Dask, Processes, Shard
from pcneuro.errors import OutputError
from tests.batch.small import contents
from tests.batch.steady import steady

NOBODY = 65534
SHARDS = 3
LONGEST = 240.0
"""Seconds in which a batch that is gone on with must end."""


def forked(function: Callable[[], object]) -> int:
    """A process of a group of its own that calls a function; it exits with 0, or 3 for what cannot be written."""
    process = os.fork()
    if process == 0:
        code = 1
        with contextlib.suppress(BaseException):
            os.setsid()
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            try:
                function()
                code = 0
            except OutputError:
                code = 3
        os._exit(code)
    return process


def ended(process: int) -> bool:
    return os.waitpid(process, os.WNOHANG)[0] != 0


def children(process: int) -> list[int]:
    """Processes that a process has started, and theirs, as long as they are no zombies."""
    found = []
    for path in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            state, parent = (path / "stat").read_text().rpartition(")")[2].split()[:2]
            if int(parent) == process and state != "Z":
                found += [int(path.name), *children(int(path.name))]
    return found


def alive(process: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


class Kills:
    """Batches in a folder, and what is killed of them."""

    def __init__(self, folder: Path, runs: int, seed: int) -> None:
        self.folder, self.rng = folder, np.random.default_rng(seed)
        self.batch = Batch(steady, {"number": list(range(runs))}, block=1)
        self.out, self.counts, self.number = folder / "none", Counter[str](), 0
        self.wanted = contents(self.batch.run(folder / "whole").folder)

    def start(self, runner: AbstractRunner) -> int:
        """A client that does what is not done."""
        if (self.out / "batch.json").exists() and self.rng.random() < 0.5:
            return forked(lambda: resume(self.out, runner))
        return forked(lambda: self.batch.run(self.out, runner))

    def wait(self, longest: float) -> None:
        time.sleep(self.rng.uniform(0, longest))

    def kill(self, process: int, what: str) -> bool:
        """Kill a process, if it is there."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
            self.counts[what] += 1
            return True
        return False

    def begun(self, client: int) -> bool:
        """Whether a client has got so far that its workers do something; False where it has ended."""
        before = self.done()
        while self.done() <= before:
            if ended(client):
                return False
            time.sleep(0.02)
        return True

    def done(self) -> int:
        with contextlib.suppress(OSError):
            return len(os.listdir(self.out / "runs.zarr/status/c"))
        return 0

    # What is killed

    def shard(self) -> None:
        """One of several shards, which may be making the folder at this moment."""
        shards = [self.start(Shard(number + 1, SHARDS)) for number in range(SHARDS)]
        self.wait(0.8)
        self.kill(shards[int(self.rng.integers(SHARDS))], "shard")
        for each in shards:
            os.waitpid(each, 0)

    def client(self) -> None:
        """A client, whose workers must end by themselves."""
        client = self.start(Processes(2))
        if self.begun(client):
            self.wait(0.6)
            workers = children(client)
            self.kill(client, "client")
            os.waitpid(client, 0)
            self.gone(workers)

    def group(self) -> None:
        """A client and all that it has started, at once."""
        client = self.start(Processes(2))
        if self.begun(client):
            self.wait(0.6)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(client, signal.SIGKILL)
                self.counts["group"] += 1
            os.waitpid(client, 0)

    def worker(self) -> None:
        """Workers of a client, one after the other."""
        self.workers(Processes(2), "worker")

    def dask_worker(self) -> None:
        """Workers of Dask, one after the other."""
        self.workers(Dask(number=2), "dask_worker")

    def workers(self, runner: AbstractRunner, what: str) -> None:
        client = self.start(runner)
        while self.begun(client):
            self.wait(0.4)
            workers = [each for each in children(client) if b"resource_tracker" not in command(each)]
            if workers:
                self.kill(workers[int(self.rng.integers(len(workers)))], what)

    def scheduler(self) -> None:
        """A client of Dask, within which the scheduler is."""
        client = self.start(Dask(number=2))
        if self.begun(client):
            self.wait(0.6)
            workers = children(client)
            self.kill(client, "scheduler")
            os.waitpid(client, 0)
            self.gone(workers)

    def full(self) -> None:
        """A disk that is full: no file may grow beyond some bytes."""
        size = int(self.rng.integers(400))

        def run() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
            self.batch.run(self.out, Shard(1, 1))

        self.counts["full"] += 1
        self.refused(run)

    def read_only(self) -> None:
        """A folder that whoever runs this may not write to."""
        os.waitpid(self.start(Shard(1, 20)), 0)

        def run() -> None:
            if os.getuid() == 0:
                os.setuid(NOBODY)
            else:
                self.protect(0o555)
            self.batch.run(self.out, Shard(1, 1))

        self.counts["read_only"] += 1
        self.refused(run)
        self.protect(0o755)

    def protect(self, mode: int) -> None:
        for folder in (self.out, *(path for path in self.out.rglob("*") if path.is_dir())):
            folder.chmod(mode)

    def refused(self, run: Callable[[], object]) -> None:
        if os.waitstatus_to_exitcode(os.waitpid(forked(run), 0)[1]) != 3:
            raise SystemExit("what could not be written was not told")

    def gone(self, processes: list[int]) -> None:
        begun = time.monotonic()
        while any(map(alive, processes)):
            if time.monotonic() - begun > 30:
                raise SystemExit(f"processes are left: {[command(each) for each in processes if alive(each)]}")
            time.sleep(0.05)

    # What must hold

    def check(self) -> None:
        """Have the rest done, and compare."""
        begun, client = time.monotonic(), self.start(Shard(1, 1))
        while not ended(client):
            if time.monotonic() - begun > LONGEST:
                raise SystemExit("a batch does not go on")
            time.sleep(0.05)
        actual = contents(self.out)
        if actual != self.wanted:
            others = [name for name in {*actual, *self.wanted} if actual.get(name) != self.wanted.get(name)]
            raise SystemExit(f"rows are others: {sorted(others)[:10]}")
        if len(list((self.out / "provenance").iterdir())) != len(self.batch):
            raise SystemExit("a run is stored twice, or not at all")
        left = {path.name for path in self.out.iterdir()} - {"batch.json", "runs.zarr", "provenance"}
        beside = {path.name for path in self.folder.iterdir()} - {"whole", self.out.name}
        if left | beside:
            raise SystemExit(f"left behind: {sorted(left | beside)}")

    def again(self, kind: str, count: int) -> None:
        """Kill until it was so often; each batch takes two kills of its kind before it is looked at, some only one."""
        while self.counts[kind] < count:
            self.number += 1
            self.out = self.folder / f"batch-{self.number}"
            for _ in range(int(self.rng.integers(1, 4))):
                if self.counts[kind] < count:
                    getattr(self, kind)()
            self.check()
            os.system(f"rm -r '{self.out}'")
            print(f"{kind}: {self.counts[kind]} kills, {self.number} batches whole", flush=True)


def command(process: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_bytes()
    return b""


def main(folder: Path, runs: int, seed: int, kinds: list[str]) -> None:
    folder.chmod(0o755)
    kills = Kills(folder, runs, seed)
    for each in kinds:
        kind, _, count = each.partition(":")
        kills.again(kind, int(count))
    print(dict(kills.counts))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
