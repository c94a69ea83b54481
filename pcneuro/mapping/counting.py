"""What a division of neurons among cores takes of each core, and what goes from core to core: exact counts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pcneuro.kernels.mapping.counting import NOWHERE, count_ends, list_ends
from pcneuro.mapping.axons import Axons


@dataclass(frozen=True, eq=False)
class Destinations:
    """The pairs of an axon and a core on which it has synapses: a packet each, whenever the axon sends.

    The axon's own core is among them where it has synapses there.
    """

    axons: Axons
    core: np.ndarray
    """(neurons,) int64: where each neuron is."""
    cores: int
    begin: np.ndarray
    """(axons + 1,) int64: where the pairs of each axon begin."""
    destination: np.ndarray
    """(pairs,) int32: the core."""
    synapses: np.ndarray
    """(pairs,) int32: how many there."""

    @cached_property
    def axon(self) -> np.ndarray:
        """(pairs,) int64."""
        return np.repeat(np.arange(self.begin.size - 1), np.diff(self.begin))

    @cached_property
    def source(self) -> np.ndarray:
        """(pairs,) int64: the core that a packet comes from."""
        return self.core[self.axons.neuron][self.axon]

    @property
    def off_core(self) -> np.ndarray:
        """(pairs,) bool: whether a packet leaves its core."""
        return self.source != self.destination

    def packets(self, sends: np.ndarray) -> float:
        """Packets between cores, where axons send so often: what partitions are compared by."""
        return float(sends[self.axon[self.off_core]].sum())

    def traffic(self, sends: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Packets between cores: sources and destinations, int64, and how many, of pairs that have any."""
        off = self.off_core
        keys, place = np.unique(self.source[off] * self.cores + self.destination[off], return_inverse=True)
        packets = np.bincount(place, weights=sends[self.axon[off]], minlength=keys.size)
        some = packets > 0
        return keys[some] // self.cores, keys[some] % self.cores, packets[some]

    # What cores hold

    @cached_property
    def compartments(self) -> np.ndarray:
        """(cores,) int64."""
        return sums(self.core, self.axons.compartments, self.cores)

    @cached_property
    def axons_in(self) -> np.ndarray:
        """(cores,) int64: axons that have synapses there."""
        return np.bincount(self.destination, minlength=self.cores)

    @cached_property
    def axons_out(self) -> np.ndarray:
        """(cores,) int64: destinations of the axons that begin there."""
        return np.bincount(self.source, minlength=self.cores)

    @cached_property
    def farthest_reach(self) -> np.ndarray:
        """(cores,) int64: cores that one axon reaches at most, of those that begin there."""
        most = np.zeros(self.cores, dtype=np.int64)
        np.maximum.at(most, self.core[self.axons.neuron], np.diff(self.begin))
        return most

    @cached_property
    def synapses_held(self) -> np.ndarray:
        """(cores,) int64: synapses that end there."""
        return sums(self.destination, self.synapses, self.cores)


def destinations(axons: Axons, core: np.ndarray, cores: int | None = None) -> Destinations:
    """List what each axon reaches, where ``core`` (neurons,) int64 of ``cores`` says where neurons are.

    None: there are as many cores as up to the last with a neuron.
    """
    core = np.ascontiguousarray(core, dtype=np.int64)
    cores = int(core.max(initial=-1)) + 1 if cores is None else cores
    return Destinations(axons, core, cores, *ends_of(axons, core, cores, np.full(axons.neuron.size, NOWHERE)))


def ends_of(
    axons: Axons, part: np.ndarray, parts: int, source: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of an axon and a part, such as a core, in which it has synapses.

    Returns where the pairs of each axon begin, (axons + 1,) int64, and the part of each pair and how many synapses are
    there, (pairs,) int32.

    ``part`` (neurons,) int64 says of which part each neuron is, ``source`` (axons,) int64 which one is to be listed
    first, be there synapses or not; NOWHERE for none.
    """
    count = count_ends(axons.first, axons.target, part, source, np.full(parts, -1))
    begin = np.zeros(axons.neuron.size + 1, dtype=np.int64)
    end, synapses = (np.zeros(count, dtype=np.int32) for _ in range(2))
    list_ends(axons.first, axons.target, part, source, np.full(parts, -1), begin, end, synapses)
    return begin, end, synapses


def sums(where: np.ndarray, numbers: np.ndarray, size: int) -> np.ndarray:
    """Whole numbers summed by what they are of, such as their core, (size,) int64."""
    return np.rint(np.bincount(where, weights=numbers, minlength=size)).astype(np.int64)
