"""A gradient source of spiking neurons, for the trainer."""

from __future__ import annotations

import numpy as np

from pcneuro.circuit.backprop import backprop
from pcneuro.circuit.circuit import Circuit
from pcneuro.export import brian2
from pcneuro.export.brian2 import SpikingNetwork
from pcneuro.export.spiking import Spiking
from pcneuro.learning.examples import Arrays, Examples
from pcneuro.learning.sources import AbstractSource, Gradients
from pcneuro.model.dynamics import AbstractDynamics
from pcneuro.model.integrators import AbstractIntegrator
from pcneuro.quantities import in_ms


class SpikingGradients(AbstractSource):
    """Hebbian sums over decoded spikes, by Brian2: each batch is simulated for ``duration`` ms.

    Scales of errors that are not given are those of each batch.

    There is a network for each size of a batch, which is built once. Other arguments are those of
    ``pcneuro.export.brian2.spiking``, and so are the errors raised.
    """

    def __init__(
        self,
        circuit: Circuit,
        duration: float,
        *,
        dynamics: AbstractDynamics,
        integrator: AbstractIntegrator,
        spiking: Spiking,
        target: str = "numpy",
    ) -> None:
        self.circuit, self.duration, self.target = circuit, in_ms("duration", duration), target
        self.dynamics, self.integrator, self.spiking = dynamics, integrator, spiking
        self.networks: dict[int, SpikingNetwork] = {}

    def gradients(self, parameters: Arrays, examples: Examples, first: int = 0) -> Gradients:
        count = len(examples)
        if count in self.networks:
            self.networks[count].reset(inputs=examples.inputs, targets=examples.targets, parameters=parameters)
        else:
            self.networks[count] = brian2.spiking(
                self.circuit.with_parameters(parameters),
                inputs=examples.inputs,
                targets=examples.targets,
                dynamics=self.dynamics,
                integrator=self.integrator,
                spiking=self.spiking,
                target=self.target,
            )
        exported = self.networks[count].run(self.duration)
        with np.errstate(all="ignore"):
            loss = backprop(self.circuit, examples.inputs, examples.targets, parameters).loss
        return Gradients(exported.gradients, loss)

    def settings(self) -> str:
        parts = (self.dynamics, self.integrator, self.spiking, f"{self.duration:g} ms")
        return f"SpikingGradients({', '.join(map(str, parts))})"
