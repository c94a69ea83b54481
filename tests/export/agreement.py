"""Another simulator against the kernel, at every step."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import pcneuro as pcn
from pcneuro.export.targets import Exported

PARTS = ("values", "errors", "predictions", "gradients")


def every_record(circuit: pcn.Circuit) -> list[pcn.Record]:
    """Records of all variables of all vertices."""
    return [
        pcn.Record(name, variable)
        for name in circuit.vertices
        for variable in ("value", "error", "prediction", "feedback")
        if variable in ("value", "feedback") or circuit.has_prediction(name)
    ]


ROUNDING = 4e-15
"""What rounding leaves of activities of 1, some twenty units in the last place."""


def close(actual, wanted, what: str, tolerance: float = 1e-12, activity: float = 0.0) -> None:
    """Within so much of the largest, and of rounding, where these are differences of activities of this size."""
    actual, wanted = np.asarray(actual), np.asarray(wanted)
    assert actual.shape == wanted.shape, what
    limit = tolerance * (float(np.abs(wanted).max(initial=0.0)) or 1.0) + ROUNDING * activity
    apart = float(np.abs(actual - wanted).max(initial=0.0))
    assert apart <= limit, f"{what}: {apart:.3g} apart, more than {limit:.3g}"


def agree(
    run: Callable[[list[pcn.Record], float], Exported],
    circuit: pcn.Circuit,
    *,
    steps: int,
    settings: dict,
    silent: bool = False,
    **data,
) -> None:
    """What ``run(records, duration)`` returns and all its records at every step, as the kernel has them.

    Under strict dynamics errors are differences of activities, and as exact as these. Unless it is said to be
    ``silent``, every population has an error in the end, so that there is something to find.
    """
    records = every_record(circuit)
    sim = pcn.Simulator(circuit, **settings)
    duration = steps * sim.integrator.dt
    wanted = sim.run(duration, record=records, **data)
    assert silent or all(error.any() for error in wanted.errors.values())
    actual = run(records, duration)
    assert actual.records.sizes == wanted.records.sizes
    np.testing.assert_array_equal(actual.records["time"], wanted.records["time"])
    largest = max(float(np.abs(value).max()) for value in wanted.values.values())
    activity = 0.0 if sim.dynamics.holds_predictions else largest
    for name in wanted.records.data_vars:
        close(actual.records[name], wanted.records[name], str(name), activity=activity)
    for part in PARTS:
        assert getattr(actual, part).keys() == getattr(wanted, part).keys()
        for name, array in getattr(wanted, part).items():
            close(getattr(actual, part)[name], array, f"{part} of {name}", activity=activity)
    assert actual.time == wanted.time
