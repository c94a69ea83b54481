"""Circuits that cannot be on a chip are refused before work: population, core, limit, number, cure in one line."""

import numpy as np
import pytest

from pcneuro.errors import CapacityError
from pcneuro.mapping.chips import chip_of
from pcneuro.mapping.counting import destinations
from pcneuro.mapping.feasibility import check_feasible, check_fits
from tests.mapping.networks_for_tests import axons_of_lists, random_axons, small_chip

ALL = list(range(9))
"""Nine neurons: three of ``x.value``, three units of ``h.value`` and ``h.error``."""
UNITS = [0, 1, 2, 3, 4, 5, 3, 4, 5]


def nine(targets, neuron=None):
    sizes = {"x.value": 3, "h.value": 3, "h.error": 3}
    return axons_of_lists(targets, sizes, neuron=range(len(targets)) if neuron is None else neuron, unit=UNITS)


def wide(fan_in):
    """Many neurons that end at one."""
    return axons_of_lists([[fan_in]] * fan_in + [[]], {"x.value": fan_in, "h.error": 1})


MORE_CORES = "take a chip with more cores, or more"
INFEASIBLE = {
    "a population larger than the chip": (
        axons_of_lists([[]] * 600, {"x.value": 100, "h.value": 500}),
        chip_of("brainscales2"),
        "the circuit has at least 600 compartments (h.value 500 of them), and brainscales2 at most 512 (compartments: "
        f"512 a core): {MORE_CORES} neurons a core, or a smaller circuit",
    ),
    "populations that together are": (
        axons_of_lists([[]] * 41, {"x.value": 20, "h.value": 21}),
        small_chip(neurons=10),
        "the circuit has at least 41 compartments (h.value 21 of them), and small at most 40 (compartments: 10 a core)"
        f": {MORE_CORES} neurons a core, or a smaller circuit",
    ),
    "axons that take the compartments of the chip": (
        nine([[0]] * 9, neuron=[0, 1, 2, 3, 3, 4, 4, 5, 5]),
        small_chip(2, 1, neurons=5),
        "the circuit has at least 12 compartments (h.value 6 of them), and small at most 10 (compartments: 5 a core)"
        f": {MORE_CORES} neurons a core, or a smaller circuit",
    ),
    "a neuron with more axons than a core": (
        nine([[0]] * 5, neuron=[4] * 5),
        small_chip(neurons=4),
        "neuron 1 of h.value has 5 compartments, and a core of small at most 4 (compartments): each place that a "
        "neuron sends to takes one, so let it send to fewer, or take a chip with more neurons a core",
    ),
    "a unit with more compartments than a core": (
        nine([[0]] * 4, neuron=[5, 5, 8, 8]),
        small_chip(neurons=3),
        "neuron 2 of h.value and neuron 2 of h.error have 4 compartments together, and a core of small at most 3 "
        "(compartments): keep value and error neurons apart (together=False), or take a chip with more of them a core",
    ),
    "a unit on cores of one neuron": (
        nine([[]] * 9),
        small_chip(3, 3, neurons=1),
        "neuron 0 of h.value and neuron 0 of h.error have 2 compartments together, and a core of small at most 1 "
        "(compartments): keep value and error neurons apart (together=False), or take a chip with more of them a core",
    ),
    "too many synapses at a neuron": (
        nine([[7]] * 4 + [[]] * 5),
        small_chip(fan_in=3),
        "neuron 1 of h.error has 4 synapses, and a neuron of small at most 3 (fan_in): give it fewer inputs, or take a "
        "chip with a larger fan_in",
    ),
    "a neuron of TrueNorth with too many": (
        wide(300),
        chip_of("truenorth"),
        "neuron 0 of h.error has 300 synapses, and a neuron of truenorth at most 256 (fan_in): give it fewer inputs, "
        "or take a chip with a larger fan_in",
    ),
    "several synapses of one axon at a neuron": (
        nine([[2, 2, 2]]),
        small_chip(fan_in=2),
        "neuron 2 of x.value has 3 synapses, and a neuron of small at most 2 (fan_in): give it fewer inputs, or take a "
        "chip with a larger fan_in",
    ),
    "a neuron that needs more synapse memory than a core has": (
        nine([[7]] * 6 + [[]] * 3),
        small_chip(synapse_memory_bits=59, bits_a_synapse=10),
        "neuron 1 of h.error has 6 synapses, and a core of small at most 5 (synapses): give it fewer inputs, or take a "
        "chip with more synapse memory, or fewer bits a synapse",
    ),
    "a unit that does": (
        nine([[5, 8]] * 4 + [[]] * 5),
        small_chip(synapse_memory_bits=70, bits_a_synapse=10),
        "neuron 2 of h.value and neuron 2 of h.error have 8 synapses together, and a core of small at most 7 "
        "(synapses): keep value and error neurons apart (together=False), or take a chip with more of them a core",
    ),
    "a circuit that needs more than the chip has": (
        nine([ALL] * 5 + [[]] * 4),
        small_chip(synapse_memory_bits=110, bits_a_synapse=10),
        "the circuit has at least 45 synapses (x.value 15 of them), and small at most 44 (synapses: 11 a core): "
        f"{MORE_CORES} synapse memory, or a smaller or sparser circuit",
    ),
    "too many axons that end at a neuron": (
        nine([[8]] * 4 + [[]] * 5),
        small_chip(axons_in=3),
        "neuron 2 of h.error has 4 axons in, and a core of small at most 3 (axons_in): give it fewer inputs, or take a "
        "chip with more axons_in",
    ),
    "a neuron of Loihi with too many": (
        wide(4097),
        chip_of("loihi"),
        "neuron 0 of h.error has 4,097 axons in, and a core of loihi at most 4,096 (axons_in): give it fewer inputs, "
        "or take a chip with more axons_in",
    ),
    "too many that end at a unit": (
        nine([[5]] * 3 + [[8]] * 3 + [[5, 8], [], []]),
        small_chip(axons_in=6),
        "neuron 2 of h.value and neuron 2 of h.error have 7 axons in together, and a core of small at most 6 "
        "(axons_in): keep value and error neurons apart (together=False), or take a chip with more of them a core",
    ),
    "more axons than end on all cores": (
        nine([[k] for k in ALL]),
        small_chip(2, 1, axons_in=4),
        "the circuit has at least 9 axons in (x.value 3 of them), and small at most 8 (axons_in: 4 a core): "
        f"{MORE_CORES} axons_in, or a smaller circuit",
    ),
    "a neuron that reaches more cores than it has axons out": (
        nine([[], ALL]),
        small_chip(3, 3, neurons=2, axons_out=4),
        "neuron 1 of x.value has 5 axons out, and a core of small at most 4 (axons_out): let it reach fewer neurons, "
        "or take a chip with more axons_out",
    ),
    "more axons out than all cores have": (
        nine([[k] for k in ALL]),
        small_chip(2, 1, axons_out=4),
        "the circuit has at least 9 axons out (x.value 3 of them), and small at most 8 (axons_out: 4 a core): "
        f"{MORE_CORES} axons_out, or a smaller circuit",
    ),
    "an axon that reaches more cores than it may": (
        nine([[], [], ALL]),
        small_chip(3, 3, neurons=4, destinations=2),
        "neuron 2 of x.value has 3 destinations of one axon, and an axon of small at most 2 (destinations): let it "
        "reach fewer neurons, or take a chip with more destinations",
    ),
    "an axon of TrueNorth that reaches two cores": (
        axons_of_lists([list(range(1, 258))] + [[]] * 257, {"x.value": 1, "h.error": 257}),
        chip_of("truenorth"),
        "neuron 0 of x.value has 2 destinations of one axon, and an axon of truenorth at most 1 (destinations): let it "
        "reach fewer neurons, or take a chip with more destinations",
    ),
    "an axon whose synapses fill two cores": (
        nine([[0, 0, 0, 1, 1, 1]]),
        small_chip(synapse_memory_bits=50, bits_a_synapse=10, destinations=1),
        "neuron 0 of x.value has 2 destinations of one axon, and an axon of small at most 1 (destinations): let it "
        "reach fewer neurons, or take a chip with more destinations",
    ),
}


@pytest.mark.parametrize("what", INFEASIBLE)
def test_what_cannot_be_on_a_chip_is_refused_in_one_line(what):
    axons, chip, text = INFEASIBLE[what]
    with pytest.raises(CapacityError) as caught:
        check_feasible(axons, chip)
    assert str(caught.value) == text


@pytest.mark.parametrize("what", [what for what in INFEASIBLE if "unit" in what])
def test_apart_value_and_error_neurons_may_be_feasible(what):
    axons, chip, _ = INFEASIBLE[what]
    check_feasible(axons, chip, together=False)


def test_limits_may_be_reached():
    targets = [[7]] * 4 + [[]] * 5
    check_feasible(nine(targets), small_chip(fan_in=4, axons_in=4, axons_out=1, destinations=1))
    check_feasible(nine(targets), small_chip(synapse_memory_bits=40, bits_a_synapse=10))
    check_feasible(nine([[5, 8]] * 4 + [[]] * 5), small_chip(axons_in=4))
    check_feasible(axons_of_lists([[]] * 400, {"x.value": 400}), small_chip())
    check_feasible(axons_of_lists([], {}), small_chip())


def test_whatever_is_refused_has_no_division_within_limits():
    """Random networks on few cores: where some division is within all limits, the circuit is not refused."""
    rng = np.random.default_rng(3)
    refused = fitted = 0
    for _ in range(60):
        axons = random_axons(rng, neurons=6, axons=8, density=0.4)
        limits = {"neurons": int(rng.integers(3, 9)), "axons_in": int(rng.integers(5, 9))}
        limits |= {"axons_out": int(rng.integers(5, 12)), "fan_in": int(rng.integers(4, 9))}
        limits |= {"synapse_memory_bits": int(rng.integers(8, 20)), "bits_a_synapse": 1}
        chip = small_chip(2, 1, **limits)
        fits = False
        for bits in range(1 << axons.neurons):
            at = destinations(axons, bits >> np.arange(axons.neurons) & 1, 2)
            fits |= not any(beyond.any() for beyond in chip.limits.excess(at).values())
        fits &= axons.fan_in.max() <= limits["fan_in"]
        try:
            check_feasible(axons, chip)
        except CapacityError:
            refused += 1
            assert not fits
        fitted += fits
    assert refused > 10
    assert fitted > 5


def test_a_division_beyond_a_limit_names_the_core_and_what_it_holds():
    axons = nine([[3, 6], [3], [6], [0, 8]])
    core = np.array([0, 0, 1, 1, 1, 2, 1, 1, 2])

    def refused(chip, cores=3):
        with pytest.raises(CapacityError) as caught:
            check_fits(destinations(axons, core, cores), chip)
        return str(caught.value)

    held = "it holds neurons: 2 of h.value, 2 of h.error, 1 of x.value"
    assert refused(small_chip(neurons=4)) == (
        f"core 1 of 3 has 5 compartments, and a core of small at most 4 (compartments); {held}: {MORE_CORES} neurons a "
        "core, or a smaller circuit"
    )
    assert refused(small_chip(synapse_memory_bits=3, bits_a_synapse=1)) == (
        f"core 1 of 3 has 4 synapses, and a core of small at most 3 (synapses); {held}: {MORE_CORES} synapse memory, "
        "or a smaller or sparser circuit"
    )
    assert refused(small_chip(axons_in=2)).startswith(
        "core 1 of 3 has 3 axons in, and a core of small at most 2 (axons_in)"
    )
    assert refused(small_chip(axons_out=2)).startswith("core 1 of 3 has 3 axons out, and")
    assert refused(small_chip(destinations=1)) == (
        f"core 1 of 3 has 2 destinations of one axon, and an axon of small at most 1 (destinations); {held}: let "
        "neurons reach fewer others, or take a chip with more destinations, or more neurons a core"
    )
    assert refused(small_chip(2, 1)) == (
        "a division among 3 cores does not fit on small, which has 2: take fewer cores, or a chip with more"
    )
    check_fits(destinations(axons, core, 3), small_chip(neurons=5, axons_in=3, axons_out=3, destinations=2))
