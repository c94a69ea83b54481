"""What a circuit is built from here: populations and the connections between them, checked one by one."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pcneuro.circuit.networks.weights import DenseWeights, SparseWeights
from pcneuro.model.delays import AbstractDelay
from pcneuro.model.plasticity import AbstractPlasticity
from pcneuro.ops.base import ArrayFunction, Shape


@dataclass(frozen=True, eq=False)
class AbstractPopulation:
    """Neurons of one name and ``shape``. ``positions`` (units, coordinates) is where they are, or None; ``sign`` that
    of all weights that they have on others, or 0."""

    name: str
    shape: Shape
    sign: int = 0
    positions: np.ndarray | None = None

    @property
    def size(self) -> int:
        """Number of units."""
        return math.prod(self.shape)


@dataclass(frozen=True, eq=False)
class Source(AbstractPopulation):
    """Neurons that have the data of a run: an input of the circuit."""


@dataclass(frozen=True, eq=False)
class Population(AbstractPopulation):
    """Neurons with prediction ``transfer(sum of what comes in + bias + drive)``.

    ``bias`` (of the shape) is a parameter, ``driven`` says whether there is an input ``<name>_drive`` of the shape.
    Where nothing comes in, ``prior`` is what the neurons are predicted to be. ``properties`` are arguments of
    ``build_circuit`` for this vertex (``tau``, ``precision``, ``error_tau``, ``noise``).
    """

    transfer: ArrayFunction | None = None
    bias: np.ndarray | None = None
    driven: bool = False
    prior: Any = None
    properties: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Connection:
    """Synapses from one population to another: ``transfer(source) @ weights``.

    ``returns`` says whether the target's errors come back by them, ``sign`` is that of all weights, or 0. ``rule`` is
    that of the weights, or None.
    """

    source: str
    target: str
    weights: DenseWeights | SparseWeights
    returns: bool
    delay: AbstractDelay
    sign: int = 0
    transfer: ArrayFunction | None = None
    rule: AbstractPlasticity | None = None


@dataclass(frozen=True, eq=False)
class Network:
    """Populations by name, and connections between them."""

    populations: dict[str, AbstractPopulation]
    connections: list[Connection]
