"""A circuit of a million neurons and a hundred million synapses: does it build and run, how fast, in how much memory.

    python benchmarks/sparse.py [--neurons 200000] [--fan-out 250] [--steps 20] [--runs 3] [--out results/benchmarks]

Three populations of ``neurons`` units (an input, and two with value and error neurons), each unit with ``fan-out``
synapses to the next population, float32, a batch of one. Correctness: the gradient of a few thousand synapses against a
float64 computation of its own.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from machine import median_and_spread, report
from scipy.sparse import csr_array
from worker import peak

import pcneuro as pcn

ROOT = Path(__file__).parent.parent


def projection(rng: np.random.Generator, neurons: int, fan_out: int) -> csr_array:
    """Random synapses, ``fan_out`` a neuron, evenly spread from a random offset; weights of variance 1/fan-out."""
    step = neurons // fan_out
    columns = np.arange(fan_out, dtype=np.int32)[None, :] * step + rng.integers(step, size=(neurons, 1), dtype=np.int32)
    weights = rng.standard_normal((neurons, fan_out), dtype=np.float32) / np.float32(fan_out**0.5)
    starts = np.arange(0, neurons * fan_out + 1, fan_out, dtype=np.int64)
    return csr_array((weights.ravel(), columns.ravel(), starts), shape=(neurons, neurons))


def network(x, W1, W2):
    """Two sparse layers."""
    h = pcn.vertex(np.tanh(x @ W1), "h")
    return pcn.vertex(np.tanh(h @ W2), "out")


def main() -> None:
    """Build, run, compare, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--neurons", type=int, default=200_000)
    parser.add_argument("--fan-out", type=int, default=250)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "benchmarks")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    W1, W2 = (projection(rng, options.neurons, options.fan_out) for _ in range(2))
    begun = time.perf_counter()
    graph = pcn.trace(network, x=pcn.Input((options.neurons,)), W1=pcn.Parameter(W1), W2=pcn.Parameter(W2))
    circuit = pcn.build_circuit(graph)
    sim = pcn.Simulator(circuit, integrator=pcn.Euler(1.0), dtype=np.float32)
    x, y = rng.standard_normal(options.neurons), np.zeros(options.neurons)
    sim.run(0.0, inputs={"x": x}, targets={"out": y})
    build = time.perf_counter() - begun
    times = []
    for _ in range(options.runs):
        begun = time.perf_counter()
        result = sim.run(float(options.steps))
        times.append((time.perf_counter() - begun) / options.steps)
    h = np.tanh(W1.T @ x)
    out = np.tanh(W2.T @ h)
    error = (y - out) * (1 - out**2)
    some = rng.integers(W2.nnz, size=5000)
    expected = -h[some // options.fan_out] * error[W2.indices[some]]
    wrong = np.linalg.norm(result.gradients["W2"][some] - expected) / np.linalg.norm(expected)
    neurons = 5 * options.neurons
    synapses = W1.nnz + W2.nnz
    state = result.stats["shared_bytes"] + sim._engine.program.ints.nbytes  # type: ignore[attr-defined]
    peak_bytes = peak()
    header = [
        "neurons",
        "synapses",
        "build s",
        "s a step, median (range)",
        "bytes a synapse",
        "peak GB",
        "gradient error",
        "runs",
    ]
    row = [
        f"{neurons:,}",
        f"{synapses:,}",
        f"{build:.1f}",
        median_and_spread(times),
        f"{state / synapses:.2f}",
        f"{peak_bytes / 1e9:.1f}",
        f"{wrong:.1e}",
        options.runs,
    ]
    report("Sparse projections", header, [row], options.out / "sparse.json")


if __name__ == "__main__":
    main()
