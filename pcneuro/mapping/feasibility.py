"""Whether a circuit can be on a chip at all, before any work, and whether a division among cores is within limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from pcneuro.errors import CapacityError
from pcneuro.mapping.axons import Axons
from pcneuro.mapping.chips.chip import Chip
from pcneuro.mapping.counting import Destinations, sums
from pcneuro.mapping.demands import LeastDemand

MOST_NAMED = 4
"""Populations that a message names."""


@final
@dataclass(frozen=True)
class Wording:
    """How messages speak of a limit: what is counted, whose limit it is, and what helps a neuron, or a circuit."""

    what: str
    neuron: str
    circuit: str
    holder: str = "a core"


WORDS = {
    "compartments": Wording(
        "compartments",
        "each place that a neuron sends to takes one, so let it send to fewer, or take a chip with more neurons a core",
        "take a chip with more cores, or more neurons a core, or a smaller circuit",
    ),
    "axons_in": Wording(
        "axons in",
        "give it fewer inputs, or take a chip with more axons_in",
        "take a chip with more cores, or more axons_in, or a smaller circuit",
    ),
    "axons_out": Wording(
        "axons out",
        "let it reach fewer neurons, or take a chip with more axons_out",
        "take a chip with more cores, or more axons_out, or a smaller circuit",
    ),
    "synapses": Wording(
        "synapses",
        "give it fewer inputs, or take a chip with more synapse memory, or fewer bits a synapse",
        "take a chip with more cores, or more synapse memory, or a smaller or sparser circuit",
    ),
    "fan_in": Wording(
        "synapses",
        "give it fewer inputs, or take a chip with a larger fan_in",
        "take a chip with a larger fan_in",
        "a neuron",
    ),
    "destinations": Wording(
        "destinations of one axon",
        "let it reach fewer neurons, or take a chip with more destinations",
        "keep the targets of an axon on fewer cores, or take a chip with more destinations",
        "an axon",
    ),
}
TOGETHER = "keep value and error neurons apart (together=False), or take a chip with more of them a core"


def check_feasible(axons: Axons, chip: Chip, *, together: bool = True) -> None:
    """Raise CapacityError where no division of a circuit among the cores of a chip can be within its limits.

    What is held against the limits of a core is what the neuron that takes most takes by itself, then the unit that
    does (``together``: value and error neuron of a unit are on one core), and then the whole circuit against all cores.
    A circuit that passes may still not fit: that is found by ``check_fits``, of a division.
    """
    if not axons.neurons:
        return
    limits = chip.limits
    least = LeastDemand(axons, limits)
    for name, numbers in least.of_neurons():
        most = int(numbers.argmax())
        if numbers[most] > getattr(limits, name):
            raise CapacityError(_too_much_for_a_core(axons, chip, name, most, int(numbers[most])))
    for name, numbers in least.of_units() if together else ():
        most = int(numbers.argmax())
        if numbers[most] > getattr(limits, name):
            raise CapacityError(_too_much_together(axons, chip, name, most, int(numbers[most])))
    for name, numbers in least.of_all():
        total, there = int(numbers.sum()), getattr(limits, name) * chip.mesh.slots
        if total > there:
            raise CapacityError(_too_much_for_the_chip(axons, chip, name, numbers))


def check_fits(at: Destinations, chip: Chip) -> None:
    """Raise CapacityError where a division of neurons among cores has more cores than a chip, or exceeds a limit."""
    slots = chip.mesh.slots
    if at.cores > slots:
        raise CapacityError(
            f"a division among {at.cores:,} cores does not fit on {chip.name}, which has {slots:,}: take fewer cores, "
            "or a chip with more"
        )
    for name, beyond in chip.limits.excess(at).items():
        core = int(beyond.argmax()) if beyond.size else 0
        if beyond.size and beyond[core] > 0:
            number = int(beyond[core]) + getattr(chip.limits, name)
            raise CapacityError(
                f"core {core} of {at.cores:,} has {number:,} {_allowed(chip, name)}; it holds {_held(at, core)}: "
                f"{WORDS[name].circuit}"
            )


# What messages say


def _neuron_named(axons: Axons, neuron: int) -> str:
    population = axons.populations[axons.population[neuron]]
    return f"neuron {neuron - axons.begins[population]} of {population}"


def _allowed(chip: Chip, name: str, together: str = "") -> str:
    """What it is that there is too much of, and how much there may be."""
    words, limit = WORDS[name], getattr(chip.limits, name)
    return f"{words.what}{together}, and {words.holder} of {chip.name} at most {limit:,} ({name})"


def _too_much_for_a_core(axons: Axons, chip: Chip, name: str, neuron: int, number: int) -> str:
    return f"{_neuron_named(axons, neuron)} has {number:,} {_allowed(chip, name)}: {WORDS[name].neuron}"


def _too_much_together(axons: Axons, chip: Chip, name: str, unit: int, number: int) -> str:
    names = " and ".join(_neuron_named(axons, int(neuron)) for neuron in np.flatnonzero(axons.unit == unit))
    return f"{names} have {number:,} {_allowed(chip, name, ' together')}: {TOGETHER}"


def _too_much_for_the_chip(axons: Axons, chip: Chip, name: str, numbers: np.ndarray) -> str:
    of = sums(axons.population, numbers, len(axons.populations))
    most, words, limit, slots = int(of.argmax()), WORDS[name], getattr(chip.limits, name), chip.mesh.slots
    return (
        f"the circuit has at least {int(of.sum()):,} {words.what} ({axons.populations[most]} {int(of[most]):,} of "
        f"them), and {chip.name} at most {limit * slots:,} ({name}: {limit:,} a core): {words.circuit}"
    )


def _held(at: Destinations, core: int) -> str:
    """How many neurons of which populations a core holds, the largest first."""
    neurons = np.bincount(at.axons.population[at.core == core], minlength=len(at.axons.populations))
    order = [int(k) for k in np.argsort(-neurons, kind="stable") if neurons[k]]
    named = [f"{neurons[k]:,} of {at.axons.populations[k]}" for k in order[:MOST_NAMED]]
    rest = len(order) - len(named)
    return f"neurons: {', '.join(named) or 'none'}{f', and of {rest} more populations' if rest else ''}"
