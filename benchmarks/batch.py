"""Batches: overhead of a run, whether time is linear in runs, two processes beside one, runs packed or not.

    python benchmarks/batch.py linear [--many 10000] [--few 1000] [--out results/benchmarks]
    NUMBA_NUM_THREADS=1 python benchmarks/batch.py processes [--turns 3] [--epochs 8] [--seeds 30]
    OPENBLAS_NUM_THREADS=1 python benchmarks/batch.py packed [--turns 5] [--many 64]

``linear``: runs of the scalar graph (inference rate times target) by two local processes: seconds of a worker for a run
less those of the simulation alone, time for many runs beside few, memory of the process that has it done, and what is
asked of the finished store. ``processes``: digits with one thread a process, by one process and by two, in turns.
``packed``: runs that differ in data, a block of them side by side and one after the other, in turns (NumPy's threads
would only wait for each other in products of small vectors). Rows are held against those of runs alone; ``--quick``
does everything in small.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from machine import median_and_spread, report, seconds

import pcneuro as pcn
from circuits.scalar_graph import scalar_graph
from pcneuro.batch import Batch, Store
from pcneuro.batch.runners import Processes
from pcneuro.batch.studies import FileStudy
from pcneuro.engines.kernel.threads import available_threads
from pcneuro.studies import read
from pcneuro.studies.observer import Silent

ROOT = Path(__file__).parent.parent
SCALAR = ROOT / "simulations" / "scalar_graph.toml"
RATES = (1.0, 2.0, 5.0, 10.0)
"""dt in ms; the inference rate is a tenth of it."""
WORKERS = 2
ALONE = 20
"""Runs that are simulated alone, for the time of that and to hold rows against."""
SETTLED = 0.05
"""Share of the runs after which the parent's memory is looked at first."""


def memory() -> float:
    """MB of this process now; not a number where the system does not say."""
    path = Path("/proc/self/statm")
    return int(path.read_text().split()[1]) * 4096 / 1e6 if path.exists() else float("nan")


class Watch(Silent):
    """Looks at this process's memory while others work."""

    def __init__(self) -> None:
        self.early = self.late = 0.0

    def progress(self, share: float, note: str = "") -> None:
        self.late = memory()
        if share <= SETTLED or not self.early:
            self.early = self.late


def scalar_space(runs: int) -> dict[str, list[float]]:
    """So many runs of the scalar graph: rates times targets."""
    return {"targets.v4": np.linspace(-2.0, 2.0, runs // len(RATES)).tolist(), "integrator.dt": list(RATES)}


def simulation(runs: int) -> float:
    """Seconds of one simulation of the scalar graph, with what the task records, as a user has it."""
    circuit, taken = scalar_graph(), []
    records = [pcn.Record(name, what) for name in circuit.vertices for what in ("value", "error")]
    for k in range(runs + 1):
        sim = pcn.Simulator(circuit, integrator=pcn.Euler(RATES[k % len(RATES)]), engine=pcn.Kernel(threads=1))
        targets = {"v4": 0.01 * k}
        taken.append(seconds(lambda sim=sim, targets=targets: sim.run(200.0, targets=targets, record=records)))
    return statistics.median(taken[1:])


def rows_alone(study: FileStudy, store: Store, numbers: Sequence[int], values: Sequence[Mapping[str, Any]]) -> str:
    """Whether rows of a store are those of runs alone, to the last bit."""
    with tempfile.TemporaryDirectory() as place:
        rows = study.perform(numbers, values, lambda n: Path(place) / str(n), lambda: False)
    kept = store.dataset()
    wrong = 0
    for row in rows:
        found = kept.isel(run=row.number)
        # What is called like an axis of records is kept under another name.
        kept_as = {name: f"number.{name}" if f"number.{name}" in kept else name for name in row.numbers}
        same = int(found["status"]) == row.status
        wrong += not (same and all(float(found[kept_as[name]]) == value for name, value in row.numbers.items()))
    return f"{len(rows)} rows as alone" if not wrong else f"{wrong} of {len(rows)} rows WRONG"


def linear(options: argparse.Namespace) -> None:
    """Time and memory of few and of many runs, and what is asked of the store."""
    alone, taken, rows = simulation(ALONE), {}, list[list[object]]()
    with tempfile.TemporaryDirectory() as place:
        for runs in (options.few, options.many):
            batch, watch = Batch(SCALAR, scalar_space(runs)), Watch()
            out = Path(place) / str(runs)
            begun = time.perf_counter()
            store = batch.run(out, Processes(WORKERS), observer=watch)
            taken[runs] = time.perf_counter() - begun
            numbers = np.linspace(0, runs - 1, min(runs, ALONE)).astype(int).tolist()
            study = FileStudy(read(SCALAR), pack=False)
            right = rows_alone(study, store, numbers, [batch.space.values(n) for n in numbers])
            a_run = 1e3 * (taken[runs] * WORKERS / runs - alone)
            rows += [
                [f"{runs} runs, blocks of {store.layout.block}: seconds", f"{taken[runs]:.2f}", "-", right],
                [
                    f"{runs} runs: ms of a worker a run, beside the simulation's {1e3 * alone:.2f}",
                    f"{a_run:.2f}",
                    10,
                    right,
                ],
                [f"{runs} runs: parent's memory, MB more at the end", f"{watch.late - watch.early:.1f}", "flat", right],
            ]
        ratio = taken[options.many] / taken[options.few] / (options.many / options.few)
        rows.append(["time for many over few, of their numbers' ratio", f"{ratio:.3f}", 1.15, "-"])
        found = [None]
        for what, limit, call in (
            ("to find that nothing is left to do", 2, lambda: found.append(batch.run(out, Processes(WORKERS)))),
            ("to open it, as xarray has it", 1, lambda: found.append(Store.open(out).dataset()["status"].values)),
            ("status", 1, lambda: found.append(Store.open(out).status().as_dict())),
        ):
            rows.append([f"{options.many} runs: seconds {what}", f"{seconds(call):.3f}", limit, "-"])
    report(
        "Batches of the scalar graph",
        ["what", "measured", "limit", "correctness"],
        rows,
        options.out / "batch_linear.json",
    )


def digits(epochs: int) -> dict[str, Any]:
    """The tables of a digits classifier, with one thread."""
    return {
        "task": "training",
        "circuit": str(ROOT / "circuits" / "mlp.py") + ":mlp",
        "duration": 150.0,
        "epochs": epochs,
        "batch_size": 32,
        "arguments": {"sizes": [64, 48, 32, 10], "tau": 10.0},
        "dataset": {"kind": "digits", "test": 0.2},
        "optimizer": {"kind": "SGD", "rate": 0.3},
        "engine": {"kind": "Kernel", "threads": 1},
    }


def processes(options: argparse.Namespace) -> None:
    """One process and two, in turns."""
    space = {"arguments.tau": [10.0, 12.0], "seed": list(range(options.seeds))}
    times: dict[int, list[float]] = {1: [], 2: []}
    stores, right = {}, []
    with tempfile.TemporaryDirectory() as place:
        # What is compiled is compiled before.
        Batch(digits(1), {"seed": [0]}, block=1).run(Path(place) / "warm", Processes(1))
        for turn in range(options.turns):
            for number in (1, 2) if turn % 2 else (2, 1):
                batch, out = Batch(digits(options.epochs), space, block=1), Path(place) / f"{turn}.{number}"
                begun = time.perf_counter()
                stores[number] = batch.run(out, Processes(number))
                times[number].append(time.perf_counter() - begun)
            one, two = (stores[number].dataset().load() for number in (1, 2))
            right.append(one.identical(two) and bool((one["status"] == 1).all()))
    gain = statistics.median(times[1]) / statistics.median(times[2])
    said = "rows the same" if all(right) else "rows DIFFER"
    rows = [[f"{n} process(es): seconds", median_and_spread(times[n]), "-", said] for n in (1, 2)]
    rows.append(["two beside one", f"{gain:.2f}", 1.85, said])
    header = ["what", "median (range)", "at least", "correctness"]
    report(f"Digits, {2 * options.seeds} runs", header, rows, options.out / "batch_processes.json")


def run_of(sizes: Sequence[int], steps: int) -> str:
    """A file that lets an MLP relax on drawn values for so many steps."""
    return f"""
task = "run"
circuit = "{ROOT / "circuits" / "mlp.py"}:mlp"
duration = {0.1 * steps}
arguments = {{ sizes = {list(sizes)}, seed = 0 }}
inputs = {{ x = {{ kind = "uniform" }} }}
targets = {{ out = {{ kind = "one_hot" }} }}
integrator = {{ kind = "Euler", dt = 0.1 }}
engine = {{ kind = "Kernel", threads = 1 }}
"""


def packed(options: argparse.Namespace) -> None:
    """A block of runs that differ in their data's seed, side by side and one after the other, in turns."""
    rows = []
    small, large = (64, 48, 32, 10), (256, 256, 256, 10)
    for sizes, steps in ((small, 150), (small, 15_000), (large, 150), (large, 1_500)):
        name, text = f"{'-'.join(map(str, sizes))}, {steps} steps", run_of(sizes, steps // options.part)
        with tempfile.TemporaryDirectory() as place:
            path = Path(place) / "packed.toml"
            path.write_text(text, encoding="utf-8")
            studies = {pack: FileStudy(read(path), pack) for pack in (True, False)}
            values = [{"seed": seed} for seed in range(options.many)]
            made: dict[bool, Any] = {}

            def perform(pack: bool, studies: Any = studies, values: Any = values, made: Any = made) -> None:
                made[pack] = studies[pack].perform(range(len(values)), values, lambda n: Path(str(n)), lambda: False)

            times: dict[bool, list[float]] = {True: [], False: []}
            for turn in range(options.turns + 1):
                for pack in (True, False) if turn % 2 else (False, True):
                    times[pack].append(seconds(lambda pack=pack: perform(pack)))
            pairs = zip(made[True], made[False], strict=True)
            same = all(
                a.numbers == b.numbers and a.status == b.status and a.records.identical(b.records) for a, b in pairs
            )
            # The first turn compiles and lowers.
            packed_time, single = (statistics.median(times[pack][1:]) for pack in (True, False))
            a_run = [f"{1e3 * t / options.many:.2f}" for t in (single, packed_time)]
            rows.append([name, *a_run, f"{single / packed_time:.2f}", "rows the same" if same else "rows DIFFER"])
    header = ["runs that differ in data", "ms a run alone", "ms a run packed", "times as fast", "correctness"]
    report(f"Blocks of {options.many} runs", header, rows, options.out / "batch_packed.json")


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["linear", "processes", "packed"])
    parser.add_argument("--few", type=int, default=1_000)
    parser.add_argument("--many", type=int, default=None)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--part", type=int, default=1, help="of the steps of packed")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "benchmarks")
    options = parser.parse_args()
    # What lies beside this file is not to be taken for a package of the same name that others import, such as sparse.
    here = Path(__file__).resolve().parent
    sys.path[:] = [folder for folder in sys.path if Path(folder or ".").resolve() != here]
    if options.what == "processes" and not options.quick and available_threads() > 1:
        parser.error("one process is to have one thread, as each of two has: begin with NUMBA_NUM_THREADS=1")
    options.many = options.many or {"linear": 10_000, "packed": 64}.get(options.what)
    if options.quick:
        options.few, options.many, options.turns, options.epochs, options.seeds = 8, 12, 1, 1, 1
        options.part = 50
    {"linear": linear, "processes": processes, "packed": packed}[options.what](options)


if __name__ == "__main__":
    main()
