"""Whether a circuit can be on a chip at all, before any work, and whether a division among cores is within limits."""

from __future__ import annotations

import numpy as np

from pcneuro.circuit.synapses import nearest_steps
from pcneuro.errors import CapacityError
from pcneuro.mapping.axons import Axons
from pcneuro.mapping.chips.chip import Chip
from pcneuro.mapping.counting import Destinations, sums
from pcneuro.mapping.demands import LeastDemand
from pcneuro.mapping.limit_words import TOGETHER, WORDS, beyond

MOST_NAMED = 4
"""Populations that a message names."""


def check_feasible(axons: Axons, chip: Chip, *, together: bool = True, dt: float | None = None) -> None:
    """Raise CapacityError where no division of a circuit among the cores of a chip can be within its limits.

    What is held against the limits of a core is what the neuron that takes most takes by itself, then the unit that
    does (``together``: value and error neuron of a unit are on one core), and then the whole circuit against all cores.
    A circuit that passes may still not fit: that is found by ``check_fits``, of a division. Conduction delays are held
    against the chip's where a step is known to take ``dt`` ms.
    """
    if not axons.neurons:
        return
    _check_delays(axons, chip, dt)
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


def _check_delays(axons: Axons, chip: Chip, dt: float | None) -> None:
    """Raise CapacityError for a delay of more steps of ``dt`` ms than a synapse of the chip has."""
    most = chip.core.delay_steps
    if axons.delay is None or most is None or dt is None:
        return
    longest = int(axons.delay.argmax())
    delay = float(axons.delay[longest])
    steps = int(nearest_steps(delay, dt))
    if steps <= most:
        return
    sender = int(axons.neuron[np.searchsorted(axons.first, longest, side="right") - 1])
    raise CapacityError(
        f"from {_neuron_named(axons, sender)} to {_neuron_named(axons, int(axons.target[longest]))} it takes {delay:g} "
        f"ms, {steps:,} steps of {dt:g} ms, and a synapse of {chip.name} delays by at most {most:,} (delay_steps): "
        "make delays shorter or dt longer, or take a chip with more delay_steps"
    )


def check_fits(at: Destinations, chip: Chip) -> None:
    """Raise CapacityError where a division of neurons among cores has more cores than a chip, or exceeds a limit."""
    slots = chip.mesh.slots
    if at.cores > slots:
        raise CapacityError(
            f"a division among {at.cores:,} cores does not fit on {chip.name}, which has {slots:,}: take fewer cores, "
            "or a chip with more"
        )
    for name, excess in chip.limits.excess(at).items():
        core = int(excess.argmax()) if excess.size else 0
        if excess.size and excess[core] > 0:
            number = int(excess[core]) + getattr(chip.limits, name)
            raise CapacityError(
                f"core {core} of {at.cores:,} has {_beyond(chip, name, number)}; it holds {_held(at, core)}: "
                f"{WORDS[name].circuit}"
            )


# What messages say


def _neuron_named(axons: Axons, neuron: int) -> str:
    population = axons.populations[axons.population[neuron]]
    return f"neuron {neuron - axons.begins[population]} of {population}"


def _beyond(chip: Chip, name: str, number: int, *, together: str = "") -> str:
    """How much of a limit there is, and how much of it the chip has."""
    return beyond(name, number, getattr(chip.limits, name), of=f"of {chip.name}", together=together)


def _too_much_for_a_core(axons: Axons, chip: Chip, name: str, neuron: int, number: int) -> str:
    return f"{_neuron_named(axons, neuron)} has {_beyond(chip, name, number)}: {WORDS[name].neuron}"


def _too_much_together(axons: Axons, chip: Chip, name: str, unit: int, number: int) -> str:
    names = " and ".join(_neuron_named(axons, int(neuron)) for neuron in np.flatnonzero(axons.unit == unit))
    return f"{names} have {_beyond(chip, name, number, together='together')}: {TOGETHER}"


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
