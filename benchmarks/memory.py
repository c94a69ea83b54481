"""How much memory a run takes, beside the size of the activities that it is about.

    python benchmarks/memory.py [--batch 64] [--hidden 1056] [--out results/benchmarks]

Activities are the value neurons of all populations and inputs, for each sample of the batch, in float32. The state is
what the engine holds for them. What samples share is the parameters, their gradients, and constants. Every circuit runs
in a process of its own (fixed prediction, Euler with dt = tau for more steps than it has populations; the LSTM one
population after the other), whose peak is taken from before the simulator is made to after its run, results and copies
of the data included.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from machine import report
from worker import peak

import pcneuro as pcn
from circuits.cnn import cnn
from circuits.lstm import lstm
from circuits.mlp import mlp
from circuits.rnn import rnn
from circuits.transformer import transformer

ROOT = Path(__file__).parent.parent
LIMIT = 6.0
"""Times the activities' size that the state is to stay under."""
CIRCUITS: dict[str, Callable[[int], pcn.Circuit]] = {
    "MLP 784-256-256-10": lambda hidden: mlp((784, 256, 256, 10)),
    "CNN": lambda hidden: cnn(),
    "RNN": lambda hidden: rnn(),
    "LSTM 50": lambda hidden: lstm(hidden=hidden),
    "transformer": lambda hidden: transformer(),
}


def simulate(circuit: pcn.Circuit, batch: int, sequential: bool) -> tuple[pcn.Result, float, float]:
    """A run on drawn data, by how many bytes the peak grew, and how far gradients are from backprop's in float64."""
    rng = np.random.default_rng(0)
    (output,) = circuit.graph.outputs.values()
    inputs = {n: rng.normal(size=(batch, *node.shape)) for n, node in circuit.graph.inputs.items()}
    classes = rng.integers(output.shape[-1], size=(batch, *output.shape[:-1]))
    targets = {"out": np.eye(output.shape[-1])[classes]}
    schedule = pcn.Sequential() if sequential else pcn.Parallel()
    begun = peak()
    sim = pcn.Simulator(circuit, integrator=pcn.Euler(10.0), dtype=np.float32, schedule=schedule)
    result = sim.run(10.0 * max(20, len(circuit.vertices) + 1), inputs=inputs, targets=targets)
    grown = peak() - begun
    return result, float(grown), pcn.compare(result, pcn.backprop(circuit, inputs, targets)).worst


def measure(name: str, batch: int, hidden: int) -> dict[str, float]:
    """Sizes in bytes, in this process."""
    # What is loaded at the first run, kernels above all, is not the circuit's.
    simulate(mlp((8, 6, 4)), 4, False)
    circuit = CIRCUITS[name](hidden)
    graph = circuit.graph
    units = sum(graph.nodes[v].size for v in circuit.vertices) + sum(node.size for node in graph.inputs.values())
    result, grown, error = simulate(circuit, batch, name.startswith("LSTM"))
    return {
        "activities": units * batch * 4,
        "parameters": sum(value.size for value in circuit.parameters.values()) * 4,
        "state": result.stats["state_bytes"],
        "shared": result.stats["shared_bytes"],
        "program": result.stats["program_bytes"],
        "peak": grown,
        "error": error,
    }


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--hidden", type=int, default=1056, help="of the LSTM")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "benchmarks")
    parser.add_argument("--only", choices=CIRCUITS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measure(options.only, options.batch, options.hidden)))
        return
    rows: list[list[object]] = []
    for name in CIRCUITS:
        words = [sys.executable, __file__, "--only", name, "--batch", options.batch, "--hidden", options.hidden]
        done = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, text=True, check=True)
        measured = json.loads(done.stdout.splitlines()[-1])
        ratio = measured["state"] / measured["activities"]
        sizes = [f"{measured[key] / 1e6:.2f}" for key in ("activities", "parameters", "state", "shared", "program")]
        verdict = f"{ratio:.2f}: {'yes' if ratio <= LIMIT else 'NO'}"
        rows.append([name, *sizes, verdict, f"{measured['peak'] / 1e6:.1f}", f"{measured['error']:.1e}"])
    header = [
        "MB of",
        "activities",
        "parameters",
        "state",
        "shared",
        "program",
        f"state/activities <= {LIMIT:g}",
        "peak growth",
        "gradient error",
    ]
    settings = {"batch": options.batch, "hidden": options.hidden, "dtype": "float32"}
    report("Memory of a run", header, rows, options.out / "memory.json", settings=settings)


if __name__ == "__main__":
    main()
