"""The LSTM's step in compare.py: the circuit beside PyTorch's backprop and its loop, by the workers of lstm.py."""

from __future__ import annotations

import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from compare_turns import HERE, WARM, Setting, difference, interpreter, milliseconds, surroundings, worst
from compare_workloads import say, write
from environments import EnvironmentFault
from worker import Worker, WorkerEnded

HEADER = [
    "step by",
    "threads",
    "first s",
    "ms, median (range)",
    "gradient error, to backprop",
    "pcneuro / this",
    "peak MB",
    "runs",
]


def commands(sizes: dict[str, int], threads: int, folder: Path, setting: Setting) -> dict[str, list[object]]:
    """The circuit, which also writes the problem, and PyTorch's."""
    words: list[object] = [word for name, size in sizes.items() for word in (f"--{name}", size)]
    commands = {"pcneuro": [sys.executable, HERE / "lstm_circuit.py", *words, "--threads", threads, folder]}
    if "torch" in setting.names:
        python = interpreter("torch", setting.environments)
        common: list[object] = [python, HERE / "lstm_torch.py", "--threads", threads, folder]
        commands["PyTorch loop"] = [*common, "--steps", sizes["steps"]]
        commands["PyTorch backprop"] = common
    return commands


FILES = {"pcneuro": "circuit.npz", "PyTorch loop": "loop.npz", "PyTorch backprop": "torch.npz"}


def measure(sizes: dict[str, int], threads: int, setting: Setting) -> tuple[list[list[object]], dict[str, list[float]]]:
    """Lines of the table, and seconds."""
    environment, processors = surroundings(threads)
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        folder = Path(temporary)
        known = commands(sizes, threads, folder, setting)
        workers = {name: stack.enter_context(Worker(words, environment, processors)) for name, words in known.items()}
        for _ in range(WARM + setting.runs):
            for worker in workers.values():
                worker.step()
        for worker in workers.values():
            worker.end()
        with Worker([*known["pcneuro"], "--exact"], environment, processors) as exact:
            exact.step()
            exact.end()
        table: list[list[object]] = []
        medians = {name: statistics.median(worker.seconds[WARM:]) for name, worker in workers.items()}
        for name, worker in workers.items():
            table.append(
                [
                    f"{name} ({worker.facts['version']})",
                    threads,
                    f"{worker.seconds[0]:.3f}",
                    milliseconds(worker.seconds[WARM:]),
                    worst(difference(folder / FILES[name], folder / "exact.npz")),
                    f"{medians['pcneuro'] / medians[name]:.2f}",
                    f"{worker.peak / 1e6:.0f}",
                    setting.runs,
                ]
            )
        return table, {name: worker.seconds for name, worker in workers.items()}


def lstm(setting: Setting, out: Path) -> None:
    """50 characters, 1056 units, 64 samples, 200 steps."""
    sizes = {"length": 50, "hidden": 1056, "batch": 64, "steps": 200}
    if setting.quick:
        sizes = {"length": 3, "hidden": 16, "batch": 2, "steps": 150}
    table: list[list[object]] = []
    numbers: dict[str, object] = {}
    notes: list[str] = []
    for threads in setting.threads:
        try:
            lines, numbers[str(threads)] = measure(sizes, threads, setting)
            table += lines
        except (WorkerEnded, EnvironmentFault) as fault:
            notes.append(f"{threads} threads: {getattr(fault, 'last', fault)}")
    title = "LSTM of the paper, a training step, fixed prediction one population after the other: "
    title += ", ".join(f"{name} {value}" for name, value in sizes.items())
    write("lstm", title, HEADER, table, out, notes=notes, seconds=numbers)
    say(notes)
