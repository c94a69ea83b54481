"""Units by themselves and in rows, against closed forms and Euler's steps in NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from pcneuro.kernels.events.arrays import BLOCK
from pcneuro.kernels.events.queue import blocks, first_due
from pcneuro.kernels.events.rows import crossing, receive_listed, receive_rows, schedule_rows, settle_touched
from pcneuro.kernels.events.units import advance_sleeping, refresh, refresh_all, relaxed, touch, wake
from tests.kernels.events.networks import A, case, start

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


def close(got, wanted, dtype):
    np.testing.assert_allclose(got, wanted, rtol=1e-12 if dtype is np.float64 else 2e-5, atol=1e-12)


def random_state(of, seed=3, *, lines=False, strict=False, exact=True):
    """Units at random, brought up to date at random times between 0 and 2 ms."""
    network, state = start(of, strict=strict, exact=exact, lines=lines)
    rng = np.random.default_rng(seed)
    for name in ("x", "received", "predicted", "sent", "received_slope"):
        array = getattr(state, name)
        array[:] = rng.normal(size=array.size)
    state.at[:] = rng.uniform(0, 2, of.units)
    return network, state, rng


def later(network, x, predicted, received, time, slope=0.0):
    """Values ``time`` ms later, by the solution of tau dx/dt = received + slope t - Pi (x - predicted)."""
    rate, precision, gain = (a.astype(float) for a in (network.rate, network.precision, network.gain))
    with np.errstate(all="ignore"):
        decay, error = np.exp(-rate * time), precision * (x - predicted)
        error = received + (error - received) * decay + slope * (time - (1 - decay) / rate)
        return np.where(rate > 0, predicted + error / precision, x + gain * (received + slope * time / 2) * time)


def floats(state):
    return (getattr(state, name).astype(float) for name in ("x", "predicted", "received"))


@DTYPES
@pytest.mark.parametrize("lines", [False, True], ids=["hold", "lines"])
def test_units_relax_as_their_equation_says(dtype, lines):
    of = case(dtype=dtype)
    network, state, _ = random_state(of, lines=lines)
    slope = state.received_slope.astype(float) if lines else 0.0
    time, (x, predicted, received) = 3.5 - state.at, floats(state)
    refresh_all(network, state, 3.5)
    close(state.x, later(network, x, predicted, received, time, slope), dtype)
    close(state.received, received + slope * time, dtype)
    assert (state.at == 3.5).all()
    assert relaxed(2.0, 1.0, 0.0, 0.5, 0.0, 1.0) == 2.0


def test_one_unit_is_refreshed_alone():
    of = case()
    network, state, _ = random_state(of)
    before = state.copied()
    refresh(network, state, 9, 4.0)
    refresh_all(network, before, 4.0)
    assert state.x[9] == before.x[9]
    assert (state.at == 4.0).sum() == 1


@DTYPES
def test_those_that_sleep_are_where_steps_bring_them(dtype):
    of = case(dtype=dtype)
    network, state, _ = random_state(of, exact=False)
    x, predicted, received = floats(state)
    steps = 13
    for _ in range(steps):
        x = x + network.gain.astype(float) * (received - network.precision.astype(float) * (x - predicted))
    state.since[:] = [4, -1, 4]
    state.awake_count, state.awake[0] = 1, 1
    before = state.x.copy()
    awake = np.arange(of.units) // BLOCK == 1
    advance_sleeping(network, state, 4 + steps)
    close(state.x, np.where(awake, before, x), dtype)
    assert state.since.tolist() == [4, -1, 4]
    state.x[:] = before
    for block in (2, 1):
        wake(network, state, block, float(4 + steps))
    close(state.x, np.where(np.arange(of.units) // BLOCK == 2, x, before), dtype)
    assert state.since.tolist() == [4, -1, -1]
    assert state.awake[: state.awake_count].tolist() == [1, 2]


def test_touched_units_are_listed_once():
    _, state = start(case(), strict=False, exact=True)
    assert [bool(touch(state, unit)) for unit in (5, 3, 5, 3, 8)] == [True, True, False, False, True]
    assert state.touched_units[: state.touched_count].tolist() == [5, 3, 8]
    assert np.flatnonzero(state.touched).tolist() == [3, 5, 8]


def due(network, state, now):
    """When each unit is due, one by one."""
    when = np.full(network.units, np.inf)
    for u in np.flatnonzero(network.entry >= 0):
        error = network.precision[u] * (state.x[u] - state.predicted[u])
        when[u] = crossing(error, state.received[u], state.sent[u], network.rate[u], network.threshold[u], now)
    return when


def check_due(network, state, wanted):
    np.testing.assert_allclose(state.due, wanted, rtol=1e-6 if state.dtype == np.float32 else 1e-14)
    rows = np.append(state.due, np.full(blocks(network.units) * BLOCK - network.units, np.inf)).reshape(-1, BLOCK)
    np.testing.assert_array_equal(state.block_due, rows.min(1))
    assert first_due(state) == np.argmin(state.due)


@DTYPES
def test_rows_are_due_when_each_unit_is(dtype):
    network, state, _ = random_state(case(dtype=dtype))
    schedule_rows(network, state, 0, network.units, 2.0)
    check_due(network, state, due(network, state, 2.0))
    assert np.isfinite(state.due).any()


@DTYPES
def test_a_population_receives_its_input(dtype):
    of = case(dtype=dtype)
    network, state, rng = random_state(of)
    state.incoming[:] = rng.normal(size=network.nodes) * (np.arange(network.nodes) % 3 > 0)
    state.dirty[:] = 1
    of_a, incoming = slice(0, of.n), state.incoming[: of.n].astype(float)
    x, predicted, received = floats(state)
    wanted = later(network, x, predicted, received, 5.0 - state.at)
    receive_rows(network, state, network.offset[A], of.n, 5.0)
    close(state.x[of_a], wanted[of_a], dtype)
    close(state.x[of.n :], x[of.n :], dtype)
    close(state.received[of_a], received[of_a] + incoming, dtype)
    np.testing.assert_array_equal(state.arrival[of_a], np.where(incoming != 0, 5.0, np.inf))
    assert not state.incoming[of_a].any()
    assert not state.dirty[of_a].any()
    assert state.dirty[of.n :].all()
    np.testing.assert_allclose(state.due[of_a], due(network, state, 5.0)[of_a], rtol=1e-6)


@DTYPES
def test_listed_units_receive_their_input(dtype):
    of = case(dtype=dtype)
    network, state, rng = random_state(of)
    nodes = np.concatenate([[3, 17, 5], network.offset[3] + np.array([4, 0])])
    units = np.array([3, 17, 5, of.n + 4, of.n])
    received = state.received.astype(float)
    change = rng.normal(size=nodes.size).astype(dtype)
    change[1] = 0
    for first, part in ((0, slice(0, 3)), (network.offset[3], slice(3, 5))):
        state.dirty_nodes[first : first + nodes[part].size] = nodes[part]
        state.incoming[nodes[part]], state.dirty[nodes[part]] = change[part], 1
        receive_listed(network, state, first, nodes[part].size)
    assert not state.incoming.any()
    assert not state.dirty.any()
    touched = units[change != 0]
    assert state.touched_units[: state.touched_count].tolist() == touched.tolist()
    settle_touched(network, state, 6.0)
    assert state.touched_count == 0
    assert not state.touched.any()
    received[units] += change
    close(state.received, received, dtype)
    np.testing.assert_array_equal(np.flatnonzero(np.isfinite(state.arrival)), np.sort(touched))
    np.testing.assert_array_equal(np.flatnonzero(state.at == 6.0), np.sort(touched))
    np.testing.assert_allclose(state.due[touched], due(network, state, 6.0)[touched], rtol=1e-6)


def test_touched_units_relax_before_they_receive():
    of = case()
    network, state, _ = random_state(of)
    before = state.copied()
    state.change[11] = 2.0
    touch(state, 11)
    settle_touched(network, state, 6.0)
    refresh_all(network, before, 6.0)
    assert state.x[11] == pytest.approx(before.x[11], rel=1e-14)
    assert state.received[11] == before.received[11] + 2.0
