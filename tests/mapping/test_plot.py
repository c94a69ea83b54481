"""Pictures of mappings: drawn whatever the size, with what they are to show."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest

from pcneuro.errors import ParameterError, ShapeError
from pcneuro.mapping import plot
from pcneuro.mapping.plot.figures import figures
from pcneuro.mapping.plot.load import fullest
from pcneuro.mapping.plot.populations import distinct, population_colours
from tests.mapping.mappings_for_tests import made_up

matplotlib.use("Agg")
LONG = {"prefix": "encoder.layers.", "suffix": ".self_attention.query_projection"}


@pytest.mark.parametrize(
    "settings",
    [
        {"cores": 4},
        {"cores": 30, "vertices": 12, **LONG},
        {"cores": 128, "vertices": 40},
        {"cores": 60, "chip": "truenorth"},
        {"cores": 1, "vertices": 1, "priced": False},
    ],
    ids=["few", "long names", "full", "large chip", "one"],
)
def test_all_pictures_are_drawn(settings, tmp_path):
    for name, figure in figures(made_up(**settings)).items():
        figure.savefig(tmp_path / f"{name}.png", dpi=40)
        wide, high = figure.get_size_inches()
        assert 2 < wide < 9, name
        assert 1.5 < high < 14, name


def test_pictures_are_drawn_into_given_axes():
    from matplotlib.figure import Figure

    made = made_up(4)
    for draw in (plot.populations, plot.load, plot.links, plot.energy):
        ax = Figure().add_subplot()
        assert draw(made, ax) is ax
        with pytest.raises(ParameterError, match="ax is"):
            draw(made, 3)
        with pytest.raises(ParameterError, match="mapping is"):
            draw("x")


def test_layers_of_a_core_are_as_high_as_their_share():
    made = made_up(1, vertices=1)
    ax = plot.populations(made)
    layers = [path.get_extents() for path in ax.collections[1].get_paths()]
    sizes = made.data["population_size"].values
    heights = np.array([layer.height for layer in layers])
    np.testing.assert_allclose(heights / heights.sum(), sizes / sizes.sum())
    empty = ax.collections[0].get_paths()[0].get_extents()
    assert heights.sum() / empty.height == pytest.approx(fullest(made.data)[0])


def test_the_fullest_limit_is_shown():
    made = made_up(3)
    expected = (made.data["held"].values[:3] / made.data["most"].values[:3, None]).max(axis=0)
    np.testing.assert_allclose(fullest(made.data), expected)


def test_energies_are_stacked_to_their_sums():
    made = made_up(2)
    ax = plot.energy(made)
    ends = {}
    for bar in ax.patches:
        ends[round(bar.get_y(), 3)] = max(ends.get(round(bar.get_y(), 3), 0.0), bar.get_x() + bar.get_width())
    expected = np.array([*made.energy, *made.energy_gradient]) / 1e3  # nJ
    np.testing.assert_allclose([ends[y] for y in sorted(ends)], expected)


def test_names_stay_apart():
    names = [f"encoder.layers.{k}.self_attention.query_projection" for k in range(12)]
    assert len(set(distinct(names))) == 12
    assert distinct(["h1", "h2"]) == ["h1", "h2"]
    assert len(set(population_colours([f"h{k}.{what}" for k in range(12) for what in ("value", "error")]))) == 24


def line(name="MLP, loihi", points=3, **changes):
    numbers = np.arange(1.0, points + 1)
    given = {"setting": numbers, "error": numbers / 10, "energy": np.stack([numbers, 2 * numbers], axis=1)}
    return plot.ParetoLine(name, **given | {"time": np.full((points, 2), np.nan)} | changes)


def test_pareto_has_a_line_and_a_band_for_each():
    left, right = plot.pareto([line(), line("CNN"), line("clocked", 1, alone=True)], "bits")
    assert [len(ax.collections) for ax in (left, right)] == [3, 0]
    assert right.texts[0].get_text() == "no prices"
    np.testing.assert_allclose(left.lines[0].get_xdata(), np.sqrt(2) * np.arange(1, 4))


def test_pareto_refuses_what_is_no_line():
    with pytest.raises(ParameterError, match="lines is empty"):
        plot.pareto([])
    with pytest.raises(ParameterError, match="lines is"):
        plot.pareto([1])
    with pytest.raises(ParameterError, match="setting is 3"):
        plot.pareto([line()], 3)
    with pytest.raises(ShapeError, match="energy is of shape"):
        line(energy=[1.0])
