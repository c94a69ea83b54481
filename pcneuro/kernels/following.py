"""How parameters follow their drives: each on its own, hence in any number of shares."""

from __future__ import annotations

import numpy as np

from pcneuro.kernels.arguments import (
    COLUMNS,
    COUNT,
    DECAY,
    DRIVE_ROW,
    GAIN_ROW,
    HIGHEST,
    LEAKS,
    LOWEST,
    POST,
    PRE,
    PRECISION_ROW,
    RATE,
    ROOM,
    SCALED,
    TIME_CONSTANT,
    UNIT_COUNT,
    VALUE_ROW,
    VARIANCE_ROW,
    Memory,
    Product,
)
from pcneuro.kernels.compiling import inner
from pcneuro.kernels.dispatch import LANES, OK, ix
from pcneuro.kernels.lists import run_list
from pcneuro.kernels.product import follow_panel
from pcneuro.kernels.tile import VECTOR_BYTES


@inner(forceinline=True)
def share_of(count, share, shares):  # type: ignore[no-untyped-def]
    """The first of ``count`` things that one of so many shares has, and the first that the next one has."""
    return count * share // shares, count * (share + 1) // shares


@inner(forceinline=True)
def bounded(new, low, high):  # type: ignore[no-untyped-def]
    """A number within bounds; what is none stays so."""
    new = low if new < low else new
    return high if new > high else new


@inner
def follow(shared, value, drive, first, last, numbers):  # type: ignore[no-untyped-def]
    """Parameter += rate (drive - decay parameter), within bounds. Returns whether all is finite."""
    rate, decay, low, high = numbers[RATE], numbers[DECAY], numbers[LOWEST], numbers[HIGHEST]
    odd = False
    for i in range(first, last):
        old = shared[ix(value + i)]
        new = bounded(old + rate * (shared[ix(drive + i)] - decay * old), low, high)
        odd |= not (abs(new) < np.inf)
        shared[ix(value + i)] = new
    return not odd


@inner
def _follow_outer(shared, buf, panel, breadth, product, post, numbers):  # type: ignore[no-untyped-def]
    """The same where the drive is presynaptic times postsynaptic activity of one sample, row after row of weights.

    Postsynaptic activities are gathered in ``breadth`` numbers of ``shared`` from ``panel`` on.
    """
    value, rows, columns, _, pre, lanes, _ = product
    rate, decay, low, high = numbers[RATE], numbers[DECAY], numbers[LOWEST], numbers[HIGHEST]
    odd = False
    for first in range(0, columns, breadth):
        width = min(breadth, columns - first)
        for n in range(width):
            shared[ix(panel + n)] = buf[ix((post + first + n) * lanes)]
        for m in range(rows):
            x, row = buf[ix((pre + m) * lanes)], value + m * columns + first
            for n in range(width):
                old = shared[ix(row + n)]
                new = bounded(old + rate * (x * shared[ix(panel + n)] - decay * old), low, high)
                odd |= not (abs(new) < np.inf)
                shared[ix(row + n)] = new
    return not odd


@inner
def _follow_panels(shared, bufs, panel, product, post, first, last, numbers):  # type: ignore[no-untyped-def]
    """The same for any number of samples, panel after panel of weights, from number ``first`` to before ``last``.

    Writes ``panel``: postsynaptic activities of all samples, transposed.
    """
    value, rows, columns, _, pre, lanes, samples = product
    width = 2 * (VECTOR_BYTES // shared.itemsize)
    finite = True
    for q in range(first, last):
        count = min(width, columns - q * width)
        for b in range((samples + lanes - 1) // lanes):
            for c in range(count):
                row = (post + q * width + c) * lanes
                for i in range(min(lanes, samples - b * lanes)):
                    panel[ix((b * lanes + i) * width + c)] = bufs[b, ix(row + i)]
        strip = Product(value + q * width, rows, columns, count, pre, lanes, samples)
        finite &= follow_panel(shared, bufs, panel, numbers, strip)
    return finite


@inner
def follow_product(k, share, shares, blocks, learning):  # type: ignore[no-untyped-def]
    """One share of a parameter whose drive is a product of activities, in one pass. Returns whether it is finite."""
    row, numbers = learning.table[k], learning.numbers[k]
    columns, pre, post, lanes = row[COLUMNS], row[PRE], row[POST], blocks.contexts[0, LANES]
    rows, width = row[COUNT] // columns, 2 * (VECTOR_BYTES // blocks.shared.itemsize)
    panels = (columns + width - 1) // width
    # A panel serves all rows: they are divided where there are not enough panels, or no panel is transposed.
    by_rows = learning.samples == 1 or panels < shares
    low, high = share_of(rows, share, shares) if by_rows else (0, rows)
    first, last = (0, panels) if by_rows else share_of(panels, share, shares)
    place = row[VALUE_ROW] + low * columns
    product = Product(place, high - low, columns, columns, pre + low, lanes, learning.samples)
    if learning.samples == 1:
        panel = learning.panel + share * learning.breadth
        return _follow_outer(blocks.shared, blocks.bufs[0], panel, learning.breadth, product, post, numbers)
    return _follow_panels(blocks.shared, blocks.bufs, learning.panels[share], product, post, first, last, numbers)


@inner
def _combined(shared, row, tableau_row, stages, first, last, numbers):  # type: ignore[no-untyped-def]
    """Parameter = start + rate * (sum over stages of the tableau's numbers times slopes), within bounds."""
    count, value, room = row[COUNT], row[VALUE_ROW], row[ROOM]
    rate, low, high = numbers[RATE], numbers[LOWEST], numbers[HIGHEST]
    odd = False
    for i in range(first, last):
        total = shared.dtype.type(0)
        for j in range(stages):
            total += tableau_row[j] * shared[ix(room + (j + 1) * count + i)]
        new = bounded(shared[ix(room + i)] + rate * total, low, high)
        odd |= not (abs(new) < np.inf)
        shared[ix(value + i)] = new
    return not odd


@inner
def _sloped(shared, row, stage, first, last, numbers):  # type: ignore[no-untyped-def]
    """Write the slope of a stage, drive - decay parameter; before the first, where the step begins."""
    count, value, drive, room = row[COUNT], row[VALUE_ROW], row[DRIVE_ROW], row[ROOM]
    decay = numbers[DECAY]
    if stage == 0:
        for i in range(first, last):
            shared[ix(room + i)] = shared[ix(value + i)]
    slope = room + (stage + 1) * count
    for i in range(first, last):
        shared[ix(slope + i)] = shared[ix(drive + i)] - decay * shared[ix(value + i)]


@inner
def follow_stage(k, stage, share, shares, shared, tableau, learning):  # type: ignore[no-untyped-def]
    """Take one share of a parameter from a stage of a step to the next, or to its end. Returns whether it is finite."""
    row, numbers, stages = learning.table[k], learning.numbers[k], tableau.weights.shape[0]
    first, last = share_of(row[COUNT], share, shares)
    _sloped(shared, row, stage, first, last, numbers)
    if stage + 1 < stages:
        return _combined(shared, row, tableau.matrix[stage + 1], stage + 1, first, last, numbers)
    return _combined(shared, row, tableau.weights, stages, first, last, numbers)


@inner
def _gains(shared, learning):  # type: ignore[no-untyped-def]
    """Write what one step multiplies slopes by where that follows a precision: the twin of integrators' ``gain``."""
    for k in range(learning.gains.shape[0]):
        row = learning.gains[k]
        for u in range(row[UNIT_COUNT]):
            precision = shared[ix(row[PRECISION_ROW] + u)]
            tau = learning.taus[row[TIME_CONSTANT] + u]
            leak = shared.dtype.type(1)
            if row[SCALED] == 1:
                tau *= precision
            if row[LEAKS] == 1:
                leak = precision
            gain = learning.dt / tau
            if learning.exact and leak > 0:
                gain = -np.expm1(-learning.dt * leak / tau) / leak
            shared[ix(row[GAIN_ROW] + u)] = gain


@inner
def reweighted(operators, shared, learning):  # type: ignore[no-untyped-def]
    """Compute what follows from parameters alone: precisions, gains, and what all samples share."""
    for k in range(learning.table.shape[0]):
        row = learning.table[k]
        if row[VARIANCE_ROW] >= 0:
            for u in range(row[COUNT]):
                shared[ix(row[VARIANCE_ROW] + u)] = 1 / shared[ix(row[VALUE_ROW] + u)]
    _gains(shared, learning)
    if learning.refreshed.shape[0] == 0:
        return OK
    status, _ = run_list(operators, Memory(shared, shared, learning.context), learning.refreshed)
    return status
