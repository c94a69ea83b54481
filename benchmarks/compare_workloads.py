"""Workloads of compare.py: each measures, prints its table, and writes its JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import compare_problem as problems
from compare_turns import HEADER, PINNED, WARM, Outcome, Peer, Setting, raw, rows, take_turns
from machine import report
from peer import Problem

PCNEURO = Peer("pcneuro", "peer_pcneuro.py", "strict", "strict")
STEPPING = Peer("pcneuro", "peer_pcneuro.py", "fixed", "fixed")
FORWARD = Peer("pcneuro FastForward", "peer_pcneuro.py", "fast-forward", "fixed")
BACKPROP = Peer("PyTorch backprop", "peer_torch.py", "backprop", "exact", "torch")
PEAK = Peer("FMA peak", "peer_peak.py", "fma", "none")
STRICT = (
    PCNEURO,
    Peer("FabricPC", "peer_fabricpc.py", "strict", "strict", "fabricpc"),
    Peer("PCX", "peer_pcx.py", "strict", "strict", "pcx"),
    Peer("PyTorch loop", "peer_torch.py", "strict", "strict", "torch"),
    Peer("NumPy loop", "peer_numpy.py", "strict", "strict"),
)
FIXED = (
    STEPPING,
    FORWARD,
    Peer("PyTorch loop", "peer_torch.py", "fixed", "fixed", "torch"),
    Peer("PyTorch loop of vjps", "peer_torch.py", "layerwise", "fixed", "torch"),
    Peer("NumPy loop", "peer_numpy.py", "fixed", "fixed"),
    BACKPROP,
)
CNN = (
    STEPPING,
    FORWARD,
    Peer("PyTorch loop of vjps", "peer_torch.py", "layerwise", "fixed", "torch"),
    Peer("PyTorch loop by unfolding", "peer_torch.py", "unfolded", "fixed", "torch"),
    BACKPROP,
)


def of_peak(outcomes: Sequence[Outcome]) -> tuple[list[Outcome], dict[int, float]]:
    """Outcomes without that of the peak, and operations a second by number of threads."""
    from peer_peak import CHAINS, ITERATIONS, LANES

    once = 2.0 * CHAINS * LANES * ITERATIONS
    peak = {o.threads: once * o.threads / min(o.seconds[WARM:]) for o in outcomes if o.peer == PEAK}
    return [o for o in outcomes if o.peer != PEAK], peak


def write(name: str, title: str, header: Sequence[str], table: list[list[object]], out: Path, **more: object) -> None:
    """The table and its JSON, with the versions of peers."""
    report(title, header, table, out / f"compare_{name}.json", peers=PINNED, **more)


def say(notes: Sequence[str]) -> None:
    """One line each."""
    for note in dict.fromkeys(notes):
        print(f"note: {note}")
    print()


def in_turns(
    name: str, title: str, problem: Problem, peers: Sequence[Peer], setting: Setting, out: Path
) -> list[Outcome]:
    """A problem by all peers, beside the peak: the usual workload."""
    outcomes, notes = take_turns(problem, [*peers, PEAK], setting)
    outcomes, peak = of_peak(outcomes)
    title += "; one run of " + f"{problem.steps} steps at rate {problem.rate:g}, batch {len(problem.x)}, float32"
    peaks = {threads: f"{speed / 1e9:.0f}" for threads, speed in peak.items()}
    notes.insert(0, "FMA peak, GFLOP/s: " + ", ".join(f"{speed} with {n} threads" for n, speed in peaks.items()))
    write(name, title, HEADER, rows(outcomes, problem, peak), out, peak=peak, notes=notes, outcomes=raw(outcomes))
    say(notes)
    return outcomes


def mlp_problem(setting: Setting) -> Problem:
    """784-256-256-10."""
    if setting.quick:
        return problems.layered((20, 16, 16, 5), 8, 20)
    return problems.layered((784, 256, 256, 10), 64, 100)


def mlp(setting: Setting, out: Path) -> None:
    """Strict dynamics."""
    problem = mlp_problem(setting)
    in_turns("mlp", f"MLP {problem.name}, strict dynamics", problem, STRICT, setting, out)


def fixed(setting: Setting, out: Path) -> None:
    """The same network with fixed prediction."""
    problem = mlp_problem(setting)
    in_turns("fixed", f"MLP {problem.name}, fixed prediction", problem, FIXED, setting, out)


def cnn(setting: Setting, out: Path) -> None:
    """The paper's network with convolutions."""
    problem = problems.convolutional(2, 5) if setting.quick else problems.convolutional(64, 100)
    in_turns("cnn", "CNN of the paper, fixed prediction", problem, CNN, setting, out)


SWEPT = ["what", "threads", "steps", "ms, median (range)", "us a step", "GFLOP/s", "of peak", "gradient error", "runs"]
"""Header of the tables of sizes."""


def swept(name: str, outcomes: Sequence[Outcome], problem: Problem, peak: dict[int, float]) -> list[list[object]]:
    """Lines for one size."""
    table = rows(outcomes, problem, peak)
    return [
        [
            f"{name}: {outcome.peer.name}",
            outcome.threads,
            problem.steps,
            line[3],
            f"{1e6 * outcome.median / problem.steps:.1f}",
            *line[4:7],
            len(outcome.seconds) - WARM,
        ]
        for outcome, line in zip(outcomes, table, strict=True)
    ]


def scaling(setting: Setting, out: Path) -> None:
    """Depth, width, batch: strict dynamics beside PyTorch's plain loop."""
    steps = 5 if setting.quick else 100
    few = (lambda values: values[:1]) if setting.quick else (lambda values: values)
    sizes = {f"depth {n}": ([128] * (n + 2), 64) for n in few((2, 4, 8, 16))}
    sizes |= {f"width {n}": ([n] * 4, 64) for n in few((64, 128, 256, 512, 1024, 2048))}
    sizes |= {f"batch {n}": ([784, 256, 256, 10], n) for n in few((1, 4, 16, 64, 256))}
    table: list[list[object]] = []
    numbers: dict[str, object] = {}
    notes: list[str] = []
    for name, (units, batch) in sizes.items():
        problem = problems.layered(units, batch, steps)
        peers = [PCNEURO, Peer("PyTorch loop", "peer_torch.py", "strict", "strict", "torch"), PEAK]
        outcomes, faults = take_turns(problem, peers, setting)
        outcomes, peak = of_peak(outcomes)
        table += swept(name, outcomes, problem, peak)
        numbers[name] = raw(outcomes)
        notes += faults
    write("scaling", "Scaling, strict dynamics", SWEPT, table, out, notes=notes, outcomes=numbers)
    say(notes)
    sequences(setting, out)


RECURRENT = (
    ("rate 1", 1.0, lambda length: length + 2, "fixed"),
    ("rate 0.5", 0.5, lambda length: 3 * length, "fixed"),
    ("rate 0.5, tolerance 1e-3", 0.5, lambda length: 3 * length, "tolerance"),
    ("FastForward", 1.0, lambda length: length + 2, "fast-forward"),
)
"""Name, inference rate, steps for a length (enough for the wave to go through), method."""


def sequences(setting: Setting, out: Path) -> None:
    """A recurrent network: does the cost of a run grow with the sequence, or with its square?"""
    lengths = (4, 8) if setting.quick else (50, 100, 200, 400)
    table: list[list[object]] = []
    numbers: dict[str, object] = {}
    notes: list[str] = []
    for name, rate, steps, method in RECURRENT:
        # By the end the error has gone through all of it: the gradients are those of the loss.
        peer = Peer("pcneuro", "peer_pcneuro.py", method, "exact")
        medians: dict[tuple[int, int], float] = {}
        for length in lengths:
            problem = problems.recurrent(length, 64, 16, steps(length), rate)
            outcomes, faults = take_turns(problem, [peer], setting)
            notes += faults
            table += swept(f"{name}, length {length}", outcomes, problem, {})
            numbers[f"{name}, length {length}"] = raw(outcomes)
            medians |= {(o.threads, length): o.median for o in outcomes}
        for threads in setting.threads:
            if (threads, lengths[-1]) in medians:
                ratio = medians[threads, lengths[-1]] / medians[threads, lengths[0]]
                notes.append(f"{name}, {threads} threads: length {lengths[-1]} / length {lengths[0]} = {ratio:.2f}")
    title = "RNN of 64 units unrolled, batch 16, fixed prediction, a run in which the error goes through all of it"
    write("sequences", title, SWEPT, table, out, notes=notes, outcomes=numbers)
    say(notes)


def single(setting: Setting, out: Path) -> None:
    """A batch of one, time by step: the difference of two lengths of run, so that set-up is left out.

    The rate is so small that everything still moves at the end: steps at rest cost pcneuro next to nothing.
    """
    sizes = (12, 8, 3) if setting.quick else (784, 300, 10)
    lengths = (20, 40) if setting.quick else (500, 2500)
    rate = 0.001
    brian2 = Peer("Brian2 cpp_standalone", "peer_brian2.py", "strict", "strict", "brian2")
    pairs: dict[tuple[str, int], list[Outcome]] = {}
    notes: list[str] = []
    for length in lengths:
        problem = problems.layered(sizes, 1, length, rate)
        outcomes, faults = take_turns(problem, [*STRICT, brian2], setting, check=length == lengths[0])
        notes += faults
        for outcome in outcomes:
            pairs.setdefault((outcome.peer.name, outcome.threads), []).append(outcome)
    steps = lengths[1] - lengths[0]
    cost = {key: (two[1].median - two[0].median) / steps for key, two in pairs.items() if len(two) == 2}
    table: list[list[object]] = []
    for (name, threads), each in cost.items():
        short, long = pairs[name, threads]
        spread = [(value - short.median) / steps for value in (min(long.seconds[WARM:]), max(long.seconds[WARM:]))]
        ratio = cost.get(("pcneuro", threads), float("nan")) / each
        error = max(short.errors.values(), default=float("nan"))
        time = f"{1e6 * each:.2f} ({1e6 * spread[0]:.2f}-{1e6 * spread[1]:.2f})"
        table.append([f"{name} ({short.version})", threads, time, f"{error:.1e}", f"{ratio:.3f}", setting.runs])
    header = ["method", "threads", "us a step (range of the longer run)", "gradient error", "pcneuro / this", "runs"]
    title = f"One sample, {'-'.join(map(str, sizes))}, strict dynamics, rate {rate:g}, per step"
    numbers = {
        str(length): raw([two[k] for two in pairs.values() if len(two) == 2]) for k, length in enumerate(lengths)
    }
    write("single", title, header, table, out, notes=notes, outcomes=numbers)
    say(notes)
