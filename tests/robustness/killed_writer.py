"""A program that is killed while it writes, again and again: ``killed_writer.py FOLDER KILLS SEED WRITER...``.

Each time a process of its own writes one version after the other to the same place, until it is killed at a random
moment. What is there then must be one of the versions, whole. Prints of each writer how often it was there, and how
often not yet.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import networkx
import numpy as np

import pcneuro as pcn
from pcneuro.export import sonata
from pcneuro.studies import read, simulate

LONGEST = 0.15
"""Seconds after which a process is killed, at most."""
SIZE = 40
SIMULATION = """
task = "run"
circuit = "circuit.pcn"
duration = 2.0
[inputs]
x = {kind = "normal"}
[[record]]
vertex = "h"
"""


def circuit(version: int) -> pcn.Circuit:
    """Of which every weight is the number of the version."""
    leaves = {"x": pcn.Input((SIZE,)), "W": pcn.Parameter(np.full((SIZE, SIZE), float(version)))}
    return pcn.build_circuit(pcn.trace(lambda x, W: {"y": pcn.vertex(1.0 * x, "h") @ W}, **leaves))


def one(values) -> int:
    """The version that all of these numbers are of."""
    (version,) = set(np.ravel(values).tolist())
    return int(version)


def snapshot(path: Path, version: int) -> None:
    simulator = pcn.Simulator(circuit(version))
    simulator.run(1.0, inputs={"x": np.zeros(SIZE)})
    simulator.store(path, overwrite=True)


def restored(path: Path) -> int:
    simulator = pcn.Simulator(circuit(0))
    simulator.restore(path)
    return one(simulator.parameters["W"])


def checkpoint(path: Path, version: int) -> None:
    data = pcn.Examples({"x": np.zeros((4, SIZE))}, {"y": np.zeros((4, SIZE))})
    path.unlink(missing_ok=True)
    pcn.Trainer(pcn.Backprop(circuit(version)), pcn.SGD(0.1), data, data, batch=4, checkpoint=path).run(1)


def learned(path: Path) -> int:
    return one(pcn.load_parameters(path)["W"])


def read_sonata(path: Path) -> int:
    with h5py.File(path, "r") as file:
        weights = []
        file.visititems(lambda name, item: weights.append(item[()]) if name.endswith("syn_weight") else None)
    return one([number for array in weights for number in array if number > 1.0] or [1.0])


def graph(path: Path) -> int:
    return one([float(d["learns"]) for *_, d in networkx.read_graphml(path).edges(data=True) if "learns" in d] or [0])


def results(path: Path, version: int) -> None:
    os.chdir(path.parent)
    circuit(version).save(path.parent / "circuit.pcn", overwrite=True)
    (path.parent / "x.toml").write_text(SIMULATION)
    simulate(read(path.parent / "x.toml"), path, overwrite=True)


def summary(path: Path) -> int:
    if (path / "summary.json").exists():
        json.loads((path / "summary.json").read_text())
        with h5py.File(path / "records.nc", "r") as file:
            assert file["h.value"].shape == (3, 1, SIZE)
    return 0


WRITERS: dict[str, tuple[Callable[[Path, int], None], Callable[[Path], int]]] = {
    "circuit": (
        lambda path, version: circuit(version).save(path, overwrite=True),
        lambda path: one(pcn.load_circuit(path).parameters["W"]),
    ),
    "snapshot": (snapshot, restored),
    "checkpoint": (checkpoint, learned),
    "graphml": (lambda path, version: circuit(version).write_graphml(path, overwrite=True), graph),
    "sonata": (lambda path, version: sonata.write(circuit(version + 2), path, overwrite=True), read_sonata),
    "results": (results, summary),
}


def write_until_killed(writer: Callable[[Path, int], None], path: Path, seconds: float) -> None:
    process = os.fork()
    if process == 0:
        with contextlib.suppress(BaseException):
            for version in range(1_000_000):
                writer(path, version)
        os._exit(1)
    time.sleep(seconds)
    os.kill(process, signal.SIGKILL)
    if not os.WIFSIGNALED(os.waitpid(process, 0)[1]):
        raise SystemExit("the writer ended by itself")


def left(folder: Path) -> Iterator[Path]:
    return folder.glob(".*")


def main(name: str, folder: Path, kills: int, seed: int) -> None:
    writer, reader = WRITERS[name]
    rng = np.random.default_rng(seed)
    path, there = folder / "out", 0
    writer(folder / "warm", 0)  # what is imported and compiled the first time is no part of it
    for _ in range(kills):
        write_until_killed(writer, path, rng.uniform(0, LONGEST))
        if path.exists():
            reader(path)
            there += 1
    if not there:
        # A machine that is busy with something else may need longer.
        seconds = 10 * LONGEST
        while not path.exists() and seconds < 60:
            write_until_killed(writer, path, seconds)
            seconds *= 2
        reader(path)
        there = 1
    print(there, kills - there)
    writer(path, 0)
    if any(left(folder)):
        raise SystemExit(f"left behind: {sorted(p.name for p in left(folder))}")


if __name__ == "__main__":
    top, times, start = Path(sys.argv[1]).resolve(), int(sys.argv[2]), int(sys.argv[3])
    for chosen in sys.argv[4:]:
        (top / chosen).mkdir()
        main(chosen, top / chosen, times, start)
