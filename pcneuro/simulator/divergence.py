"""What is said of a simulation that diverged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pcneuro.simulator.result import not_finite, not_finite_message

if TYPE_CHECKING:
    from pcneuro.simulator.state import SimulationState


def divergence(state: SimulationState) -> str:
    """Where something ceased to be finite, and what to do about it."""
    assert state.data is not None
    state.evaluate()
    kinds = ["prediction", "value"] if state.dynamics.holds_predictions else ["value", "prediction"]
    kinds += [row.variable for row in state.dynamics.rows[1:]]
    if not state.engine.finite_parameters():
        arrays = {name: state.engine.parameters[name] for name in state.circuit.rules}
        name = next(name for name, array in arrays.items() if not np.isfinite(array).all())
        state.step += 1
        return (
            f"diverged: {name!r}, which plasticity changes, is not finite at {state.time:g} ms: give its rule a "
            "longer tau, bounds or decay; then call set_parameters() and reset()"
        )
    wild = not_finite({kind: state.read(kind) for kind in kinds}, state.read("prediction"))
    kind, population = wild or ("value", "?")
    if state.dynamics.holds_predictions and kind == "prediction":
        return not_finite_message(kind, population, state.time, state.dtype)
    state.step += 1  # the step that made it is done in the engine's state
    return f"diverged: population {population!r} is no longer finite at {state.time:g} ms; {state.stability().advice()}"
