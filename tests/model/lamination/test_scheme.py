"""Schemes of cortical layers: tables as users have them, the first row that fits, and what is no scheme."""

from __future__ import annotations

from dataclasses import asdict

import pandas
import pytest

from pcneuro.errors import CapacityError, DataError, PcneuroError
from pcneuro.model.lamination import Scheme, SchemeRow, scheme
from pcneuro.model.lamination.rows import COLUMNS

LAYERS = [{"what": "layer", "layer": "upper", "depth": 0.5}, {"what": "layer", "layer": "lower", "depth": 1.0}]
VALUES = {"what": "population", "kind": "value", "layer": "lower", "cell_type": "pyramidal cell"}
ERRORS = {"what": "population", "kind": "error*", "layer": "upper", "cell_type": "pyramidal cell"}
EDGES = {"what": "projection", "kind": "*", "projection": "any"}
SMALL = [*LAYERS, VALUES, ERRORS, EDGES]


@pytest.mark.parametrize("name", ["bastos_2012", "errors_in_layer_5"])
def test_a_scheme_is_its_table_in_whatever_form(tmp_path, name):
    wanted = Scheme.named(name)
    frame = wanted.table
    frame.to_csv(tmp_path / "scheme.csv", index=False)
    columns = {column: frame[column].tolist() for column in frame}
    dicts = [{k: v for k, v in asdict(row).items() if v is not None} for row in wanted.rows]
    for given in (wanted, wanted.rows, frame, columns, dicts, tmp_path / "scheme.csv", str(tmp_path / "scheme.csv")):
        assert Scheme(given) == wanted
    assert all(row.source for row in wanted.rows if row.what != "layer"), "who says so, or that it is an assumption"
    assert list(frame.columns) == list(COLUMNS)
    assert "thalamus" in str(wanted)


def test_the_two_schemes_disagree_where_errors_are():
    one, other = Scheme.named("bastos_2012"), Scheme.named("errors_in_layer_5")
    for kind in ("error", "error_on", "error_off"):
        assert one.population(kind, "hidden", "h1").layer == "L2/3"
        assert other.population(kind, "hidden", "h1").layer == "L5"
    assert (one.population("value", "hidden", "h1").layer, other.population("value", "latent", "h1").layer) == (
        "L5",
        "L2/3",
    )


def test_the_first_row_that_fits_counts():
    given = Scheme(SMALL)
    special = {**VALUES, "vertex": "h?", "role": "hid*", "layer": "upper"}
    other = given.before([special])
    assert given.population("value", "hidden", "h1").layer == "lower"
    assert other.population("value", "hidden", "h1").layer == "upper"
    assert other.population("value", "output", "h1").layer == "lower"
    assert other.population("value", "hidden", "h12").layer == "lower"
    assert other.population("Value", "hidden", "h1") is None
    within = given.before([{**EDGES, "projection": "near", "reach": "within", "effect": "inhibitory"}])
    assert within.projection("excite", "hidden", "h1", "within").projection == "near"
    assert within.projection("excite", "hidden", "h1", "between").projection == "any"


def test_layers_that_are_numbers_in_a_file_are_text(tmp_path):
    frame = pandas.DataFrame([{"what": "layer", "layer": 1, "depth": 2}, {**VALUES, "layer": 1}])
    frame.to_csv(tmp_path / "t.csv", index=False)
    assert list(Scheme(tmp_path / "t.csv").layers.items()) == [("1", 2.0)]
    assert Scheme(frame) == Scheme(tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ([], "no layers"),
        ([VALUES], "no layers"),
        (7, "rows of a Scheme are 7"),
        ([7], "a row of a scheme is 7"),
        ("nowhere.csv", "cannot read the table of a scheme nowhere.csv"),
        ([{"layer": "L1"}], "no 'what'"),
        ([{"what": "lair", "layer": "L1"}], "did you mean 'layer'"),
        ([*LAYERS, {**VALUES, "celltype": "x"}], "unknown column of a scheme 'celltype': did you mean 'cell_type'"),
        ([*LAYERS, LAYERS[0]], "layer 'upper' twice"),
        (LAYERS[::-1], "from the pia down"),
        ([{**LAYERS[0], "depth": -1.0}], "depth of the layer 'upper' is -1.0"),
        ([{**LAYERS[0], "depth": float("nan")}], "depth of the layer 'upper' is nan"),
        ([*LAYERS, {**VALUES, "layer": "loer"}], "unknown layer .* did you mean 'lower'"),
        ([*LAYERS, {**VALUES, "cell_type": ""}], "for a population has no cell_type"),
        ([*LAYERS, {**VALUES, "depth": 1.0}], "for a population has a depth, which it cannot have"),
        ([*LAYERS, {**VALUES, "reach": "within"}], "for a population has a reach"),
        ([*LAYERS, {**VALUES, "area": "sibling"}], "unknown area"),
        ([*LAYERS, {**VALUES, "area": "stem", "vertex": "h*"}], "its vertex is no"),
        ([*LAYERS, {**EDGES, "effect": "positive"}], "unknown effect"),
        ([*LAYERS, {**EDGES, "reach": "wide"}], "unknown reach"),
        ([*LAYERS, {**EDGES, "projection": ""}], "for a projection has no projection"),
        ([*LAYERS, {**EDGES, "projection": "a\nb"}], "give one line of text"),
        ([*LAYERS, {**EDGES, "projection": "\x00"}], "give one line of text"),
        ([*LAYERS, {**EDGES, "projection": "a" * 201}], "200 letters at most"),
        ({"what": ["layer"], "layer": ["a", "b"]}, "do not fit together"),
    ],
)
def test_what_is_no_scheme_is_refused_in_one_line(given, match):
    with pytest.raises(PcneuroError, match=match) as refused:
        Scheme(given)
    assert "\n" not in str(refused.value)


def test_a_scheme_has_so_many_rows_at_most(monkeypatch):
    monkeypatch.setattr(scheme, "MOST_ROWS", 4)
    with pytest.raises(CapacityError, match="5 rows; 4 is the most"):
        Scheme(SMALL)


def test_a_name_of_no_scheme():
    with pytest.raises(PcneuroError, match="did you mean 'bastos_2012'"):
        Scheme.named("bastos")
    with pytest.raises(PcneuroError, match="unknown scheme"):
        Scheme.named(3)  # type: ignore[arg-type]


def test_rows_say_what_they_are():
    row = SchemeRow(**VALUES)
    assert str(row) == "what population, kind value, layer lower, cell_type pyramidal cell"
    with pytest.raises(DataError, match="no kind"):
        SchemeRow("population", layer="lower", cell_type="x")
