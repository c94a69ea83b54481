"""Stimuli that change with time, by events: the runs in a row bit for bit, and what is sent because of a change."""

from __future__ import annotations

import gc
import warnings

import numpy as np
import pytest
import xarray

import pcneuro as pcn
from pcneuro.engines.events.state import Sample
from tests.circuits_for_tests import same, three_layers
from tests.engines.events.event_runs import DYNAMICS, both

RNG = np.random.default_rng(5)
BATCH, STEPS = 2, 12
ENGINES = {
    "bins": (pcn.EventDriven(0.05), 0.0),
    "cumulative": (pcn.EventDriven(0.05, pcn.TimeBinned(cumulative=True)), 0.0),
    "exact": (pcn.EventDriven(0.05, pcn.Exact()), 0.0),
    "lines": (pcn.EventDriven(0.05, pcn.Exact(order=2)), 0.0),
    "zero": (pcn.EventDriven(0.0), 0.0),
    "delayed bins": (pcn.EventDriven(0.05), 2.0),
    "delayed exact": (pcn.EventDriven(0.05, pcn.Exact()), 2.0),
    "delayed kernel": (pcn.Kernel(), 2.0),
    "delayed reference": (pcn.Reference(), 2.0),
}
RUNS = [(e, d) for e in ENGINES for d in DYNAMICS if (e, d) != ("lines", pcn.Strict())]


def net(x, W1, b1, W2):
    return pcn.vertex(pcn.vertex(np.tanh(x @ W1 + b1), "h") @ W2, "out")


W1, W2 = RNG.normal(size=(4, 5)), RNG.normal(size=(5, 3))
W1[1, 2] = 0.0


def small(**settings):
    graph = pcn.trace(net, x=pcn.Input((4,)), W1=pcn.Parameter(W1), b1=pcn.Parameter(np.zeros(5)), W2=pcn.Parameter(W2))
    return pcn.build_circuit(graph, **settings)


def streams():
    """An input that changes every two steps and by sample, and a target that all share, which changes every three."""
    return RNG.normal(size=(STEPS // 2, BATCH, 4)), RNG.normal(size=(STEPS // 3, 3))


def events_of(results):
    """All events in the order of time, sample, population, unit."""
    columns = ("time", "sample", "population", "unit", "change")
    events = [np.concatenate([result.events[name].values for result in results]) for name in columns]
    order = np.lexsort(events[::-1])
    return [column[order] for column in events]


@pytest.mark.parametrize(("engine", "dynamics"), RUNS, ids=repr)
def test_a_stream_is_the_runs_in_a_row(engine, dynamics):
    """State, records, gradients, counts by neuron and recorded events."""
    engine, delay = ENGINES[engine]
    circuit = small(precision={"h": 2.0}).with_delays(delay)
    x, y = streams()
    settings = {"dynamics": dynamics, "engine": engine}
    has_events = isinstance(engine, pcn.EventDriven)
    asked = {
        "record": [pcn.Record("h"), pcn.Record("out", "error")],
        "events": pcn.RecordEvents() if has_events else None,
    }
    stream = pcn.Simulator(circuit, **settings).run(
        float(STEPS), inputs={"x": pcn.TimedArray(x, 2.0)}, targets={"out": pcn.TimedArray(y, 3.0)}, **asked
    )
    sim, rows = pcn.Simulator(circuit, **settings), []
    for step in range(STEPS):
        data = {"inputs": {"x": x[step // 2]}, "targets": {"out": np.broadcast_to(y[step // 3], (BATCH, 3))}}
        rows.append(sim.run(1.0, **data, **asked))
    for name, recorded in stream.records.data_vars.items():
        np.testing.assert_array_equal(recorded.values[:-1], [row.records[name].values[0] for row in rows])
    for part in ("values", "errors", "predictions", "gradients"):
        assert same(getattr(stream, part), getattr(rows[-1], part))
    if stream.activity is not None:
        assert stream.activity.equals(rows[-1].activity)
        assert stream.activity["events"].sum() > 0
        for name in ("events", "Effective_MACs", "Dense", "by_kind", "dendritic_multiplications"):
            assert stream.stats[name] == rows[-1].stats[name]
    if has_events:
        for one, many in zip(events_of([stream]), events_of(rows), strict=True):
            np.testing.assert_array_equal(one, many)
        assert stream.events.sizes["event"] == int(stream.activity["events"].sum())


@pytest.mark.parametrize("engine", ["bins", "zero", "delayed kernel"])
@both
def test_chunks_count_inputs_from_when_they_first_send(engine, dynamics, monkeypatch):
    """An input that changes within a run has had no count before: those of the chunks add up to that of the run."""
    monkeypatch.setattr("pcneuro.simulator.stream.CHUNK_SECONDS", 0.0)
    engine, delay = ENGINES[engine]
    circuit = small().with_delays(delay)
    x, y = streams()
    data = {"inputs": {"x": pcn.TimedArray(x, 2.0)}, "targets": {"out": pcn.TimedArray(y, 3.0)}}
    whole = pcn.Simulator(circuit, engine=engine, dynamics=dynamics).run(float(STEPS), **data)
    chunks = list(pcn.Simulator(circuit, engine=engine, dynamics=dynamics).stream(float(STEPS), **data))
    assert len(chunks) == STEPS + 1
    for name in ("events", "Effective_MACs"):
        counts = sum(chunk.activity[name].groupby("population").sum("neuron") for chunk in chunks[2:])
        counts += chunks[1].activity[name].groupby("population").sum("neuron").reindex_like(counts, fill_value=0)
        counts += chunks[0].activity[name].groupby("population").sum("neuron").reindex_like(counts, fill_value=0)
        wanted = whole.activity[name].groupby("population").sum("neuron")
        xarray.testing.assert_equal(counts.drop_attrs(), wanted.drop_attrs())


@pytest.mark.parametrize("engine", ["bins", "zero", "exact", "delayed bins"])
@both
def test_what_does_not_change_sends_nothing(engine, dynamics):
    engine, delay = ENGINES[engine]
    circuit = small().with_delays(delay)
    x, y = RNG.normal(size=(BATCH, 4)), {"out": np.ones((BATCH, 3))}
    settings = {"dynamics": dynamics, "engine": engine}
    held = pcn.Simulator(circuit, **settings).run(20.0, inputs={"x": x}, targets=y)
    timed = pcn.TimedArray(np.repeat(x[None], 20, axis=0), 1.0)
    stream = pcn.Simulator(circuit, **settings).run(20.0, inputs={"x": timed}, targets=y)
    assert stream.stats["events"].pop("x.value") == 0
    assert stream.stats["events"] == held.stats["events"]
    assert same(stream.values, held.values)


@pytest.mark.parametrize("engine", ["bins", "zero", "exact", "delayed bins"])
def test_units_whose_input_changes_send(engine):
    """Under strict dynamics each of them one event a change, through its synapses, of weights other than 0 or all."""
    engine, delay = ENGINES[engine]
    circuit = small().with_delays(delay)
    x = np.zeros((4, 4))
    x[:, 1] = [1.0, 2.0, 2.0, -1.0]
    x[:, 3] = [0.5, 0.5, 0.5, 0.25]
    sim = pcn.Simulator(circuit, dynamics=pcn.Strict(), engine=engine)
    result = sim.run(20.0, inputs={"x": pcn.TimedArray(x, 5.0)}, targets={"out": np.ones(3)}, events=pcn.RecordEvents())
    counts = result.activity.isel(neuron=np.flatnonzero(result.activity["population"] == "x.value"), batch=0)
    assert counts["events"].values.tolist() == [0, 2, 0, 1]
    assert counts["synaptic_operations"].values.tolist() == [0, 10, 0, 5]
    assert counts["Effective_MACs"].values.tolist() == [0, 8, 0, 5]
    names = result.events["population_name"].values[result.events["population"].values]
    sent = [
        (float(t), int(u), float(c))
        for t, u, c, n in zip(*(result.events[k].values for k in ("time", "unit", "change")), names, strict=True)
        if n == "x.value"
    ]
    assert sent == [(5.0, 1, 1.0), (15.0, 1, -3.0), (15.0, 3, -0.25)]


@pytest.mark.parametrize("engine", ["bins", "zero", "exact"])
def test_a_new_sweep_is_counted_as_what_it_sends(engine):
    """Under fixed prediction: value neurons whose prediction is another, through their synapses."""
    circuit = small()
    x = np.zeros((2, 4))
    x[1, 1] = 1.0
    sim = pcn.Simulator(circuit, engine=ENGINES[engine][0])
    result = sim.run(10.0, inputs={"x": pcn.TimedArray(x, 5.0)}, targets={"out": np.ones(3)})
    assert result.stats["events"]["x.value"] == 1
    # tanh(0 + w) is another but for the synapse that is 0
    assert result.stats["events"]["h.value"] == 4
    assert result.stats["by_kind"]["prediction"]["Effective_MACs"] == 4 + 4 * 3
    assert result.stats["by_kind"]["prediction"]["Dense"] == 4 * 5 + 5 * 3


@both
@pytest.mark.parametrize("mode", [pcn.TimeBinned(), pcn.Exact()], ids=repr)
def test_small_thresholds_are_the_clocked_engine(mode, dynamics):
    """What stays sent, and what is sent anew, add up to what the clocked engine has, through all changes."""
    circuit = three_layers()
    inputs, output = next(iter(circuit.graph.inputs.values())), next(iter(circuit.graph.outputs.values()))
    x, y = RNG.normal(size=(5, 1, *inputs.shape)), RNG.normal(size=(1, *output.shape))
    data = {"inputs": {inputs.name: pcn.TimedArray(x, 4.0)}, "targets": {"out": y}}
    integrator = pcn.Euler(1.0) if mode.binned else pcn.RungeKutta4(0.25)
    wanted = pcn.Simulator(circuit, dynamics=dynamics, integrator=integrator).run(20.0, **data)
    engine = pcn.EventDriven(pcn.Absolute(1e-5), mode)
    actual = pcn.Simulator(circuit, dynamics=dynamics, engine=engine).run(20.0, **data)
    for name, error in wanted.errors.items():
        np.testing.assert_allclose(actual.errors[name], error, rtol=0, atol=1e-4)


@both
def test_thresholds_of_zero_are_the_kernel(dynamics):
    x, y = streams()
    data = {"inputs": {"x": pcn.TimedArray(x, 2.0)}, "targets": {"out": pcn.TimedArray(y, 3.0)}}
    ends = [
        pcn.Simulator(small(), dynamics=dynamics, engine=e).run(12.0, **data)
        for e in (pcn.Kernel(), pcn.EventDriven(0.0))
    ]
    for part in ("values", "errors", "gradients"):
        assert same(getattr(ends[0], part), getattr(ends[1], part))


@pytest.mark.halved
@pytest.mark.parametrize("engine", ["bins", "exact", "zero", "delayed bins", "delayed kernel"])
@both
def test_pieces_restarts_and_snapshots_count_on(engine, dynamics, tmp_path):
    engine, delay = ENGINES[engine]
    circuit = small().with_delays(delay)
    x, _ = streams()
    data = {"inputs": {"x": pcn.TimedArray(x, 2.0)}, "targets": {"out": np.ones((BATCH, 3))}}
    sims = [pcn.Simulator(circuit, dynamics=dynamics, engine=engine) for _ in range(3)]
    whole = sims[0].run(12.0, **data, restarts=[6.0])
    sims[1].run(5.0, **data, restarts=[6.0])
    sims[1].store(tmp_path / "state")
    sims[2].restore(tmp_path / "state")
    for sim in sims[1:]:
        end = sim.run(7.0, **data, restarts=[6.0])
        assert same(end.values, whole.values)
        assert end.activity.equals(whole.activity)
        assert end.stats["Dense"] == whole.stats["Dense"]
    sims[0].reset()
    assert sims[0].run(12.0, restarts=[6.0]).activity.equals(whole.activity)


def test_states_of_before_are_not_kept():
    """However often data change, there is one state a sample."""
    x = RNG.normal(size=(150, 4))
    sim = pcn.Simulator(small(), dynamics=pcn.Strict(), engine=pcn.EventDriven(0.05))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sim.run(150.0, inputs={"x": pcn.TimedArray(x, 1.0)}, targets={"out": np.ones(3)})
    gc.collect()
    engine = sim._state.engine
    mine = [o for o in gc.get_objects() if isinstance(o, Sample) and o.network is engine.sending.network]
    assert len(mine) <= 2
