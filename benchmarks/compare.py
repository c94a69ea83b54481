"""pcneuro beside its peers, on the same numbers, in the same run, in turns.

    python benchmarks/compare.py [--workloads mlp fixed cnn lstm scaling start single] [--runs 7] [--threads 1 2]
                                 [--peers torch fabricpc pcx brian2] [--quick]
                                 [--environments results/environments] [--out results/benchmarks]

Each peer computes in a process of its own, in an environment that is made at the first time (environments.py has the
versions), and all take turns: two rounds to get warm, the first of which is reported, then ``--runs`` rounds. A turn
begins with runs for 0.1 s that do not count, since they find caches and clock as the others have left them. A run
goes from weights and data, which are in place, to the gradients of all parameters. With N threads a worker is confined
to N processors and told to use as many threads. What each of them computes is in peer_*.py and loops.py; the problems
are in compare_problem.py.

Correctness: the worst relative error (Frobenius) of any parameter's gradient against the same equations in float64 by
the reference simulator, or against exact reverse mode where that is what is computed; beside it, how far that is from
the gradient of the loss ("from backprop"), which strict dynamics do not approach at finite error.

A peer that cannot be installed or fails gives a note, and the others go on. ``--quick`` takes tiny sizes, to see
whether everything runs.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import compare_workloads
from compare_lstm import lstm
from compare_start import begin
from compare_turns import Setting
from environments import PINS

ROOT = Path(__file__).parent.parent
WORKLOADS = {
    "mlp": compare_workloads.mlp,
    "fixed": compare_workloads.fixed,
    "cnn": compare_workloads.cnn,
    "lstm": lstm,
    "scaling": compare_workloads.scaling,
    "start": begin,
    "single": compare_workloads.single,
}


def main() -> None:
    """Measure, compare, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    parser.add_argument("--workloads", nargs="+", choices=list(WORKLOADS), default=list(WORKLOADS))
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--threads", type=int, nargs="+", default=sorted({1, cores}))
    parser.add_argument("--peers", nargs="*", choices=list(PINS), default=list(PINS))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--environments", type=Path, default=ROOT / "results" / "environments")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "benchmarks")
    options = parser.parse_args()
    if options.runs < 1 or min(options.threads) < 1 or max(options.threads) > cores:
        parser.error(f"--runs from 1 on, --threads from 1 to {cores}, the processors that there are")
    setting = Setting(options.runs, options.threads, options.environments, options.peers, options.quick)
    try:
        for name in options.workloads:
            WORKLOADS[name](setting, options.out)
    except KeyboardInterrupt:
        raise SystemExit("stopped; the workers have ended") from None


if __name__ == "__main__":
    main()
