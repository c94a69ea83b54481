"""The loop over time steps, each by an explicit Runge-Kutta tableau: the same compiled code for every circuit."""

from __future__ import annotations

import numpy as np

from pcneuro.kernels.arguments import (
    DRIVE,
    DRIVEN,
    FIRST,
    FREE,
    FRESH,
    GAIN,
    INPUTS,
    LEAK,
    LEAKED,
    MOVED,
    SENT_STATE,
    SIZE,
    STATE,
    UNSWEPT,
)
from pcneuro.kernels.compiling import inner, kernel
from pcneuro.kernels.dispatch import LANES, OK, STEP_NUMBER, ix
from pcneuro.kernels.euler import INFINITE, euler_rows, masked
from pcneuro.kernels.euler import MOVED as MOVED_BIT
from pcneuro.kernels.noise import stir
from pcneuro.kernels.records import copy_records
from pcneuro.kernels.rest import restless
from pcneuro.kernels.rings import keep, recall
from pcneuro.kernels.stimuli import present
from pcneuro.kernels.subnormals import flush, restore
from pcneuro.kernels.tile import VECTOR_BYTES
from pcneuro.kernels.uncounted import uncounted
from pcneuro.kernels.updates import evaluate, flag_state


@inner(forceinline=True)
def keep_start(memory, states, layout):  # type: ignore[no-untyped-def]
    """Copy the state to where the beginning of a step stands."""
    buf, lanes = memory.buf, memory.context[LANES]
    for v in range(states.shape[0]):
        start, state = (layout.start + states[v, FIRST]) * lanes, states[v, STATE] * lanes
        for i in range(states[v, SIZE] * lanes):
            buf[ix(start + i)] = buf[ix(state + i)]


@inner(forceinline=True)
def keep_slope(stage, memory, states, layout):  # type: ignore[no-untyped-def]
    """Write the slope of a stage, drive - leak."""
    buf, lanes = memory.buf, memory.context[LANES]
    slopes = layout.start + (stage + 1) * layout.units
    for v in range(states.shape[0]):
        slope, drive, leak = (slopes + states[v, FIRST]) * lanes, states[v, DRIVE] * lanes, states[v, LEAK] * lanes
        for i in range(states[v, SIZE] * lanes):
            buf[ix(slope + i)] = buf[ix(drive + i)] - buf[ix(leak + i)]


@inner(forceinline=True)
def _combine(v, row, count, memory, states, layout):  # type: ignore[no-untyped-def]
    """Row ``v`` of the states: start + gain * sum over j < count of row[j] * slope j.

    Returns (whether it moved, whether it is finite).
    """
    buf, shared, context = memory
    lanes, gain = context[LANES], states[v, GAIN]
    size, start, state = layout.units * lanes, (layout.start + states[v, FIRST]) * lanes, states[v, STATE] * lanes
    slope = start + size
    moved = odd = False
    for u in range(states[v, SIZE]):
        g = shared[ix(gain + u)]
        for i in range(u * lanes, (u + 1) * lanes):
            total = buf.dtype.type(0)
            for j in range(count):
                total += row[j] * buf[ix(slope + j * size + i)]
            new = buf[ix(start + i)] + g * total
            moved |= new != buf[ix(state + i)]
            odd |= not (abs(new) < np.inf or masked(buf[ix(start + i)], new))
            buf[ix(state + i)] = new
    return moved, not odd


@inner(forceinline=True)
def _euler(v, memory, states):  # type: ignore[no-untyped-def]
    """Row ``v`` of the states += gain (drive - leak); returns as ``_combine`` does."""
    buf, shared, context = memory
    lanes, gain, units = context[LANES], states[v, GAIN], states[v, SIZE]
    state, drive, leak = states[v, STATE] * lanes, states[v, DRIVE] * lanes, states[v, LEAK] * lanes
    if lanes % (VECTOR_BYTES // buf.itemsize) == 0:
        bits = euler_rows(buf, shared, state, drive, leak, gain, units, lanes)
        return bits & MOVED_BIT != 0, bits & INFINITE == 0
    moved = odd = False
    for u in range(units):
        g = shared[ix(gain + u)]
        for i in range(u * lanes, (u + 1) * lanes):
            old = buf[ix(state + i)]
            new = old + g * (buf[ix(drive + i)] - buf[ix(leak + i)])
            buf[ix(state + i)] = new
            moved |= new != old
            odd |= not (abs(new) < np.inf or masked(old, new))
    return moved, not odd


@inner(forceinline=True)
def move_stage(stage, fresh, memory, states, layout, dirty, tableau):  # type: ignore[no-untyped-def]
    """Take all states to where the tableau has the slope of a stage, from those of the stages before.

    ``fresh`` says that the step has begun by evaluating everything.
    """
    row = tableau.matrix[stage]
    for v in range(states.shape[0]):
        moved, _ = _combine(v, row, stage, memory, states, layout)
        flag_state(v, moved, fresh, memory, states, layout, dirty)


@inner(forceinline=True)
def move(fresh, memory, states, layout, dirty, tableau, noise, step):  # type: ignore[no-untyped-def]
    """Take all states that move to the end of the step; returns whether they are finite.

    If one stage makes a step, a state whose leak and drive are as they were stays as it is, unless ``fresh``, but for
    noise.
    """
    flags, weights = dirty.flags, tableau.weights
    stages = weights.shape[0]
    all_finite = True
    for v in range(states.shape[0]):
        awake = states[v, FREE] == 1 and (
            stages > 1 or noise.of[v] >= 0 or flags[states[v, LEAKED]] | flags[states[v, DRIVEN]] | fresh == 1
        )
        if not awake:
            flags[states[v, MOVED]] = flags[states[v, SENT_STATE]] = 0
            continue
        if stages == 1:
            moved, finite = _euler(v, memory, states)
        else:
            moved, finite = _combine(v, weights, stages, memory, states, layout)
        k = noise.of[v]
        if k >= 0:
            finite &= stir(v, k, memory, states, noise, step)
            moved = True
        all_finite &= finite
        flag_state(v, moved, fresh, memory, states, layout, dirty)
    return all_finite


@inner(forceinline=True)
def _advance(operators, memory, tables, layout, dirty, tableau, stimuli, noise, rest, records, step, steps):  # type: ignore[no-untyped-def]
    """What ``advance`` does, however the thread is set."""
    flags, states = dirty.flags, tables.states
    stages, suspect = tableau.weights.shape[0], states.shape[0] - 1
    for s in range(steps):
        memory.context[STEP_NUMBER] = step + s
        status = present(operators, memory, dirty, stimuli, step + s)
        if status != OK:
            return status, s, True
        keep(memory, tables.rings, step + s)
        if stages > 1:
            keep_start(memory, states, layout)
        fresh = 0
        for stage in range(stages):
            if stage > 0:
                move_stage(stage, fresh, memory, states, layout, dirty, tableau)
            status = evaluate(operators, memory, tables, layout, dirty, True)
            if status != OK:
                return status, s, True
            if stage == 0:
                if rest.watched:
                    suspect = restless(suspect, memory, states, rest)
                    rest.quiet[0] = rest.quiet[0] + 1 if suspect < 0 else 0
                    if rest.quiet[0] > rest.steps:
                        # What has run now is not known to the next step, which evaluates everything.
                        flags[FRESH] = flags[UNSWEPT] = 1
                        return OK, s, True
                copy_records(records, memory.buf, memory.context[LANES], step + s)
            if stages > 1:
                keep_slope(stage, memory, states, layout)
            fresh, flags[FRESH], flags[UNSWEPT] = fresh | flags[FRESH], 0, 0
            for k in range(INPUTS, INPUTS + layout.inputs):
                flags[k] = 0
        if not move(fresh, memory, states, layout, dirty, tableau, noise, step + s):
            return OK, s, False
        recall(memory, tables.rings, step + s + 1, flags)
    return OK, steps, True


@kernel
def advance(operators, memory, tables, layout, dirty, tableau, stimuli, noise, rest, records, step, steps):  # type: ignore[no-untyped-def]
    """Step one block of samples ``steps`` times from step number ``step``; arguments are of ``arguments``.

    Reads the update steps in ``tables`` (states -> drives and leaks), ``layout``, the gain of every unit in
    ``memory.shared`` and the ``tableau``. Each step begins with the values that ``stimuli`` have then. Writes
    ``memory.buf``, the step in ``memory.context``, ``dirty``, ``records``, ``stimuli.played``, what ``noise`` writes,
    ``rest.work`` and ``rest.quiet``. Where ``rest`` is watched, it stops before the first step at whose beginning all
    states that move have been at rest for ``rest.steps``. Returns
    (status, steps done, finite): ``finite`` is False where a state ceased to be finite in the step after the last one
    counted as done.
    """
    operators, memory, tables, dirty = uncounted(operators), uncounted(memory), uncounted(tables), uncounted(dirty)
    tableau, rest, records = uncounted(tableau), uncounted(rest), uncounted(records)
    stimuli, noise = uncounted(stimuli), uncounted(noise)
    before = flush(memory.buf)
    outcome = _advance(operators, memory, tables, layout, dirty, tableau, stimuli, noise, rest, records, step, steps)
    restore(before)
    return outcome
