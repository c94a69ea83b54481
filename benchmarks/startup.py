"""How long a user waits: import, first result, a second graph, the command line, with a warm and a cold kernel cache.

    python benchmarks/startup.py [--runs 5] [--out results/benchmarks]

Every measurement is a process of its own; the cold ones get an empty kernel cache. Correctness stands beside each time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from machine import median_and_spread, report, seconds

ROOT = Path(__file__).parent.parent

FIRST = """
import json, time
begun = time.perf_counter()
import pcneuro as pcn
imported = time.perf_counter() - begun
import numpy as np
rng = np.random.default_rng(0)

def one(x, W, V):
    return np.tanh(x @ W) @ V

def two(x, W, V):
    h = pcn.ops.sigmoid(x @ W)
    return pcn.ops.softmax(np.concatenate([h * h, np.exp(-h)]) @ np.concatenate([V, V])) * np.mean(h)

def run(function):
    begun = time.perf_counter()
    W, V = pcn.Parameter(rng.normal(size=(20, 30))), pcn.Parameter(rng.normal(size=(30, 5)))
    graph = pcn.trace(function, x=pcn.Input((20,)), W=W, V=V)
    circuit = pcn.build_circuit(graph)
    sim = pcn.Simulator(circuit, integrator=pcn.Euler(10.0))
    data = {"inputs": {"x": rng.normal(size=(8, 20))}, "targets": {"out": rng.normal(size=(8, 5))}}
    result = sim.run(10.0 * (len(circuit.vertices) + 1), **data)
    seconds = time.perf_counter() - begun
    return seconds, pcn.compare(result, pcn.backprop(circuit, **data)).worst

first, error_first = run(one)
second, error_second = run(two)
print(json.dumps({
    "import": imported, "first result": first, "second graph": second, "error": max(error_first, error_second)
}))
"""


README = """
import json, re, time
begun = time.perf_counter()
exec(re.search(r"```python\\n(.*?)sim = ", open("README.md").read(), re.DOTALL)[1])
sim = pcn.Simulator(circuit, dynamics=pcn.FixedPrediction(), integrator=pcn.Euler(dt=1.0), engine={engine})
data = {{"inputs": {{"x": rng.normal(size=(64, 784))}}, "targets": {{"out": np.eye(10)[rng.integers(10, size=64)]}}}}
result = sim.run(500.0, **data, record=[pcn.Record("h1", "error", every=10.0)])
gradients = result.gradients
seconds = time.perf_counter() - begun
error = pcn.compare(result, pcn.backprop(graph, **data)).worst
print(json.dumps({{"seconds": seconds, "error": error}}))
"""
"""The circuit of the README with an engine, from the import to its gradients."""


def readme(cache: str | None, engine: str) -> dict[str, float]:
    """Seconds to the first result of the README's circuit in a new process, and the worst gradient error."""
    environment = os.environ | ({"NUMBA_CACHE_DIR": cache} if cache else {})
    code = README.format(engine=engine)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1]) | {"said": done.stderr}


def cold(rows: list[list[object]]) -> None:
    """Add what is measured with an empty kernel cache, once each; each says at once that it compiles."""
    for name, engine, limit in (
        ("README's MLP", "pcn.Kernel()", 15),
        ("README's MLP, events in bins", "pcn.EventDriven()", 25),
        ("README's MLP, events at exact times", "pcn.EventDriven(mode=pcn.Exact())", "-"),
    ):
        with tempfile.TemporaryDirectory() as cache:
            first = readme(cache, engine)
        said = "said" if str(first["said"]).startswith("compiling kernels") else "SILENT"
        right = f"gradient error {first['error']:.1e}, {said}"
        rows.append([f"first result, cold cache: {name}", f"{first['seconds']:.1f}", limit, right, 1])
    with tempfile.TemporaryDirectory() as cache:
        environment = os.environ | {"NUMBA_CACHE_DIR": cache}
        arguments = [sys.executable, "-m", "pcneuro", "cache", "warm"]
        taken = seconds(lambda: subprocess.run(arguments, cwd=ROOT, env=environment, capture_output=True, check=True))
        first = readme(cache, "pcn.EventDriven()")
        left = "nothing left to compile" if not first["said"] else "SOMETHING LEFT"
    rows.append(["pcneuro cache warm, all kernels", f"{taken:.1f}", "60", left, 1])


def in_process(cache: str | None) -> dict[str, float]:
    """Times and the worst gradient error of one new process."""
    environment = os.environ | ({"NUMBA_CACHE_DIR": cache} if cache else {})
    done = subprocess.run([sys.executable, "-c", FIRST], env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def command(cache: str | None) -> tuple[float, str]:
    """Time of the command line on the scalar graph, and whether its step counts are the known ones."""
    environment = os.environ | ({"NUMBA_CACHE_DIR": cache} if cache else {})
    with tempfile.TemporaryDirectory() as folder:
        arguments = [sys.executable, "-m", "pcneuro", "run", "simulations/scalar_graph.toml", "--out", f"{folder}/out"]
        taken = seconds(lambda: subprocess.run(arguments, cwd=ROOT, env=environment, capture_output=True, check=True))
        summary = (Path(folder) / "out" / "summary.json").read_text()
    known = all(str(n) in summary for n in (1659, 825, 326, 159, 75, 25))
    return taken, "step counts right" if known else "WRONG"


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "benchmarks")
    options = parser.parse_args()
    in_process(None)
    warm = [in_process(None) for _ in range(options.runs)]
    error = f"gradient error {max(w['error'] for w in warm):.1e}"
    rows: list[list[object]] = []
    for name, limit in (("import", "1"), ("first result", "-"), ("second graph", "0.2")):
        rows.append([f"{name}, warm cache", median_and_spread([w[name] for w in warm]), limit, error, options.runs])
    commands = [command(None) for _ in range(options.runs)]
    rows.append(
        [
            "pcneuro run scalar_graph, warm",
            median_and_spread([t for t, _ in commands]),
            "4",
            commands[0][1],
            options.runs,
        ]
    )
    cold(rows)
    with tempfile.TemporaryDirectory() as cache:
        taken, right = command(cache)
    rows.append(["pcneuro run scalar_graph, cold", f"{taken:.3f}", "40", right, 1])
    header = ["what", "seconds, median (range)", "to stay under", "correctness", "runs"]
    report("Start-up", header, rows, options.out / "startup.json")


if __name__ == "__main__":
    main()
