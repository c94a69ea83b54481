"""Rasters: every event is where it belongs, and very many are counted."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

import pcneuro as pcn
from pcneuro.analysis import event_counts
from pcneuro.analysis.plot.raster import OFF, ON
from pcneuro.errors import ParameterError, UnknownNameError
from pcneuro.recording.event_log import EventLog
from tests.circuits_for_tests import mlp
from tests.events_for_tests import filled


@pytest.fixture(scope="module")
def circuit():
    return pcn.build_circuit(mlp((3, 40, 6, 2)))


@pytest.fixture
def ax():
    return Figure(figsize=(6, 4)).subplots()


def marks(ax):
    """Time and y of the marks of either sign."""
    actual = {}
    for collection in ax.collections:
        if collection.get_label() in ("ON", "OFF"):
            (colour,) = {matplotlib.colors.to_hex(c) for c in collection.get_edgecolor()}
            assert colour.upper() == {"ON": ON, "OFF": OFF}[collection.get_label()].upper()
            actual[collection.get_label()] = np.asarray(collection.get_offsets())
    return actual


def test_every_event_has_a_mark_in_the_row_of_its_neuron(circuit, ax, monkeypatch):
    monkeypatch.setattr(event_counts, "BLOCK", 29)
    events = filled(circuit, 300, pcn.RecordEvents(kinds=["error"])).dataset()
    assert pcn.plot.raster(events, ax, sample=1) is ax
    names = [label.get_text().replace("\n", " ") for label in ax.get_yticklabels()]
    assert names == ["h1.error (40)", "h2.error (6)", "out.error (2)"]
    # 40 of 48 rows; small populations have a twentieth of all rows.
    heights = np.array([40.0, 6.0, 2.4])
    edges = np.concatenate([[0], np.cumsum(heights)]) / heights.sum()
    np.testing.assert_allclose(ax.get_yticks(), (edges[1:] + edges[:-1]) / 2)
    own = events.isel(event=events["sample"].values == 1)
    number = [list(circuit.nx).index(name.partition(" ")[0]) for name in names]
    actual = marks(ax)
    for label, chosen in (("ON", own["change"].values > 0), ("OFF", own["change"].values < 0)):
        wanted = []
        for time, population, unit in zip(
            *(own[name].values[chosen] for name in ("time", "population", "unit")), strict=True
        ):
            k = number.index(population)
            wanted.append((time, edges[k] + (unit + 0.5) / (40, 6, 2)[k] * (edges[k + 1] - edges[k])))
        assert len(wanted) > 10
        np.testing.assert_allclose(sorted(map(tuple, actual[label])), sorted(wanted))
    assert ax.get_xlim() == (-0.5, 50.0)
    assert ax.get_ylim() == (1.0, 0.0)


def test_very_many_are_counted(circuit, ax):
    events = filled(circuit, 6000, batch=1).dataset()
    number = events.sizes["event"]
    pcn.plot.raster(events, ax, most=number - 1)
    assert f"{number:,} events, as rates" in ax.get_title(loc="left")
    assert marks(ax) == {}
    (mesh,) = [c for c in ax.collections if hasattr(c, "get_coordinates")]
    corners = mesh.get_coordinates()
    x, y = corners[0, :, 0], corners[:, 0, 1]
    rates = np.ma.filled(mesh.get_array().reshape(len(y) - 1, len(x) - 1), 0.0)
    sizes = dict(zip(events["population_name"].values, events["population_size"].values, strict=True))
    # Rates times neurons times ms are events again, of each population in its own rows.
    edges = np.array([line.get_ydata()[0] for line in ax.lines])
    rows = np.searchsorted(edges, (y[1:] + y[:-1]) / 2)
    for k, (name, size) in enumerate(sizes.items()):
        own = rates[rows == k]
        count = int((events["population"].values == list(sizes).index(name)).sum())
        assert own.sum() * (x[1] - x[0]) * size / len(own) == pytest.approx(count)
    few = Figure().subplots()
    pcn.plot.raster(events, few, most=number)
    assert sum(map(len, marks(few).values())) == number


@pytest.mark.parametrize(("step", "bins", "each"), [(1.0, 200, 1), (0.25, 640, 3), (0.1, 90, 1)])
def test_bins_of_time_leave_no_stripes(circuit, ax, step, bins, each):
    """Where all neurons send in all bins, all fields of the image are equal."""
    log = EventLog(pcn.RecordEvents(["h1"], ["error"]), circuit, 1)
    units = np.arange(40, dtype=np.int32)
    with log:
        for k in range(bins):
            log.append(0, np.full(40, k * step), np.full(40, log.populations["h1.error"]), units, np.ones(40))
        log.flush(bins * step)
    pcn.plot.raster(log.dataset(), ax, most=100)
    (mesh,) = [c for c in ax.collections if hasattr(c, "get_coordinates")]
    x = mesh.get_coordinates()[0, :, 0]
    np.testing.assert_allclose(np.diff(x), each * step)
    rates = mesh.get_array()
    np.testing.assert_allclose(rates[:, : bins // each].compressed(), 1 / step)
    assert rates[:, : bins // each].count() == 40 * (bins // each)


def test_chosen_populations_and_those_that_spoke(circuit, ax):
    events = filled(circuit, 200).dataset()
    pcn.plot.raster(events, ax, populations=["out.error", "h1.value"])
    assert [t.get_text().partition("\n")[0].partition(" ")[0] for t in ax.get_yticklabels()] == [
        "out.error",
        "h1.value",
    ]
    silent = events.isel(event=events["population"].values == list(circuit.nx).index("h2.error"))
    other = pcn.plot.raster(silent, Figure().subplots())
    assert [t.get_text().partition("\n")[0] for t in other.get_yticklabels()] == ["h2.error"]


def test_no_events(circuit, ax):
    pcn.plot.raster(filled(circuit, 0).dataset(), ax)
    assert [text.get_text() for text in ax.texts] == ["no events"]
    assert len(ax.get_yticks()) == len(circuit.nx)


def test_new_axes(circuit):
    matplotlib.use("agg")
    from matplotlib import pyplot

    ax = pcn.plot.raster(filled(circuit, 50).dataset())
    assert ax.figure.number in pyplot.get_fignums()
    pyplot.close(ax.figure)


def test_what_is_not_recorded_is_refused(circuit, ax):
    events = filled(circuit, 20, pcn.RecordEvents(kinds=["error"], samples=[1])).dataset()
    with pytest.raises(ParameterError, match=r"sample 0 is not recorded; recorded are \[1\]"):
        pcn.plot.raster(events, ax)
    with pytest.raises(UnknownNameError, match=r"unknown recorded population 'h1.value': did you mean 'h1.error'"):
        pcn.plot.raster(events, ax, 1, ["h1.value"])
    with pytest.raises(ParameterError, match=r"populations are 'h1.error'; give a list"):
        pcn.plot.raster(events, ax, 1, "h1.error")
    with pytest.raises(ParameterError, match="ax is 3"):
        pcn.plot.raster(events, 3, 1)
    with pytest.raises(ParameterError, match="holds no recorded events"):
        pcn.plot.raster(None, ax)
