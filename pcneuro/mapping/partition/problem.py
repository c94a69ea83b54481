"""What is to be divided among cores, and within which limits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pcneuro.errors import CapacityError
from pcneuro.kernels.mapping.structures import LIMITED, SOURCE, Load, Nets
from pcneuro.mapping.axons import Axons
from pcneuro.mapping.counting import destinations, sums
from pcneuro.mapping.limit_words import TOGETHER, WORDS, beyond
from pcneuro.mapping.limits import Limits
from pcneuro.mapping.partition.hypergraph import nets_of
from pcneuro.mapping.partition.refinement import Divided

LIMITS = ("compartments", "axons_in", "axons_out", "synapses", "destinations")
"""Fields of ``Limits`` in the order in which kernels have them."""
_NO_LIMIT = 2**62
_WORK = 5e7
"""Pins that are looked at to improve one start, about: so many sweeps times all pins."""
_SWEEPS = 100
_TRIES = 16
_PINS_EACH_TRY = 4096


@dataclass(frozen=True, eq=False)
class Problem:
    """Axons, the limits of a core, how often each axon sends, and which neurons stay together."""

    axons: Axons
    limits: Limits
    sends: np.ndarray
    node: np.ndarray
    """(neurons,) int64: which node each neuron is of; nodes are in the order of their first neurons."""

    @staticmethod
    def of(axons: Axons, limits: Limits, sends: np.ndarray, together: bool) -> Problem:
        """With the value and the error neuron of a unit ``together``, or each neuron by itself."""
        if not together:
            return Problem(axons, limits, sends, np.arange(axons.neurons))
        _, first, unit = np.unique(axons.unit, return_index=True, return_inverse=True)
        rank = np.empty(first.size, dtype=np.int64)
        rank[np.argsort(first)] = np.arange(first.size)
        return Problem(axons, limits, sends, rank[unit])

    @cached_property
    def nets(self) -> Nets:
        """The axons as a hypergraph, whose nodes are what stays together."""
        return nets_of(self.axons, self.node, self.sends)

    @cached_property
    def limit(self) -> np.ndarray:
        """(LIMITED,) int64: of ``LIMITS``, what a core holds at most, or more than there can be."""
        limits = [getattr(self.limits, name) for name in LIMITS]
        assert len(limits) == LIMITED
        return np.array([_NO_LIMIT if limit is None else limit for limit in limits])

    @cached_property
    def nodes(self) -> int:
        """How many there are to be divided: units, or neurons that are apart."""
        return int(self.node.max()) + 1

    @cached_property
    def bare(self) -> Load:
        """What nodes take, without their axons in, for which the hypergraph is not needed."""
        size, synapses = (sums(self.node, of, self.nodes) for of in (self.axons.compartments, self.axons.fan_in))
        none = np.zeros(0, dtype=np.int32)
        return Load(size, synapses, np.zeros(self.nodes + 1, dtype=np.int64), none, none)

    @property
    def load(self) -> Load:
        """What nodes take, with their axons in."""
        nets = self.nets
        return Load(nets.size, nets.synapses, nets.node_first, nets.net, nets.node_times)

    def divided(self, core: np.ndarray) -> Divided:
        """A division (nodes,) with what is counted of it."""
        at = destinations(self.axons, core[self.node])
        reach = self.limits.destinations
        excess = [int(of.sum()) for name, of in self.limits.excess(at).items() if name != "destinations"]
        farther = 0 if reach is None else int(np.maximum(np.diff(at.begin) - reach, 0).sum())
        return Divided(core, sum(excess) + farther, at.packets(self.sends))

    @property
    def pins(self) -> int:
        """Nodes of all nets, each as often as it is in one."""
        return int(self.nets.pin.size)

    @cached_property
    def population(self) -> np.ndarray:
        """(nodes,) int32: that of the first neuron of each."""
        _, first = np.unique(self.node, return_index=True)
        return self.axons.population[first]

    @property
    def tries(self) -> int:
        """From how many starts a strategy that draws them tries: many only where that costs little."""
        return int(np.clip(_PINS_EACH_TRY * _TRIES // max(self.pins, 1), 1, _TRIES))

    @property
    def sweeps(self) -> int:
        """How many times all nodes are asked to move, for each start."""
        return int(np.clip(_WORK // max(self.pins, 1), 1, _SWEEPS))

    def too_much(self, node: int) -> CapacityError:
        """The error for a node that no core takes, even alone."""
        nets, of = self.nets, slice(self.nets.node_first[node], self.nets.node_first[node + 1])
        needed = {
            "compartments": nets.size[node],
            "axons_in": (nets.node_times[of] > SOURCE).sum(),
            "synapses": nets.synapses[node],
        }
        limits = dict(zip(LIMITS, self.limit.tolist(), strict=True))
        name = max(needed, key=lambda name: needed[name] / max(limits[name], 1))
        population = self.axons.populations[self.population[node]]
        cure = TOGETHER if (self.node == node).sum() > 1 else WORDS[name].neuron
        return CapacityError(f"a unit of {population!r} has {beyond(name, needed[name], limits[name])}: {cure}")
