"""A stream is its run in chunks: the same states, records and events, a bounded part of them at a time."""

import signal

import numpy as np
import pytest
import xarray

import pcneuro as pcn
from pcneuro.errors import ParameterError, PcneuroWarning
from pcneuro.simulator import stream as stream_module
from tests.circuits_for_tests import chain, data_for, diverges, mlp


@pytest.fixture
def circuit():
    return pcn.build_circuit(mlp((3, 5, 4, 2)))


def given(circuit, batch=2):
    inputs, targets = data_for(circuit.graph, batch)
    return {"inputs": inputs, "targets": targets}


RECORDS = [pcn.Record("h1", "error", units=[1, 3]), pcn.Record("h2", every=7.0, samples=[1])]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"engine": pcn.Reference(), "dynamics": pcn.Strict()},
        {"engine": pcn.EventDriven(threshold=0.01)},
        {"schedule": pcn.FastForward()},
        {"schedule": pcn.Sequential()},
    ],
    ids=str,
)
def test_chunks_are_the_run(circuit, settings):
    """Reading the state between chunks changes no bit of what follows."""
    whole = pcn.Simulator(circuit, **settings)
    result = whole.run(60.0, record=RECORDS, **given(circuit))
    sim = pcn.Simulator(circuit, **settings)
    chunks = []
    for chunk in sim.stream(60.0, record=RECORDS, **given(circuit)):
        assert chunk.time == sim.time
        assert (sim.errors.keys(), sim.gradients.keys()) == (result.errors.keys(), result.gradients.keys())
        chunks.append(chunk)
    assert [chunk.status for chunk in chunks] == [None] * (len(chunks) - 1) + ["completed"]
    assert chunks[-1].message == result.message
    assert sum(chunk.steps for chunk in chunks) == result.stats["steps"]
    assert [chunk.first for chunk in chunks[1:]] == [chunk.first + chunk.steps for chunk in chunks[:-1]]
    for name, array in result.gradients.items():
        np.testing.assert_array_equal(sim.gradients[name], array)
    for number, record in enumerate(RECORDS):
        rows = np.concatenate([chunk.recorded[number].rows for chunk in chunks])
        np.testing.assert_array_equal(rows, result.records[record.name])
        (time,) = (name for name in result.records[record.name].dims if name.startswith("time"))
        steps = np.concatenate([chunk.recorded[number].steps for chunk in chunks])
        np.testing.assert_array_equal(steps * 1.0, result.records[time])


def test_a_chunk_is_a_dataset(circuit):
    record = pcn.Record("h1", "error", every=2.0)
    chunks = list(pcn.Simulator(circuit).stream(50.0, record=record, **given(circuit)))
    joined = xarray.concat([chunk.records for chunk in chunks], dim="time")
    result = pcn.Simulator(circuit).run(50.0, record=record, **given(circuit))
    xarray.testing.assert_identical(joined, result.records)
    assert chunks[-1].records.sizes["time"] == 1
    assert (chunks[1].start, chunks[1].time) == (chunks[1].first, chunks[1].first + chunks[1].steps)


def test_what_is_handed_over_at_once_is_bounded(circuit, monkeypatch):
    monkeypatch.setattr(stream_module, "CHUNK_BYTES", 5_000)
    sim = pcn.Simulator(circuit)
    sizes = [
        sum(part.rows.nbytes for part in chunk.recorded)
        for chunk in sim.stream(3000.0, record=[pcn.Record("h1"), pcn.Record("h2")], **given(circuit))
    ]
    assert 4_000 < max(sizes) <= 5_000


def test_until_settled(circuit):
    until = pcn.Settled(rtol=1e-3)
    result = pcn.Simulator(circuit).run(until=until, **given(circuit))
    *_, last = pcn.Simulator(circuit).stream(until=until, **given(circuit))
    assert (last.status, last.message, last.time) == (result.status, result.message, result.time)
    *_, last = pcn.Simulator(circuit).stream(until=pcn.Settled(limit=2.0), **given(circuit))
    assert (last.status, last.time) == ("unsettled", 2.0)


@diverges
def test_divergence_ends_it():
    circuit = pcn.build_circuit(chain(3, 10.0))
    data = {"inputs": {"x": 1.0}, "targets": {"v3": 0.0}}
    result = pcn.Simulator(circuit, dynamics=pcn.Strict()).run(500.0, **data)
    *_, last = pcn.Simulator(circuit, dynamics=pcn.Strict()).stream(500.0, record=pcn.Record("v1"), **data)
    assert (last.status, last.message, last.time) == ("diverged", result.message, result.time)
    assert last.recorded[0].rows.shape == (0, 1, 1)


def test_control_c_while_a_chunk_is_computed_ends_it(circuit):
    def interrupt(elapsed, completed, start, duration):
        if completed > 0.0:
            signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    sim = pcn.Simulator(circuit)
    *_, last = sim.stream(50.0, report=interrupt, report_period=1e-9, **given(circuit))
    assert last.status == "interrupted"
    assert 0.0 < last.time < 50.0
    assert f"after {last.first} of 50 steps" in last.message
    assert signal.getsignal(signal.SIGINT) is before


def test_control_c_between_chunks_is_raised(circuit):
    chunks = pcn.Simulator(circuit).stream(50.0, **given(circuit))
    next(chunks)
    # Other libraries, or the shell that began the tests, may have set another answer to Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_stream_that_is_left_leaves_the_simulator_where_it_is(circuit, tmp_path):
    whole = pcn.Simulator(circuit, engine=pcn.EventDriven())
    sim = pcn.Simulator(circuit, engine=pcn.EventDriven())
    path = tmp_path / "events.nc"
    with sim.stream(50.0, events=pcn.RecordEvents(path=path), **given(circuit)) as chunks:
        assert next(chunks).steps < 50
    assert not path.exists()
    assert xarray.load_dataset(tmp_path / "events.nc.part").attrs["end"] == sim.time
    assert list(chunks) == []
    expected = whole.run(50.0, **given(circuit))
    result = sim.run(50.0 - sim.time, events=pcn.RecordEvents(path=path))
    np.testing.assert_array_equal(result.errors["h1"], expected.errors["h1"])
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "change",
    [
        lambda sim: sim.run(5.0, inputs={"x": np.ones((2, 3))}),
        lambda sim: sim.stream(5.0, inputs={"x": np.ones((2, 3))}),
        lambda sim: sim.reset(),
        lambda sim: sim.set_parameters(sim.parameters),
    ],
    ids=["run", "stream", "reset", "set_parameters"],
)
@pytest.mark.parametrize("begun", [True, False])
def test_a_stream_has_ended_where_the_simulator_went_on_without_it(circuit, change, begun):
    sim = pcn.Simulator(circuit)
    chunks = sim.stream(50.0, **given(circuit))
    if begun:
        next(chunks)
    change(sim)
    with pytest.raises(ParameterError, match="this stream has ended"):
        next(chunks)


def test_its_own_report_does_not_run_it(circuit):
    sim = pcn.Simulator(circuit)
    with pytest.raises(ParameterError, match="by its own report"):
        sim.run(5.0, report=lambda *progress: sim.reset(), **given(circuit))
    assert sim.run(5.0).time == 5.0


def test_what_is_refused_is_refused_at_once_and_warnings_name_the_line_that_called(circuit):
    sim = pcn.Simulator(circuit)
    sim.run(5.0, **given(circuit))
    for settings, text in (({"duration": -1.0}, "duration"), ({"duration": 1.0, "report": "loud"}, "report is 'loud'")):
        with pytest.raises(ParameterError, match=text):
            sim.stream(**settings)
    assert sim.time == 5.0
    for call in (sim.run, sim.stream):
        with pytest.warns(PcneuroWarning, match="no multiple of dt") as warned:
            call(1.3)
        assert warned[0].filename == __file__


@pytest.mark.parametrize(
    "simulate",
    [
        lambda sim: sim.run(20.0, targets={"y": np.ones(3)}),
        lambda sim: list(sim.stream(20.0, targets={"y": np.ones(3)})),
    ],
    ids=["run", "stream"],
)
def test_latents_that_are_not_inferred_are_warned_of_where_it_was_called(simulate):
    circuit = pcn.build_circuit(pcn.trace(lambda z: {"y": 0.5 * z}, z=pcn.Latent(3)))
    sim = pcn.Simulator(circuit)
    with pytest.warns(PcneuroWarning, match="free latent 'z'") as warned:
        simulate(sim)
    assert warned[0].filename == __file__


@pytest.mark.halved
@pytest.mark.parametrize("path", ["memory", "file"])
@pytest.mark.parametrize(
    "settings",
    [
        {"engine": pcn.EventDriven()},
        {"engine": pcn.EventDriven(threshold=0.01)},
        {"engine": pcn.EventDriven(0.01, pcn.Exact())},
        {"engine": pcn.EventDriven(0.01), "dynamics": pcn.Strict()},
    ],
    ids=str,
)
def test_events_and_counts_of_chunks_are_those_of_the_run(circuit, settings, path, tmp_path, monkeypatch):
    monkeypatch.setattr(stream_module, "CHUNK_SECONDS", 0.0)
    sim = pcn.Simulator(circuit, **settings)
    sim.run(10.0, **given(circuit))
    before = sim.run(0.0).activity
    result = sim.run(40.0, events=pcn.RecordEvents(kinds=["error"]))
    sim.reset()
    sim.run(10.0)
    place = tmp_path / "events.nc" if path == "file" else None
    chunks = list(sim.stream(40.0, events=pcn.RecordEvents(kinds=["error"], path=place)))
    assert len(chunks) > 3
    assert result.events.sizes["event"] > 0
    for chunk in chunks:
        times = chunk.events["time"].values
        assert ((times >= chunk.start) & (times <= chunk.time)).all()
        assert (chunk.events.attrs["begin"], chunk.events.attrs["end"]) == (chunk.start, chunk.time)
    joined = xarray.concat([chunk.events for chunk in chunks], "event", data_vars="minimal")
    xarray.testing.assert_equal(joined, result.events.load())
    if place is not None:
        xarray.testing.assert_equal(joined, xarray.load_dataset(place))
    for name, counts in result.activity.data_vars.items():
        parts = np.sum([chunk.activity[name].values for chunk in chunks], axis=0)
        np.testing.assert_array_equal(parts, counts.values - before[name].values)
        assert chunks[-1].activity[name].attrs == counts.attrs
    assert chunks[-1].stats.keys() == result.stats.keys()
    same = {key for key in result.stats if key not in ("seconds", "events_record")}
    assert {key: chunks[-1].stats[key] for key in same} == {key: result.stats[key] for key in same}
    assert chunks[-1].stats["events_record"]["events"] == result.events.sizes["event"]
    assert all(chunk.stats == {} for chunk in chunks[:-1])


def test_what_has_no_events_has_none_in_its_chunks(circuit):
    for chunk in pcn.Simulator(circuit).stream(20.0, **given(circuit)):
        assert (chunk.events, chunk.activity) == (None, None)


def test_events_of_a_stream_are_kept_for_one_chunk(circuit, monkeypatch):
    """They are in memory as long as their chunk is, and in no temporary file."""
    monkeypatch.setattr("pcneuro.recording.event_log.MEMORY", 1)
    monkeypatch.setattr("pcneuro.recording.event_file._temporary", None)
    sim = pcn.Simulator(circuit, engine=pcn.EventDriven())
    for chunk in sim.stream(20.0, events=pcn.RecordEvents(), **given(circuit)):
        sizes = (
            [part.nbytes for parts in sim._state.engine.log._columns.values() for part in parts] if chunk.steps else []
        )
        assert sizes == []
