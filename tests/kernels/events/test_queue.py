"""The heaps: events under way against ``heapq``, blocks by when they are due against the least of all units."""

from __future__ import annotations

import heapq

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from pcneuro.kernels.events.arrays import BLOCK
from pcneuro.kernels.events.queue import arrives, blocks, drop, first_due, next_due, push, reschedule, schedule
from tests.kernels.events.networks import axons, case, start

ROOM = 64
times = some.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0, 7.25, np.inf])
actions = some.lists(
    some.one_of(some.none(), some.tuples(times, some.integers(0, 1 << 40), some.integers(-9, 9))), max_size=ROOM - 1
)


@pytest.mark.parametrize("lines", [False, True], ids=["changes", "changes and slopes"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(deadline=None, max_examples=60)
@given(actions=actions)
def test_events_come_out_as_from_heapq(dtype, lines, actions):
    queue, twin, most = axons(case(dtype=dtype), 1, ROOM, lines=lines), [], 0
    for action in actions:
        if action is not None:
            time, key, change = action
            push(queue, time, key, float(change), change / 2, lines)
            heapq.heappush(twin, (time, key, float(change)))
        elif twin:
            time, key, change = heapq.heappop(twin)
            # Of events at one time by one sender along one group, any may be the first.
            same = [event for event in twin if event[:2] == (time, key)]
            assert (arrives(queue), queue.key[0]) == (time, key)
            taken = float(queue.change[0])
            assert taken in {change, *(event[2] for event in same)}
            assert not lines or queue.slope[0] == taken / 2
            drop(queue, lines)
            if taken != change:
                twin[twin.index((time, key, taken))] = (time, key, change)
                heapq.heapify(twin)
        most = max(most, len(twin))
        assert (queue.queued, queue.most_queued) == (len(twin), most)
        assert arrives(queue) == (twin[0][0] if twin else np.inf)


@pytest.mark.parametrize("units", [1, 5, BLOCK, 3 * BLOCK + 7, 9 * BLOCK + 3])
def test_units_are_due_in_the_order_of_time(units):
    of = case(n=units - units // 2, m=units // 2)
    _, state = start(of, strict=False, exact=True)
    rng, twin = np.random.default_rng(units), np.full(units, np.inf)
    for turn in range(400):
        unit = int(rng.integers(units)) if turn % 3 else first_due(state)
        twin[unit] = np.inf if turn % 5 == 4 else rng.integers(0, 50)
        schedule(state, unit, twin[unit], units)
        assert next_due(state) == twin.min()
        assert first_due(state) == np.argmin(twin)
        np.testing.assert_array_equal(state.heap[state.where], np.arange(blocks(units)))


def test_a_block_is_scheduled_anew_when_its_units_are():
    of = case()
    _, state = start(of, strict=False, exact=True)
    rng = np.random.default_rng(0)
    for _ in range(50):
        state.due[:] = np.where(rng.random(of.units) < 0.2, np.inf, rng.uniform(0, 9, of.units))
        for block in range(blocks(of.units)):
            reschedule(state, block, of.units)
        assert first_due(state) == np.argmin(state.due)
        np.testing.assert_array_equal(
            state.block_due, [state.due[b * BLOCK : (b + 1) * BLOCK].min() for b in range(blocks(of.units))]
        )


def test_how_many_blocks():
    assert [blocks(units) for units in (0, 1, BLOCK, BLOCK + 1)] == [0, 1, 1, 2]
