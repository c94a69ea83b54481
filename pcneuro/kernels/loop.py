"""The loop over time steps, each by an explicit Runge-Kutta tableau: the same compiled code for every circuit."""

from __future__ import annotations

import numpy as np

from pcneuro.kernels.arguments import DRIVEN, ERRED, FIRST, FREE, FRESH, MOVED, SENT_STATE, SIZE, UNSWEPT
from pcneuro.kernels.compiling import inner, kernel
from pcneuro.kernels.dispatch import LANES, OK, ix
from pcneuro.kernels.euler import INFINITE, euler_rows
from pcneuro.kernels.euler import MOVED as MOVED_BIT
from pcneuro.kernels.records import copy_records
from pcneuro.kernels.rest import restless
from pcneuro.kernels.subnormals import flush, restore
from pcneuro.kernels.tile import VECTOR_BYTES
from pcneuro.kernels.uncounted import uncounted
from pcneuro.kernels.updates import evaluate, flag_state


@inner(forceinline=True)
def _keep_start(memory, layout):  # type: ignore[no-untyped-def]
    """Copy the state to where the beginning of a step stands."""
    buf, lanes = memory.buf, memory.context[LANES]
    start, state = layout.start * lanes, layout.state * lanes
    for i in range(layout.units * lanes):
        buf[ix(start + i)] = buf[ix(state + i)]


@inner(forceinline=True)
def _keep_slope(stage, memory, layout):  # type: ignore[no-untyped-def]
    """Write the slope of a stage, drive - error."""
    buf, lanes = memory.buf, memory.context[LANES]
    size = layout.units * lanes
    slope, drive, error = layout.start * lanes + (stage + 1) * size, layout.drive * lanes, layout.error * lanes
    for i in range(size):
        buf[ix(slope + i)] = buf[ix(drive + i)] - buf[ix(error + i)]


@inner(forceinline=True)
def _combine(first, last, row, count, memory, layout):  # type: ignore[no-untyped-def]
    """State of the units from ``first`` to ``last``: start + gain * sum over j < count of row[j] * slope j.

    Returns (whether it moved, whether it is finite).
    """
    buf, shared, context = memory
    lanes, gain = context[LANES], layout.gain
    size, start, state = layout.units * lanes, layout.start * lanes, layout.state * lanes
    slope = start + size
    moved = odd = False
    for u in range(first, last):
        g = shared[ix(gain + u)]
        for i in range(u * lanes, (u + 1) * lanes):
            total = buf[ix(start + i)] * 0
            for j in range(count):
                total += row[j] * buf[ix(slope + j * size + i)]
            new = buf[ix(start + i)] + g * total
            moved |= new != buf[ix(state + i)]
            odd |= not (abs(new) < np.inf)
            buf[ix(state + i)] = new
    return moved, not odd


@inner(forceinline=True)
def _euler(first, last, memory, layout):  # type: ignore[no-untyped-def]
    """state += gain (drive - error) for the units from ``first`` to ``last``; returns as ``_combine`` does."""
    buf, shared, context = memory
    lanes, gain = context[LANES], layout.gain
    state, drive, error = layout.state * lanes, layout.drive * lanes, layout.error * lanes
    if lanes % (VECTOR_BYTES // buf.itemsize) == 0:
        row = first * lanes
        bits = euler_rows(buf, shared, state + row, drive + row, error + row, gain + first, last - first, lanes)
        return bits & MOVED_BIT != 0, bits & INFINITE == 0
    moved = odd = False
    for u in range(first, last):
        g = shared[ix(gain + u)]
        for i in range(u * lanes, (u + 1) * lanes):
            old = buf[ix(state + i)]
            new = old + g * (buf[ix(drive + i)] - buf[ix(error + i)])
            buf[ix(state + i)] = new
            moved |= new != old
            odd |= not (abs(new) < np.inf)
    return moved, not odd


@inner(forceinline=True)
def _move_stage(stage, memory, vertices, layout, dirty, tableau):  # type: ignore[no-untyped-def]
    """Take all vertices to where the tableau has the slope of a stage, from those of the stages before."""
    row = tableau.matrix[stage]
    for v in range(vertices.shape[0]):
        first = vertices[v, FIRST]
        moved, _ = _combine(first, first + vertices[v, SIZE], row, stage, memory, layout)
        flag_state(v, moved, memory, vertices, layout, dirty)


@inner(forceinline=True)
def _move(fresh, memory, vertices, layout, dirty, tableau):  # type: ignore[no-untyped-def]
    """Take all free vertices to the end of the step; returns whether they are finite.

    If one stage makes a step, a vertex whose error and drive are as they were stays as it is, unless ``fresh``.
    """
    flags, weights = dirty.flags, tableau.weights
    stages = weights.shape[0]
    all_finite = True
    for v in range(vertices.shape[0]):
        awake = vertices[v, FREE] == 1 and (
            stages > 1 or flags[vertices[v, ERRED]] | flags[vertices[v, DRIVEN]] | fresh == 1
        )
        if not awake:
            flags[vertices[v, MOVED]] = flags[vertices[v, SENT_STATE]] = 0
            continue
        first = vertices[v, FIRST]
        last = first + vertices[v, SIZE]
        if stages == 1:
            moved, finite = _euler(first, last, memory, layout)
        else:
            moved, finite = _combine(first, last, weights, stages, memory, layout)
        all_finite &= finite
        flag_state(v, moved, memory, vertices, layout, dirty)
    return all_finite


@inner(forceinline=True)
def _advance(operators, memory, tables, layout, dirty, tableau, rest, records, step, steps):  # type: ignore[no-untyped-def]
    """What ``advance`` does, however the thread is set."""
    flags, vertices = dirty.flags, tables.vertices
    stages, suspect = tableau.weights.shape[0], vertices.shape[0] - 1
    for s in range(steps):
        if stages > 1:
            _keep_start(memory, layout)
        fresh = 0
        for stage in range(stages):
            if stage > 0:
                _move_stage(stage, memory, vertices, layout, dirty, tableau)
            status = evaluate(operators, memory, tables, layout, dirty, True)
            if status != OK:
                return status, s, True
            if stage == 0:
                if rest.watched:
                    suspect = restless(suspect, memory, vertices, layout, rest)
                    if suspect < 0:
                        # What has run now is not known to the next step, which evaluates everything.
                        flags[FRESH] = flags[UNSWEPT] = 1
                        return OK, s, True
                copy_records(records, memory.buf, memory.context[LANES], step + s)
            if stages > 1:
                _keep_slope(stage, memory, layout)
            fresh, flags[FRESH], flags[UNSWEPT] = flags[FRESH], 0, 0
        if not _move(fresh, memory, vertices, layout, dirty, tableau):
            return OK, s, False
    return OK, steps, True


@kernel
def advance(operators, memory, tables, layout, dirty, tableau, rest, records, step, steps):  # type: ignore[no-untyped-def]
    """Step one block of samples ``steps`` times from step number ``step``; arguments are of ``arguments``.

    Reads the update steps in ``tables`` (state -> drive and error), ``layout``, the per-unit gain in ``memory.shared``
    and the ``tableau``. Writes ``memory.buf``, ``dirty``, ``records``, and ``rest.work``. Where ``rest`` is watched, it
    stops before the first step at whose beginning all free vertices are at rest. Returns (status, steps done, finite):
    ``finite`` is False where the state ceased to be finite in the step after the last one counted as done.
    """
    operators, memory, tables, dirty = uncounted(operators), uncounted(memory), uncounted(tables), uncounted(dirty)
    tableau, rest, records = uncounted(tableau), uncounted(rest), uncounted(records)
    before = flush(memory.buf)
    outcome = _advance(operators, memory, tables, layout, dirty, tableau, rest, records, step, steps)
    restore(before)
    return outcome
