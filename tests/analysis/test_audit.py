"""The audit: what each update reads, held against circuits of which it is known."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from circuits.kalman import kalman
from circuits.lstm import lstm
from tests.analysis.audited import W1, W2, passes, two_layers
from tests.circuits.small import MAKERS, small
from tests.circuits_for_tests import random_dag
from tests.cycles_for_tests import linear, network, ring

BOTH = pytest.mark.parametrize("dynamics", [pcn.Strict(), pcn.FixedPrediction()], ids=repr)

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


@pytest.mark.halved
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


@pytest.mark.parametrize("seed", [1, 2, *(pytest.param(seed, marks=pytest.mark.long) for seed in (0, *range(3, 16)))])
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
