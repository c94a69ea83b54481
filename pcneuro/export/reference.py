"""The reference simulator as a target: the oracle that needs no other library."""

from __future__ import annotations

import numpy as np

from pcneuro.engines import Reference
from pcneuro.export.targets import AbstractTarget, Asked, Exported
from pcneuro.simulator.simulator import Simulator


class ReferenceTarget(AbstractTarget):
    """Plain NumPy in float64."""

    name = "reference"

    def run(self, asked: Asked) -> Exported:
        sim = Simulator(
            asked.circuit,
            dynamics=asked.dynamics,
            integrator=asked.integrator,
            dtype=np.float64,
            engine=Reference(),
        )
        result = sim.run(asked.duration, **asked.keywords, record=asked.records)
        return Exported(result.gradients, result.values, result.errors, result.predictions, result.records, result.time)
