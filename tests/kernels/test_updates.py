"""Update steps by dirty flags against a twin that looks at every one of them, with no groups."""

from __future__ import annotations

import numpy as np
import pytest

from pcneuro.kernels import dispatch
from pcneuro.kernels.arguments import (
    DEPENDENCY,
    DEPENDENCY_END,
    DRIVES,
    FRESH,
    GROUP_COLUMNS,
    RAN,
    RING_COLUMNS,
    STATE_COLUMNS,
    UNSWEPT,
    UPDATE_COLUMNS,
    Dirty,
    Layout,
    Memory,
    Updates,
)
from pcneuro.kernels.compiling import kernel
from pcneuro.kernels.updates import evaluate, refresh
from tests.kernels.instructions import Instructions

LANES, STATES, STEPS, GROUP = 3, 3, 11, 4
SCALE = 0.5


@kernel(cache=False)
def evaluated(operators, memory, tables, layout, dirty, drives):
    return evaluate(operators, memory, tables, layout, dirty, drives)


def program(rng):
    """Steps that each halve a row: one of the state, or one that a step before wrote. And a tail, which does so last.

    Row r < STATES is state; step k writes row STATES + k. Returns the instructions, what each step reads, the tables.
    """
    made, sources, updates, dependencies = Instructions(), [], [], []
    for k in range(STEPS):
        source = int(rng.integers(0, STATES + k))
        number = made.scaled(STATES + k, source, 1, 0)
        first = len(dependencies)
        dependencies += [FRESH, UNSWEPT + 1 + source]
        drives = int(k >= STEPS - 3)
        updates.append([number, number + 1, first, len(dependencies), UNSWEPT + 1 + STATES + k, -1, drives])
        sources.append(source)
    groups, busy = [], UNSWEPT + 1 + STATES + STEPS
    for begin in range(0, STEPS, GROUP):
        end = min(begin + GROUP, STEPS)
        inside = {updates[k][RAN] for k in range(begin, end)}
        first = len(dependencies)
        dependencies += sorted(
            {d for k in range(begin, end) for d in dependencies[updates[k][2] : updates[k][3]]} - inside
        )
        groups.append([begin, end, first, len(dependencies), busy + len(groups)])
    made.scaled(STATES + STEPS, STATES + STEPS - 1, 1, 0)
    tables = Updates(
        made.array()[:STEPS],
        np.array(updates).reshape(-1, UPDATE_COLUMNS),
        np.array(groups).reshape(-1, GROUP_COLUMNS),
        np.array(dependencies),
        np.zeros((0, STATE_COLUMNS), dtype=np.int64),
        np.zeros((0, RING_COLUMNS), dtype=np.int64),
    )
    return made, sources, tables


def twin(rows, flags, sources, tables, drives):
    """All steps, one after the other, each of which looks at what it depends on."""
    for k, update in enumerate(tables.updates):
        if update[DRIVES] and not drives:
            continue
        flags[update[RAN]] = flags[tables.dependencies[update[DEPENDENCY] : update[DEPENDENCY_END]]].any()
        if flags[update[RAN]]:
            rows[STATES + k] = SCALE * rows[sources[k]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_has_to_run_runs(dtype):
    for seed in range(10):
        rng = np.random.default_rng(seed)
        made, sources, tables = program(rng)
        rows = np.zeros((STATES + STEPS + 1, LANES), dtype=dtype)
        context = np.zeros(dispatch.CONTEXT, dtype=np.int64)
        context[dispatch.LANES] = LANES
        memory = Memory(rows.ravel().copy(), np.array([SCALE], dtype=dtype), context)
        operators, layout = made.operators(dtype), Layout(0, 0, 0, 0, 0)
        flags = np.ones(UNSWEPT + 1 + STATES + STEPS + len(tables.groups), dtype=np.int64)
        dirty = Dirty(flags, np.zeros(1, dtype=dtype), dtype(0))
        wanted = flags.copy()
        for number in range(15):
            moved = np.ones(STATES, bool) if number == 0 else rng.random(STATES) < 0.3
            change = (moved[:, None] * rng.normal(size=(STATES, LANES))).astype(dtype)
            rows[:STATES] += change
            memory.buf[: STATES * LANES] += change.ravel()
            for array in (flags, wanted):
                array[[FRESH, UNSWEPT]] = number == 0
                array[UNSWEPT + 1 :][:STATES] = moved
            drives = bool(rng.random() < 0.6)
            twin(rows, wanted, sources, tables, drives)
            if drives:
                assert evaluated(operators, memory, tables, layout, dirty, True) == dispatch.OK
            else:
                rows[-1] = SCALE * rows[-2]
                assert refresh(operators, memory, tables, layout, dirty, made.array()[STEPS:]) == dispatch.OK
            np.testing.assert_array_equal(memory.buf.reshape(rows.shape), rows)
            ran = slice(UNSWEPT + 1 + STATES, UNSWEPT + 1 + STATES + STEPS)
            np.testing.assert_array_equal(flags[ran], wanted[ran])
