"""Reports hold what they are given, escape it, and load nothing from elsewhere."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import xarray
from matplotlib.figure import Figure

import pcneuro as pcn
from pcneuro.reports import (
    Course,
    circuit_part,
    courses_part,
    document,
    facts,
    heading,
    lines,
    note,
    picture,
    svg,
    table,
    tiles,
)
from pcneuro.reports.courses import MOST_POINTS, thinned
from tests.circuits_for_tests import mlp

EVIL = "</script><script>alert(1)</script><i>&"


def data_of(page: str, identity: str):
    return json.loads(re.search(rf'<script type="application/json" id="{identity}">(.*?)</script>', page)[1])


def test_what_is_given_is_escaped():
    records = xarray.Dataset({EVIL: (("time", "u"), np.ones((3, 2)))}, {"time": [0.0, 1.0, 2.0], "u": [EVIL, "b"]})
    graph = pcn.trace(lambda x, w: pcn.vertex(x * w, "out"), x=pcn.Input(()), w=pcn.Parameter(1.0))
    page = document(
        EVIL,
        [
            heading(EVIL, EVIL, EVIL),
            tiles([(EVIL, EVIL)]),
            note(EVIL),
            table([EVIL], [[EVIL]], EVIL),
            facts({EVIL: {"a": EVIL}}, EVIL),
            lines(EVIL, EVIL),
            courses_part(list(Course.of(records, EVIL))),
            circuit_part(pcn.build_circuit(graph)),
        ],
    )
    assert "<script>alert" not in page
    assert "<i>&" not in page
    assert data_of(page, "course-0")["names"] == [EVIL, "b"]


def test_pages_are_html():
    html5lib = pytest.importorskip("html5lib")
    time = xarray.Dataset({"v": (("time",), np.arange(3.0))}, {"time": np.arange(3.0)})
    figure = Figure()
    figure.subplots().plot([1.0, 2.0])
    parts = [heading("a", "b", "c"), tiles([("1", "x")]), note(EVIL), table(["a"], [["1"]], "t"), facts({"a": {}}, "f")]
    parts += [lines(EVIL, "l"), picture(svg(figure, EVIL, "f"), EVIL, EVIL), courses_part(list(Course.of(time)))]
    page = document(EVIL, [*parts, circuit_part(pcn.build_circuit(mlp([3, 4, 2])))])
    html5lib.HTMLParser(strict=True).parse(page)
    names = re.findall(r'\bid="([^"]*)"', page)
    assert len(names) == len(set(names)) > 5


def test_nothing_is_loaded_from_elsewhere():
    page = document("t", [circuit_part(pcn.build_circuit(mlp([3, 4, 2]))), note("x")])
    assert not re.findall(r'(?:src|href)="(?!#|data:)', page)
    assert not re.findall(r"url\((?!#|data:)", page)


def test_every_part_of_a_circuit_says_what_it_is():
    """Populations and connections of the networkx graph, each once, with equations of the vertex that it is of."""
    circuit = pcn.build_circuit(mlp([3, 4, 2]), tau={"h1": 20.0}, delays=2.0)
    part = circuit_part(circuit)
    known = data_of(part, "circuit-data")
    titles = sorted(each["title"] for each in known.values())
    nodes = [f"{name}: {data['kind']} neurons" for name, data in circuit.nx.nodes(data=True)]
    edges = {f"{a} -> {b}: {data['kind']}" for a, b, data in circuit.nx.edges(data=True)}
    assert titles == sorted([*nodes, *edges])
    assert all(f'id="{own}"' in part for own in known)
    (hidden,) = (each for each in known.values() if each["title"] == "h1.value: value neurons")
    assert ["time constant", "20 ms"] in hidden["facts"]
    assert "# h1: hidden" in hidden["equations"]
    (there,) = (each for each in known.values() if each["title"] == "h1.value -> out.error: prediction")
    assert ["delay", "2 ms"] in there["facts"]


def test_long_lines_are_thinned_and_keep_their_extremes():
    at, values = np.arange(1e5), np.sin(np.arange(1e5) / 50.0)
    values[54321], values[7] = 9.0, -9.0
    few, kept = thinned(at, values)
    assert len(few) == MOST_POINTS
    assert (np.diff(few) > 0).all()
    assert (kept.max(), kept.min()) == (9.0, -9.0)
    assert thinned(at[:5], values[:5])[0] is not few
    assert len(thinned(at, np.full(len(at), np.nan))[0]) == MOST_POINTS // 2


def test_lines_have_the_names_of_their_places_and_gaps_stay():
    values = np.arange(24.0).reshape(2, 3, 4)
    values[0, 1, 2] = np.nan
    coordinates = {"source": ["a", "b"], "seed": [7, 8, 9]}
    records = xarray.Dataset({"loss": (("source", "seed", "epoch"), values)}, coordinates)
    (course,) = Course.of(records)
    assert list(course.lines) == [f"{a}, seed {seed}" for a in "ab" for seed in (7, 8, 9)]
    (at, *lines_) = data_of(courses_part([course]), "course-0")["tables"][0]
    assert at == [0.0, 1.0, 2.0, 3.0]
    assert lines_[1] == [4.0, 5.0, None, 7.0]
    assert lines_[5] == [20.0, 21.0, 22.0, 23.0]


def test_of_very_many_units_the_first_are_read():
    """And no others, which may be on a disk."""
    wide = np.broadcast_to(np.arange(5.0)[:, None], (5, 10**12))  # 40 TB, were it copied
    (course,) = Course.of(xarray.Dataset({"v": (("time", "unit"), wide)}))
    assert (len(course.lines), course.units) == (8, 10**12)
    assert list(course.lines)[-1] == "unit 7"


def test_circuits_too_large_for_a_picture_are_told():
    def chain(x, w):
        for k in range(300):
            x = pcn.vertex(x * w, f"v{k}")
        return x

    circuit = pcn.build_circuit(pcn.trace(chain, x=pcn.Input(()), w=pcn.Parameter(1.0)))
    assert "A picture of 300 vertices cannot be read" in circuit_part(circuit)


def test_figures_of_very_many_points_are_pixels():
    figure = Figure()
    figure.subplots().plot(np.random.default_rng(0).normal(size=20_000), "o")
    assert svg(figure, "many", "many").startswith('<img alt="many" src="data:image/png;base64,')
    figure = Figure()
    figure.subplots().plot([1.0, 2.0])
    few = svg(figure, "few", "few")
    assert few.startswith("<svg")
    assert re.search(r"<text[^>]*>1\.0</text>", few)  # which one can search and select


@pytest.mark.parametrize("name", ["report.js", "uPlot.iife.min.js", "report.css"])
def test_no_asset_ends_its_element(name):
    from pcneuro.reports.page import asset

    assert not re.search(r"</(script|style)", asset(name), re.IGNORECASE)
