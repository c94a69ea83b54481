"""The structures that compiled functions of mappings take."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

COMPARTMENTS, AXONS_IN, AXONS_OUT, SYNAPSES, DESTINATIONS = range(5)
"""What has a limit: what is counted of each core, and how many cores one axon reaches."""
HELD = DESTINATIONS
"""Columns of ``Cores.used``: the former."""
LIMITED = DESTINATIONS + 1
"""Entries of ``Cores.limit``."""

TARGET, SOURCE = 2, 1
"""What a pin counts: ``TARGET`` for each synapse of the axon there, and ``SOURCE`` if the axon begins there.

So a sum of them tells of a core whether the axon begins there (odd), and whether it has synapses there (above 1).
"""


class Nets(NamedTuple):
    """A hypergraph: nodes are neurons that stay together, nets are axons; pins are the nodes where they begin and end.

    The packets of a net between cores are ``sends`` times the number of cores of its pins less one.
    """

    first: np.ndarray
    """(nets + 1,) int64: where the pins of each net begin."""
    pin: np.ndarray
    """(pins,) int32: nodes."""
    times: np.ndarray
    """(pins,) int32: what each counts, of TARGET and SOURCE."""
    source: np.ndarray
    """(nets,) int32: the node where it begins."""
    sends: np.ndarray
    """(nets,) float64."""
    size: np.ndarray
    """(nodes,) int64: compartments."""
    synapses: np.ndarray
    """(nodes,) int64: that end there."""
    node_first: np.ndarray
    """(nodes + 1,) int64: where the nets of each node begin."""
    net: np.ndarray
    """(pins,) int32: nets of each node."""
    node_times: np.ndarray
    """(pins,) int32: what the node counts there."""


class Load(NamedTuple):
    """What each node takes of a core: these fields of ``Nets``, or without nets where axons in have no limit."""

    size: np.ndarray
    synapses: np.ndarray
    node_first: np.ndarray
    net: np.ndarray
    node_times: np.ndarray


class Cores(NamedTuple):
    """Where nodes are, and what follows from it; written whenever a node moves."""

    core: np.ndarray
    """(nodes,) int64."""
    slot: np.ndarray
    """(nets + 1,) int64: where the cores of each net begin."""
    spans: np.ndarray
    """(nets,) int32: on how many cores its pins are."""
    reaches: np.ndarray
    """(nets,) int32: on how many it has synapses."""
    where: np.ndarray
    """(slots,) int32: these cores."""
    held: np.ndarray
    """(slots,) int32: what its pins there count."""
    used: np.ndarray
    """(cores, HELD) int64: what each core holds."""
    limit: np.ndarray
    """(LIMITED,) int64: at most."""
    reached: np.ndarray
    """(cores,) float64, scratch, -1 between calls."""
    near: np.ndarray
    """(cores,) int32, scratch."""


class Ties(NamedTuple):
    """Which cores have packets for each other, and where the slots of a mesh are; only read."""

    first: np.ndarray
    """(cores + 1,) int64: where the ties of each begin."""
    other: np.ndarray
    """(ties,) int64: cores; each tie stands at both ends."""
    packets: np.ndarray
    """(ties,) float64: both ways together."""
    x: np.ndarray
    """(slots,) int64."""
    y: np.ndarray
    """(slots,) int64."""
    prices: np.ndarray
    """(2,) float64: of a hop along x, and along y."""
