"""The axons of a circuit: whose they are, and at which neurons their synapses end; what a chip has to hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from pcneuro.errors import ParameterError

PREDICTION, FEEDBACK = 0, 1
"""Kinds of axons, as in ``Circuit.nx``: those of value neurons, and those of error neurons."""


@dataclass(frozen=True)
class Origin:
    """What the axons are of: a circuit, and how it was taken."""

    structure: str
    """``fingerprint`` of the circuit: of all but its weights."""
    digest: str
    """``Circuit.digest``: of all of it."""
    digest_float32: str
    """``Circuit.digest_float32``: the same in float32."""
    clamped: tuple[str, ...]
    """Vertices whose values are held, sorted."""
    inputs: bool
    """Whether inputs have neurons."""
    pairs: tuple[str, ...] = ()
    """Vertices whose error neurons come in pairs, of which the axons have one neuron each."""


@dataclass(frozen=True, eq=False)
class Axons:
    """Neurons of a circuit by population, the axons that they have, and the synapses of each.

    A neuron has an axon for each place at which it sends: one as a rule, none where nobody listens, several where a
    dendrite sends back along several branches. On a chip each takes a compartment, and whoever listens on one core is
    reached by one packet (an axon in). Synapses of weight 0 are left out. Samples of a batch are not copies: a circuit
    is mapped once.
    """

    populations: tuple[str, ...]
    """``"x.value"``, ``"h1.value"``, ``"h1.error"``, ..., in the order of their neurons."""
    sizes: tuple[int, ...]
    """Neurons of each."""
    unit: np.ndarray
    """(neurons,) int64: the unit that a neuron is of, from 0; value and error neuron of one share it."""
    neuron: np.ndarray
    """(axons,) int64, sorted: whose it is."""
    kind: np.ndarray
    """(axons,) uint8: PREDICTION or FEEDBACK."""
    first: np.ndarray
    """(axons + 1,) int64: where the synapses of each begin in ``target``, and where the last end."""
    target: np.ndarray
    """(synapses,) int32: the neuron at which a synapse ends, sorted for each axon."""
    delay: np.ndarray | None = None
    """(synapses,) float32: conduction delays in ms; None where there are none."""
    learns: np.ndarray | None = None
    """(synapses,) bool: whether its weight is one of a parameter; None: all are."""
    branches: Mapping[str, int] = field(default_factory=dict)
    """Of a circuit: the branches along which its neurons send, as ``result.axons`` has them, and their units."""
    held: tuple[str, ...] = ()
    """Those that lead to clamped vertices only, and have no axons."""
    branch: np.ndarray | None = None
    """(axons,) int32: which of ``branches`` it is of."""
    place: np.ndarray | None = None
    """(axons,) int64: which unit of its branch."""
    origin: Origin | None = None
    """The circuit that they are of; None for axons that are of none."""

    def __post_init__(self) -> None:
        neurons, axons, synapses = self.neurons, self.neuron.size, self.target.size
        sizes = (self.unit.size == neurons, self.kind.size == axons, self.first.size == axons + 1)
        ends = self.first[0] == 0 and self.first[-1] == synapses and not (np.diff(self.first) < 0).any()
        inside = all(not a.size or (a.min() >= 0 and a.max() < neurons) for a in (self.neuron, self.target))
        if not (all(sizes) and ends and inside):
            raise ParameterError("the axons do not fit together: sizes, or neurons that there are not")
        if (np.diff(self.neuron) < 0).any():
            raise ParameterError("the axons are not in the order of their neurons: sort them")

    @property
    def neurons(self) -> int:
        return sum(self.sizes)

    @property
    def synapses(self) -> int:
        return int(self.target.size)

    @cached_property
    def population(self) -> np.ndarray:
        """(neurons,) int32: which of ``populations`` a neuron is in."""
        return np.repeat(np.arange(len(self.sizes), dtype=np.int32), self.sizes)

    @cached_property
    def begins(self) -> dict[str, int]:
        """Population -> its first neuron."""
        ends = np.cumsum([0, *self.sizes])
        return dict(zip(self.populations, ends[:-1].tolist(), strict=True))

    @cached_property
    def compartments(self) -> np.ndarray:
        """(neurons,) int64: how many compartments each takes: one for each axon, and one if it has none."""
        return np.maximum(np.bincount(self.neuron, minlength=self.neurons), 1)

    @cached_property
    def fan_out(self) -> np.ndarray:
        """(axons,) int64: synapses of each."""
        return np.diff(self.first)

    @cached_property
    def fan_in(self) -> np.ndarray:
        """(neurons,) int64: synapses that end at each."""
        return np.bincount(self.target, minlength=self.neurons)
