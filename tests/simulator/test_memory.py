"""Memory of runs of very many steps: it grows with what is recorded only."""

from __future__ import annotations

import subprocess
import sys

import pytest

GIGABYTE = 1e9
SCRIPT = """
import sys
from pathlib import Path
import numpy as np
import pcneuro as pcn

steps = int(sys.argv[1])
draw = np.random.default_rng(0)
graph = pcn.trace(
    lambda x, W: pcn.vertex(np.tanh(x @ W), "h"), x=pcn.Input((3,)), W=pcn.Parameter(draw.normal(size=(3, 4)))
)
circuit = pcn.build_circuit(graph, plasticity=pcn.Hebbian(tau=1e6))
simulator = pcn.Simulator(circuit, dynamics=pcn.Strict(), engine=pcn.Kernel(threads=1))
stream = pcn.TimedArray(draw.normal(size=(50, 3)), 7.0, periodic=True)
wave = np.repeat(0.5 * np.sin(np.arange(20.0))[:, None], 4, axis=1)
data = {"inputs": {"x": stream}, "targets": {"h": pcn.TimedArray(wave, 10.0, periodic=True)}}
records = [pcn.Record(name, kind, every=steps / 100) for name, kind in (("h", "error"), ("W", "parameter"))]
result = simulator.run(float(steps), **data, record=records)
assert result.status is pcn.Status.COMPLETED
assert result.records["W.parameter"].shape == (101, 3, 4)
# Unlike getrusage, this leaves out what the process was before it became this program: a copy of its parent.
lines = Path("/proc/self/status").read_text().splitlines()
print(next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read as Linux tells it")
@pytest.mark.parametrize("steps", [100_000, pytest.param(10_000_000, marks=pytest.mark.long)])
def test_many_steps_with_few_records(steps):
    """The whole process stays under 1 GB, of which every number of 8 bytes a step would take 80 MB."""
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(steps)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < GIGABYTE
