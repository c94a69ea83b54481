"""Data that change with time in Brian2 at the level of rates, against the kernel."""

import subprocess
import sys

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import ParameterError
from pcneuro.export import brian2
from tests.circuits_for_tests import data_for, mlp
from tests.export.agreement import close
from tests.export.test_brian2 import agree, every_target

# Brian2 calls what its own dependencies have renamed.
pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")


def streams_for(circuit: pcn.Circuit, periodic: bool = False) -> dict:
    """An input by sample, every two ms, and a target that all samples share, every three."""
    (source,), (goal,) = circuit.graph.inputs.values(), circuit.graph.outputs.values()
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(4 if periodic else 8, 3, *source.shape)), rng.normal(size=(5, *goal.shape))
    return {
        "inputs": {source.name: pcn.TimedArray(x, 2.0, periodic=periodic)},
        "targets": {name: pcn.TimedArray(y, 3.0) for name in circuit.graph.outputs},
    }


@pytest.mark.parametrize("integrator", [pcn.Euler(1.0), pcn.ExponentialEuler(0.5)], ids=repr)
@pytest.mark.parametrize("periodic", [False, True], ids=["once", "periodic"])
@every_target
@pytest.mark.halved
def test_data_that_change_with_time(integrator, periodic, target):
    circuit = pcn.build_circuit(mlp((5, 7, 6, 3)), precision={"h1": 1.5}, tau={"h2": 7.0})
    data = streams_for(circuit, periodic)
    steps = round(15.0 / integrator.dt)
    agree(circuit, **data, steps=steps, target=target, dynamics=pcn.Strict(), integrator=integrator)


def test_a_clamp_and_a_run_in_pieces_change_with_time():
    circuit = pcn.build_circuit(mlp((3, 4, 2)))
    clamp = {"h1": pcn.TimedArray(np.random.default_rng(1).normal(size=(4, 4)), 2.0)}
    inputs, targets = data_for(circuit.graph, 1)
    data = {"inputs": inputs, "targets": targets, "clamp": clamp}
    network = brian2.rate(circuit, **data, dynamics=pcn.Strict(), record=[pcn.Record("h1"), pcn.Record("out", "error")])
    parts = [network.run(3.0), network.run(5.0)]
    wanted = pcn.Simulator(circuit, dynamics=pcn.Strict()).run(
        8.0, **data, record=[pcn.Record("h1"), pcn.Record("out", "error")]
    )
    for name in ("h1.value", "out.error"):
        rows = np.concatenate([parts[0].records[name].values[:-1], parts[1].records[name].values])
        close(rows, wanted.records[name].values, name)


def test_a_script_has_what_changes_with_time(tmp_path):
    circuit = pcn.build_circuit(mlp((3, 4, 2)))
    data = {**streams_for(circuit, periodic=True)}
    data["inputs"] = {name: pcn.TimedArray(t.values[:, 0], t.dt, periodic=True) for name, t in data["inputs"].items()}
    script = tmp_path / "circuit.py"
    brian2.script(circuit, script, 13.0, dynamics=pcn.Strict(), **data)
    script.write_text(script.read_text() + "\nnp.save('h1.npy', np.array(groups['h1'].v[:]))\n")
    done = subprocess.run([sys.executable, script.name], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    wanted = pcn.Simulator(circuit, dynamics=pcn.Strict()).run(13.0, **data)
    close(np.load(tmp_path / "h1.npy"), wanted.values["h1"][0], "h1")


def test_what_cannot_change_with_time_is_refused():
    circuit = pcn.build_circuit(mlp((3, 4, 2)))
    data = streams_for(circuit)
    with pytest.raises(ParameterError, match=r"'x' of inputs is a TimedArray, .* new feedforward sweep.*pcn.Strict"):
        brian2.rate(circuit, **data)
    with pytest.raises(ParameterError, match=r"is a TimedArray, and this export is of constant data"):
        brian2.spiking(circuit, **data, dynamics=pcn.Strict())
    long = data | {"inputs": {"x": pcn.TimedArray(np.zeros((2000, 3, 3)), 1.0)}}
    with pytest.raises(ParameterError, match=r"values of input 'x' over time would take"):
        brian2.rate(circuit, **long, dynamics=pcn.Strict(), memory=50_000)
    network = brian2.rate(circuit, **data, dynamics=pcn.Strict())
    with pytest.raises(ParameterError, match="make another network"):
        network.reset(**streams_for(circuit))
    network.reset()
