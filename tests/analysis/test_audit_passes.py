"""The audit of circuits that passes have made: what each pass is for is what the audit no longer finds."""

from __future__ import annotations

import numpy as np
import pytest

import pcneuro as pcn
from circuits.mlp import mlp
from pcneuro import passes
from tests.circuits.small import small


@pytest.fixture(scope="module")
def plain():
    return mlp((6, 5, 4, 3))


def audited(circuit, *given, **settings):
    """The audit of a circuit after passes, all interventions of which came out as they have to."""
    audit = pcn.audit(passes.apply(circuit, given), dynamics=pcn.Strict(), **settings)
    assert audit.certified, str(audit)
    return audit


def rows(audit, kind):
    return {row.name: row for row in audit.rows if row.kind == kind}


def test_the_circuit_without_passes_has_it_all(plain):
    audit = audited(plain)
    assert audit.transported == ("W2", "W3")
    assert all(row.one_to_one and row.negative for row in audit.neurons)
    assert [row.name for row in audit.rows if row.derivative] == ["h1.value", "W1", "b1", "W2", "b2"]


def test_learned_feedback_transports_no_weights(plain):
    audit = audited(plain, passes.LearnedFeedback(tau=100.0, decay=0.1))
    assert audit.local
    assert audit.transported == ()
    assert audit["h1.value"].reads["weights"] == ("W2_feedback",)
    row = audit["W3_feedback"]
    assert row.reads == {"own": ("W3_feedback",), "pre": ("h2.value",), "post": ("out.error",)}
    assert (row.hebbian, row.phase) == (True, "")
    fixed = audited(plain, passes.LearnedFeedback())["W3_feedback"]
    assert (fixed.rule, fixed.reads) == ("fixed", {})


def test_without_derivatives_none_is_read(plain):
    audit = audited(plain, passes.NoDerivative())
    assert audit.local
    assert not any(row.derivative or "gate" in row.reads for row in audit.rows)
    assert all(row.hebbian for row in audit.synapses)
    gated = audited(plain, passes.NoDerivative(gate=True))
    assert not any(row.derivative for row in gated.rows)
    assert gated["W1"].reads["gate"] == ("h1.dendrite",)


def test_random_error_connectivity_is_not_one_to_one(plain):
    audit = audited(plain, passes.RandomErrorConnectivity(tau=100.0))
    assert audit.local
    assert {name for name, row in rows(audit, "error").items() if row.one_to_one} == {"out.error"}
    assert audit["h1_errors"].reads == {"pre": ("h1.value (h1_itself)",), "post": ("h1.error",)}
    assert "h1_errors" in audit["h1.value"].transported, "errors come back by the matrix that they are computed by"


def test_error_neurons_in_pairs_have_no_negative_rates(plain):
    audit = audited(plain, passes.SplitErrors(baseline=0.5))
    assert audit.local
    assert set(rows(audit, "error")) == {f"{v}.error_{half}" for v in ("h1", "h2", "out") for half in ("on", "off")}
    assert not any(row.negative for row in rows(audit, "error").values())
    assert audit["h1.value"].reads["own"] == ("h1.error_off", "h1.error_on")


@pytest.mark.parametrize("own", [False, True])
def test_interneurons_are_local_and_no_error_neurons(plain, own):
    audit = audited(plain, passes.Dale(1.0, own=own))
    assert audit.local
    assert not audit["h1_interneurons.value"].one_to_one
    assert audit["h1_interneurons.error"].reads == {"own": ("h1_interneurons.value",), "pre": ("h1.value",)}
    assert not audit["matmul_1_inhibition.value"].one_to_one
    assert audit["W1_inhibitory"].reads["pre"] == ("x_interneurons.value",)


def test_interneurons_give_each_neuron_one_sign(plain):
    def mixed(*given):
        audit = pcn.audit(passes.apply(plain, given), dynamics=pcn.Strict(), interventions=0)
        return {row.name for row in audit.neurons if not row.one_sign}

    assert mixed() == {"h1.value", "h2.value", "h2.error", "out.error"}
    # Errors excite others, and still inhibit their own value neurons.
    assert mixed(passes.Dale(1.0)) == {"h2.error", "out.error"}
    assert mixed(passes.Dale(1.0, own=True)) == set()
    everything = passes.LearnedFeedback(100.0), passes.NoDerivative(), passes.Dale(1.0, own=True), passes.SplitErrors()
    assert mixed(*everything) == set()
    assert mixed(passes.RandomErrorConnectivity(), passes.Dale(1.0, own=True)) == set()


def test_feedback_weights_of_interneurons_learn_where_they_are(plain):
    audit = audited(plain, passes.LearnedFeedback(tau=100.0, decay=0.1), passes.Dale(1.0))
    assert audit.local, audit
    assert audit.certified
    assert audit["W3_feedback_inhibitory"].reads["post"] == ("matmul_2_inhibition.error",)


def test_signs_that_plasticity_does_not_keep_are_none():
    weights = np.abs(np.random.default_rng(0).normal(size=(5, 3)))

    def one_sign(**settings):
        graph = pcn.trace(
            lambda x, W, V: pcn.vertex(pcn.vertex(x @ W, "h") @ V, "y"),
            x=pcn.Input((5,)),
            W=pcn.Parameter(weights @ weights.T),
            V=pcn.Parameter(weights),
        )
        return pcn.audit(pcn.build_circuit(graph, **settings), interventions=0)["h.value"].one_sign

    assert one_sign()
    assert not one_sign(plasticity={"V": pcn.Hebbian(100.0)})
    assert one_sign(plasticity={"V": pcn.Hebbian(100.0, bounds=(0.0, np.inf))})


def test_maxima_keep_a_sign_and_softmax_does_not():
    def function(x, W):
        h = pcn.vertex(x @ W, "h")
        s = pcn.vertex(pcn.ops.softmax(h), "s")
        m = pcn.vertex(np.max(h), "m")
        return {"s": s, "m": m}

    graph = pcn.trace(function, x=pcn.Input((4,)), W=pcn.Parameter(np.ones((4, 3))))
    audit = pcn.audit(pcn.build_circuit(graph), interventions=0)
    assert not audit["h.value"].one_sign
    graph = pcn.trace(
        lambda x, W: pcn.vertex(np.max(pcn.vertex(x @ W, "h")), "m"),
        x=pcn.Input((4,)),
        W=pcn.Parameter(np.ones((4, 3))),
    )
    assert pcn.audit(pcn.build_circuit(graph), interventions=0)["h.value"].one_sign


def test_dendritic_errors_are_local_and_by_activity_before_and_behind(plain):
    audit = audited(pcn.build_circuit(plain.graph), passes.Dendritic(tau=100.0), singles=2)
    assert audit.local
    assert audit.transported == ()
    assert not any(row.one_to_one or row.derivative for row in audit.neurons)
    assert audit["W2"].reads == {"pre": ("h1.value (h1_now)",), "post": ("h2_basal.value",)}
    assert audit["h1_lateral"].reads["post"] == ("h1_apical.value",)


def test_relaxations_compose(plain):
    audit = audited(
        plain,
        passes.LearnedFeedback(tau=100.0),
        passes.NoDerivative(),
        passes.RandomErrorConnectivity(),
        passes.SplitErrors(),
    )
    assert audit.local
    assert audit.transported == ("h1_errors", "h2_errors")
    assert not any(row.derivative for row in audit.rows)
    assert not any(row.negative for row in rows(audit, "error").values())


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("cnn", passes.LearnedFeedback(tau=100.0)),
        ("cnn", passes.Dale(1.0)),
        ("rnn", passes.LearnedFeedback(tau=100.0)),
        ("rnn", passes.RandomErrorConnectivity()),
        ("transformer", passes.LearnedFeedback(tau=100.0)),
        ("transformer", passes.NoDerivative()),
    ],
    ids=lambda given: given if isinstance(given, str) else type(given).__name__,
)
def test_passes_leave_ready_made_circuits_local(name, given):
    audit = audited(small(name).circuit, given, interventions=1, singles=1)
    assert audit.local
    if isinstance(given, passes.LearnedFeedback):
        assert audit.transported == ()


def test_networks_of_rates_are_local():
    import networkx

    graph = networkx.DiGraph()
    for name, sign in (("e", "excitatory"), ("i", "inhibitory")):
        graph.add_node(name, size=4, transfer="relu", tau=10.0, sign=sign)
    weights = np.abs(np.random.default_rng(0).normal(size=(4, 4)))
    graph.add_edges_from([(a, b) for a in "ei" for b in "ei"], weight=weights)
    audit = pcn.audit(pcn.from_networkx(graph), dynamics=pcn.Strict())
    assert audit.certified, str(audit)
    assert audit.local
    assert not any(row.one_to_one or row.negative for row in audit.neurons)
    assert all(row.one_sign for row in audit.neurons)


def test_feedback_weights_behind_a_gate_are_where_the_weights_are():
    """Both learn by the error that has gone through the other side of the product."""
    rng = np.random.default_rng(1)

    def function(x, W, V, G):
        h = pcn.vertex(np.tanh(x @ W), "h")
        gate = pcn.vertex(pcn.ops.sigmoid(x @ G), "gate")
        return pcn.vertex(np.tanh(h @ V) * gate, "y")

    weights = {name: pcn.Parameter(rng.normal(size=(3, 3))) for name in "WVG"}
    circuit = pcn.build_circuit(pcn.trace(function, x=pcn.Input((3,)), **weights))
    audit = audited(circuit, passes.LearnedFeedback(tau=100.0))
    assert audit.local, audit
    assert "gate.value" in audit["V_feedback"].reads["derivative"]


def test_computed_weights_are_split_and_keep_their_signs_whatever_is_learned():
    """relu(V mask) and relu(-V mask) are not negative, though the rule of V has no bounds."""
    rng = np.random.default_rng(1)
    mask = rng.random((3, 3)) < 0.7

    def function(x, W, V):
        return pcn.vertex(pcn.vertex(x @ W, "h") @ (V * mask), "y")

    weights = {name: pcn.Parameter(rng.normal(size=(3, 3))) for name in "WV"}
    graph = pcn.trace(function, x=pcn.Input((3,)), **weights)
    audit = audited(pcn.build_circuit(graph, plasticity={"V": pcn.Hebbian(50.0)}), passes.Dale(1.0, own=True))
    assert audit["V"].interventions.answered["own"], "the sign of V decides which part learns"
    assert all(row.one_sign for row in audit.neurons)
