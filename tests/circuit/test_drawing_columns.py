"""Pictures of circuits with layers: a column an area, a row a layer, everything in its place and nothing cut off."""

from __future__ import annotations

from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.patches import Circle, FancyArrowPatch, RegularPolygon

import pcneuro as pcn
from circuits.mlp import mlp
from circuits.oddball import oddball
from pcneuro import passes
from pcneuro.errors import CapacityError

SCHEME = passes.Scheme.named("bastos_2012")
CIRCUITS = {
    "mlp": lambda: mlp((6, 5, 4, 3)),
    "oddball": oddball,
    "interneurons": lambda: passes.apply(mlp((6, 5, 3)), passes.Dale()),
    "pairs": lambda: passes.apply(mlp((6, 5, 3)), passes.SplitErrors()),
}


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.mark.parametrize("name", CIRCUITS)
def test_populations_are_in_their_layers_and_areas(name: str) -> None:
    circuit = passes.apply(CIRCUITS[name](), passes.Laminar(SCHEME))
    ax = circuit.draw()
    kinds = [d["kind"] for _, d in circuit.nx.nodes(data=True)]
    symbols = [patch for patch in ax.patches if isinstance(patch, Circle | RegularPolygon)]
    assert [type(s) for s in symbols] == [RegularPolygon if kind == "error" else Circle for kind in kinds]
    assert sum(isinstance(patch, FancyArrowPatch) for patch in ax.patches) == circuit.nx.number_of_edges()
    heights = {text.get_text(): text.get_position()[1] for text in ax.texts}
    depth = [heights[layer] for layer in SCHEME.layers]
    assert depth == sorted(depth), "the pia is above"
    centres = [s.center if isinstance(s, Circle) else s.xy for s in symbols]
    middle = {text.get_text(): text.get_position()[0] for text in ax.texts}
    areas = list(dict.fromkeys(place.area for place in circuit.places.values()))
    for place, (x, y) in zip(circuit.places.values(), centres, strict=True):
        assert list(SCHEME.layers)[np.abs(np.array(depth) - y).argmin()] == place.layer
        assert areas[np.abs(np.array([middle[area] for area in areas]) - x).argmin()] == place.area


@pytest.mark.parametrize("name", CIRCUITS)
def test_nothing_is_cut_off_and_no_label_covers_another(name: str) -> None:
    ax = passes.apply(CIRCUITS[name](), passes.Laminar(SCHEME)).draw()
    ax.figure.canvas.draw()
    whole = ax.figure.bbox
    boxes = [text.get_window_extent() for text in ax.texts if len(text.get_text()) > 1 or text.get_text().isalnum()]
    boxes += [patch.get_window_extent() for patch in ax.patches if isinstance(patch, Circle | RegularPolygon)]
    boxes.append(ax.get_legend().get_window_extent())
    for box in boxes:
        assert whole.x0 <= box.x0 < box.x1 <= whole.x1
        assert whole.y0 <= box.y0 < box.y1 <= whole.y1
    for a, b in combinations(boxes, 2):
        width = min(a.x1, b.x1) - max(a.x0, b.x0)
        height = min(a.y1, b.y1) - max(a.y0, b.y0)
        assert width <= 1 or height <= 0.3 * min(a.height, b.height)


def test_inhibitory_connections_end_in_bars() -> None:
    circuit = passes.apply(mlp((6, 5, 3)), passes.Laminar(SCHEME))
    arrows = [patch for patch in circuit.draw().patches if isinstance(patch, FancyArrowPatch)]
    bars = [type(arrow.get_arrowstyle()).__name__ == "BracketB" for arrow in arrows]
    assert bars == [edge["effect"] == "inhibitory" for *_, edge in circuit.nx.edges(data=True)]


def test_draws_into_given_axes() -> None:
    _, (left, right) = plt.subplots(1, 2, figsize=(6, 2))
    assert passes.apply(mlp((6, 5, 3)), passes.Laminar(SCHEME)).draw(right) is right
    assert max(text.get_fontsize() for text in right.texts) < 8.0, "text shrinks with the picture"
    assert not left.patches


def test_too_many_columns_are_refused() -> None:
    def line(x, w):  # type: ignore[no-untyped-def]
        for k in range(70):
            x = pcn.vertex(w * x, f"v{k}")
        return x

    chain = pcn.build_circuit(pcn.trace(line, x=pcn.Input(()), w=pcn.Parameter(1.0)))
    with pytest.raises(CapacityError, match="71 columns cannot be read; 60 are the most"):
        passes.apply(chain, passes.Laminar(SCHEME)).draw()
