"""Pictures of layers over time: rows from the pia down, one scale for all conditions, lines at onsets."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray

import pcneuro as pcn
from pcneuro.errors import ParameterError, UnknownNameError


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def potential(trials: int = 4) -> xarray.DataArray:
    values = np.zeros((2, 3, trials, 5))
    values[0, 1, 0] = 2.0
    values[1, 2, 1::2] = -6.0
    return xarray.DataArray(
        values,
        dims=("area", "layer", "trial", "time"),
        name="lfp",
        coords={
            "area": ["a", "b"],
            "layer": ["upper", "lower", "outside"],
            "depth": ("layer", [0.2, 0.9, np.nan]),
            "time": np.arange(5.0) - 1,
            "trial": np.arange(trials),
            "condition": ("trial", ["rare", "usual"] * (trials // 2)),
            "duration": ("trial", [2.0] * trials),
        },
    )


def test_conditions_have_one_scale_and_lines_at_their_onsets():
    axes = pcn.plot.layers(potential(), "a")
    assert [ax.get_title() for ax in axes] == ["rare (2)", "usual (2)"]
    meshes = [ax.collections[0] for ax in axes]
    # The mean of 2 and 0 over the trials of the condition; what has no depth is not drawn.
    assert [mesh.get_clim() for mesh in meshes] == [(-1.0, 1.0)] * 2
    np.testing.assert_array_equal(meshes[0].get_array().reshape(2, 5), [[0.0] * 5, [1.0] * 5])
    assert [label.get_text() for label in axes[0].get_yticklabels()] == ["upper", "lower"]
    top, bottom = axes[0].get_ylim()[::-1]
    assert top < bottom, "the pia is above"
    assert sorted(line.get_xdata()[0] for line in axes[0].lines) == [0.0, 2.0]


def test_runs_have_one_panel_and_the_onset_that_is_given():
    (ax,) = pcn.plot.layers(potential().mean("trial"), onset=1.0)
    assert [line.get_xdata()[0] for line in ax.lines] == [1.0]
    marks = '[{"what": "Silence h", "start": 1.0, "stop": 9.0}]'
    (ax,) = pcn.plot.layers(potential().mean("trial").assign_attrs(perturbations=marks))
    assert [(*line.get_xdata(), line.get_gid()) for line in ax.lines] == [(1.0, 3.5, "Silence h")]
    assert ax.get_xlabel() == "time (ms)"


def test_what_is_no_potential_is_refused():
    given = potential()
    with pytest.raises(UnknownNameError, match="unknown area 'c'"):
        pcn.plot.layers(given, "c")
    with pytest.raises(UnknownNameError, match="unknown column of trials"):
        pcn.plot.layers(given, by="tone")
    with pytest.raises(ParameterError, match=r"give what pcn\.lfp or pcn\.csd returned"):
        pcn.plot.layers(given.isel(area=0, drop=True))
    with pytest.raises(ParameterError, match="no dimension of time"):
        pcn.plot.layers(given.isel(time=0, drop=True))
    with pytest.raises(ParameterError, match="potential is 3"):
        pcn.plot.layers(3)  # type: ignore[arg-type]
    many = potential(40).assign_coords(condition=("trial", np.arange(40)))
    with pytest.raises(ParameterError, match="40 conditions"):
        pcn.plot.layers(many)
