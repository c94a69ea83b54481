"""Figures are arranged: letters, legends off the curves, titles that fit, names at the ends of many lines."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from pcneuro.analysis.plot.arranging import MOST_ENTRIES, arrange
from pcneuro.analysis.plot.line_labels import spread
from tests.geometry import faults

X = np.linspace(0.0, 1.0, 50)


def drawn(panels, lines, title="", **legend):
    """Panels side by side, full of curves, each with a legend."""
    figure = Figure(figsize=(7.2, 2.6), layout="constrained")
    for ax in np.ravel(figure.subplots(1, panels)):
        for number in range(lines):
            ax.plot(X, np.sin(20 * X + number), label=f"line {number}")
        ax.set_title(title)
        ax.legend(**legend)
    return figure


@pytest.mark.parametrize(
    ("panels", "lines"),
    [(1, 1), (2, 1), (4, 1), (1, MOST_ENTRIES), (2, MOST_ENTRIES), (4, MOST_ENTRIES), (1, 24), (2, 24)],
)
def test_nothing_is_on_anything_else(panels, lines):
    figure = drawn(panels, lines, title="a title wider than the panel below", loc="upper right")
    if lines == MOST_ENTRIES:
        assert faults(figure)
    arrange(figure)
    assert faults(figure) == []
    assert [ax.get_title(loc="left") for ax in figure.axes] == (list("abcd"[:panels]) if panels > 1 else [""])


def test_panels_with_the_same_entries_share_a_legend():
    figure = drawn(3, 2)
    arrange(figure)
    assert [len(legend.get_texts()) for legend in figure.legends] == [2]
    assert not any(ax.get_legend() for ax in figure.axes)


def test_a_legend_moves_within_its_panel_where_there_is_room():
    figure = Figure(layout="constrained")
    ax = figure.subplots()
    ax.plot(X, X, label="rising")
    ax.legend(loc="upper right")
    arrange(figure)
    assert ax.get_legend().get_window_extent().x1 < ax.get_window_extent().x1
    assert faults(figure) == []


def test_places_that_are_apart_stay_and_others_part_about_their_mean():
    np.testing.assert_allclose(spread(np.array([0.0, 5.0, 9.0]), 2.0), [0.0, 5.0, 9.0])
    np.testing.assert_allclose(spread(np.array([4.0, 4.0, 4.0]), 2.0), [2.0, 4.0, 6.0])
    np.testing.assert_allclose(spread(np.array([1.0, 9.0, 1.0]), 2.0), [0.0, 9.0, 2.0])
