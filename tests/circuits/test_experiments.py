"""Circuits of experiments in both engines, against what is known of them independently."""

import numpy as np
import pytest

import pcneuro as pcn
from circuits.alpha_oscillation import alpha_oscillation, flash, impulse
from circuits.prediction_error_neurons import prediction_error_neurons, responses
from circuits.prospective_configuration import linear, predicted, settled, settling
from tests.circuits_for_tests import engines


def simulator(circuit, engine, dt):
    return pcn.Simulator(circuit, dynamics=pcn.Strict(), integrator=pcn.Euler(dt), engine=engine)


@engines
def test_prediction_error_neurons_before_they_learn(engine):
    rates = responses(simulator(prediction_error_neurons(), engine, 1.0))
    wanted = {"baseline": 1.84932, "feedback": 3.50431, "playback": 1.83273, "mismatch": 4.11697}
    assert rates == pytest.approx(wanted, abs=5e-6)


def test_what_synapses_to_pv_cells_learn_is_not_local():
    """They read excitatory cells, at neither of their ends; interventions find these two rules, and no other."""
    audit = pcn.audit(prediction_error_neurons(), dynamics=pcn.Strict())
    sizes = ("wPS_size", "wPV_size")
    assert [name for name in (*sizes, "wEP", "wDS", "wPE", "pv.error") if not audit[name].local] == [*sizes]
    assert not audit.local


@engines
def test_an_estimate_that_knows_late_what_it_predicted(engine):
    found = flash(simulator(alpha_oscillation(), engine, 0.5), 200.0)
    np.testing.assert_allclose(found, impulse(200.0, 0.5), rtol=0, atol=1e-15)


@engines
def test_two_layers_change_their_output_as_the_paper_has_it(engine):
    """(h . W1 x + |x|^2 W2 W2^T) S^-1 r, S = 1 + W2 W2^T, to the first order; weights are transposed here."""
    rng = np.random.default_rng(3)
    W1, W2, x, y = rng.normal(size=(3, 4)), rng.normal(size=(4, 2)), rng.normal(size=3), rng.normal(size=2)
    changes, energy = settling(simulator(linear([W1, W2]), engine, 1.0), [W1, W2], x, y, 600.0)
    r = y - predicted([W1, W2], x)
    left = np.linalg.solve(np.eye(2) + W2.T @ W2, r)
    h = x @ W1 + W2 @ left
    wanted = (h @ (x @ W1)) * left + (x @ x) * W2.T @ W2 @ left
    np.testing.assert_allclose(x @ W1 @ changes[1] + x @ changes[0] @ W2, wanted, rtol=1e-10)
    assert energy == pytest.approx(0.5 * r @ left, rel=1e-12)
    exact, least = settled([W1, W2], x, y)
    assert least == pytest.approx(energy, rel=1e-12)
    for found, known in zip(changes, exact, strict=True):
        np.testing.assert_allclose(found, known, rtol=1e-10)
