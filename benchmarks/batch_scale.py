"""How far batches go: a million runs on a thousand workers, simulated event by event from measured costs.

    python benchmarks/batch_scale.py [--runs 1000000] [--workers 1000] [--run-seconds 1] [--out results/benchmarks]

Each block of runs is a task. A worker waits for the scheduler (one server, so many tasks a second), starts from the
settings that it has, does the block's runs one after the other, and writes the block's files, which the file system's
metadata server takes one after the other. Shards have no scheduler. Costs are arguments: measure them where you are.
For each size of block: how long it takes, how busy the workers are, and which server has a queue, if one has.
"""

from __future__ import annotations

import argparse
import heapq
from dataclasses import dataclass
from pathlib import Path

from machine import report

ROOT = Path(__file__).parent.parent
BUSY = 0.95
"""Share of the time from which on a server is what holds the others up."""
PER_RUN_AND_ARRAY = 8.0
"""Bytes of a number of a run."""
FILE_OVERHEAD = 4096.0
"""Bytes that a file takes at least, on most file systems."""


@dataclass(frozen=True)
class Costs:
    """Seconds of a run and of what it costs beside; tasks and files that servers take a second; files of a block."""

    run: float
    overhead: float
    tasks: float
    files: float
    arrays: int
    others: int


@dataclass(frozen=True)
class Outcome:
    """Seconds in all, and the shares of them that workers, the scheduler and the metadata server had work."""

    seconds: float
    workers: float
    scheduler: float
    metadata: float

    @property
    def limit(self) -> str:
        """What holds it up."""
        servers = {"scheduler": self.scheduler, "metadata server": self.metadata}
        name = max(servers, key=servers.__getitem__)
        return name if servers[name] > BUSY else "workers" if self.workers > BUSY else "the last blocks"


def simulate(runs: int, workers: int, block: int, costs: Costs, scheduler: bool = True) -> Outcome:
    """Let workers take blocks until there are none; servers take what comes in its order."""
    blocks = -(-runs // block)
    task = 1.0 / costs.tasks if scheduler else 0.0
    write = (costs.arrays + costs.others) / costs.files
    # (when a worker asks, its number, whether it has rows to write)
    asking = [(0.0, number, False) for number in range(min(workers, blocks))]
    given = 0
    end = free_scheduler = free_metadata = worked = 0.0
    while asking:
        now, number, writes = heapq.heappop(asking)
        if writes:
            free_metadata = max(now, free_metadata) + write
            end = max(end, free_metadata)
            heapq.heappush(asking, (free_metadata, number, False))
        elif given < blocks:
            size = min(block, runs - given * block)
            given += 1
            free_scheduler = max(now, free_scheduler) + task
            work = size * (costs.run + costs.overhead)
            worked += work
            heapq.heappush(asking, (max(now, free_scheduler) + work, number, True))
    return Outcome(end, worked / (end * workers), blocks * task / end, blocks * write / end)


def store_size(runs: int, block: int, costs: Costs) -> tuple[int, float]:
    """Files of the store, and bytes that they take at least."""
    blocks = -(-runs // block)
    files = blocks * (costs.arrays + costs.others)
    return files, files * max(FILE_OVERHEAD, PER_RUN_AND_ARRAY * block)


def clock(seconds: float) -> str:
    """Hours and minutes."""
    return f"{int(seconds // 3600)} h {seconds % 3600 / 60:.1f} min"


def main() -> None:
    """Simulate and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=1_000)
    parser.add_argument("--run-seconds", type=float, default=1.0, help="of the simulation of a run")
    parser.add_argument("--overhead", type=float, default=0.01, help="seconds of a run beside it (batch.py linear)")
    parser.add_argument("--tasks", type=float, default=1_000.0, help="that the scheduler takes a second")
    parser.add_argument("--files", type=float, default=2_000.0, help="that the metadata server takes a second")
    parser.add_argument("--arrays", type=int, default=12, help="numbers and records that are kept, status and message")
    parser.add_argument("--others", type=int, default=1, help="further files of a block: its provenance")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "benchmarks")
    options = parser.parse_args()
    if options.quick:
        options.runs, options.workers = 10_000, 10
    costs = Costs(options.run_seconds, options.overhead, options.tasks, options.files, options.arrays, options.others)
    rows = []
    for scheduler in (True, False):
        for block in (1, 4, 16, 64, 256):
            outcome = simulate(options.runs, options.workers, block, costs, scheduler)
            files, size = store_size(options.runs, block, costs)
            shares = [f"{100 * s:.0f} %" for s in (outcome.workers, outcome.scheduler, outcome.metadata)]
            # No way of doing it is faster than all workers at work from the begin to the end.
            least = options.runs * (costs.run + costs.overhead) / options.workers
            right = "ok" if outcome.seconds >= 0.999 * least else "FASTER THAN CAN BE"
            rows.append(
                [
                    "one scheduler" if scheduler else "shards",
                    block,
                    clock(outcome.seconds),
                    *shares,
                    outcome.limit,
                    f"{files:,}",
                    f"{size / 1e9:.1f}",
                    right,
                ]
            )
    header = [
        "by",
        "block",
        "takes",
        "workers busy",
        "scheduler",
        "metadata",
        "held up by",
        "files",
        "GB",
        "least time",
    ]
    title = f"{options.runs:,} runs of {costs.run:g} s on {options.workers:,} workers"
    report(title, header, rows, options.out / "batch_scale.json", costs=vars(costs))


if __name__ == "__main__":
    main()
