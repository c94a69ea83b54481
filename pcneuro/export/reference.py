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
        found = sim.run(asked.duration, **asked.given, record=asked.records)
        return Exported(found.gradients, found.values, found.errors, found.predictions, found.records, found.time)
