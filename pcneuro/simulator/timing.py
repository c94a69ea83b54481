"""Times on the grid of an integrator's steps."""

from __future__ import annotations

import numpy as np

from pcneuro.errors import ParameterError

OFF_GRID = 1e-4
"""Share of a step by which a time may be off a multiple of dt: more than the rounding of decimal numbers."""
LONGEST = 1e11
"""Steps up to which the rounding of times is less than that."""


def check_length(time: float, dt: float) -> None:
    """Raise ParameterError for a time in ms so late that the rounding of it is as long as a step."""
    if time / dt > LONGEST:
        raise ParameterError(
            f"{time:g} ms are more than {LONGEST:.0e} steps of dt = {dt:g} ms, so late that times are not told apart: "
            "give earlier ones"
        )


def on_grid(times: np.ndarray, dt: float) -> tuple[np.ndarray, np.ndarray]:
    """The nearest steps of times in ms, and which of these are no multiples of dt."""
    steps = np.round(times / dt)
    return steps.astype(np.int64), np.abs(times / dt - steps) > OFF_GRID
