"""Figures of batches: which are drawn, and that they show the statistics of the rows."""

from __future__ import annotations

import io
import itertools

import numpy as np
import pytest
from matplotlib.text import Text
from scipy import stats

from pcneuro.batch import Batch
from pcneuro.batch.figures import PICTURES, Points, draw
from pcneuro.batch.figures.scales import colours_of, logarithmic
from pcneuro.batch.layout import Layout
from pcneuro.batch.row import Row, RowStatus
from pcneuro.batch.store import Store
from pcneuro.cli.app import execute
from pcneuro.errors import ParameterError

pytest.importorskip("zarr")


def grid(**axes):
    """Columns of all combinations."""
    rows = list(itertools.product(*axes.values()))
    return {key: [row[k] for row in rows] for k, key in enumerate(axes)}


def stored(folder, swept, numbers, statuses=None, blocks=None, space=None, block=7):
    """A batch of these columns; ``blocks`` of it are done."""
    runs = len(next(iter(numbers.values())))
    layout = Layout(runs, block)
    statuses = np.ones(runs, dtype=int) if statuses is None else statuses
    rows = [
        Row(
            run,
            RowStatus(int(statuses[run])),
            "",
            {name: float(column[run]) for name, column in numbers.items()} if statuses[run] == 1 else {},
        )
        for run in range(runs)
    ]
    first = next(row for row in rows if row.status is RowStatus.DONE)
    described = {"layout": layout.described(), "content": "c", "space": space or {}}
    store = Store.create(folder, described, layout, swept, first)
    for number in range(layout.blocks if blocks is None else blocks):
        numbers_of = layout.numbers(number)
        store.write(number, rows[numbers_of.start : numbers_of.stop], {"seconds": 1.0})
    return store


def test_bands_are_students(tmp_path):
    """Mean and 95 % interval of each point over its seeds, as scipy has them; runs that failed are left out."""
    swept = grid(tau=[5.0, 10.0], delay=[0.0, 1.0, 2.0], seed=[0, 1, 2, 3])
    loss = np.random.default_rng(0).normal(size=24)
    statuses = np.ones(24, dtype=int)
    statuses[[1, *range(20, 24)]] = RowStatus.FAILED
    points = Points.of(stored(tmp_path / "b", swept, {"loss": loss}, statuses), (), ())
    assert [axis.key for axis in points.axes] == ["tau", "delay"]
    assert points.outcome.tolist() == [1, 1, 1, 1, 1, RowStatus.FAILED]
    for number in range(5):
        runs = loss[4 * number : 4 * number + 4][statuses[4 * number : 4 * number + 4] == 1]
        low, high = stats.t.interval(0.95, len(runs) - 1, loc=runs.mean(), scale=stats.sem(runs))
        assert points.mean[0, number] == pytest.approx(runs.mean(), rel=1e-12)
        assert points.half[0, number] == pytest.approx((high - low) / 2, rel=1e-12)
    assert np.isnan(points.mean[0, 5])


def test_seeds_of_another_key_are_no_axis(tmp_path):
    space = {"kind": "replicated", "space": {"kind": "grid", "axes": {"a": [1, 2]}}, "count": 2, "key": "draw"}
    swept = grid(a=[1, 2], draw=[0, 1])
    points = Points.of(stored(tmp_path / "b", swept, {"loss": np.arange(4.0)}, space=space), (), ())
    assert [axis.key for axis in points.axes] == ["a"]
    assert points.mean.tolist() == [[0.5, 2.5]]


AXES = {
    "none": ({}, {"lines"}),
    "one value": (grid(a=[1.0]), {"lines"}),
    "seeds": (grid(seed=[0, 1, 2]), {"lines"}),
    "texts": (grid(kind=["FixedPrediction", "Strict", ""]), {"lines"}),
    "two": (grid(a=[0.01, 0.1, 1.0, 10.0], b=[1, 2, 3]), {"heat_map", "lines"}),
    "two by one": (grid(a=[1.0], b=[1, 2, 3]), {"lines"}),
    "uneven and text": (grid(a=[0.0, 1.0, 20.0], b=["x", "y"]), {"heat_map", "lines"}),
    "large": (grid(a=list(range(20)), b=list(range(-10, 10))), {"heat_map"}),
    "points": ({"a": [1.0, 2.0, 3.0, 4.5], "b": [4.0, 3.0, 2.5, 1.0]}, {"heat_map"}),
    "three": (grid(a=[1, 2], b=[1.0, 10.0, 100.0], c=["x", "y"]), {"parallel_coordinates"}),
    "many values": ({k: np.linspace(1, 9, 50).tolist() for k in ("a", "b", "c")}, {"parallel_coordinates"}),
    "not in all runs": ({"a": [None, 1.0, 2.0], "b": ["x", None, "y"]}, {"heat_map"}),
}


@pytest.mark.parametrize("name", AXES)
def test_every_space_has_its_figures(name, tmp_path):
    """Of runs that are done, that failed, that diverged, that are to come, and of numbers of any sign and size."""
    swept, wanted = AXES[name]
    runs = len(next(iter(swept.values()), [0]))
    rng = np.random.default_rng(1)
    numbers = {"loss": rng.normal(size=runs), "wide": 10.0 ** rng.uniform(-9, 9, runs), "same": np.ones(runs)}
    numbers["loss"][runs // 2 : runs // 2 + 1] = np.nan
    statuses = rng.choice([1, 2, 3, 4], size=runs, p=[0.7, 0.1, 0.1, 0.1])
    statuses[0] = 1
    stored(tmp_path / "b", swept, numbers, statuses, blocks=-(-runs // 8))
    figures = draw(tmp_path / "b")
    # A batch of few points on a grid is drawn as lines, too.
    assert set(figures) - {"lines"} == wanted - {"lines"}
    for figure in figures.values():
        figure.savefig(io.BytesIO(), dpi=20)
        # A number that is everywhere the same has no panel beside others.
        assert 1 <= len([ax for ax in figure.axes if ax.get_title()]) <= 2 or runs == 1


def test_numbers_are_chosen(tmp_path, capsys):
    swept = grid(a=[1, 2, 3], b=[1, 2, 3])
    numbers = {f"n{k}": np.arange(9.0) * k for k in range(8)}
    stored(tmp_path / "b", swept, numbers)
    assert Points.of(Store.open(tmp_path / "b"), (), ("n3", "n1")).numbers == ("n3", "n1")
    assert Points.of(Store.open(tmp_path / "b"), (), ()).left_out == 1
    assert execute(["batch", "figures", str(tmp_path / "b"), "--number", "n2", "--number", "n[45]"]) == 0
    assert [line.rpartition("/")[2] for line in capsys.readouterr().out.split()] == ["heat_map.png", "lines.png"]
    with pytest.raises(ParameterError, match="no number matches"):
        draw(tmp_path / "b", ["accuracy"])
    assert execute(["batch", "figures", str(tmp_path / "other")]) == 2


def test_a_heat_map_has_the_numbers_where_they_belong(tmp_path):
    swept = grid(a=[1, 2, 3], b=[10, 20])
    stored(tmp_path / "b", swept, {"loss": np.arange(6.0)})
    figure = draw(tmp_path / "b")["heat_map"]
    mesh = figure.axes[0].collections[1]
    # a lies flat, b goes up
    assert mesh.get_array().tolist() == [[0.0, 2.0, 4.0], [1.0, 3.0, 5.0]]
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == ("a", "b")


def test_scales_follow_the_numbers():
    assert logarithmic(np.geomspace(0.01, 10, 7))
    assert logarithmic(np.array([1.0, 2.0, 5.0, 10.0, 20.0, 50.0]))
    assert not logarithmic(np.linspace(1, 100, 7))
    assert not logarithmic(np.geomspace(1, 5, 7))
    assert not logarithmic(np.array([0.0, 1.0, 10.0, 100.0]))
    assert colours_of(np.array([1e-6, 1.0])).axis_scale == {"value": "log"}
    assert colours_of(np.array([0.0, 1e9])).axis_scale == {"value": "linear"}
    assert colours_of(np.array([-1.0, 0.5])).map == "RdBu_r"
    assert colours_of(np.array([-1.0, 2.0, 1e9])).axis_scale["value"] == "symlog"
    assert colours_of(np.array([np.nan, np.inf])).norm.vmin == -1.0


def test_kinds_are_named_as_their_files():
    assert sorted(PICTURES) == ["heat_map", "lines", "parallel_coordinates"]
    assert all(picture.__module__.endswith(f".{kind}") for kind, picture in PICTURES.items())


def test_a_batch_without_numbers_has_no_figures(tmp_path):
    space = {"integrator.dt": [25.0, 30.0]}  # unstable
    store = Batch("simulations/scalar_graph.toml", space).run(tmp_path / "batch")
    assert store.status().failed == 2
    assert draw(store.folder) == {}


def test_long_names_do_not_run_into_each_other(tmp_path):
    """Titles, letters of panels and labels of axes each have a place of their own, and all end within the figure."""
    kinds = ["FixedPrediction", "Strict", "another kind of dynamics"]
    swept = grid(**{"arguments.a_long_argument_of_the_circuit": kinds, "delays": [0.0, 1.0, 2.0, 5.0, 10.0, 20.0]})
    names = ("difference.test_accuracy.predictive_coding_with_delays", "difference.test_loss.predictive coding")
    rng = np.random.default_rng(0)
    stored(tmp_path / "b", swept, {name: rng.uniform(size=18) for name in names})
    figure = draw(tmp_path / "b")["heat_map"]
    figure.draw_without_rendering()
    for ax, name in zip(figure.axes[:2], names, strict=True):
        texts = [each for each in ax.get_children() if isinstance(each, Text) and each.get_text()]
        texts += [ax.yaxis.label, *ax.get_yticklabels()]
        assert name.replace("_", " ") in [text.get_text().replace("\n", " ") for text in texts]
        places = [text.get_window_extent() for text in texts]
        assert not [pair for pair in itertools.combinations(places, 2) if pair[0].overlaps(pair[1])]
        assert not [place for place in places if place.x0 < 0 or place.x1 > figure.bbox.x1]


def test_bands_that_reach_below_zero_end_at_the_foot_of_a_logarithmic_axis(tmp_path):
    """Their edges are drawn where they are positive; the axis is that of the means."""
    swept = grid(a=[1.0, 2.0, 3.0], seed=[0, 1])
    stored(tmp_path / "b", swept, {"loss": np.array([1e-6, 2e-6, 0.9, 1.1, 10.0, 10.1])})
    figure = draw(tmp_path / "b")["lines"]
    (ax,) = figure.axes
    assert ax.get_yscale() == "log"
    foot = ax.get_ylim()[0]
    points = Points.of(Store.open(tmp_path / "b"), (), ())
    low = points.mean[0] - points.half[0]
    assert (low > 0).tolist() == [False, False, True]
    assert 0 < foot < points.mean[0].min()
    _, _, high, lower = ax.lines
    np.testing.assert_array_equal(high.get_ydata(), points.mean[0] + points.half[0])
    np.testing.assert_array_equal(lower.get_ydata(), np.where(low > 0, low, np.nan))
    corners = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert corners.min() == foot
