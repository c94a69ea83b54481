"""New parameters: what is indexed once is kept, and between two steps what was sent stays sent."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.engines.events import fan_out
from pcneuro.engines.events.topology import TOPOLOGIES
from pcneuro.errors import ParameterError
from tests.circuits_for_tests import mlp
from tests.engines.events.event_runs import both, data_of, examples

ALL = pcn.EventDriven(pcn.Absolute(1e-300))
"""Every change is sent, by the engine that has thresholds."""


def changed(circuit: pcn.Circuit) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {name: array + 0.1 * rng.normal(size=array.shape) for name, array in circuit.parameters.items()}


@both
@pytest.mark.parametrize("engine", [ALL, pcn.EventDriven(0.0)], ids=["smallest", "zero"])
def test_an_update_between_steps_is_that_of_the_reference(dynamics, engine, tmp_path):
    """Engines are updated themselves: a simulator's ``set_parameters`` is between two runs."""
    for _, circuit, scale in examples():
        data = data_of(circuit, 2, scale)
        sims = [pcn.Simulator(circuit, dynamics=dynamics, engine=each) for each in (pcn.Reference(), engine)]
        for sim in sims:
            sim.run(6.0, **data)
            sim._engine.update(changed(circuit))
        sims[1].store(tmp_path / "updated", overwrite=True)
        again = pcn.Simulator(circuit, dynamics=dynamics, engine=engine)
        again.restore(tmp_path / "updated")
        wanted, actual, restored = (sim.run(6.0) for sim in (*sims, again))
        for part in ("values", "errors", "predictions", "gradients"):
            for name, array in getattr(wanted, part).items():
                limit = 1e-13 * max(np.abs(array).max(), 1.0)
                np.testing.assert_allclose(getattr(actual, part)[name], array, rtol=0, atol=limit)
                np.testing.assert_array_equal(getattr(restored, part)[name], getattr(actual, part)[name])
        assert restored.stats["events"] == actual.stats["events"]


@both
def test_an_update_to_the_same_values_changes_no_bit(dynamics):
    circuit = pcn.build_circuit(mlp((5, 7, 6, 3)))
    data = data_of(circuit, 2)
    results = []
    for update in (False, True):
        sim = pcn.Simulator(circuit, dynamics=dynamics, engine=pcn.EventDriven(0.01))
        sim.run(6.0, **data)
        if update:
            sim._engine.update(circuit.parameters)
        results.append(sim.run(6.0))
    plain, updated = results
    for name, array in plain.gradients.items():
        np.testing.assert_array_equal(updated.gradients[name], array)
    assert updated.stats["by_population"] == plain.stats["by_population"]


def test_an_update_is_refused_where_it_would_not_be_right():
    circuit = pcn.build_circuit(mlp((3, 4, 2)))
    for each, engine, text in (
        (circuit, pcn.EventDriven(0.1, pcn.Exact()), r"with Exact\(\): use TimeBinned"),
        (circuit.with_delays(2.0), pcn.EventDriven(0.1), "with conduction delays"),
        (circuit.with_delays(2.0), pcn.Kernel(), "Kernel does not change parameters between steps with conduction"),
    ):
        sim = pcn.Simulator(each, engine=engine)
        sim.run(2.0, **data_of(circuit, 1))
        with pytest.raises(ParameterError, match=text):
            sim._engine.update(circuit.parameters)
    sim = pcn.Simulator(circuit, engine=pcn.EventDriven(0.1))
    sim.run(2.0, **data_of(circuit, 1))
    sim._engine.update(changed(circuit))
    with pytest.raises(ParameterError, match="no bound where parameters have changed"):
        sim.bounds()


@both
@pytest.mark.parametrize("engine", [ALL, pcn.EventDriven(0.0)], ids=["smallest", "zero"])
def test_synapses_are_sorted_once(dynamics, engine, monkeypatch):
    """Not again for other data, parameters or a new start; once more where something else is clamped."""
    TOPOLOGIES.clear()  # those of other tests
    sorts = []
    lexsort = np.lexsort
    monkeypatch.setattr(fan_out.np, "lexsort", lambda keys: sorts.append(1) or lexsort(keys))
    circuit = pcn.build_circuit(mlp((5, 7, 6, 3)))
    sim = pcn.Simulator(circuit, dynamics=dynamics, engine=engine)
    sim.run(2.0, **data_of(circuit, 2))
    once = len(sorts)
    assert once > 0
    sim.run(2.0, inputs=data_of(circuit, 2, 0.5)["inputs"])
    sim.set_parameters(changed(circuit))
    sim.run(2.0)
    sim.reset()
    sim.run(2.0)
    assert len(sorts) == once
    sim.run(2.0, targets={})
    assert len(sorts) == 2 * once
