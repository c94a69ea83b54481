"""The reference simulator as a target: the oracle that needs no other library."""

from __future__ import annotations

import numpy as np

from pcneuro.engines import Reference
from pcneuro.export.targets import AbstractTarget, Exported, RunRequest
from pcneuro.simulator.simulator import Simulator


class ReferenceTarget(AbstractTarget):
    """Plain NumPy in float64."""

    name = "reference"

    def run(self, request: RunRequest) -> Exported:
        sim = Simulator(
            request.circuit,
            dynamics=request.dynamics,
            integrator=request.integrator,
            dtype=np.float64,
            engine=Reference(),
        )
        result = sim.run(request.duration, **request.keywords, record=request.records)
        return Exported(result.gradients, result.values, result.errors, result.predictions, result.records, result.time)
