"""What a circuit with cycles says of itself: populations, equations, synapses, files, single units, and exports."""

from __future__ import annotations

import networkx
import numpy as np
import pytest
from matplotlib.patches import FancyArrowPatch

import pcneuro as pcn
from pcneuro.circuit.units import UnitGraph
from pcneuro.engines import RunData
from pcneuro.errors import CircuitFileError, ParameterError
from pcneuro.export import brian2, nest, nir, sonata
from tests.cycles_for_tests import linear, network, ring
from tests.export import agreement
from tests.helpers import assert_all_close, assert_close

DATA = {"inputs": {"x": np.random.default_rng(1).normal(size=(2, 4))}}
TARGETS = {"targets": {"out": np.random.default_rng(2).normal(size=(2, 4))}}


def test_populations_have_the_cycle():
    circuit = network(np.random.default_rng(0))
    edges = circuit.nx.edges
    assert networkx.has_path(circuit.nx, "y.value", "h.value")
    assert not networkx.is_directed_acyclic_graph(circuit.nx)
    ahead, back = edges["h.value", "h.error", "prediction h_past"], edges["h.error", "h.value", "feedback h_past"]
    assert ahead["recurrent"]
    assert back["recurrent"]
    assert not edges["h.value", "y.error", "prediction"]["recurrent"]
    assert ahead["parameters"] == back["parameters"] == ("W",)
    assert ahead["synapses"] == 16


def test_delays_and_feedback_of_the_cycle():
    circuit = network(np.random.default_rng(0), delay=3.0, feedback=False)
    edges = circuit.nx.edges
    assert edges["h.value", "h.error", "prediction h_past"]["delay"] == 3.0
    assert not circuit.nx.has_edge("h.error", "h.value", "feedback h_past")
    assert "h -> h, recurrent    prediction            W" in str(circuit)
    assert "from h, 3 ms ago of W" in circuit.equations()
    blocks = [block for block in circuit.synapses() if block.parameter == "W"]
    assert {block.source for block in blocks} == {"h"}
    assert all((block.delay == 3.0).all() and block.feedback_delay is None for block in blocks)


def test_a_file_of_populations(tmp_path):
    circuit = network(np.random.default_rng(0))
    circuit.write_graphml(tmp_path / "g.graphml")
    read = networkx.read_graphml(tmp_path / "g.graphml")
    assert read.number_of_edges() == circuit.nx.number_of_edges()
    assert read.number_of_nodes() == circuit.nx.number_of_nodes()


@pytest.mark.parametrize("kind", [{}, {"delay": 4.0, "feedback": False}], ids=str)
def test_a_circuit_file(kind, tmp_path):
    circuit = network(np.random.default_rng(0), **kind)
    circuit.save(tmp_path / "c")
    loaded = pcn.load_circuit(tmp_path / "c")
    assert str(loaded) == str(circuit)
    ends = [pcn.Simulator(each, dynamics=pcn.Strict()).run(12.0, **DATA, **TARGETS) for each in (circuit, loaded)]
    assert_all_close(ends[1].values, ends[0].values, 0.0)
    simulators = [pcn.Simulator(each, dynamics=pcn.Strict()) for each in (circuit, loaded)]
    simulators[0].run(5.0, **DATA, **TARGETS)
    simulators[0].store(tmp_path / "s")
    simulators[1].restore(tmp_path / "s")
    assert_all_close(simulators[1].values, simulators[0].values, 0.0)
    other = network(np.random.default_rng(0), **(kind | {"delay": 2.0}))
    with pytest.raises(CircuitFileError):
        pcn.Simulator(other, dynamics=pcn.Strict()).restore(tmp_path / "s")


def test_a_picture():
    axes = network(np.random.default_rng(0), delay=3.0).draw()
    assert "3 ms" in {text.get_text() for text in axes.texts}
    lowest, highest = sorted(axes.get_ylim())
    wires = [patch.get_path().vertices[:, 1] for patch in axes.patches if isinstance(patch, FancyArrowPatch)]
    assert lowest <= min(y.min() for y in wires) < max(y.max() for y in wires) <= highest


def test_single_units():
    """As the reference has it, at activities away from their predictions."""
    circuit = network(np.random.default_rng(0))
    engine = pcn.Reference().make(circuit, pcn.Strict(), pcn.Euler(1.0), np.dtype(np.float64))
    engine.start(RunData(1, {"x": DATA["inputs"]["x"][:1]}))
    rng = np.random.default_rng(1)
    engine.value = {name: value + rng.normal(size=value.shape) for name, value in engine.value.items()}
    engine.evaluate()
    units = UnitGraph(circuit)
    activity = units.forward({"x": DATA["inputs"]["x"][0], **{n: v[0] for n, v in engine.value.items()}}, {})
    for name, number in units.predictions.items():
        assert_close(activity[number], engine.prediction[name].ravel(), 1e-13, name)
    back = units.backward(activity, {name: error.ravel() for name, error in engine.error.items()})
    for name in circuit.vertices:
        assert_close(back[name], engine.feedback[name].ravel(), 1e-13, name)


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
@pytest.mark.parametrize("feedback", [True, False])
def test_brian2(feedback):
    circuit = network(np.random.default_rng(0), feedback=feedback)
    settings = {"dynamics": pcn.Strict()}
    data = {"inputs": DATA["inputs"], "targets": TARGETS["targets"] | {"readout": np.full((2, 4), 0.2)}}

    def run(records, duration):
        return brian2.rate(circuit, **data, record=records, target="numpy", **settings).run(duration)

    agreement.agree(run, circuit, steps=12, settings=settings, **data)


@pytest.mark.parametrize("feedback", [True, False])
def test_nest(feedback):
    pytest.importorskip("nest")
    circuit = linear(np.random.default_rng(3), feedback)
    settings = {"dynamics": pcn.Strict()}
    rng = np.random.default_rng(4)
    data = {"inputs": {"x": rng.normal(size=(2, 3))}, "targets": {"out": rng.normal(size=(2, 3))}}

    def run(records, duration):
        return nest.network(circuit, **data, record=records, **settings).run(duration)

    agreement.agree(run, circuit, steps=12, settings=settings, **data)


def test_exports_that_have_no_cycles_say_so(tmp_path):
    circuit = ring()
    refusals = [
        lambda: nir.graph(circuit, clamp={"a": np.ones(1)}),
        lambda: sonata.write(circuit, tmp_path / "s"),
        lambda: brian2.spiking(circuit, clamp={"a": np.ones(1)}),
    ]
    for refused in refusals:
        with pytest.raises(
            ParameterError, match="this export has no cycles, and 'before' is a Recurrent of 'c': export"
        ):
            refused()
    with pytest.raises(ParameterError, match=r"FixedPrediction\(\).* use dynamics=pcn.Strict\(\)"):
        brian2.rate(circuit, clamp={"a": np.ones(1)})
    with pytest.raises(ParameterError, match="Recurrent 'before' has a delay of 3 ms, and delays are not exported"):
        brian2.rate(ring(delay=3.0), clamp={"a": np.ones(1)}, dynamics=pcn.Strict())
