"""Counts of events against loops over every one of them, in memory and on disk."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.analysis import event_counts
from pcneuro.errors import ParameterError
from tests.circuits_for_tests import mlp
from tests.events_for_tests import filled


@pytest.fixture(scope="module")
def circuit():
    def network(x, W):
        return pcn.vertex(pcn.vertex(np.tanh(x @ W), "h").sum(axis=0), "out")

    return pcn.build_circuit(pcn.trace(network, x=pcn.Input((2, 3)), W=pcn.Parameter(np.ones((3, 4)))))


KEPT = [pcn.RecordEvents(), pcn.RecordEvents(kinds=["error"], samples=[0, 2])]


@pytest.fixture(params=["memory", "disk"])
def events_of(request, circuit, tmp_path, monkeypatch):
    """A maker of the same events, in memory, or on disk and read a few at a time."""
    if request.param == "disk":
        monkeypatch.setattr(event_counts, "BLOCK", 37)

    def make(number, kept=KEPT[0]):
        path = tmp_path / "events.nc" if request.param == "disk" else None
        return filled(circuit, number, pcn.RecordEvents(kept.vertices, kept.kinds, kept.samples, path)).dataset()

    return make


def rows(events):
    names = events["population_name"].values
    columns = (events[name].values for name in ("time", "sample", "population", "unit"))
    return [(t, s, str(names[p]), u) for t, s, p, u in zip(*columns, strict=True)]


@pytest.mark.parametrize("kept", KEPT, ids=["all", "some"])
def test_events_of_every_unit(circuit, events_of, kept):
    events = events_of(400, kept)
    actual = pcn.events_per_unit(events, circuit)
    samples = list(events["recorded_sample"].values)
    recorded = [n for n in circuit.nx if kept.kinds is None or n.endswith(".error")]
    wanted = {n: np.zeros((len(samples), *circuit.nx.nodes[n]["shape"]), dtype=int) for n in recorded}
    assert wanted["h.error"].shape[1:] == (2, 4)
    for _, sample, name, unit in rows(events):
        wanted[name].reshape(len(samples), -1)[samples.index(sample), unit] += 1
    assert actual.keys() == wanted.keys()
    for name, array in wanted.items():
        np.testing.assert_array_equal(actual[name], array)
        assert array.sum() > 0


@pytest.mark.parametrize("until", [None, 10.0, -1.0, math.inf])
def test_events_of_a_neuron(circuit, events_of, until):
    events = events_of(400, KEPT[1])
    actual = pcn.events_per_neuron(events, until)
    early = [r for r in rows(events) if until is None or r[0] <= until]
    assert actual.keys() == {"h.error", "out.error"}
    for name, each in actual.items():
        own = sum(1 for _, _, n, _ in early if n == name)
        assert each == pytest.approx(own / 2 / circuit.nx.nodes[name]["size"])


@pytest.mark.parametrize("number", [1, 10, 400])
@pytest.mark.parametrize("share", [0.01, 0.5, 0.99, 1.0])
def test_time_of_a_share(events_of, number, share):
    events = events_of(number)
    actual = pcn.time_of_share(events, share)
    assert actual.keys() == set(events["population_name"].values)
    for name, time in actual.items():
        times = sorted(t for t, _, n, _ in rows(events) if n == name)
        wanted = times[math.ceil(share * len(times) - 1e-9) - 1] if times else math.nan
        np.testing.assert_equal(time, wanted)


def test_times_that_are_close_together_are_told_apart(circuit, tmp_path):
    """All in one of the spans of time that are counted, but for one that is far away."""
    generator = np.random.default_rng(0)
    times = np.append(generator.uniform(1.0, 1.0001, 999), 1e9)
    log = pcn.recording.event_log.EventLog(pcn.RecordEvents(), circuit, 1)
    log.append(0, times, np.zeros(1000, dtype=np.int32), np.zeros(1000, dtype=np.int32), np.ones(1000))
    log.close()
    assert pcn.time_of_share(log.dataset(), 0.5)["x.value"] == np.sort(times)[499]


def test_no_events(circuit, events_of):
    events = events_of(0)
    assert all(not array.any() for array in pcn.events_per_unit(events, circuit).values())
    assert set(pcn.events_per_neuron(events).values()) == {0.0}
    assert all(math.isnan(time) for time in pcn.time_of_share(events).values())


def test_what_are_no_events_is_refused(circuit):
    events = filled(circuit, 5).dataset()
    for other in (None, events["time"], np.zeros(3)):
        with pytest.raises(ParameterError, match=r"holds no recorded events: give result.events"):
            pcn.events_per_neuron(other)
    with pytest.raises(ParameterError, match=r"None holds .*RecordEvents"):
        pcn.time_of_share(None)
    with pytest.raises(ParameterError, match="of another circuit"):
        pcn.events_per_unit(events, pcn.build_circuit(mlp((3, 4, 2))))
    with pytest.raises(ParameterError, match="share is 99"):
        pcn.time_of_share(events, 99)
    with pytest.raises(ParameterError, match="until is nan"):
        pcn.events_per_neuron(events, math.nan)
