"""Networks of axons for the tests of the mapping: small ones, with numbers that are known, and random ones."""

import numpy as np

from pcneuro.mapping.axons import FEEDBACK, PREDICTION, Axons
from pcneuro.mapping.chips import Chip, chip_of
from pcneuro.mapping.counting import Destinations, destinations
from pcneuro.mapping.traffic import Traffic


def axons_of_lists(targets, sizes, *, neuron=None, unit=None, learns=None):
    """Axons that end at these neurons, a list each, of populations of these sizes; one of each neuron unless told."""
    neurons = sum(sizes.values())
    return Axons(
        tuple(sizes),
        tuple(sizes.values()),
        np.arange(neurons) if unit is None else np.asarray(unit),
        np.arange(neurons) if neuron is None else np.asarray(neuron),
        np.full(len(targets), PREDICTION, dtype=np.uint8),
        np.concatenate(([0], np.cumsum([len(t) for t in targets]))).astype(np.int64),
        np.array([t for each in targets for t in sorted(each)], dtype=np.int32),
        learns=learns,
    )


def random_axons(rng, neurons=40, axons=60, density=0.2):
    """Neurons of two populations with several axons or none, some of them with several synapses at one neuron."""
    neuron = np.sort(rng.integers(neurons, size=axons))
    targets = [np.sort(rng.integers(neurons, size=rng.binomial(neurons, density))).tolist() for _ in range(axons)]
    first = neurons // 2
    made = axons_of_lists(targets, {"a.value": first, "b.error": neurons - first}, neuron=neuron)
    learns = rng.random(made.synapses) < 0.5
    kind = rng.choice([PREDICTION, FEEDBACK], size=axons).astype(np.uint8)
    return Axons(made.populations, made.sizes, made.unit, neuron, kind, made.first, made.target, learns=learns)


def small_chip(width=2, height=2, cores_a_tile=1, **core) -> Chip:
    """A chip of a few cores with these limits, and prices that are all different."""
    costs = ("synapse", "neuron_access", "neuron_update", "spike", "message_out", "message_in")
    hops = ("hop_east_west", "hop_north_south", "plasticity")
    prices = {
        what: {"low": 1.5 + k, "high": 2.25 + 1.5 * k, "source": "made up"} for k, what in enumerate(costs + hops)
    }
    return chip_of(
        {
            "name": "small",
            "title": "A small chip",
            "mesh": {"width": width, "height": height, "cores_a_tile": cores_a_tile},
            "core": {"neurons": 100, **core},
            "messages": {"graded": True},
            "energy": prices,
            "latency": prices,
        }
    )


def random_mapping(rng, chip, **sizes) -> tuple[Destinations, np.ndarray, Traffic]:
    """A network on some cores of a chip, where its cores are, and events of some steps."""
    axons = random_axons(rng, **sizes)
    cores = int(rng.integers(1, chip.mesh.slots + 1))
    at = destinations(axons, rng.integers(cores, size=axons.neurons), cores)
    slot = rng.permutation(chip.mesh.slots)[:cores]
    raster = rng.random((7, axons.neuron.size)) < rng.random(axons.neuron.size)
    traffic = Traffic(
        raster.sum(axis=0).astype(np.float64),
        7.0,
        (rng.random(axons.neuron.size) < 0.5).astype(np.float64),
        raster=tuple(np.nonzero(raster)),
    )
    return at, slot, traffic
