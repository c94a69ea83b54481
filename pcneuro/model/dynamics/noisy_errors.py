"""Noise of error neurons without a time constant: a row of the state that is added to what they compute."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pcneuro.kernels.dispatch import IDENTITY
from pcneuro.model.dynamics.abstract import Emitter, Network, Neurons, StateRow
from pcneuro.model.dynamics.with_row import AbstractWithRow
from pcneuro.model.integrators.abstract import AbstractIntegrator

NOISE = StateRow("noise", region="noise", drive="noise", leak="noise")
"""It moves by noise alone."""


class NoisyErrors(AbstractWithRow, chosen=False):
    """Dynamics in which error neurons at some vertices, which follow at once, are e = precision (v - prediction) + eta.

    Eta is the row of the state: it begins at zero, and is new after each step.
    """

    row = NOISE
    has = "noise"
    argument = "noise"

    def __init__(self, chosen, vertices) -> None:  # type: ignore[no-untyped-def]
        super().__init__(chosen, vertices)
        self.parts = (*chosen.parts, "stir")
        self.after_error = ("stir", *chosen.after_error)

    def gain(self, row: StateRow, integrator: AbstractIntegrator, neurons: Neurons) -> np.ndarray:
        return np.zeros_like(neurons.tau) if row is NOISE else super().gain(row, integrator, neurons)

    def stirred(self, row: StateRow, integrator: AbstractIntegrator, neurons: Neurons) -> tuple[np.ndarray, np.ndarray]:
        if row is NOISE:
            return np.ones_like(neurons.tau), np.ones_like(neurons.tau)
        return super().stirred(row, integrator, neurons)

    def region(self, network: Network, region: str, vertex: str, precision: np.ndarray) -> np.ndarray:
        if region == NOISE.region:
            return network.rows[NOISE.variable][vertex]
        return super().region(network, region, vertex, precision)

    def emit(self, part: str, program: Emitter, vertex: str, rows: Mapping[str, int], units: int) -> None:
        if part != "stir":
            super().emit(part, program, vertex, rows, units)
        elif vertex in self.vertices:
            program.emit("add", rows["error"], rows["at_once"], IDENTITY, 0, rows["noise"], IDENTITY, 0, units)
