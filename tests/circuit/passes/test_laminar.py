"""Layers: the place of every population, in all that shows and keeps it, with dynamics as they were."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import libsonata
import matplotlib.pyplot as plt
import networkx
import numpy as np
import pytest

import pcneuro as pcn
from circuits.mlp import mlp
from circuits.oddball import oddball
from pcneuro import passes
from pcneuro.circuit.passes import Laminar, Scheme
from pcneuro.errors import CircuitFileError, ParameterError
from pcneuro.export import sonata
from pcneuro.files import read_archive, write_archive
from pcneuro.model.lamination.rows import COLUMNS
from tests.circuits_for_tests import random_dag

BASTOS, DEEP = Scheme.named("bastos_2012"), Scheme.named("errors_in_layer_5")
GIVEN = {"inputs": {"x": np.ones((2, 4))}, "targets": {"out": np.full((2, 3), 1 / 3)}}


@pytest.fixture(scope="module")
def plain() -> pcn.Circuit:
    return mlp((4, 5, 3))


@pytest.fixture(scope="module")
def placed(plain: pcn.Circuit) -> pcn.Circuit:
    return passes.apply(plain, Laminar(BASTOS))


def test_populations_and_projections_have_their_places(placed: pcn.Circuit) -> None:
    nodes, edges = placed.nx.nodes, placed.nx.edges
    attributes = {name: (data["area"], data["layer"], data["cell_type"]) for name, data in nodes(data=True)}
    assert attributes == {
        "x.value": ("x", "thalamus", "relay cell"),
        "h1.value": ("h1", "L5", "pyramidal cell"),
        "h1.error": ("h1", "L2/3", "pyramidal cell"),
        "out.value": ("out", "L5", "pyramidal cell"),
        "out.error": ("out", "L2/3", "pyramidal cell"),
    }
    assert {name: (at.area, at.layer, at.cell_type) for name, at in placed.places.items()} == attributes
    down, up = edges["h1.value", "out.error", "prediction"], edges["out.error", "h1.value", "feedback"]
    assert (down["projection"], down["effect"], down["layer"]) == ("feedback", "", "L2/3")
    assert (up["projection"], up["effect"], up["layer"]) == ("feedforward", "", "L5")
    own = edges["h1.value", "h1.error", "excite"], edges["h1.error", "h1.value", "inhibit"]
    assert [(e["projection"], e["effect"]) for e in own] == [("intrinsic", "excitatory"), ("intrinsic", "inhibitory")]
    assert "out.error   out   L2/3      pyramidal cell" in str(placed)
    assert "feedback, feedforward" in str(placed)


def test_synapses_are_where_a_row_says(plain: pcn.Circuit) -> None:
    apical = {"what": "projection", "kind": "prediction", "layer": "L1", "projection": "feedback"}
    circuit = passes.apply(plain, Laminar(BASTOS.before([apical])))
    assert circuit.nx.edges["h1.value", "out.error", "prediction"]["layer"] == "L1"
    assert circuit.nx.edges["out.error", "h1.value", "feedback"]["layer"] == "L5"


@pytest.mark.parametrize("engine", [pcn.Reference(), pcn.Kernel()], ids=["reference", "kernel"])
def test_dynamics_are_those_without(plain: pcn.Circuit, placed: pcn.Circuit, engine: object) -> None:
    results = [pcn.Simulator(c, engine=engine).run(20.0, **GIVEN) for c in (plain, placed)]  # type: ignore[arg-type]
    for name in plain.vertices:
        np.testing.assert_array_equal(results[0].values[name], results[1].values[name])
    for name, gradient in results[0].gradients.items():
        np.testing.assert_array_equal(gradient, results[1].gradients[name])


@pytest.mark.parametrize("scheme", [BASTOS, DEEP], ids=["bastos", "deep"])
def test_interneurons_are_in_the_areas_that_they_inhibit(plain: pcn.Circuit, scheme: Scheme) -> None:
    """Whatever comes first, the layers or the interneurons."""
    dale = passes.Dale(own=True)
    one, other = (passes.apply(plain, each) for each in ([Laminar(scheme), dale], [dale, Laminar(scheme)]))
    assert dict(one.places) == dict(other.places)
    values, errors = (one.places[f"h1.{kind}"].layer for kind in ("value", "error"))
    for vertex, area, layer in [
        ("x_interneurons", "h1", errors),
        ("h1_interneurons", "out", errors),
        ("matmul_1_inhibition", "h1", values),
        ("h1_own_inhibition", "h1", values),
    ]:
        place = one.places[f"{vertex}.value"]
        assert (place.area, place.layer, place.cell_type) == (area, layer, "interneuron")
    edge = one.nx.edges["x_interneurons.value", "h1.error", "prediction"]
    assert (edge["projection"], edge["effect"]) == ("intrinsic", "inhibitory")


def test_error_neurons_in_pairs_are_two_populations(placed: pcn.Circuit, tmp_path: Path) -> None:
    split = passes.SplitErrors(baseline=1.0)
    circuit = passes.apply(placed, split)
    assert circuit.places["h1.error_on"] == circuit.places["h1.error_off"] == placed.places["h1.error"]
    effects = [circuit.nx.edges["h1.value", f"h1.error_{half}", "excite"]["effect"] for half in ("on", "off")]
    effects += [circuit.nx.edges[f"h1.error_{half}", "h1.value", "inhibit"]["effect"] for half in ("on", "off")]
    assert effects == ["excitatory", "inhibitory", "inhibitory", "excitatory"]
    lower = {"what": "population", "kind": "error_off", "layer": "L6", "cell_type": "pyramidal cell"}
    apart = passes.apply(placed, [Laminar(BASTOS.before([lower])), split])
    record = [pcn.Record("h1", variable) for variable in ("error_on", "error_off", "error")]
    records = pcn.Simulator(apart, engine=pcn.Reference()).run(2.0, record=record, **GIVEN).records
    layers = [records[r.name].attrs["layer"] for r in record]
    assert layers == ["L2/3", "L6", "L2/3, L6"]
    apart.save(tmp_path / "c.pcn")
    assert dict(pcn.load_circuit(tmp_path / "c.pcn").places) == dict(apart.places)
    assert "h1.error_off   h1    L6" in str(apart)


def test_dendrites_are_in_the_area_of_their_cells(placed: pcn.Circuit) -> None:
    squared = pcn.build_circuit(placed.graph)
    circuit = passes.apply(squared, [Laminar(BASTOS), passes.Dendritic()])
    areas = {name.rpartition(".")[0]: place.area for name, place in circuit.places.items()}
    assert {name: area for name, area in areas.items() if area not in ("h1", "out")} == {"x": "x"}
    for vertex, area, layer, cell in [
        ("h1_apical", "h1", "L1", "apical dendrite"),
        ("h1_basal", "h1", "L5", "basal dendrite"),
        ("h1_interneurons", "h1", "L2/3", "interneuron"),
        ("out_soma", "out", "L5", "pyramidal cell"),
    ]:
        place = circuit.places[f"{vertex}.value"]
        assert (place.area, place.layer, place.cell_type) == (area, layer, cell)


@pytest.mark.parametrize(
    "later",
    [
        passes.LearnedFeedback(),
        passes.NoDerivative(),
        passes.RandomErrorConnectivity(),
        passes.SplitErrors(),
        passes.Dendritic(),
    ],
    ids=repr,
)
def test_other_passes_keep_the_layers(placed: pcn.Circuit, later: passes.AbstractPass) -> None:
    squared = pcn.build_circuit(placed.graph)
    circuit = passes.apply(squared, [Laminar(BASTOS), later])
    assert circuit.scheme == BASTOS
    assert set(circuit.places) == set(circuit.nx)


@pytest.mark.parametrize("seed", [*range(8), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(8, 50))])
def test_every_population_of_a_graph_is_somewhere(seed: int) -> None:
    circuit = passes.apply(pcn.build_circuit(random_dag(seed)), Laminar(DEEP))
    assert set(circuit.places) == set(circuit.nx)
    assert all(data["projection"] for *_, data in circuit.nx.edges(data=True))


def test_layers_are_kept(placed: pcn.Circuit, tmp_path: Path) -> None:
    placed.save(tmp_path / "c.pcn")
    for again in (pcn.load_circuit(tmp_path / "c.pcn"), pickle.loads(pickle.dumps(placed))):
        assert again.scheme == BASTOS
        assert dict(again.places) == dict(placed.places)
        assert str(again) == str(placed)
    assert not placed.with_scheme(None).places


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        (lambda rows: 7, "rows of a Scheme are 7"),
        (lambda rows: [{**rows[0], "what": "exec"}], "unknown what"),
        (lambda rows: [row for row in rows if row.get("kind") != "error*"], r"leaves out the population h1\.error"),
        (lambda rows: [{**rows[0], "depth": "deep"}], "depth of the layer"),
        (lambda rows: [{**rows[0], "rows": 1}], "unknown column"),
    ],
)
def test_files_whose_layers_do_not_fit_are_refused(placed: pcn.Circuit, tmp_path: Path, rows, match: str) -> None:
    placed.save(tmp_path / "c.pcn")
    facts, arrays = read_archive(tmp_path / "c.pcn", "circuit")
    facts["scheme"] = rows(facts["scheme"])
    write_archive(tmp_path / "c.pcn", "circuit", facts, dict(arrays), overwrite=True)
    with pytest.raises(CircuitFileError, match=match):
        pcn.load_circuit(tmp_path / "c.pcn")


def test_graphml_and_sonata_have_the_layers(placed: pcn.Circuit, tmp_path: Path) -> None:
    placed.write_graphml(tmp_path / "c.graphml")
    graph = networkx.read_graphml(tmp_path / "c.graphml")
    assert graph.nodes["h1.error"]["layer"] == "L2/3"
    assert graph.edges["out.error", "h1.value"]["projection"] == "feedforward"
    sonata.write(placed, tmp_path / "c.h5")
    storage = libsonata.NodeStorage(tmp_path / "c.h5")
    for name, place in placed.places.items():
        population = storage.open_population(name)
        for attribute in ("area", "layer", "cell_type"):
            assert set(population.get_attribute(attribute, population.select_all())) == {getattr(place, attribute)}
    sonata.write(passes.apply(placed, passes.SplitErrors()), tmp_path / "s.h5")
    errors = libsonata.NodeStorage(tmp_path / "s.h5").open_population("h1.error")
    assert set(errors.get_attribute("layer", errors.select_all())) == {"L2/3"}


def test_records_say_where_they_are_from(placed: pcn.Circuit, plain: pcn.Circuit) -> None:
    variables = ("value", "error", "prediction", "feedback")
    record = [pcn.Record("h1", variable) for variable in variables]
    records = pcn.Simulator(placed, engine=pcn.Reference()).run(5.0, record=record, **GIVEN).records
    layers = {variable: records[f"h1.{variable}"].attrs["layer"] for variable in variables}
    # What drives a population is recorded where the population is.
    assert layers == {"value": "L5", "error": "L2/3", "prediction": "L2/3", "feedback": "L5"}
    assert records["h1.error"].attrs["area"] == "h1"
    assert records["h1.error"].attrs["cell_type"] == "pyramidal cell"
    without = pcn.Simulator(plain, engine=pcn.Reference()).run(5.0, record=record, **GIVEN).records
    assert "layer" not in without["h1.error"].attrs


def test_trials_say_where_they_are_from() -> None:
    circuit = passes.apply(oddball(), Laminar(BASTOS))
    protocol = pcn.Protocol(
        {"cue": [1.0, 1.0], "duration": 10.0, "heard": [0, 1]}, values={"heard": np.eye(8)[:2]}, interval=5.0
    )
    result = protocol.run(pcn.Simulator(circuit), record=pcn.Record("heard", "error"))
    assert protocol.aligned(result)["heard.error"].attrs["layer"] == "L2/3"


def test_what_a_scheme_leaves_out_is_named(plain: pcn.Circuit) -> None:
    def without(kind: str) -> Scheme:
        return Scheme([row for row in BASTOS.rows if row.kind != kind])

    with pytest.raises(ParameterError, match=r"the population h1\.error \(kind error, role hidden, vertex h1\): add"):
        passes.apply(plain, Laminar(without("error*")))
    with pytest.raises(ParameterError, match=r"the projection h1\.value -> h1\.error \(kind excite"):
        passes.apply(plain, Laminar(Scheme([r for r in BASTOS.rows if r.kind not in ("excite", "*")])))
    with pytest.raises(ParameterError, match="scheme of Laminar is 'bastos_2012'"):
        Laminar("bastos_2012")  # type: ignore[arg-type]
    few = Scheme([row for row in BASTOS.rows if not row.vertex])
    narrow = passes.apply(plain, Laminar(Scheme([_named(row) for row in few.rows])))
    with pytest.raises(ParameterError, match=r"leaves out the population x_interneurons\.value"):
        passes.apply(narrow, passes.Dale())


PAGE = Path(__file__).parents[3] / "docs" / "cortex.md"


def test_the_page_lists_columns_and_schemes_and_its_examples_run() -> None:
    section = PAGE.read_text(encoding="utf-8").partition("## Layers\n")[2].partition("\n## ")[0]
    table = section.partition("| column |")[2].partition("\n\n")[0]
    listed = {name for line in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", line.split("|")[1])}
    assert listed | {"what"} == set(COLUMNS)
    shipped = {path.stem for path in Path(passes.__file__).parents[2].glob("model/lamination/schemes/*.csv")}
    heading = next(line for line in section.splitlines() if line.startswith("| | `bastos"))
    assert set(re.findall(r"`(\w+)`", heading)) == shipped
    names: dict = {"pcn": pcn}
    for example in re.findall(r"^```python\n(.*?)^```$", section, flags=re.MULTILINE | re.DOTALL):
        exec(compile(example, "docs/cortex.md", "exec"), names)
    density = names["density"].sel(area="heard")
    np.testing.assert_allclose((density * density.thickness).sum("layer"), 0.0, atol=1e-12)
    assert names["placed"].places["h1.error_on"].layer == "L2/3"
    # The deviant's error neurons, superficial, inhibit their value neurons in L5 more than those of standards do.
    potential = names["potential"].sel(area="heard", layer="L5").sum("time")
    assert float(potential[-1]) > float(potential[4])
    plt.close("all")


def _named(row: passes.SchemeRow) -> dict[str, object]:
    """A row for the vertices of the circuit alone."""
    return {**row.cells(), **({"vertex": "[!x]*"} if row.what == "population" and row.role != "input" else {})}
