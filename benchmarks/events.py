"""The event-driven engine: does time follow events, how many operations a second, how many fewer than by steps.

    python benchmarks/events.py [linear] [throughput] [rnn] [--runs 5] [--small] [--out results/benchmarks]

``linear``: time of a run against its synaptic operations for thresholds over three decades, on four circuits; a figure,
a table, and the line time = fixed + slope x operations through the points, fitted to relative deviations.

``throughput``: synaptic operations a second in one thread. As above, all that is measured takes turns, and the making
of the engine's state (``run(0)``) is not timed.

``rnn``: an unrolled RNN at the largest threshold whose gradient error is within a limit, against a clocked engine that
skips nothing and stops at the first step within the same limit.

The gradient error is |gradient - backprop's| / |backprop's| over all parameters together.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from events_circuits import MODES, NETS, Data, EventTask, by_events, letters
from machine import median_and_spread, report, seconds

import pcneuro as pcn
from pcneuro.analysis.operations import feedback_synapses, first_at, gradient_error, operations

ROOT = Path(__file__).parent.parent
LINEAR, THROUGHPUT, RNN = "linear", "throughput", "rnn"
DT = 1.0
"""ms."""
THRESHOLD = 0.01
SMALL_THRESHOLD = 1e-4
"""Of the throughput, as a share of each population's errors."""
LEAST = 1e-4
"""Smaller thresholds are not tried."""
CLOSE = 1.05
"""A threshold is searched for up to this factor."""


@dataclass
class Point:
    """Runs of one simulator."""

    task: EventTask
    mode: object
    threshold: float
    dtype: str
    simulator: pcn.Simulator
    seconds: list[float] = field(default_factory=list)
    result: pcn.Result | None = None

    def turn(self) -> None:
        """One run from the feedforward sweep on, of which everything is timed but that."""
        self.simulator.reset()
        self.simulator.run(0.0, **self.task.data)

        def run() -> None:
            self.result = self.simulator.run(self.task.duration)

        self.seconds.append(seconds(run))

    @property
    def operations(self) -> int:
        """Synaptic operations of a run."""
        assert self.result is not None
        return operations(self.result.stats)

    def error(self) -> float:
        """How far gradients are from backprop's."""
        assert self.result is not None
        return gradient_error(self.result, pcn.backprop(self.task.circuit, **self.task.data)).error


def point(task: EventTask, mode: object, threshold: float, dtype: type) -> Point:
    """A run to be measured."""
    return Point(task, mode, threshold, np.dtype(dtype).name, by_events(task.circuit, threshold, mode, DT, dtype))


def measure(points: Sequence[Point], runs: int) -> None:
    """In turns, after one turn that does not count."""
    for turn in range(runs + 1):
        for each in points:
            each.turn()
        if turn == 0:
            for each in points:
                each.seconds.clear()


def kind(mode: object) -> str:
    """Name of a mode."""
    return type(mode).__name__


# Time against operations


@dataclass(frozen=True)
class Line:
    """time = fixed + slope x operations (s), and how well it fits."""

    fixed: float
    slope: float
    furthest: float
    """Largest relative deviation of a point from the line."""
    r2: float
    exponent: float
    """Slope of the logarithms."""


def fit(counts: Sequence[float], times: Sequence[float]) -> Line:
    """The line through points over decades: least squares of relative deviations, so that all count alike."""
    x, y = np.asarray(counts, dtype=np.float64), np.asarray(times, dtype=np.float64)
    slope, fixed = np.polyfit(x, y, 1, w=1 / y)
    left = y - fixed - slope * x
    shown = x > 0
    exponent = np.polyfit(np.log(x[shown]), np.log(y[shown]), 1)[0]
    r2 = 1 - float(left @ left) / float(np.sum((y - y.mean()) ** 2))
    return Line(float(fixed), float(slope), float(np.abs(left / y).max()), r2, float(exponent))


def linear(options: argparse.Namespace) -> None:
    """Measure, fit, draw."""
    count = 4 if options.small else 10
    # At exact times an error neuron needs about 1 / threshold events, and each of them reaches all units behind it.
    least = {mode: 1e-1 if options.small else 1e-3 if isinstance(mode, pcn.TimeBinned) else 3e-2 for mode in MODES}
    thresholds = {m: [float(f"{t:.2g}") for t in np.geomspace(low, 1.0, count)] for m, low in least.items()}
    tasks = [make(options.small) for make in NETS]
    points = [point(task, mode, t, np.float64) for task in tasks for mode in MODES for t in thresholds[mode]]
    measure(points, options.runs)
    rows, fits = [], []
    lines: dict[tuple[str, str], tuple[list[Point], Line]] = {}
    for task in tasks:
        for mode in MODES:
            of_mode = [p for p in points if p.task is task and p.mode is mode]
            line = fit([p.operations for p in of_mode], [statistics.median(p.seconds) for p in of_mode])
            lines[task.name, kind(mode)] = of_mode, line
            fits.append(
                [
                    task.name,
                    kind(mode),
                    f"{1e9 * line.slope:.3g}",
                    f"{1e3 * line.fixed:.3g}",
                    f"{100 * line.furthest:.0f}",
                    f"{line.r2:.5f}",
                    f"{line.exponent:.3f}",
                ]
            )
            for p in of_mode:
                times = median_and_spread([1e3 * s for s in p.seconds])
                rows.append(
                    [task.name, kind(mode), f"{p.threshold:g}", p.operations, times, f"{p.error():.1e}", options.runs]
                )
    header = ["circuit", "engine", "threshold", "operations", "ms, median (range)", "gradient error", "runs"]
    report("Time of a run against its synaptic operations", header, rows, options.out / "events_linear.json")
    header = ["circuit", "engine", "ns an operation", "fixed ms", "furthest from line %", "R2", "exponent"]
    report("Lines through these", header, fits, options.out / "events_fits.json")
    draw(lines, options.out / "events_linear.png")


def draw(lines: dict[tuple[str, str], tuple[list[Point], Line]], path: Path) -> None:
    """Points and fitted lines, a panel a mode."""
    from matplotlib.figure import Figure

    from pcneuro.studies.figures.style import COLOURS, WIDTH, save, style

    with style():
        figure = Figure(figsize=(WIDTH, 3.2))
        axes = figure.subplots(1, len(MODES), sharey=True)
        for ax, mode in zip(axes, MODES, strict=True):
            groups = [(task, *fit_of) for (task, name), fit_of in lines.items() if name == kind(mode)]
            for (task, points, line), colour, marker in zip(groups, COLOURS, "osD^", strict=False):
                x = np.array([p.operations for p in points], dtype=np.float64)
                y = np.array([statistics.median(p.seconds) for p in points])
                ax.plot(x, y, marker, color=colour, markersize=3.5, label=task)
                shown = np.geomspace(max(x.min(), 1.0), x.max(), 200)
                along = line.fixed + line.slope * shown
                ax.plot(shown[along > 0], along[along > 0], color=colour, linewidth=0.9)
            ax.set_xscale("log")
            ax.set_yscale("log")
            ax.set_title(kind(mode))
            ax.set_xlabel("synaptic operations of a run")
        axes[0].set_ylabel("time of a run (s)")
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
        save(figure, path)
    print(f"written: {path}")


# Operations a second


def throughput(options: argparse.Namespace) -> None:
    """Operations a second of dense, sparse and convolutional projections, in float32, reading out included."""
    tasks = [make(options.small) for make in NETS[:3]]
    points = [point(task, mode, THRESHOLD, np.float32) for task in tasks for mode in MODES]
    points.insert(1, point(tasks[0], MODES[0], SMALL_THRESHOLD, np.float32))
    measure(points, options.runs)
    rows = []
    for p in points:
        rates = [p.operations / s for s in p.seconds]
        rates_shown = f"{statistics.median(rates):.2e} ({min(rates):.2e}-{max(rates):.2e})"
        met = "yes" if statistics.median(rates) >= p.task.goal else "NO"
        events = sum(p.result.stats["events"].values()) if p.result is not None else 0
        times = median_and_spread([1e3 * s for s in p.seconds])
        row = [p.task.name, kind(p.mode), f"{p.threshold:g}", events, p.operations, times]
        rows.append([*row, rates_shown, f"{p.task.goal:.0e}: {met}", f"{p.error():.1e}", options.runs])
    header = ["circuit", "engine", "threshold", "events", "operations", "ms, median (range)", "operations/s", "goal"]
    header += ["gradient error", "runs"]
    report("Synaptic operations a second, one thread, float32", header, rows, options.out / "events_throughput.json")


# An unrolled RNN


def largest(error_of: Callable[[float], float], limit: float, low: float, high: float, close: float) -> float | None:
    """The largest threshold up to ``high`` with an error of at most ``limit``, to a factor of ``close``.

    Halves it until that is so, then bisects: small thresholds, which take longest, are not tried without need. None
    where it is below ``low``. ``error_of`` is taken to rise with the threshold.
    """
    threshold, above = high, high
    while error_of(threshold) > limit:
        threshold, above = threshold / 2, threshold
        if threshold < low:
            return None
    while above / threshold > close:
        middle = (threshold * above) ** 0.5
        threshold, above = (middle, above) if error_of(middle) <= limit else (threshold, middle)
    return threshold


def stepped(circuit: pcn.Circuit, data: Data, dt: float, limit: float, duration: float) -> tuple[int | None, float]:
    """The first step of the clocked engine within the limit, and its gradient error there or at the end."""
    reference = pcn.backprop(circuit, **data)
    simulator = pcn.Simulator(circuit, integrator=pcn.Euler(dt))
    errors = [gradient_error(simulator.run(0.0, **data), reference).error]
    while errors[-1] > limit and simulator.time < duration - dt / 2:
        errors.append(gradient_error(simulator.run(dt), reference).error)
    return first_at(errors, limit), errors[-1]


def unrolled(options: argparse.Namespace) -> None:
    """Operations of an RNN by events and by steps, at the same limit of the gradient error."""
    length, hidden, batch = (8, 6, 2) if options.small else (options.length, options.hidden, options.batch)
    circuit, data = letters(length, hidden, batch, options.gain)
    reference = pcn.backprop(circuit, **data)
    dt = options.rate * float(next(iter(circuit.tau.values())).flat[0])
    step, error = stepped(circuit, data, dt, options.limit, options.duration)
    synapses = feedback_synapses(circuit, ["out"])
    clocked = None if step is None else step * synapses * batch
    rows = [
        [
            "clocked",
            "-",
            "-",
            "-" if step is None else step,
            "-" if clocked is None else clocked,
            "1",
            "-",
            f"{error:.2e}",
        ]
    ]
    scale = float(np.sqrt(np.mean(reference.errors["out"] ** 2)))
    for mode in MODES:
        for name, made in (("of each population", float), ("of the output", lambda t: pcn.Absolute(t * scale))):
            results: dict[float, pcn.Result] = {}

            def error_of(threshold: float, mode=mode, made=made, results=results) -> float:
                simulator = by_events(circuit, made(threshold), mode, dt)
                results[threshold] = simulator.run(options.duration, **data)
                return gradient_error(results[threshold], reference).error

            threshold = largest(error_of, options.limit, LEAST, 1.0, CLOSE)
            if threshold is None:
                rows.append([kind(mode), name, "none", "-", "-", "-", "-", "-"])
                continue
            count = operations(results[threshold].stats)
            ratio = None if clocked is None else clocked / count
            verdict = "-" if ratio is None else f"{'yes' if ratio >= 10 else 'NO'}"
            shown = "-" if ratio is None else f"{ratio:.1f}"
            error = gradient_error(results[threshold], reference).error
            rows.append([kind(mode), name, f"{threshold:.3g}", "-", count, shown, verdict, f"{error:.2e}"])
    header = ["engine", "threshold as a share of the errors", "threshold", "steps", "operations", "clocked / this"]
    header += [">= 10", "gradient error"]
    title = (
        f"RNN of {length} steps, {hidden} units, batch {batch}, inference rate {options.rate:g}, gain {options.gain:g}"
    )
    settings = {"duration": options.duration, "limit": options.limit, "feedback_synapses": synapses}
    report(title, header, rows, options.out / "events_rnn.json", settings=settings)


MEASURED: dict[str, Callable[[argparse.Namespace], None]] = {LINEAR: linear, THROUGHPUT: throughput, RNN: unrolled}


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", help=f"of {', '.join(MEASURED)}; default: all")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--small", action="store_true", help="tiny sizes, to see whether everything runs")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "benchmarks")
    parser.add_argument("--length", type=int, default=400, help="of the RNN's sequences")
    parser.add_argument("--hidden", type=int, default=64, help="units of the RNN at a time")
    parser.add_argument("--batch", type=int, default=16, help="of the RNN")
    parser.add_argument(
        "--gain", type=float, default=1.0, help="of the RNN's recurrent weights: near 1.7 errors hardly vanish"
    )
    parser.add_argument("--rate", type=float, default=0.1, help="inference rate dt/tau of the RNN")
    parser.add_argument("--duration", type=float, default=400.0, help="ms for which the RNN runs by events")
    parser.add_argument("--limit", type=float, default=0.01, help="gradient error of the RNN")
    options = parser.parse_args()
    for what in options.what:
        if what not in MEASURED:
            parser.error(f"{what!r} is none of {', '.join(MEASURED)}")
    options.out.mkdir(parents=True, exist_ok=True)
    for what, measured in MEASURED.items():
        if what in (options.what or MEASURED):
            measured(options)


if __name__ == "__main__":
    main()
