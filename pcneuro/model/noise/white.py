"""White noise: Langevin dynamics, which sample where dynamics without noise descend."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pcneuro.model.noise.abstract import AbstractNoise, Stirring


@dataclass(frozen=True, eq=False, repr=False)
class WhiteNoise(AbstractNoise):
    """tau dv = (...) dt + sigma sqrt(2 tau) dW: sigma is the deviation of a unit that only leaks, with precision 1.

    With sigma = 1, strict dynamics sample exp(-F) (Langevin). A step adds sigma sqrt(2 dt / tau) z (Euler & Maruyama);
    a step of ``ExponentialEuler`` what a unit that leaks at the rate precision / tau has gathered by its end, sigma
    sqrt((1 - exp(-2 dt precision / tau)) / precision) z, which is exact for such a unit at any dt; one of
    ``RungeKutta4`` Euler's, at the end of the step. z are normal numbers. Of error neurons with a time constant it is
    tau_e de = (v - prediction - e / precision) dt + sigma sqrt(2 tau_e) dW; without one, sigma z is added to e in each
    step, whatever dt.

    Examples
    --------
    >>> noisy = pcn.build_circuit(graph, noise={"h.value": pcn.WhiteNoise(sigma=0.1)})
    >>> pcn.Simulator(noisy, seed=1).run(50.0, **data).status
    <Status.COMPLETED: 'completed'>
    """

    @property
    def persists(self) -> bool:
        return False

    def stirring(self, dt: float, white: np.ndarray, drive: np.ndarray) -> Stirring:
        return Stirring(np.zeros(white.shape), self.sigma * white, np.ones(white.shape))

    def equations(self, tau: str, number: str) -> tuple[str, list[str]]:
        return f"sigma_{number}*sqrt(2/{tau})*xi_{number}", [f"sigma_{number} : 1 (constant)"]
