"""A simulator on its way to another process, where one like it is made: its settings, and its circuit's bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from pcneuro.circuit.sending import SentCircuit
from pcneuro.engines import Engine
from pcneuro.errors import ParameterError
from pcneuro.model.dynamics import AbstractDynamics
from pcneuro.model.integrators import AbstractIntegrator
from pcneuro.simulator.schedules import AbstractSchedule
from pcneuro.simulator.simulator import Simulator


@dataclass(frozen=True)
class SentSimulator:
    """All that decides on the results of a simulator at time zero, but for parameters and data.

    ``engine`` takes one thread, unless a number was chosen: there is a worker for each processor.
    """

    circuit: SentCircuit
    dynamics: AbstractDynamics
    integrator: AbstractIntegrator
    schedule: AbstractSchedule
    engine: Engine
    dtype: np.dtype
    seed: int
    variances: dict[str, np.ndarray]

    @classmethod
    def of(cls, simulator: Simulator) -> Self:
        """A simulator as it is sent. Raises ParameterError where perturbations of its last run would go on."""
        state = simulator._state
        if state.perturbations:
            raise ParameterError(
                f"perturbations of this simulator's last run would go on ({state.perturbations[0]}), and are not sent "
                "to workers: take them away by run(..., perturb=[]), or make another simulator"
            )
        present = simulator.parameters
        return cls(
            SentCircuit.of(simulator.circuit),
            simulator.dynamics,
            simulator.integrator,
            simulator.schedule,
            state.settings.in_one_thread(),
            simulator.dtype,
            simulator.seed,
            {name: present[name] for name in simulator.circuit.variances},
        )

    def simulator(self) -> Simulator:
        """The simulator, made again here. Raises what ``SentCircuit.circuit`` does."""
        made = Simulator(
            self.circuit.circuit(),
            dynamics=self.dynamics,
            integrator=self.integrator,
            dtype=self.dtype,
            engine=self.engine,
            schedule=self.schedule,
            seed=self.seed,
        )
        if self.variances:
            made.set_parameters(self.variances)
        return made
