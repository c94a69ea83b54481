"""What neurons, units and circuits take of the limits of a chip at least, wherever they are put."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import final

import numpy as np

from pcneuro.mapping.axons import Axons
from pcneuro.mapping.counting import sums
from pcneuro.mapping.limits import Limits


@final
@dataclass(frozen=True, eq=False)
class LeastDemand:
    """Lower bounds of what a core, or all cores, hold of each limit: no division among cores has less."""

    axons: Axons
    limits: Limits

    def of_neurons(self) -> Iterator[tuple[str, np.ndarray]]:
        """Limit -> what each neuron takes of the one that it is held against, (neurons,) int64, where there is one."""
        axons, limits = self.axons, self.limits
        yield "compartments", axons.compartments
        if limits.fan_in is not None:
            yield "fan_in", axons.fan_in
        if limits.synapses is not None:
            yield "synapses", axons.fan_in
        if limits.axons_in is not None:
            yield "axons_in", self._axons_in
        if limits.destinations is not None:
            most = np.zeros(axons.neurons, dtype=np.int64)
            np.maximum.at(most, axons.neuron, self._reach)
            yield "destinations", most
        if limits.axons_out is not None:
            yield "axons_out", sums(axons.neuron, self._reach, axons.neurons)

    def of_units(self) -> Iterator[tuple[str, np.ndarray]]:
        """The same of units, whose value and error neuron are on one core, (units,) int64."""
        axons, limits, units = self.axons, self.limits, int(self.axons.unit.max(initial=-1)) + 1
        yield "compartments", sums(axons.unit, axons.compartments, units)
        if limits.synapses is not None:
            yield "synapses", sums(axons.unit, axons.fan_in, units)
        if limits.axons_in is not None:
            yield "axons_in", self._axons_in_of_units(units, limits.axons_in)

    def of_all(self) -> Iterator[tuple[str, np.ndarray]]:
        """Limit of a core -> what each neuron adds to what all cores hold of it, (neurons,) int64."""
        axons, limits = self.axons, self.limits
        yield "compartments", axons.compartments
        if limits.synapses is not None:
            yield "synapses", axons.fan_in
        for name in ("axons_in", "axons_out"):
            if getattr(limits, name) is not None:
                yield name, sums(axons.neuron, self._reach, axons.neurons)

    @cached_property
    def _again(self) -> np.ndarray:
        """Synapses of an axon at a neuron where it has one already, int64: targets are sorted for each axon."""
        again = np.zeros(self.axons.synapses, dtype=bool)
        np.equal(self.axons.target[1:], self.axons.target[:-1], out=again[1:])
        again[self.axons.first[:-1][self.axons.fan_out > 0]] = False
        return np.flatnonzero(again)

    @cached_property
    def _axons_in(self) -> np.ndarray:
        """(neurons,) int64: axons that end at each."""
        axons = self.axons
        return axons.fan_in - np.bincount(axons.target[self._again], minlength=axons.neurons)

    def _axons_in_of_units(self, units: int, limit: int) -> np.ndarray:
        """(units,) int64: axons that end at each; up to the limit, those that end at both its neurons count twice."""
        axons = self.axons
        ends = sums(axons.unit, self._axons_in, units)
        beyond = ends > limit
        if beyond.any():
            unit = axons.unit[axons.target]
            there = np.flatnonzero(beyond[unit])
            axon = np.searchsorted(axons.first, there, side="right") - 1
            pairs = np.unique(axon * units + unit[there])
            ends[beyond] = np.bincount(pairs % units, minlength=units)[beyond]
        return ends

    @cached_property
    def _reach(self) -> np.ndarray:
        """(axons,) int64: cores that each axon reaches, were its targets alone on them."""
        axons = self.axons
        repeated = np.searchsorted(axons.first, self._again, side="right") - 1
        targets = axons.fan_out - np.bincount(repeated, minlength=axons.neuron.size)
        reach = -(-targets // self.limits.compartments)
        if self.limits.synapses is not None:
            reach = np.maximum(reach, -(-axons.fan_out // self.limits.synapses))
        return reach
