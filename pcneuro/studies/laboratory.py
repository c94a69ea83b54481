"""Laboratory: what the function of a simulation file's experiment is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.simulator.simulator import Simulator


@dataclass(frozen=True)
class Laboratory:
    """What an experiment is given beside its options.

    Attributes
    ----------
    circuit : Circuit
        That of the file.
    generator : numpy.random.Generator
        Of the file's seed.
    seed : int
        The file's.
    """

    circuit: Circuit
    generator: np.random.Generator
    seed: int
    _simulator: Callable[[Circuit], Simulator] = field(repr=False)
    _progress: Callable[[float], None] = field(repr=False)

    def simulator(self, circuit: Circuit | None = None) -> Simulator:
        """A simulator of the circuit, or of another one, with dynamics, integrator, engine and dtype of the file."""
        return self._simulator(self.circuit if circuit is None else circuit)

    def progress(self, share: float) -> None:
        """Say how much of the experiment has been done, from 0 to 1; ends it where Ctrl-C has been pressed."""
        self._progress(share)
