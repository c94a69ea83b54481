"""Sweeps of many runs: what is printed, and legends that leave room for the picture."""

import numpy as np
import pytest
import xarray

from pcneuro.analysis.plot.arranging import MOST_ENTRIES, arrange
from pcneuro.studies.figures.divergence import divergence_figure
from pcneuro.studies.figures.style import style
from pcneuro.studies.many import MOST_NUMBERS, MOST_TOLD
from tests.geometry import faults
from tests.studies.conftest import SMALL


def test_of_many_runs_a_summary_is_printed(project):
    weights = np.linspace(0.1, 0.5, MOST_TOLD + 1).tolist()
    text = SMALL.replace("duration = 20.0", 'duration = 2.0\nengine = {kind = "Reference"}')
    report, summary, records = project(text + f'[sweep]\n"arguments.weight" = {weights}\n')
    ended, numbers = report.tables
    assert ended.rows == [["completed", str(MOST_TOLD + 1), "weight = 0.1"]]
    losses = [run["loss"] for run in summary["runs"]]
    told = {row[0]: row[1:] for row in numbers.rows}
    least, most = (f"weight = {weights[int(at(losses))]}" for at in (np.argmin, np.argmax))
    expected = [f"{x:.6g}" for x in (min(losses), np.median(losses), max(losses))]
    assert told["loss"] == [expected[0], least, expected[1], expected[2], most, str(MOST_TOLD + 1)]
    assert len(numbers.rows) <= MOST_NUMBERS
    assert "summary.json" in numbers.title
    assert records.sizes["run"] == MOST_TOLD + 1


@pytest.mark.parametrize("count", [5, MOST_ENTRIES, 40])
def test_many_lines_are_named_where_they_end(count):
    records = xarray.Dataset(
        {"divergence": (("parameter", "time"), np.ones((1, 3))), "iteration": ("time", np.arange(3))},
        {"parameter": ["w"], "time": np.arange(3.0)},
    )
    with style():
        figure = divergence_figure(["w"], [(f"run {n}", "Strict", records) for n in range(count)], {0.1})
        arrange(figure)
    (legend,) = figure.legends
    labels = [text.get_text() for text in legend.get_texts()]
    beside = [text.get_text() for text in figure.axes[1].texts]
    runs = [f"run {n}" for n in range(count)]
    assert labels == (["tolerance"] if count + 1 > MOST_ENTRIES else [*runs, "tolerance"])
    assert (beside[:1], beside[-1:]) == ((runs[:1], runs[-1:]) if count + 1 > MOST_ENTRIES else ([], []))
    assert faults(figure) == []
