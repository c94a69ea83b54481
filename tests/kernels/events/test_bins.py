"""Bins against their dense NumPy twin, which steps every unit and knows no blocks, lists or heaps."""

from __future__ import annotations

import numpy as np
import pytest

from pcneuro.kernels.events.arrays import DONE, NOT_FINITE, QUEUE_FULL
from pcneuro.kernels.events.bins import advance_bins, exchange_events
from pcneuro.kernels.events.units import advance_sleeping
from tests.kernels.events.networks import Bins, case, start

BINS = 160
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


def compare(of, strict, cumulative, bins=BINS):
    network, state = start(of, strict=strict, exact=False)
    twin = Bins(of, state, strict=strict)
    tolerance = {"rtol": 0, "atol": 1e-4 if of.dtype == np.float32 else 1e-11}
    for number in range(bins):
        twin.bin(number, cumulative)
        assert advance_bins(number, 1, network, state, cumulative) == (1, DONE)
        there = state.copied()
        advance_sleeping(network, there, number + 1)
        np.testing.assert_allclose(there.x, twin.x, **tolerance, err_msg=f"x after bin {number}")
        for name in ("predicted", "received", "sent", "sent_value"):
            # What clamped and silent units would send is not kept by the twin's sleeping ones.
            np.testing.assert_allclose(getattr(state, name), getattr(twin, name), **tolerance, err_msg=name)
        np.testing.assert_array_equal(state.events, twin.events[: state.events.size], f"events of bin {number}")
    return network, state, twin


@DTYPES
@pytest.mark.parametrize("cumulative", [False, True], ids=["each", "cumulative"])
@pytest.mark.parametrize("strict", [False, True], ids=["fixed", "strict"])
def test_against_the_dense_twin(dtype, cumulative, strict):
    _, state, twin = compare(case(dtype=dtype), strict, cumulative)
    assert twin.events.sum() > 100
    assert state.gates > 0
    if not cumulative:
        assert state.awake_count < state.since.size, "nothing ever slept"
    assert (state.since[state.awake[: state.awake_count]] == -1).all()


@DTYPES
@pytest.mark.parametrize("most", [1.0, 64.0], ids=["saturating", "wide"])
def test_messages_are_multiples_of_a_quantum(dtype, most):
    of = case(dtype=dtype)
    of.quantum, of.most = 0.03125, most
    of.threshold = np.maximum(of.threshold, 0.016)
    _, state, twin = compare(of, False, cumulative=False)
    assert twin.events.sum() > 100
    multiples = state.sent / of.quantum
    np.testing.assert_array_equal(multiples, np.rint(multiples))
    assert state.awake_count < state.since.size, "nothing ever slept"


@pytest.mark.parametrize("strict", [False, True], ids=["fixed", "strict"])
def test_with_delays_and_few_synapses(strict):
    _, state, _ = compare(case(sparse=True, delayed=True), strict, cumulative=False)
    assert state.down.most_queued > 10
    assert (state.up.most_queued > 10) == strict


def test_several_bins_at_once_are_single_ones():
    of = case()
    network, one = start(of, strict=True, exact=False)
    _, all_at_once = start(of, strict=True, exact=False)
    assert advance_bins(0, BINS, network, all_at_once, False) == (BINS, DONE)
    for number in range(BINS):
        advance_bins(number, 1, network, one, False)
    for name, value in all_at_once.values().items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, getattr(one, name), name)


def test_exchanging_events_steps_nobody():
    of = case()
    network, state = start(of, strict=False, exact=False)
    before = state.x.copy()
    exchange_events(0, network, state, False)
    np.testing.assert_array_equal(state.x, before)
    assert state.events.any()
    assert not state.touched.any()


def test_arrivals_are_when_something_was_first_received():
    of = case(sparse=True, delayed=True)
    of.delays[of.delays == 0] = 1.0
    network, state = start(of, strict=False, exact=False)
    advance_bins(0, BINS, network, state, False)
    events = state.events[of.units :][of.n : of.units] > 0
    first = np.min(np.where((of.weights != 0) & events, of.delays, np.inf), axis=1)
    assert (state.arrival[: of.n][np.isfinite(first)] >= first[np.isfinite(first)]).all()
    assert np.isinf(state.arrival[of.n :]).all()


def test_why_it_stops():
    of = case(delayed=True)
    network, state = start(of, strict=False, exact=False)
    tight = state.replaced(down=state.down.replaced(room=network.room_down))
    assert advance_bins(3, 5, network, tight, False) == (0, QUEUE_FULL)
    state.x[0] = state.received[0] = np.inf
    with np.errstate(invalid="ignore"):
        done, why = advance_bins(0, 5, network, state, False)
    assert (done, why) == (0, NOT_FINITE)
