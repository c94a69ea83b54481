"""One pass up and one back down, against the same by dense arrays: what arrives at once, without delays."""

from __future__ import annotations

import numpy as np
import pytest

from pcneuro.kernels.events.axons import accumulate
from pcneuro.kernels.events.passes import backward, forward
from tests.kernels.events.networks import case, start

EXACT = pytest.mark.parametrize("exact", [False, True], ids=["bins", "exact"])
FEW = pytest.mark.parametrize("share", [0.1, 1.0], ids=["few", "all"])


def some(rng, count, share):
    """Changes of some of so many neurons, and their numbers."""
    senders = np.flatnonzero(rng.random(count) < share)
    changes = np.zeros(count)
    changes[senders] = rng.normal(size=senders.size)
    return changes, senders


def close(array, wanted):
    np.testing.assert_allclose(array, wanted, rtol=0, atol=1e-12)


@EXACT
@FEW
def test_what_values_send_goes_up_and_what_that_changes_comes_back(exact, share):
    """Strict dynamics: predictions and derivatives are computed anew, and errors go back with these."""
    rng, of = np.random.default_rng(4), case()
    n, m = of.n, of.m
    network, state = start(of, strict=True, exact=exact)
    sums, adjoint, sent = state.activity[n : n + m].copy(), np.zeros(m), np.zeros(m)
    predicted, received = np.zeros(of.units), np.zeros(of.units)
    for _ in range(5):
        changes, senders = some(rng, n, share)
        for u in senders:
            accumulate(network, state, network.exit[u], changes[u], 0.0)
        forward(network, state, 0, 0.0)
        predicted[n:] += np.tanh(sums + changes @ of.weights) - np.tanh(sums)
        sums += changes @ of.weights
        close(state.activity[n : n + m], sums)
        close(state.activity[n + m : n + 2 * m], np.tanh(sums))
        close(state.slopes, 1 - np.tanh(sums) ** 2)
        close(state.predicted, predicted)
        changes, senders = some(rng, m, share)
        for k in senders:
            accumulate(network, state, network.entry[n + k], changes[k], 0.0)
        backward(network, state, 0.0)
        adjoint += changes
        passed = (1 - np.tanh(sums) ** 2) * adjoint - sent
        passed[abs(passed) < of.gate] = 0
        sent += passed
        received[:n] += of.weights @ passed
        close(state.received, received)
        assert state.pending == 0
        assert not state.incoming.any()
        assert not state.dirty.any()
    assert 0 < np.count_nonzero(passed) <= m


@FEW
def test_under_fixed_prediction_errors_go_back_with_the_derivatives_of_the_sweep(share):
    rng, of = np.random.default_rng(5), case(sparse=True)
    n = of.n
    network, state = start(of, strict=False, exact=False)
    slopes, received = state.slopes.copy(), np.zeros(n)
    for _ in range(5):
        changes, senders = some(rng, of.m, share)
        for k in senders:
            accumulate(network, state, network.entry[n + k], changes[k], 0.0)
        backward(network, state, 0.0)
        received += of.weights @ (slopes * changes)
        close(state.received[:n], received)
        assert state.pending == 0
    assert not state.received[n:].any()
    np.testing.assert_array_equal(state.slopes, slopes)
