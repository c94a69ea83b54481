"""What notebooks show: a heading and a table, of which all text is escaped, in the colours of the theme."""

import xml.etree.ElementTree as ET

import pytest

import pcneuro as pcn
from pcneuro.learning import Epoch, Score, Training
from pcneuro.simulator.result import Agreement, Comparison, Status
from pcneuro.tables import html

NAME = "<b>h</b>&"


def circuit():
    graph = pcn.trace(lambda x: pcn.vertex(2 * pcn.vertex(3 * x, "hidden"), "out"), x=pcn.Input((2,)))
    return pcn.build_circuit(graph)


def result():
    return pcn.Simulator(circuit(), engine=pcn.Reference()).run(2.0, inputs={"x": [1.0, 2.0]}, targets={"out": [0, 0]})


def square(x):
    return {"y": x * x}


MADE = {
    "circuit": (circuit, "hidden"),
    "result": (result, "hidden"),
    "comparison": (lambda: Comparison((Agreement(NAME, 1.0, 1.0, 0.0),)), NAME),
    "mapping": (lambda: pcn.map_circuit(circuit(), "loihi", pcn.mapping.AssumedRate(0.1, steps=10)), "loihi"),
    "batch": (lambda: pcn.Batch(square, pcn.spaces.Grid({"x": [1.0, 2.0]})), "Grid"),
    "training": (
        lambda: Training((Epoch(0, Score(1.0, 0.5), Score(2.0, 0.5), 0.1, 0.0),), {}, Status.COMPLETED, NAME),
        NAME,
    ),
}


@pytest.mark.parametrize("what", MADE)
def test_what_is_shown_is_a_heading_and_a_table_without_colours(what):
    make, said = MADE[what]
    shown = make()._repr_html_()
    page = ET.fromstring(shown)
    assert [each.tag for each in page] == ["p", "table"]
    assert said in "".join(page.itertext())
    assert page.find(".//b") is None
    assert "style" not in shown
    assert "color" not in shown
    widths = {len(row) for row in page.iter("tr")}
    assert len(widths) == 1


def test_a_store_is_shown_by_how_far_it_is(tmp_path):
    pytest.importorskip("zarr")
    store = pcn.Batch(square, pcn.spaces.Grid({"x": [1.0, 2.0]})).run(tmp_path / "out")
    text = "".join(ET.fromstring(store._repr_html_()).itertext())
    assert "2 of 2 runs have ended" in text


def test_the_middle_of_a_long_table_is_left_out():
    page = ET.fromstring(html("all", ["n"], [[str(n)] for n in range(100)], longest=10))
    cells = [cell.text for cell in page.iter("td")]
    assert cells == [*map(str, range(5)), "... 90 more ...", *map(str, range(95, 100))]
