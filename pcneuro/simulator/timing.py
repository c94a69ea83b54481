"""Times on the grid of an integrator's steps."""

from __future__ import annotations

import numpy as np

OFF_GRID = 1e-4
"""Share of a step by which a time may be off a multiple of dt: more than the rounding of decimal numbers."""


def on_grid(times: np.ndarray, dt: float) -> tuple[np.ndarray, np.ndarray]:
    """The nearest steps of times in ms, and which of these are no multiples of dt."""
    steps = np.round(times / dt)
    return steps.astype(np.int64), np.abs(times / dt - steps) > OFF_GRID
