"""Pictures of wavefronts: what is drawn where."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import pcneuro as pcn
from pcneuro.errors import ParameterError
from tests.circuits_for_tests import chain


def report_of(length: int, duration: float = 400.0, **targets):
    sim = pcn.Simulator(pcn.build_circuit(chain(length)))
    return pcn.wavefront(sim, duration, inputs={"x": 1.0}, targets=targets or {f"v{length}": 2.0})


def marks(ax, label):
    (line,) = [line for line in ax.lines if line.get_label() == label]
    return line


def test_times_stand_in_rows_from_the_output_down():
    report = report_of(6)
    ax = pcn.plot.wavefront(report)
    assert isinstance(ax, Axes)
    assert ax.get_xlabel() == "time (ms)"
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["v6", "v5", "v4", "v3", "v2", "v1"]
    assert ax.yaxis_inverted()
    for label, times in (
        ("first arrival", [report[f"v{k}"].arrival for k in range(6, 0, -1)]),
        ("1 % of the final gradient", [report[f"v{k}"].times[0] for k in range(6, 0, -1)]),
        ("50 % of the final gradient", [report[f"v{k}"].times[2] for k in range(6, 0, -1)]),
    ):
        x, y = marks(ax, label).get_data()
        np.testing.assert_array_equal(x, times)
        np.testing.assert_array_equal(y, np.arange(6))
    bound = marks(ax, "lower bound: distance and delays").get_xdata()
    np.testing.assert_array_equal(bound, np.repeat([0, 0, 1, 2, 3, 4], 2))
    assert len({marks(ax, f"{s} % of the final gradient").get_color() for s in (1, 10, 50)}) == 3


@pytest.mark.parametrize(("length", "names"), [(40, 40), (120, 20)])
def test_of_many_populations_some_are_named(length, names):
    ax = pcn.plot.wavefront(report_of(length, 20.0))
    labels = [tick.get_text() for tick in ax.get_yticklabels()]
    assert len(labels) == names
    assert (labels[0], labels[-1]) == (f"v{length}", "v1")
    figure = ax.figure
    figure.draw_without_rendering()
    boxes = [tick.label1.get_window_extent() for tick in ax.yaxis.get_major_ticks()]
    assert all(above.y0 >= below.y1 - 1 for above, below in pairwise(boxes))


@pytest.mark.parametrize("length", [1, 4, 30])
def test_the_legend_covers_no_data(length):
    ax = pcn.plot.wavefront(report_of(length, 50.0))
    ax.figure.draw_without_rendering()
    legend, axes = ax.get_legend().get_window_extent(), ax.get_window_extent()
    assert legend.y0 >= axes.y1
    assert legend.y1 <= ax.figure.bbox.y1


def test_it_draws_into_axes_that_are_given():
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert pcn.plot.wavefront(report_of(3), right) is right
    assert not left.lines


def test_where_no_error_came_it_says_so():
    ax = pcn.plot.wavefront(report_of(3, 20.0, v3=1.0))
    assert [text.get_text() for text in ax.texts] == ["no error"] * 3
    ax.figure.draw_without_rendering()


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ParameterError, match=r"report is a dict; give what pcn.wavefront returned"):
        pcn.plot.wavefront({})
    with pytest.raises(ParameterError, match=r"ax is 'here'; give axes of matplotlib, or None"):
        pcn.plot.wavefront(report_of(2), "here")


def test_importing_pcneuro_imports_no_plotting():
    each = "; ".join(f"pcneuro.plot.{name}" for name in pcn.plot.__all__)
    code = f"import sys, pcneuro; {each}; print({{'matplotlib', 'xarray', 'networkx'}} & {{*sys.modules}})"
    actual = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert actual.stdout.strip() == "set()"


def test_a_new_figure_is_the_current_one_of_pyplot():
    from matplotlib import pyplot

    ax = pcn.plot.wavefront(report_of(2))
    assert pyplot.gcf() is ax.figure
    pyplot.close("all")
