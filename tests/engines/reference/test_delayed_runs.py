"""Runs with conduction delays: in pieces, stored and restored, with other data; and what does not know delays."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import CapacityError, CircuitFileError, ParameterError
from tests.circuits_for_tests import data_for, every_dynamics, mlp

REFERENCE = pcn.Reference()


def simulator(circuit: pcn.Circuit, **settings) -> pcn.Simulator:
    return pcn.Simulator(circuit, engine=REFERENCE, **settings)


def delayed_layers() -> tuple[pcn.Circuit, dict, dict]:
    graph = mlp((4, 5, 6, 3))
    return pcn.build_circuit(graph, delays=pcn.UniformDelay(1.0, 9.0, seed=2)), *data_for(graph, 2)


def equal(a: pcn.Result, b: pcn.Result) -> None:
    for part in ("values", "errors", "predictions", "gradients"):
        for key, array in getattr(a, part).items():
            np.testing.assert_array_equal(getattr(b, part)[key], array)


@every_dynamics
def test_store_and_restore_keep_what_is_on_its_way(dynamics, tmp_path):
    circuit, inputs, targets = delayed_layers()
    sim = simulator(circuit, dynamics=dynamics)
    sim.run(6.0, inputs=inputs, targets=targets)
    sim.store(tmp_path / "s.pcn")
    expected = sim.run(25.0)
    sim.restore(tmp_path / "s.pcn")
    equal(sim.run(25.0), expected)
    other = simulator(circuit.with_parameters({"b1": np.ones(5)}), dynamics=dynamics)
    other.restore(tmp_path / "s.pcn")
    equal(other.run(25.0), expected)
    before = other.values
    for stranger in (circuit.with_delays(2.0), circuit.with_delays(0.0)):
        with pytest.raises(CircuitFileError, match=r"another (circuit|engine)"):
            simulator(stranger, dynamics=dynamics).restore(tmp_path / "s.pcn")
    engine = other._engine
    state = engine.state()
    for wrong in (
        {k: a for k, a in state.items() if k != "sent.1"},
        state | {"past.h1": state["past.h1"][:-1]},
        state | {"past.h1": state["past.h1"].astype(str)},
    ):
        with pytest.raises(ValueError, match="histories"):
            engine.set_state(engine.data, wrong)
    for name, array in other.values.items():
        np.testing.assert_array_equal(array, before[name])


def test_only_a_reset_empties_the_axons():
    circuit, inputs, targets = delayed_layers()
    sim = simulator(circuit)
    sim.run(30.0, inputs=inputs, targets=targets)
    sim.reset()
    equal(sim.run(12.0), simulator(circuit).run(12.0, inputs=inputs, targets=targets))


# Refusals


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"integrator": pcn.RungeKutta4(1.0)}, "RungeKutta4 has several stages"),
        ({"integrator": pcn.Euler(2.5)}, r"'h1.value' -> 'h2.error' has a delay of 2 ms, shorter than dt = 2.5 ms"),
        ({"schedule": pcn.FastForward()}, "FastForward.* is not defined for circuits with conduction delays"),
        ({"schedule": pcn.Sequential()}, "Sequential.* is not defined for circuits with conduction delays"),
        ({"engine": pcn.Kernel(tolerance=0.1)}, "tolerance.* conduction delays"),
    ],
)
def test_what_does_not_know_delays_refuses_them(settings, text):
    circuit = pcn.build_circuit(mlp((4, 5, 6, 3)), delays={("h1.value", "h2.error"): 2.0})
    with pytest.raises(ParameterError, match=text) as caught:
        pcn.Simulator(circuit, **{"engine": REFERENCE} | settings)
    assert "\n" not in str(caught.value)
    pcn.Simulator(circuit.with_delays(0.0), **{"engine": REFERENCE} | settings)


def test_exporters_refuse_delays(tmp_path):
    from pcneuro.export import brian2, nest, nir, sonata

    circuit, inputs, targets = delayed_layers()
    data = {"inputs": inputs, "targets": targets}
    for export in (
        lambda: brian2.rate(circuit, **data),
        lambda: brian2.spiking(circuit, **data),
        lambda: brian2.script(circuit, tmp_path / "x.py", 1.0, **data),
        lambda: nest.network(circuit, **data),
        lambda: nir.graph(circuit, **data),
        lambda: sonata.write(circuit, tmp_path / "x.h5"),
        lambda: pcn.check(circuit, 1.0, against="torch", **data),
    ):
        with pytest.raises(ParameterError, match="conduction delays") as caught:
            export()
        assert "\n" not in str(caught.value)


def test_delays_longer_than_memory():
    circuit, inputs, targets = delayed_layers()
    with pytest.raises(CapacityError, match=r"longest delay is 1000000000 steps.*give shorter delays") as caught:
        simulator(circuit.with_delays(1e9)).run(1.0, inputs=inputs, targets=targets)
    assert "\n" not in str(caught.value)
