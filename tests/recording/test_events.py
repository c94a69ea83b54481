"""Recorded events: the same in memory and on disk, nothing lost and nothing overwritten."""

from __future__ import annotations

import gc
import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import xarray

import pcneuro as pcn
from pcneuro.errors import OutputError, ParameterError, ShapeError, UnknownNameError
from pcneuro.recording import event_log
from pcneuro.recording.event_log import EventLog
from pcneuro.recording.events import BYTES, RecordEvents, population_sizes, readable
from tests.circuits_for_tests import mlp, scalar_graph
from tests.events_for_tests import Telling, drawn, filled, in_order


@pytest.fixture(scope="module")
def circuit():
    return pcn.build_circuit(mlp((3, 5, 4, 2)))


def all_of(circuit, number, batch=3, **settings):
    """What was appended, as plain columns in order."""
    parts = [(t, np.full(len(t), s), p, u, c) for s, t, p, u, c in drawn(circuit, number, batch, **settings)]
    names = ("time", "sample", "population", "unit", "change")
    whole = {name: np.concatenate(column) for name, column in zip(names, zip(*parts, strict=True), strict=True)}
    order = np.lexsort([whole[name] for name in reversed(names)])
    return {name: array[order] for name, array in whole.items()}


def equal(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def test_populations_are_numbered_as_in_networkx():
    generative = pcn.trace(lambda z, w: pcn.vertex(z @ w, "seen"), z=pcn.Latent((2,)), w=pcn.Parameter(np.ones((2, 3))))
    for circuit in (
        pcn.build_circuit(mlp((3, 5, 2))),
        pcn.build_circuit(scalar_graph()),
        pcn.build_circuit(generative),
    ):
        assert population_sizes(circuit) == {name: data["size"] for name, data in circuit.nx.nodes(data=True)}
        log = EventLog(RecordEvents(), circuit, 1)
        assert log.populations == {name: k for k, name in enumerate(circuit.nx)}


@pytest.mark.parametrize("number", [0, 1, 500])
def test_memory_and_disk_hold_the_same(circuit, number, tmp_path):
    wanted = all_of(circuit, number)
    kept = filled(circuit, number).dataset()
    path = tmp_path / "events.nc"
    log = filled(circuit, number, RecordEvents(path=path))
    lazy = log.dataset()
    xarray.testing.assert_identical(lazy.load(), kept)
    xarray.testing.assert_identical(xarray.load_dataset(path), kept)
    assert equal(in_order(kept), wanted)
    assert [path.name for path in tmp_path.iterdir()] == ["events.nc"]
    keys = zip(*(kept[name].values for name in event_log.ORDER), strict=True)
    assert list(keys) == sorted(zip(*(wanted[name] for name in event_log.ORDER), strict=True))
    assert kept.attrs["begin"] == 0.0
    assert kept.attrs["end"] == 50.0
    assert kept["time"].attrs["units"] == "ms"
    assert list(kept["population_name"].values) == list(circuit.nx)


def test_on_disk_in_many_blocks(circuit, tmp_path, monkeypatch):
    monkeypatch.setattr(event_log, "BLOCK", 50)
    path = tmp_path / "events.nc"
    log = filled(circuit, 1000, RecordEvents(path=path))
    events = log.dataset()
    assert "within blocks" in events.attrs["order"]
    assert equal(in_order(events), all_of(circuit, 1000))
    xarray.testing.assert_identical(xarray.load_dataset(path), events.load())


def test_nothing_is_read_before_it_is_asked_for(circuit, tmp_path, monkeypatch):
    events = filled(circuit, 300, RecordEvents(path=tmp_path / "events.nc")).dataset()
    whole = xarray.load_dataset(tmp_path / "events.nc")
    read = []
    column = pcn.recording.event_file._Column
    original = column._read
    monkeypatch.setattr(column, "_read", lambda self, key: read.append((self.name, key)) or original(self, key))
    part = events[["time", "unit"]].isel(event=slice(10, 20))
    assert read == []
    np.testing.assert_array_equal(part["time"], whole["time"][10:20])
    assert [(name, key[0].start, key[0].stop) for name, key in read] == [("time", 10, 20)]
    chosen = [5, 2, 2, -1]
    for key in (slice(None, None, -1), chosen, 7, slice(3, 3)):
        np.testing.assert_array_equal(events["change"].isel(event=key), whole["change"].isel(event=key))


def test_what_is_appended_is_copied(circuit):
    log = EventLog(RecordEvents(), circuit, 1)
    times, ints, changes = np.ones(2), np.zeros(2, dtype=np.int32), np.ones(2)
    log.append(0, times, ints, ints, changes)
    times[:], ints[:], changes[:] = 7.0, 1, -1.0
    log.close()
    assert equal(
        in_order(log.dataset()),
        {"time": [1, 1], "sample": [0, 0], "population": [0, 0], "unit": [0, 0], "change": [1, 1]},
    )


def test_much_goes_to_a_temporary_file_that_lives_as_long_as_its_arrays(circuit, tmp_path, monkeypatch):
    monkeypatch.setattr(event_log, "MEMORY", 100 * BYTES)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert filled(circuit, 60).describe(5)["kept_in"] == "memory"
    assert list(tmp_path.iterdir()) == []
    log = filled(circuit, 1000)
    facts = log.describe(5)
    assert facts["kept_in"] == "a temporary file"
    (path,) = tmp_path.iterdir()
    time = log.dataset()["time"]
    del log
    gc.collect()
    np.testing.assert_array_equal(np.sort(time.values), all_of(circuit, 1000)["time"])
    assert path.exists()
    lazy = time[3:5]
    del time, lazy
    gc.collect()
    assert not path.exists()


def test_a_temporary_file_goes_with_a_run_that_failed(circuit, tmp_path, monkeypatch):
    monkeypatch.setattr(event_log, "MEMORY", 100 * BYTES)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    log = EventLog(RecordEvents(), circuit, 3)
    for part in drawn(circuit, 1000):
        log.append(*part)
    assert len(list(tmp_path.iterdir())) == 1
    log.leave()
    del log
    gc.collect()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "populations", "samples"),
    [
        ({"vertices": ["h2"]}, {"h2.value", "h2.error"}, {0, 1, 2}),
        ({"kinds": ["error"]}, {"h1.error", "h2.error", "out.error"}, {0, 1, 2}),
        ({"vertices": ["x", "h1"], "kinds": ["value"], "samples": [-1, 0]}, {"x.value", "h1.value"}, {0, 2}),
        ({"samples": [1, 1]}, None, {1}),
    ],
)
def test_filters(circuit, settings, populations, samples):
    names = np.array(list(circuit.nx))
    populations = set(names) if populations is None else populations
    log = filled(circuit, 600, RecordEvents(**settings))
    events, whole = log.dataset(), all_of(circuit, 600)
    of_population = np.isin(names[whole["population"]], list(populations)) & np.isin(whole["sample"], list(samples))
    assert 0 < of_population.sum() < len(of_population)
    assert equal(in_order(events), {name: array[of_population] for name, array in whole.items()})
    assert set(names[events["population_recorded"]]) == populations
    assert set(names[log.kept]) == populations
    assert set(np.flatnonzero(log.samples)) == samples == set(events["recorded_sample"].values)
    assert log.count == of_population.sum()


@pytest.mark.parametrize(
    ("settings", "error", "text"),
    [
        ({"vertices": "h1"}, ParameterError, "vertices of RecordEvents are 'h1'; give a list"),
        ({"vertices": []}, ParameterError, "are none: give a list of names, or None"),
        ({"vertices": [1]}, ParameterError, "give a list of names"),
        ({"kinds": ["errors"]}, UnknownNameError, "unknown kind of events to record 'errors': did you mean 'error'?"),
        ({"samples": [True]}, ParameterError, "give indices"),
        ({"samples": 0}, ParameterError, "samples of RecordEvents: 0 is no sequence of whole numbers; give indices"),
        ({"vertices": ["h3"]}, UnknownNameError, "unknown vertex to record events of 'h3': did you mean"),
        ({"vertices": ["x"], "kinds": ["error"]}, ParameterError, "there are no error neurons to record"),
        ({"samples": [3]}, ShapeError, "outside the batch of 3"),
        ({"path": 3}, OutputError, "the path of a file is 3"),
        ({"path": "."}, OutputError, "no regular file"),
    ],
)
def test_what_does_not_fit_is_refused(circuit, settings, error, text):
    with pytest.raises(error, match=text):
        RecordEvents(**settings).resolve(circuit, 3)


def test_an_existing_file_is_kept_until_the_new_one_is_complete(circuit, tmp_path):
    path = tmp_path / "events.nc"
    path.write_text("precious")
    with pytest.raises(OutputError, match=r"events.nc exists already: choose another name, or pass overwrite=True"):
        EventLog(RecordEvents(path=path), circuit, 3)

    def fails():
        with EventLog(RecordEvents(path=path, overwrite=True), circuit, 3) as log:
            for part in drawn(circuit, 100):
                log.append(*part)
            assert path.read_text() == "precious"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as raised:
        fails()
    assert path.read_text() == "precious"
    part = tmp_path / "events.nc.part"
    assert raised.value.__notes__ == [f"the events until 0 ms are in {part}"]
    left = xarray.load_dataset(part)
    assert equal(in_order(left), all_of(circuit, 100))
    assert left.attrs["complete"] == 0
    # What is left of one run is not in the way of the next, and is removed once that is complete.
    filled(circuit, 200, RecordEvents(path=path, overwrite=True))
    assert xarray.load_dataset(path).attrs["complete"] == 1
    assert equal(in_order(xarray.load_dataset(path)), all_of(circuit, 200))
    assert [p.name for p in tmp_path.iterdir()] == ["events.nc"]


def test_a_file_that_came_meanwhile_is_kept(circuit, tmp_path):
    path = tmp_path / "events.nc"
    log = EventLog(RecordEvents(path=path), circuit, 3)
    log.open()
    path.write_text("precious")
    with pytest.raises(OutputError, match="made by something else meanwhile"):
        log.close()
    assert path.read_text() == "precious"
    assert xarray.load_dataset(tmp_path / "events.nc.part").sizes["event"] == 0


def test_events_of_a_file_that_was_written_again_are_not_taken_for_its_own(circuit, tmp_path):
    path = tmp_path / "events.nc"
    events = filled(circuit, 100, RecordEvents(path=path)).dataset()
    filled(circuit, 200, RecordEvents(path=path, overwrite=True))
    with pytest.raises(OutputError, match="was moved or written again"):
        events["time"].load()


def test_a_folder_that_is_not_there_is_told_before_the_run(circuit, tmp_path):
    simulator = pcn.Simulator(circuit, engine=Telling())
    with pytest.raises(OutputError, match=r"cannot write .*no/events.nc: No such file or directory"):
        simulator.run(5.0, events=RecordEvents(path=tmp_path / "no" / "events.nc"), **data(circuit))
    assert simulator.time == 0.0


def test_a_write_that_fails_is_raised_between_steps(circuit, tmp_path, monkeypatch):
    path = tmp_path / "events.nc"
    log = EventLog(RecordEvents(path=path), circuit, 3)
    log.open()
    monkeypatch.setattr(event_log, "BLOCK", 10)

    def full(*args):
        raise RuntimeError(
            "Can't write data (file write failed: errno = 28, error message = 'No space left on device')"
        )

    monkeypatch.setattr(log._file.file, "resize_dimension", full)
    for part in drawn(circuit, 100):
        log.append(*part)  # the engine is in the middle of a step
    with pytest.raises(OutputError, match=r"cannot write .*events\.nc: No space left on device"):
        log.flush(1.0)
    with pytest.raises(OutputError):
        log.close()
    assert log.leave() == tmp_path / "events.nc.part"


KILLED = """
    import os, signal, sys
    import pcneuro as pcn
    from pcneuro.recording import event_log
    from pcneuro.recording.event_log import EventLog
    from pcneuro.recording.events import RecordEvents
    from tests.circuits_for_tests import mlp
    from tests.events_for_tests import drawn
    event_log.SECONDS = 0.0
    circuit = pcn.build_circuit(mlp((3, 5, 4, 2)))
    log = EventLog(RecordEvents(path=sys.argv[1]), circuit, 3)
    log.open()
    for number, part in enumerate(drawn(circuit, 5000)):
        log.append(*part)
        if number < 6:
            log.flush(float(number))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_is_killed_leaves_what_was_flushed(circuit, tmp_path):
    path = tmp_path / "events.nc"
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(path)]
    ended = subprocess.run(command, cwd=Path(__file__).parents[2], env={**os.environ, "PYTHONPATH": "."}, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert not path.exists()
    (killed,) = tmp_path.iterdir()
    assert re.fullmatch(r"events\.nc\.[0-9a-f]{8}-[0-9]+-[0-9a-f]{8}\.part", killed.name)
    left = xarray.load_dataset(killed)
    first = [part for _, part in zip(range(6), drawn(circuit, 5000), strict=False)]
    assert left.sizes["event"] == sum(len(part[1]) for part in first) > 1000
    np.testing.assert_array_equal(np.sort(left["change"]), np.sort(np.concatenate([part[4] for part in first])))
    assert left.attrs["end"] == 5.0
    assert left.attrs["complete"] == 0
    filled(circuit, 100, RecordEvents(path=path))
    assert [p.name for p in tmp_path.iterdir()] == ["events.nc"]


def test_estimates(circuit):
    facts = RecordEvents(kinds=["error"], samples=[0, 2]).estimate(circuit, batch=3, steps=1000)
    assert BYTES == 8 + 4 + 4 + 4 + 8
    assert (facts["units"], facts["samples"]) == (5 + 4 + 2, 2)
    assert facts["most_bytes"] == 28 * 11 * 1000 * 2
    words = "28 B an event of 11 neurons in 2 samples; in bins 616 kB, at one of each neuron in each"
    assert event_log.estimate_text(facts) == words
    unknown = RecordEvents(samples=[0]).estimate(circuit)
    assert unknown["most_bytes"] is None
    assert event_log.estimate_text(unknown).endswith(" neurons in 1 sample; no more is known before")
    assert [readable(n) for n in (0, 28, 64e6, 1.25e9, 3e15)] == ["0 B", "28 B", "64 MB", "1.25 GB", "3e+03 TB"]


@pytest.mark.parametrize("given", [{"batch": -4}, {"batch": "x"}, {"steps": -100}, {"steps": 1.5}, {"steps": np.nan}])
def test_estimates_of_no_run_are_refused(circuit, given):
    with pytest.raises(ParameterError, match="give a whole number of at least"):
        RecordEvents().estimate(circuit, **given)


def test_exact_times_have_no_bound_before(circuit):
    engine = pcn.EventDriven(0.01, pcn.Exact())
    result = pcn.Simulator(circuit, engine=engine).run(5.0, **data(circuit), events=RecordEvents())
    assert result.stats["events_record"]["most_bytes"] is None


# In runs


def data(circuit, batch=3):
    generator = np.random.default_rng(1)
    return {"inputs": {"x": generator.normal(size=(batch, 3))}, "targets": {"out": generator.normal(size=(batch, 2))}}


def test_a_run_without_events_has_none(circuit):
    assert pcn.Simulator(circuit, engine=Telling()).run(3.0, **data(circuit)).events is None


@pytest.mark.parametrize("engine", [pcn.Reference(), pcn.Kernel()], ids=lambda e: type(e).__name__)
def test_engines_without_events_say_so(circuit, engine, tmp_path):
    simulator = pcn.Simulator(circuit, engine=engine)
    text = rf"{type(engine).__name__} has no events to record: use EventDriven\(...\)"
    with pytest.raises(ParameterError, match=text):
        simulator.run(3.0, events=RecordEvents(path=tmp_path / "events.nc"), **data(circuit))
    assert list(tmp_path.iterdir()) == []
    assert simulator.run(3.0, **data(circuit)).events is None
    with pytest.raises(ParameterError, match=r"events= is True; give pcn.RecordEvents\(\)"):
        simulator.run(3.0, events=True, **data(circuit))


def test_two_runs_have_the_events_of_one(circuit, tmp_path):
    one = pcn.Simulator(circuit, engine=Telling()).run(40.0, events=RecordEvents(), **data(circuit))
    simulator = pcn.Simulator(circuit, engine=Telling())
    first = simulator.run(15.0, events=RecordEvents(path=tmp_path / "a.nc"), **data(circuit))
    second = simulator.run(25.0, events=RecordEvents())
    assert (second.events.attrs["begin"], second.events.attrs["end"]) == (15.0, 40.0)
    for name in event_log.COLUMNS:
        both = np.concatenate([first.events[name], second.events[name]])
        np.testing.assert_array_equal(both, one.events[name])
    # What an error was told to be, in the end, is the sum of its changes.
    number = list(circuit.nx).index("h1.error")
    of_population = one.events.isel(event=one.events["population"].values == number)
    known = np.zeros((3, 5))
    np.add.at(known, (of_population["sample"].values, of_population["unit"].values), of_population["change"].values)
    np.testing.assert_allclose(known, one.errors["h1"], atol=1e-3)
    facts = one.stats["events_record"]
    assert facts["events"] == one.events.sizes["event"] > 100
    assert facts["events"] * BYTES == facts["bytes"] < facts["most_bytes"]
    assert facts["kept_in"] == "memory"
    assert first.stats["events_record"]["kept_in"] == str(tmp_path / "a.nc")


def test_a_run_that_fails_leaves_its_events_beside(circuit, tmp_path, monkeypatch):
    path = tmp_path / "events.nc"
    path.write_text("precious")
    simulator = pcn.Simulator(circuit, engine=Telling(fails_at=9))
    with pytest.raises(RuntimeError, match="fire"):
        simulator.run(40.0, events=RecordEvents(path=path, overwrite=True), **data(circuit))
    assert path.read_text() == "precious"
    whole = pcn.Simulator(circuit, engine=Telling()).run(9.0, events=RecordEvents(), **data(circuit)).events
    left = xarray.load_dataset(tmp_path / "events.nc.part")
    assert equal(in_order(left), in_order(whole))
    assert simulator._engine.log is None


def test_an_interrupted_run_has_the_events_so_far(circuit, tmp_path):
    path = tmp_path / "events.nc"

    def interrupt(elapsed, completed, start, duration):
        if completed > 0:
            signal.raise_signal(signal.SIGINT)

    settings = {"report": interrupt, "report_period": 1e-9, "events": RecordEvents(path=path)}
    result = pcn.Simulator(circuit, engine=Telling()).run(40.0, **settings, **data(circuit))
    assert result.status == "interrupted"
    assert xarray.load_dataset(path).attrs["end"] == result.time < 40.0
    xarray.testing.assert_identical(xarray.load_dataset(path), result.events.load())
