"""Pictures: everything is there, nothing is cut off, and no label covers another."""

from __future__ import annotations

from itertools import combinations, pairwise

import matplotlib as mpl
import networkx as nx
import numpy as np
import pytest

import pcneuro as pcn
from pcneuro.circuit.drawing import layout as layout_module
from pcneuro.circuit.drawing.depths import depths, reading_order
from pcneuro.circuit.drawing.layout import COLUMNS, HALF, arrange, halfway, shifted
from pcneuro.circuit.drawing.style import RADIUS
from pcneuro.errors import CapacityError, ParameterError

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.patches import Circle, FancyArrowPatch, RegularPolygon


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def scalar() -> pcn.Graph:
    def function(v0, theta):
        v1 = pcn.vertex(theta * v0, "v1")
        v2 = pcn.vertex(np.sqrt(v1), "v2")
        v3 = pcn.vertex(v0**2, "v3")
        return pcn.vertex(np.tan(v2) + np.sin(v3), "v4")

    return pcn.trace(function, v0=pcn.Parameter(5.0), theta=pcn.Parameter(2.0))


def mlp() -> pcn.Graph:
    def network(x, W1, W2, W3):
        h1 = pcn.vertex(np.tanh(x @ W1), "h1")
        h2 = pcn.vertex(np.tanh(h1 @ W2), "a_rather_long_name_of_a_population")
        return pcn.vertex(h2 @ W3, "out")

    shapes = {"W1": (784, 30), "W2": (30, 20), "W3": (20, 10)}
    return pcn.trace(network, x=pcn.Input((784,)), **{k: pcn.Parameter(np.ones(s)) for k, s in shapes.items()})


def recurrent(steps: int = 3) -> pcn.Graph:
    """A cell with four gates, unrolled."""

    def network(h_0, c_0, W, U, V, **x):
        h, c, outputs = h_0, c_0, {}
        for t in range(1, steps + 1):
            f, i, o = (pcn.vertex(pcn.ops.sigmoid(x[f"x_{t}"] @ W + h @ U), f"{gate}_{t}") for gate in "fio")
            g = pcn.vertex(np.tanh(x[f"x_{t}"] @ W + h @ U), f"g_{t}")
            c = pcn.vertex(f * c + i * g, f"c_{t}")
            h = pcn.vertex(o * np.tanh(c), f"h_{t}")
            outputs[f"y_{t}"] = pcn.vertex(h @ V, f"y_{t}")
        return outputs

    leaves = {"h_0": pcn.Input((8,)), "c_0": pcn.Input((8,)), "W": (5, 8), "U": (8, 8), "V": (8, 3)}
    leaves = {k: pcn.Parameter(np.ones(v)) if isinstance(v, tuple) else v for k, v in leaves.items()}
    return pcn.trace(network, **leaves, **{f"x_{t}": pcn.Input((5,)) for t in range(1, steps + 1)})


def chain(length: int = 30) -> pcn.Graph:
    def line(x, w):
        for k in range(1, length + 1):
            x = pcn.vertex(w * x, f"v{k}")
        return x

    return pcn.trace(line, x=pcn.Input(()), w=pcn.Parameter(1.0))


def generative() -> pcn.Graph:
    def generate(cause, context, W):
        return pcn.vertex(np.tanh(pcn.vertex(cause @ W, "middle") + context), "senses")

    leaves = {"cause": pcn.Latent((2,)), "context": pcn.Latent((3,), prior=0.0), "W": pcn.Parameter(np.ones((2, 3)))}
    return pcn.trace(generate, **leaves)


GRAPHS = [scalar, mlp, recurrent, chain, generative]

COLUMN = [
    *(("E4", name) for name in ("E4", "I4", "E23", "I23")),
    *(("I4", name) for name in ("E4", "I4")),
    *(("E23", name) for name in ("E23", "I23", "E4")),
    *(("I23", name) for name in ("E23", "I23")),
]
"""Excitation and inhibition in two layers, each of which drives the other."""


def column(kind: str = "rate", delay: float = 0.0) -> pcn.Circuit:
    edges = [{"source": a, "target": b, "weight": 0.1, "kind": kind, "delay": delay} for a, b in COLUMN]
    names = ["I23", "E23", "I4", "E4"]
    return pcn.from_tables([{"id": name, "size": 3, "drive": name == "E4"} for name in names], edges)


CYCLIC = [column, lambda: column("prediction"), lambda: column(delay=2.0)]


@pytest.mark.parametrize("make", [*GRAPHS, *CYCLIC])
def test_every_population_and_connection_is_drawn(make) -> None:
    circuit = make() if make in CYCLIC else pcn.build_circuit(make())
    ax = circuit.draw()
    kinds = [d["kind"] for _, d in circuit.nx.nodes(data=True)]
    drawn = [type(patch) for patch in ax.patches]
    assert drawn.count(Circle) == kinds.count("value")
    assert drawn.count(RegularPolygon) == kinds.count("error")
    assert drawn.count(FancyArrowPatch) == circuit.nx.number_of_edges()
    texts = {text.get_text() for text in ax.texts}
    assert {name for name in circuit.vertices if len(name) < 20} <= texts
    legend = {text.get_text() for text in ax.get_legend().get_texts()}
    assert {"value neurons", "error neurons", "prediction", "feedback"} <= legend
    assert ("input" in legend) == bool(circuit.graph.inputs)


# All vertices of the recurrent one are more populations than a picture is for.
DRAWN = [(make, "marked") for make in (*GRAPHS, *CYCLIC)] + [(make, "all") for make in GRAPHS if make is not recurrent]


@pytest.mark.parametrize(("make", "vertices"), DRAWN)
def test_nothing_is_cut_off_and_no_label_covers_another(make, vertices: str) -> None:
    ax = (make() if make in CYCLIC else pcn.build_circuit(make(), vertices=vertices)).draw()
    figure = ax.figure
    figure.canvas.draw()
    whole = figure.bbox
    boxes = {text: text.get_window_extent() for text in ax.texts}
    boxes |= {patch: patch.get_window_extent() for patch in ax.patches if not isinstance(patch, FancyArrowPatch)}
    boxes[ax.get_legend()] = ax.get_legend().get_window_extent()
    for thing, box in boxes.items():
        assert whole.x0 <= box.x0 < box.x1 <= whole.x1, thing
        assert whole.y0 <= box.y0 < box.y1 <= whole.y1, thing
    for (one, a), (other, b) in combinations(boxes.items(), 2):
        width = min(a.x1, b.x1) - max(a.x0, b.x0)
        height = min(a.y1, b.y1) - max(a.y0, b.y0)
        # A text's box holds room for letters that reach below the line.
        assert width <= 1 or height <= 0.3 * min(a.height, b.height), (one, other)


def test_draws_into_given_axes_and_returns_them() -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(6, 2))
    circuit = pcn.build_circuit(mlp())
    assert circuit.draw(right) is right
    assert len(plt.get_fignums()) == 1
    assert not left.patches
    sizes = {text.get_fontsize() for text in right.texts}
    assert max(sizes) < 8.0, "text shrinks with the picture"
    assert figure.get_size_inches() == pytest.approx([6, 2])


@pytest.mark.parametrize("ax", [5, "here", plt, mpl.figure.Figure()])
def test_what_is_no_axes_is_refused(ax) -> None:
    with pytest.raises(ParameterError, match=r"ax is .*; give axes of matplotlib, or None"):
        pcn.build_circuit(mlp()).draw(ax)


def test_what_no_picture_shows_legibly_is_refused_at_once() -> None:
    def total(x, terms=200):
        sines = [np.sin(x * (k + 1.0)) for k in range(terms)]
        return sum(sines[1:], sines[0])

    circuit = pcn.build_circuit(pcn.trace(total, check=False, x=pcn.Input((1,))), vertices="all")
    with pytest.raises(CapacityError, match=r"of 600 populations .* 500 are the most: write_graphml"):
        circuit.draw()

    def every(x, length=210):
        # What is first is read by all that are behind it.
        last = x
        for k in range(length):
            last = pcn.vertex(np.tanh(last + x), f"v{k}")
        return last

    dense = pcn.build_circuit(pcn.trace(every, check=False, x=pcn.Input((1,))))
    with pytest.raises(CapacityError, match=r"lines from layer to layer .* 20,000 are the most"):
        dense.draw()


def test_crossings_are_those_that_are_counted_pair_by_pair() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        layers = [[f"{layer}.{k}" for k in range(rng.integers(1, 9))] for layer in range(2)]
        links = [(a, b) for a in layers[0] for b in layers[1] if rng.random() < 0.5]
        place = {name: int(name.split(".")[1]) for name in (*layers[0], *layers[1])}
        crossed = sum((place[a] - place[c]) * (place[b] - place[d]) < 0 for (a, b), (c, d) in combinations(links, 2))
        assert layout_module._Grid(layers, [links], []).crossings() == crossed


def test_figure_grows_with_the_circuit_but_stays_a_page_wide() -> None:
    small = pcn.build_circuit(scalar()).draw().figure.get_size_inches()
    large = pcn.build_circuit(recurrent()).draw().figure.get_size_inches()
    long = pcn.build_circuit(chain(40)).draw().figure.get_size_inches()
    assert (small < large).all()
    assert max(large[0], long[0]) < 12


def test_depths_put_roots_beside_their_first_children() -> None:
    pairs = [("x", "a"), ("a", "b"), ("b", "c"), ("y", "c"), ("x", "c")]
    assert depths(["x", "y", "a", "b", "c", "alone"], pairs) == {"x": 0, "y": 2, "a": 1, "b": 2, "c": 3, "alone": 0}


def test_cycles_are_read_along_the_chain_that_they_are_entered_by() -> None:
    """The names' order decides within a cycle alone, and whatever it is, what leads to a cycle stands before it."""
    pairs = [("a", "b"), ("b", "c"), ("c", "a"), ("x", "b"), ("c", "y"), ("b", "b")]
    assert reading_order(["y", "a", "b", "c", "x"], pairs) == ["x", "a", "b", "c", "y"]
    assert depths(["y", "a", "b", "c", "x"], pairs) == {"x": 0, "a": 0, "b": 1, "c": 2, "y": 3}


@pytest.mark.parametrize("names", [["E4", "I4", "E23", "I23"], ["I23", "E23", "I4", "E4"]])
def test_what_closes_a_cycle_reaches_its_ends_from_above_and_passes_the_others(names: list[str]) -> None:
    pairs = [*COLUMN, ("E4", "E4")]
    layout = arrange(names, pairs, 0.8)
    back = {n for n, (a, b) in enumerate(pairs) if layout.vertices[a][0] >= layout.vertices[b][0]}
    assert layout.turn == back
    assert len({x for x, _ in layout.vertices.values()}) >= 3, "depths tell what drives what"
    for number, pair in enumerate(pairs):
        wire = layout.wires[number]
        assert (wire >= 0.0).all()
        assert (wire <= layout.size).all()
        (x, y), (end, low) = (layout.vertices[name] for name in pair)
        if number in back:
            assert wire[0] == pytest.approx((x + HALF, y - RADIUS), abs=RADIUS)
            assert wire[-1] == pytest.approx((end - HALF, low - 1.15 * RADIUS), abs=RADIUS)
            assert wire[1, 1] < wire[0, 1] < y
            assert wire[-2, 1] < wire[-1, 1] < low
        for other in set(names) - set(pair):
            middle = np.array(layout.vertices[other])
            for side in (-HALF, HALF):
                assert np.hypot(*(wire - middle - (side, 0.0)).T).min() > RADIUS, (pair, other)


@pytest.mark.parametrize("length", [1, 5, 10, 11, 30, 47])
def test_chains_are_read_like_lines_of_text(length: int) -> None:
    names = [f"v{k}" for k in range(length)]
    pairs = list(pairwise(names))
    layout = arrange(names, pairs, 0.8)
    heights = [layout.vertices[name][1] for name in names]
    assert heights == sorted(heights)
    bands = [[n for n in names if layout.vertices[n][1] == y] for y in dict.fromkeys(heights)]
    assert len(bands) == 1 if length <= 10 else max(map(len, bands)) <= COLUMNS
    for band in bands:
        positions = [layout.vertices[n][0] for n in band]
        assert positions == sorted(positions)
    for parent, child in pairs:
        start, end = layout.wires[pairs.index((parent, child))][[0, -1]]
        assert start == pytest.approx(np.add(layout.vertices[parent], (HALF + RADIUS, 0)))
        assert end == pytest.approx(np.subtract(layout.vertices[child], (HALF + RADIUS, 0)))


def test_projections_over_several_layers_pass_beside_the_vertices_between() -> None:
    names = ["x", "a", "b", "c"]
    layout = arrange(names, [("x", "a"), ("a", "b"), ("b", "c"), ("x", "c")], 0.8)
    wire = layout.wires[-1]
    for name in ("a", "b"):
        assert np.hypot(*(wire - layout.vertices[name]).T).min() > RADIUS


def test_crossings_that_need_not_be_are_taken_away() -> None:
    # Three parallel chains whose vertices are listed in orders that cross.
    names = ["a0", "b0", "c0", "c1", "a1", "b1", "b2", "c2", "a2"]
    pairs = [(f"{k}{i}", f"{k}{i + 1}") for k in "abc" for i in (0, 1)]
    layout = arrange(names, pairs, 0.8)
    for k in "abc":
        assert len({round(layout.vertices[f"{k}{i}"][1], 6) for i in range(3)}) == 1


def test_a_wire_beside_a_wire() -> None:
    wire = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    assert shifted(wire, 0.1) == pytest.approx(np.add(wire, (0.0, 0.1)))
    assert halfway(np.array([[0.0, 0.0], [3.0, 0.0], [3.0, 1.0]])) == pytest.approx([2.0, 0.0])


def test_sweeps_that_change_nothing_end(monkeypatch) -> None:
    """What is in order after one sweep to and one fro stays so, and large pictures need not wait for the others."""
    counted = []
    count = layout_module._Grid.crossings
    monkeypatch.setattr(layout_module._Grid, "crossings", lambda grid: counted.append(1) or count(grid))
    names = [f"v{k}" for k in range(300)]
    arrange(names, list(pairwise(names)), 0.8)
    assert len(counted) == 3


def test_what_closes_a_cycle_is_one_line_for_all_delays() -> None:
    graph = nx.DiGraph()
    for name in ("E", "I", "P"):
        graph.add_node(name, size=20, positions=np.linspace(0.0, 30.0, 20)[:, None], bias=0.5)
    for a, b in (("E", "E"), ("E", "I"), ("I", "P"), ("P", "E")):
        graph.add_edge(a, b, weight=0.01, velocity=3.0, delay=1.0)
    ax = pcn.from_networkx(graph, dt=1.0).draw()
    assert [text.get_text().rpartition(", ")[2] for text in ax.texts].count("1-11 ms") >= 2
    assert sum(isinstance(patch, FancyArrowPatch) for patch in ax.patches) == 4 + 2 * 3
