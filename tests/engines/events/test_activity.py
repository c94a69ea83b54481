"""Counts by neuron: their sums are the statistics of a run, and they are the events that were recorded."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.errors import ParameterError
from tests.circuits_for_tests import mlp, three_layers
from tests.engines.events.event_runs import MODES, both, data_of

RUNS = {
    **{repr(mode): (pcn.EventDriven(0.02, mode), 0.0) for mode in MODES},
    "zero": (pcn.EventDriven(0.0), 0.0),
    "delayed": (pcn.EventDriven(0.02), 2.0),
    "delayed exact": (pcn.EventDriven(0.02, pcn.Exact()), 2.0),
    "delayed kernel": (pcn.Kernel(), 2.0),
}


@both
@pytest.mark.parametrize("kind", RUNS)
def test_statistics_are_sums_of_the_activity(dynamics, kind):
    engine, delay = RUNS[kind]
    circuit = three_layers().with_delays(delay)
    sim = pcn.Simulator(circuit, dynamics=dynamics, engine=engine)
    result = sim.run(20.0, **data_of(circuit, 3), events=pcn.RecordEvents())
    activity, stats = result.activity, result.stats
    assert activity["events"].dims == ("batch", "neuron")
    by_population = activity.groupby("population").sum(...)
    assert {str(n) for n in by_population["population"].values} == stats["by_population"].keys()
    for name, row in stats["by_population"].items():
        part = by_population.sel(population=name)
        assert int(part["events"]) == row["events"] == stats["events"][name]
        assert int(part["Effective_MACs"]) == row["Effective_MACs"]
        assert int((activity["population"] == name).sum()) == row["neurons"]
    assert int(activity["events"].sum()) == result.events.sizes["event"] > 0
    assert int(activity["Effective_MACs"].sum()) == stats["Effective_MACs"] > 0
    assert int(activity["synaptic_operations"].sum()) == stats["synaptic_operations"]
    recorded, counted = (pcn.events_per_unit(events, circuit) for events in (result.events, activity))
    for name, counts in counted.items():
        np.testing.assert_array_equal(counts, recorded[name])
        assert pcn.events_per_neuron(activity)[name] == pcn.events_per_neuron(result.events)[name]


def test_it_counts_since_the_start():
    circuit = pcn.build_circuit(mlp((5, 7, 6, 3)))
    sim = pcn.Simulator(circuit, engine=pcn.EventDriven(0.02))
    first = sim.run(5.0, **data_of(circuit, 2)).activity["events"]
    second = sim.run(20.0).activity["events"]
    assert (second >= first).all()
    assert second.sum() > first.sum()
    sim.reset()
    np.testing.assert_array_equal(sim.run(5.0).activity["events"], first)


def test_engines_without_events_have_none():
    circuit = pcn.build_circuit(mlp((3, 4, 2)))
    for engine in (pcn.Kernel(), pcn.Reference()):
        assert pcn.Simulator(circuit, engine=engine).run(2.0, **data_of(circuit, 1)).activity is None


def test_counts_have_no_times_and_belong_to_their_circuit():
    circuit = pcn.build_circuit(mlp((3, 4, 2)))
    activity = pcn.Simulator(circuit, engine=pcn.EventDriven(0.1)).run(2.0, **data_of(circuit, 1)).activity
    with pytest.raises(ParameterError, match="holds no recorded events"):
        pcn.events_per_neuron(activity, until=1.0)
    with pytest.raises(ParameterError, match="of another circuit"):
        pcn.events_per_unit(activity, pcn.build_circuit(mlp((3, 5, 2))))
