"""Worker of lstm.py: gradients of the LSTM by its circuit, or (--exact) by reverse mode in float64.

Saves the weights and the data, too, for whoever else is to compute with the same.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from worker import serve

import pcneuro as pcn
from circuits.lstm import lstm

VOCABULARY = 65


def by_circuit(
    circuit: pcn.Circuit, parameters: Mapping[str, np.ndarray], data: dict[str, Any], steps: int, threads: int
) -> Callable[[], Mapping[str, np.ndarray]]:
    """A training step up to its gradients, as ``pcneuro.learning`` does it."""
    sim = pcn.Simulator(
        circuit,
        dynamics=pcn.FixedPrediction(),
        integrator=pcn.Euler(1.0),
        schedule=pcn.Sequential(),
        dtype=np.float32,
        engine=pcn.Kernel(threads=threads),
    )

    def step() -> Mapping[str, np.ndarray]:
        sim.reset()
        sim.set_parameters(parameters)
        return sim.run(float(steps), **data).gradients

    return step


def main() -> None:
    """Make the problem, and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("length", "hidden", "batch", "steps", "threads"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--exact", action="store_true")
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    begun = time.perf_counter()
    circuit = lstm(options.length, VOCABULARY, options.hidden)
    # All compute with the same numbers, those of the least precision.
    parameters = {name: value.astype(np.float32) for name, value in circuit.parameters.items()}
    text = np.random.default_rng(0).integers(VOCABULARY, size=(options.batch, options.length + 1))
    rows = np.eye(VOCABULARY, dtype=np.float32)
    inputs, targets = {"x": rows[text[:, :-1]]}, {"out": rows[text[:, 1:]]}
    if options.exact:
        data = {"inputs": inputs, "targets": targets, "parameters": parameters}
        serve(lambda: pcn.backprop(circuit, **data).gradients, options.folder / "exact.npz")
        return
    step = by_circuit(circuit, parameters, {"inputs": inputs, "targets": targets}, options.steps, options.threads)
    taken = time.perf_counter() - begun
    np.savez(options.folder / "problem.npz", x=inputs["x"], y=targets["out"], **parameters)
    serve(step, options.folder / "circuit.npz", version=pcn.__version__, setup=taken)


if __name__ == "__main__":
    main()
