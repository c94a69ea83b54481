"""Events on their way, against a plain list of (time, target, change)."""

from __future__ import annotations

import numpy as np
import pytest

from pcneuro.kernels.events.arrays import DONE, QUEUE_FULL, RECORD_FULL
from pcneuro.kernels.events.axons import accumulate, deliver, record, send
from pcneuro.kernels.events.bins import full
from pcneuro.kernels.events.queue import arrives
from tests.kernels.events.networks import SUMS, case, start

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


@DTYPES
@pytest.mark.parametrize("lines", [False, True], ids=["changes", "changes and slopes"])
@pytest.mark.parametrize("sparse", [False, True], ids=["rows", "single targets"])
def test_delay_lines(dtype, lines, sparse):
    of = case(sparse=sparse, delayed=True, dtype=dtype)
    network, state = start(of, strict=False, exact=True, lines=lines)
    sums, rng = network.offset[SUMS], np.random.default_rng(2)
    wanted, slopes = np.zeros(network.nodes), np.zeros(network.nodes)
    waiting: list[tuple[float, int, float, float]] = []
    sent = np.zeros(network.nodes, dtype=int)
    tolerance = 1e-5 if dtype is np.float32 else 1e-13

    def come(now):
        for event in [event for event in waiting if event[0] <= now]:
            waiting.remove(event)
            _, target, change, slope = event
            wanted[target] += change
            slopes[target] += slope

    for now in np.arange(12.0):
        for post in rng.choice(of.m, 5, replace=False):
            change, slope = rng.normal(size=2).astype(dtype)
            send(network, state, network.down, state.down, sums + post, change, slope, now)
            (reached,) = np.nonzero(of.weights[:, post])
            sent[sums + post] += reached.size > 0
            for pre in reached:
                w = of.weights[pre, post]
                waiting.append((now + of.delays[pre, post], int(pre), w * float(change), w * float(slope)))
        while arrives(state.down) <= now:
            deliver(network, state, network.down, state.down)
        come(now)
        # An event waits at each sender for its next group of synapses, of which each has another delay.
        assert arrives(state.down) == min((event[0] for event in waiting), default=np.inf)
        np.testing.assert_allclose(state.incoming, wanted, rtol=0, atol=10 * tolerance)
        if lines:
            np.testing.assert_allclose(state.incoming_slope, slopes, rtol=0, atol=10 * tolerance)
    np.testing.assert_array_equal(state.down.sends, sent)
    assert (state.pending, state.top) == (1, 0)
    assert state.up.queued == 0


def test_who_has_no_synapses_sends_nothing():
    network, state = start(case(), strict=False, exact=True)
    send(network, state, network.down, state.down, 0, 1.0, 0.0, 0.0)
    assert not state.incoming.any()
    assert not state.down.sends.any()
    assert state.pending == 0


def test_the_sender_of_what_arrives_is_told():
    of = case(delayed=True)
    of.delays[:] = 2.0
    network, state = start(of, strict=True, exact=True)
    send(network, state, network.up, state.up, 7, 1.0, 0.0, 1.0)
    send(network, state, network.up, state.up, 3, 1.0, 0.0, 0.5)
    assert [deliver(network, state, network.up, state.up) for _ in range(2)] == [3, 7]
    np.testing.assert_allclose(state.incoming[of.n : of.n + of.m], of.weights[7] + of.weights[3])


def test_input_is_listed_once_a_node_and_the_highest_population_is_known():
    network, state = start(case(), strict=True, exact=False)
    nodes = [2, network.offset[2] + 4, 2, 5, network.offset[2] + 1, 5]
    for k, node in enumerate(nodes):
        accumulate(network, state, node, 2.0**k, 0.0)
    assert state.incoming[[2, 5, nodes[1], nodes[4]]].tolist() == [5, 40, 2, 16]
    assert state.dirty_count.tolist() == [2, 0, 2, 0]
    assert state.dirty_nodes[:2].tolist() == [2, 5]
    assert state.dirty_nodes[network.offset[2] :][:2].tolist() == [nodes[1], nodes[4]]
    assert (state.pending, state.top, state.dirty.sum()) == (2, 2, 4)


def test_events_are_counted_and_recorded_where_there_is_room():
    _, state = start(case(), strict=True, exact=True)
    record(state, 1.0, 5, 0.5)
    state = state.replaced(records=3, record_time=np.zeros(3), record_code=np.zeros(3), record_change=np.zeros(3))
    record(state, 2.0, 5, 0.25)
    record(state, 3.0, 8, -0.5)
    assert state.events[[5, 8]].tolist() == [2, 1]
    assert state.recorded == 2
    assert list(zip(state.record_time[:2], state.record_code[:2], state.record_change[:2], strict=True)) == [
        (2.0, 5, 0.25),
        (3.0, 8, -0.5),
    ]


def test_what_there_may_be_no_room_for():
    network, state = start(case(), strict=True, exact=True)
    assert full(network, state) == DONE
    for axons, room in ((state.up, network.room_up), (state.down, network.room_down)):
        axons.queued = axons.room - room - 1
        assert full(network, state) == DONE
        axons.queued += 1
        assert full(network, state) == QUEUE_FULL
        axons.queued = 0
    most = 2 * network.units + network.nodes
    state.records, state.recorded = most + 5, 5
    assert full(network, state) == DONE
    state.recorded = 6
    assert full(network, state) == RECORD_FULL
