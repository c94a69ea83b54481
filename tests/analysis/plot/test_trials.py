"""The picture of trials: means and standard errors by condition."""

import json

import matplotlib
import numpy as np
import pytest
import xarray
from matplotlib import pyplot

import pcneuro as pcn
from pcneuro.errors import ParameterError, UnknownNameError

matplotlib.use("Agg")
RNG = np.random.default_rng(2)


@pytest.fixture
def aligned():
    values = RNG.normal(size=(6, 4, 3))
    labels = ("trial", ["a", "b", "a", "b", "a", "c"])
    return xarray.Dataset(
        {"h.value": (("trial", "time", "h_unit"), values), "h.error": (("trial", "time", "h_unit"), -values)},
        {"time": [-1.0, 0.0, 1.0, 2.0], "condition": labels, "duration": ("trial", [2.0] * 6)},
    )


def test_lines_and_bands_are_means_and_their_errors(aligned):
    ax = pcn.plot.trials(aligned, "h.error", unit=1)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a (3)", "b (2)", "c (1)"]
    rows = aligned["h.error"].values[[0, 2, 4], :, 1]
    line = ax.get_lines()[0].get_xydata()
    np.testing.assert_allclose(line, np.stack([aligned.time.values, rows.mean(axis=0)], axis=1), rtol=1e-15)
    assert len(ax.collections) == 2
    top = ax.collections[0].get_paths()[0].vertices[:, 1].max()
    assert top == pytest.approx((rows.mean(axis=0) + rows.std(axis=0, ddof=1) / np.sqrt(3)).max())
    assert [line.get_xdata()[0] for line in ax.get_lines()[3:]] == [0.0, 2.0]
    pyplot.close(ax.figure)


def test_all_are_one_without_conditions(aligned):
    ax = pyplot.figure().add_subplot()
    assert pcn.plot.trials(aligned.drop_vars("condition"), ax=ax) is ax
    assert ax.get_legend().get_texts()[0].get_text() == "6 trials"
    np.testing.assert_allclose(ax.get_lines()[0].get_ydata(), aligned["h.value"].mean(("trial", "h_unit")))
    pyplot.close(ax.figure)


def test_errors_of_both_signs_do_not_cancel(aligned):
    """The mean over units is that of absolute values, and the axis says so; one unit has its sign."""
    ax = pcn.plot.trials(aligned.drop_vars("condition"), "h.error")
    np.testing.assert_allclose(ax.get_lines()[0].get_ydata(), abs(aligned["h.error"]).mean(("trial", "h_unit")))
    assert ax.get_ylabel() == "|h error|\n(mean of 3 units)"
    assert pcn.plot.trials(aligned, "h.error", unit=1).get_ylabel() == "h error, unit 1"
    assert pcn.plot.trials(aligned).get_ylabel() == "h value\n(mean of 3 units)"


def test_parameters_are_means_over_their_entries(aligned):
    W = RNG.normal(size=(6, 4, 2, 5))
    aligned["W.parameter"] = ("trial", "time", "W_axis0", "W_axis1"), W
    ax = pcn.plot.trials(aligned.drop_vars("condition"), "W.parameter")
    np.testing.assert_allclose(ax.get_lines()[0].get_ydata(), W.mean(axis=(0, 2, 3)))
    assert ax.get_ylabel() == "W parameter\n(mean of 10 entries)"
    ax = pcn.plot.trials(aligned.drop_vars("condition"), "W.parameter", unit=7)
    np.testing.assert_allclose(ax.get_lines()[0].get_ydata(), W[:, :, 1, 2].mean(axis=0))


def test_samples_are_averaged(aligned):
    values = RNG.normal(size=(6, 4, 7, 3))
    aligned["g.error"] = ("trial", "time", "batch", "g_unit"), values
    ax = pcn.plot.trials(aligned.drop_vars("condition"), "g.error")
    np.testing.assert_allclose(ax.get_lines()[0].get_ydata(), np.abs(values).mean(axis=(0, 2, 3)))
    ax = pcn.plot.trials(aligned.drop_vars("condition"), "g.error", unit=2)
    np.testing.assert_allclose(ax.get_lines()[0].get_ydata(), values[..., 2].mean(axis=(0, 2)))


def test_what_has_no_units_is_drawn_as_it_is(aligned):
    aligned["response"] = aligned["h.error"].sum("h_unit")
    ax = pcn.plot.trials(aligned.drop_vars("condition"), "response")
    np.testing.assert_allclose(ax.get_lines()[0].get_ydata(), aligned["response"].mean("trial"))
    assert ax.get_ylabel() == "response"
    with pytest.raises(ParameterError, match="unit is 1"):
        pcn.plot.trials(aligned, "response", unit=1)


def test_perturbations_are_grey_bands_within_the_window(aligned):
    marks = [{"what": "light", "start": 0.0, "stop": 1.5}, {"what": "late", "start": 5.0, "stop": 9.0}]
    ax = pcn.plot.trials(aligned.assign_attrs(perturbations=json.dumps(marks)))
    bands = [patch for patch in ax.patches if patch.get_gid() == "light"]
    assert [patch.get_gid() for patch in ax.patches] == ["light"]
    assert (bands[0].get_x(), bands[0].get_width()) == (0.0, 1.5)
    pyplot.close(ax.figure)


def test_what_cannot_be_drawn_is_refused(aligned):
    with pytest.raises(UnknownNameError, match=r"did you mean 'h.value'"):
        pcn.plot.trials(aligned, "h.values")
    with pytest.raises(UnknownNameError, match="column of trials"):
        pcn.plot.trials(aligned, by="block")
    with pytest.raises(ParameterError, match="unit is 3"):
        pcn.plot.trials(aligned, unit=3)
    with pytest.raises(ParameterError, match="no variables by trial"):
        pcn.plot.trials(aligned.isel(trial=0))
    with pytest.raises(ParameterError, match="ax is 5"):
        pcn.plot.trials(aligned, ax=5)
