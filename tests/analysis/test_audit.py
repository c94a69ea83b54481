"""The audit: what each update reads, held against circuits of which it is known, and rules that are not local."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

import pcneuro as pcn
from circuits.kalman import kalman
from circuits.lstm import lstm
from circuits.mlp import mlp
from pcneuro.errors import DataError, ParameterError, UnknownNameError
from pcneuro.model.plasticity.abstract import DESCENT, PLASTICITY, AbstractPlasticity
from pcneuro.ops.base import OPERATORS, apply
from pcneuro.ops.maps import Map
from tests.circuits.small import MAKERS, small
from tests.circuits_for_tests import random_dag
from tests.cycles_for_tests import linear, network, ring

BOTH = pytest.mark.parametrize("dynamics", [pcn.Strict(), pcn.FixedPrediction()], ids=repr)
W1, W2 = (np.random.default_rng(k).normal(size=shape) for k, shape in enumerate(((4, 5), (5, 3))))


def two_layers(**settings):
    def function(x, W1, W2):
        h = pcn.vertex(np.tanh(x @ W1), "h")
        return pcn.vertex(h @ W2, "y")

    graph = pcn.trace(function, x=pcn.Input((4,)), W1=pcn.Parameter(W1), W2=pcn.Parameter(W2))
    return pcn.build_circuit(graph, **settings)


def passes(audit):
    """All interventions came out as they have to, and there were some of each update."""
    assert all(row.interventions.made for row in audit.rows)
    assert audit.certified, audit
    return audit.local


# What is known


@BOTH
def test_what_two_layers_read_is_what_the_equations_say(dynamics):
    audit = pcn.audit(two_layers(), dynamics=dynamics)
    assert passes(audit)
    assert audit["h.value"].reads == {
        "own": ("h.error",),
        "post": ("y.error",),
        "weights": ("W2",),
    }
    assert audit["h.error"].reads == {"own": ("h.value",), "pre": ("x.value",), "weights": ("W1",)}
    assert audit["W1"].reads == {"pre": ("x.value",), "post": ("h.error",), "derivative": ("h.dendrite",)}
    assert audit["W2"].reads == {"pre": ("h.value",), "post": ("y.error",)}
    assert (audit["W1"].hebbian, audit["W2"].hebbian) == (False, True)
    assert (audit["h.value"].transported, audit["y.value"].transported) == (("W2",), ())
    assert audit.transported == ("W2",)
    assert all(row.one_to_one and row.negative for row in audit.neurons)
    held = "held sweep" if dynamics == pcn.FixedPrediction() else ""
    assert {row.phase for row in audit.neurons} == {held}
    assert audit["W1"].phase == ", ".join(filter(None, (held, "after settling")))


@BOTH
@pytest.mark.parametrize("name", sorted(set(MAKERS) - {"lstm", "ode"}))
def test_ready_made_circuits_are_local(name, dynamics):
    assert passes(pcn.audit(small(name).circuit, dynamics=dynamics, interventions=1, singles=3))


def test_an_lstm_is_local():
    circuit = lstm(length=2, vocabulary=4, hidden=6)
    assert passes(pcn.audit(circuit, dynamics=pcn.Strict(), interventions=1, singles=2))


def test_attention_reads_other_units_of_the_same_population():
    audit = pcn.audit(small("transformer").circuit, interventions=1, singles=1)
    assert audit["attention.error"].units
    assert audit["normed1.error"].units
    assert not audit["hidden.error"].units
    assert not audit["Wo"].units
    assert set(audit["query.value"].reads["derivative"]) == {"attention.dendrite", "key.value"}


@pytest.mark.parametrize("seed", range(16))
def test_random_circuits_of_which_every_operation_is_a_vertex_are_local(seed):
    circuit = pcn.build_circuit(random_dag(seed), vertices="all")
    assert passes(pcn.audit(circuit, dynamics=pcn.Strict(), interventions=2, singles=2, seed=seed))


@pytest.mark.parametrize("seed", [0, 2, 3, 5, 14, 52, 56])
def test_random_circuits_with_dendrites_of_several_operations_read_what_their_structure_says(seed):
    circuit = pcn.build_circuit(random_dag(seed))
    assert pcn.audit(circuit, dynamics=pcn.Strict(), seed=seed).certified


@pytest.mark.parametrize(
    "circuit",
    [ring(), ring(5.0), ring(2.5, feedback=False), kalman(), *(f(np.random.default_rng(0)) for f in (network, linear))],
    ids=["ring", "late", "past", "kalman", "network", "linear"],
)
def test_cycles_are_local(circuit):
    assert passes(pcn.audit(circuit))


def test_what_comes_late_is_told_from_what_is_now():
    assert pcn.audit(ring(5.0))["a.error"].reads["pre"] == ("c.value (before)",)
    assert pcn.audit(ring())["a.error"].reads["pre"] == ("c.value",)
    assert "post" not in pcn.audit(ring(5.0, feedback=False))["c.value"].reads


def test_a_dendrite_with_two_matrices_one_behind_the_other_is_not_local():
    def function(x, W1, W2):
        return pcn.vertex(x @ W1 @ W2, "y")

    graph = pcn.trace(function, x=pcn.Input((4,)), W1=pcn.Parameter(W1), W2=pcn.Parameter(W2))
    audit = pcn.audit(pcn.build_circuit(graph))
    assert audit.certified
    assert not audit.local
    assert audit["W1"].others == ("W2",)
    assert audit["W1"].transported == ("W2",)
    assert audit["W2"].local
    assert "W1 reads W2" in str(audit)


# Neurons and synapses with more


def test_all_that_neurons_and_synapses_can_have_is_local():
    circuit = two_layers(
        plasticity={"W1": pcn.Hebbian(100.0, 0.1), "W2": pcn.Oja(100.0, every=5.0), "h": pcn.LearnedVariance(100.0)},
        error_tau={"y": 5.0},
        noise={"h": pcn.WhiteNoise(0.1), "y.error": pcn.OrnsteinUhlenbeck(0.1, 5.0)},
        delays=2.0,
    )
    audit = pcn.audit(circuit, dynamics=pcn.Strict())
    assert passes(audit)
    assert audit["W1"].reads["own"] == ("W1",)
    assert audit["W2"].reads == {"own": ("W2",), "pre": ("h.value",), "post": ("y.value",)}
    assert audit["W2"].phase == "every 5 ms"
    assert audit["W1"].phase == ""
    assert audit["y.error"].reads["own"] == ("y.error", "y.value")
    variance = audit["h.variance"]
    assert (variance.kind, variance.local) == ("variance", True)
    assert variance.reads == {"own": ("h.variance",), "post": ("h.dendrite", "h.value")}
    assert audit["h.error"].reads["own"] == ("h.value", "h.variance")


def test_errors_that_follow_at_once_and_are_noisy_read_their_noise():
    audit = pcn.audit(two_layers(noise={"h.error": pcn.WhiteNoise(0.1)}), dynamics=pcn.Strict())
    assert passes(audit)


def test_homeostasis_reads_the_mean_of_a_population_and_of_another_one_it_is_not_local():
    def function(x, W1, b, W2):
        return pcn.vertex(pcn.vertex(x @ W1 + b, "h") @ W2, "y")

    leaves = {"W1": pcn.Parameter(W1), "b": pcn.Parameter(np.zeros(5)), "W2": pcn.Parameter(W2)}
    graph = pcn.trace(function, x=pcn.Input((4,)), **leaves)
    for vertex, local in (("h", True), ("y", False)):
        rule = pcn.Homeostasis(vertex, target=0.1, tau=100.0)
        row = pcn.audit(pcn.build_circuit(graph, plasticity={"b": rule}), dynamics=pcn.Strict())["b"]
        assert (row.local, row.units) == (local, True)
        assert row.reads["post" if local else "other"] == (f"{vertex}.value",)


def test_own_feedback_weights_are_not_transported():
    def function(x, W1, W2, B):
        h = pcn.vertex(np.tanh(x @ W1), "h")
        return pcn.vertex(pcn.ops.project(h, W2, feedback=B), "y")

    leaves = {"W1": pcn.Parameter(W1), "W2": pcn.Parameter(W2), "B": pcn.Parameter(W2[::-1].copy())}
    graph = pcn.trace(function, x=pcn.Input((4,)), **leaves)
    rules = {"W2": pcn.Hebbian(100.0, 0.1), "B": pcn.LearnedFeedback("W2", 100.0, 0.1)}
    audit = pcn.audit(pcn.build_circuit(graph, plasticity=rules), dynamics=pcn.Strict())
    assert passes(audit)
    assert audit.transported == ()
    assert audit["h.value"].reads["weights"] == ("B",)
    assert audit["y.error"].reads["weights"] == ("W2",)
    assert audit["B"].reads == {"own": ("B",), "pre": ("h.value",), "post": ("y.error",)}
    fixed = pcn.audit(pcn.build_circuit(graph))["B"]
    assert (fixed.rule, fixed.reads, fixed.phase) == ("fixed", {}, "held sweep")


def test_feedback_beside_a_product_is_not_transported_and_a_straight_way_back_has_no_derivative():
    stop = pcn.ops.stop_feedback

    def function(x, W1, W2, B):
        z = x @ W1
        h = pcn.vertex(z + stop(np.tanh(z) - z), "h")
        back = h @ stop(B)
        return pcn.vertex(stop(h) @ W2 + (back - stop(back)), "y")

    leaves = {"W1": pcn.Parameter(W1), "W2": pcn.Parameter(W2), "B": pcn.Parameter(W2[::-1].copy())}
    audit = pcn.audit(pcn.build_circuit(pcn.trace(function, x=pcn.Input((4,)), **leaves)), dynamics=pcn.Strict())
    assert passes(audit)
    assert audit.transported == ()
    assert audit["y.error"].reads["weights"] == ("W2",)
    assert not any(row.derivative for row in audit.rows)
    assert audit["W1"].hebbian


def test_a_threshold_is_a_gate_and_no_derivative():
    def function(x, W1, W2):
        return pcn.vertex(pcn.vertex(pcn.ops.relu(x @ W1), "h") @ W2, "y")

    graph = pcn.trace(function, x=pcn.Input((4,)), W1=pcn.Parameter(W1), W2=pcn.Parameter(W2))
    row = pcn.audit(pcn.build_circuit(graph), interventions=4)["W1"]
    assert (row.derivative, row.reads["gate"]) == (False, ("h.dendrite",))


def test_a_rate_network_needs_no_error_neurons_and_a_rectified_one_no_negative_rates():
    def function(x, before, W):
        return pcn.vertex(pcn.ops.relu(x + pcn.ops.stop_feedback(before) @ W), "v")

    leaves = {"x": pcn.Input((5,)), "before": pcn.Recurrent("v", (5,)), "W": pcn.Parameter(np.eye(5)[::-1] * 0.5)}
    audit = pcn.audit(pcn.build_circuit(pcn.trace(function, **leaves)))
    assert passes(audit)
    assert [(row.one_to_one, row.negative) for row in audit.neurons] == [(False, False), (False, False)]
    assert audit["v.value"].reads == {"own": ("v.error",)}


def test_a_matrix_between_value_and_error_neurons_is_no_wiring_one_to_one():
    def function(x, itself, W1, W2, psi):
        h = pcn.vertex(x @ W1 + (itself - itself @ psi), "h")
        return pcn.vertex(h @ W2, "y")

    leaves = {"W1": pcn.Parameter(W1), "W2": pcn.Parameter(W2), "psi": pcn.Parameter(W1.T @ W1)}
    graph = pcn.trace(function, x=pcn.Input((4,)), itself=pcn.Recurrent("h", (5,)), **leaves)
    audit = pcn.audit(pcn.build_circuit(graph))
    assert passes(audit)
    assert [audit[name].one_to_one for name in ("h.value", "h.error", "y.error")] == [False, False, True]


# What is planted


@dataclass(frozen=True)
class Planted(AbstractPlasticity):
    """A rule that reads the value neurons of a vertex, wherever that is."""

    vertex: str
    tau: float = 100.0
    decay: float = 0.0
    bounds: tuple[float, float] | None = None
    every: float | None = None

    def drive(self, activity, name):
        return activity.hebbian(name) * activity.value[self.vertex].mean()

    @property
    def equation(self):
        return DESCENT


@dataclass(frozen=True)
class Normalised(Planted):
    """Global normalisation: every synapse has to know all others."""

    def drive(self, activity, name):
        drive = activity.hebbian(name)
        return drive / np.sqrt((drive**2).sum())


@dataclass(frozen=True)
class OfAnother(Planted):
    """The change of another parameter, of the same shape or not."""

    def drive(self, activity, name):
        return activity.hebbian(name) * activity.hebbian(self.vertex).sum()


@pytest.fixture(autouse=True)
def _unplanted():
    yield
    for cls in (Planted, Normalised, OfAnother):
        PLASTICITY.pop(cls.__name__, None)


def test_a_rule_that_reads_another_vertex_is_caught_by_name():
    audit = pcn.audit(two_layers(plasticity={"W1": Planted("y")}), dynamics=pcn.Strict())
    assert not audit.certified
    row = audit["W1"]
    assert (row.local, row.others) == (False, ("y.value",))
    assert row.interventions.unchanged == 0
    assert "W1 reads y.value" in str(audit)
    assert all(other.local for other in audit.rows if other.name != "W1")


def test_a_rule_that_reads_its_own_vertex_is_local_to_the_population_but_not_to_a_synapse():
    row = pcn.audit(two_layers(plasticity={"W1": Planted("h")}), dynamics=pcn.Strict())["W1"]
    assert row.others == ()
    assert row.interventions.singles > row.interventions.singles_unchanged == 0
    assert not row.local


def test_global_normalisation_is_caught_at_single_synapses():
    audit = pcn.audit(two_layers(plasticity={"W2": Normalised("h")}), dynamics=pcn.Strict(), singles=6)
    row = audit["W2"]
    assert (row.local, row.others) == (False, ())
    assert (row.interventions.singles, row.interventions.singles_unchanged) == (6, 0)
    assert "W2 reads units that it has nothing to do with" in str(audit)


def test_a_rule_that_reads_the_change_of_other_synapses_is_caught():
    row = pcn.audit(two_layers(plasticity={"W2": OfAnother("W1")}), dynamics=pcn.Strict())["W2"]
    assert {"h.error", "x.value"} <= set(row.others)


SEEN: list[np.ndarray] = []


@dataclass(frozen=True)
class Spying(Map):
    """tanh that leaves what it is of for others to see."""

    kind: ClassVar[str] = "spying"
    function: str = "tanh"

    def forward(self, *operands):
        SEEN[:] = [operands[0]]
        return super().forward(*operands)


@dataclass(frozen=True)
class Peeking(Map):
    """tanh, the derivative of which is multiplied by what another operator has seen."""

    kind: ClassVar[str] = "peeking"
    function: str = "tanh"

    def vjp(self, k, gradient, output, *operands):
        return super().vjp(k, gradient, output, *operands) * (SEEN[0].mean() if SEEN else 1.0)


def test_an_operator_whose_derivative_reads_something_else_is_caught():
    def function(x, W1, W2):
        h = pcn.vertex(apply(Peeking(), x @ W1), "h")
        y = pcn.vertex(h @ W2, "y")
        return {"y": y, "z": pcn.vertex(apply(Spying(), y), "z")}

    try:
        graph = pcn.trace(function, x=pcn.Input((4,)), W1=pcn.Parameter(W1), W2=pcn.Parameter(W2))
        audit = pcn.audit(pcn.build_circuit(graph), dynamics=pcn.Strict())
    finally:
        for kind in ("spying", "peeking"):
            OPERATORS.pop(kind, None)
    assert "y.value" in audit["W1"].others
    assert not audit["W1"].local
    assert audit["W2"].local


# What it is given, and returns


def test_it_is_written_as_json_and_read_again(tmp_path):
    audit = pcn.audit(small("transformer").circuit, interventions=1, singles=1)
    assert pcn.Audit.from_json(audit.to_json(tmp_path / "audit.json")) == audit
    facts = json.loads((tmp_path / "audit.json").read_text())
    assert facts == json.loads(json.dumps(audit.to_dict()))
    assert (facts["local"], facts["certified"], facts["dynamics"]) == (True, True, "FixedPrediction")
    with pytest.raises(pcn.PcneuroError, match=r"exists already"):
        audit.to_json(tmp_path / "audit.json")
    for text in ("", "[]", "{}", '{"neurons": [1], "synapses": []}', "null", "[" * 100_000):
        with pytest.raises(DataError, match="no audit in JSON"):
            pcn.Audit.from_json(text)


def test_weights_of_other_neurons_as_feedback_are_transported():
    """Errors of y come back by the weights that h is predicted by."""
    rng = np.random.default_rng(0)

    def network(x, W1, W2):
        h = pcn.vertex(np.tanh(x @ W1), "h")
        return pcn.vertex(pcn.ops.project(h, W2, feedback=W1.T), "y")

    W1, W2 = (pcn.Parameter(rng.normal(size=shape)) for shape in ((3, 4), (4, 3)))
    audit = pcn.audit(pcn.build_circuit(pcn.trace(network, x=pcn.Input((3,)), W1=W1, W2=W2)))
    assert audit["h.value"].transported == ("W1",)
    assert audit.local
    assert audit.certified


def test_it_is_a_data_frame():
    frame = pcn.audit(two_layers(), interventions=0).to_dataframe()
    assert list(frame.index) == ["h.value", "h.error", "y.value", "y.error", "W1", "W2"]
    assert frame.loc["h.value", "transported"] == "W2"
    assert frame.loc["W1", "reads_derivative"] == "h.dendrite"
    assert frame.loc["W2", "reads_derivative"] == ""
    assert frame.loc["h.error", "one_to_one"]


def test_its_tables_line_up():
    lines = str(pcn.audit(two_layers())).splitlines()
    assert lines[0] == "Audit under FixedPrediction: every update is local"
    at = next(k for k, line in enumerate(lines) if line.startswith("population"))
    column = lines[at].index("local")
    assert {line[column : column + 3] for line in lines[at + 2 : at + 6]} == {"yes"}


def test_the_same_seed_brings_the_same_and_nothing_depends_on_it():
    audits = [pcn.audit(mlp((6, 5, 4, 3)), seed=seed) for seed in (1, 1, 2)]
    assert audits[0] == audits[1]
    assert [r.reads for r in audits[0].rows] == [r.reads for r in audits[2].rows]


def test_without_interventions_the_structure_is_told():
    audit = pcn.audit(two_layers(), interventions=0)
    assert audit.local
    assert "no interventions were made" in str(audit)
    assert audit["W1"].reads["pre"] == ("x.value",)


def test_inputs_can_be_given_and_are_asked_for_where_none_fit():
    def function(x, E):
        return pcn.vertex(pcn.ops.embedding(x, E), "y")

    graph = pcn.trace(function, x=pcn.Input((3,)), E=pcn.Parameter(np.random.default_rng(0).normal(size=(5, 2))))
    circuit = pcn.build_circuit(graph)
    assert pcn.audit(circuit, inputs={"x": np.array([[0, 1, 4], [2, 3, 3]])}).local
    assert pcn.audit(circuit).local

    def masked(x):
        return pcn.vertex(np.log(x - 5.0), "y")

    hard = pcn.build_circuit(pcn.trace(masked, x=pcn.Input((3,))))
    with pytest.raises(ParameterError, match=r"finds no inputs that this circuit takes .*give it some"):
        pcn.audit(hard)
    assert pcn.audit(hard, inputs={"x": np.array([[6.0, 7.0, 8.0], [9.0, 6.5, 7.5]])}).certified


def test_latents_are_drawn_where_the_circuit_takes_them():
    graph = pcn.trace(lambda z: pcn.vertex(np.log(z), "y"), z=pcn.Latent((3,)))
    audit = pcn.audit(pcn.build_circuit(graph), dynamics=pcn.Strict())
    assert passes(audit)
    assert [row.name for row in audit.neurons] == ["z.value", "y.value", "y.error"]
    assert "own" not in audit["z.value"].reads, "nothing predicts it"


def test_what_does_not_fit_is_refused_in_one_line():
    with pytest.raises(ParameterError, match=r"FixedPrediction\(\) has no cycles.*use dynamics=pcn.Strict\(\)"):
        pcn.audit(ring(), dynamics=pcn.FixedPrediction())
    with pytest.raises(UnknownNameError, match="unknown input of the audit 'z'"):
        pcn.audit(two_layers(), inputs={"z": np.ones(4)})
    with pytest.raises(
        UnknownNameError, match=r"population or parameter of the audit 'h\.valu': did you mean 'h.value'"
    ):
        pcn.audit(two_layers())["h.valu"]


def test_of_many_updates_a_part_is_looked_at(monkeypatch):
    monkeypatch.setattr("pcneuro.analysis.audit.auditing.WORK", 10**7)
    audit = pcn.audit(small("transformer").circuit)
    made = [row for row in audit.rows if row.interventions.made]
    assert 0 < len(made) < len(audit.rows)
    assert f"in {len(made)} of {len(audit.rows)} updates" in str(audit)


def test_the_example_of_the_page_runs(capsys):
    text = (Path(__file__).parents[2] / "docs" / "cortex.md").read_text(encoding="utf-8")
    section = text.partition("## Audit\n")[2].partition("\n## ")[0]
    for example in re.findall(r"^```python\n(.*?)^```$", section, flags=re.MULTILINE | re.DOTALL):
        exec(compile(example, "docs/cortex.md", "exec"), {"pcn": pcn, "np": np})
    assert "every update is local" in capsys.readouterr().out
