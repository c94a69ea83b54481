"""Mapping a circuit to a chip: neurons among cores, cores on the mesh, and what that costs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.errors import DataError, ParameterError, check_object, told
from pcneuro.mapping.activity import traffic_of
from pcneuro.mapping.assumed import AssumedRate
from pcneuro.mapping.axons import Axons, Origin
from pcneuro.mapping.chips import Chip, chip_of
from pcneuro.mapping.counting import Destinations, destinations
from pcneuro.mapping.feasibility import check_feasible, check_fits
from pcneuro.mapping.measuring import measured, remarks_on
from pcneuro.mapping.of_circuit import axons_of
from pcneuro.mapping.partition import (
    AbstractStrategy,
    Division,
    HypergraphPartitioner,
    NaturalOrder,
    RandomOrder,
    divide,
    started,
)
from pcneuro.mapping.placement import place
from pcneuro.mapping.result import Mapping
from pcneuro.mapping.schema import dataset_of
from pcneuro.mapping.traffic import Traffic
from pcneuro.quantities import flag, whole
from pcneuro.simulator.progress import Bar
from pcneuro.simulator.result import Result
from pcneuro.version import __version__

Tell = Callable[[float, str], None]
MOST_SEED = 2**32 - 1
ORDERS = (NaturalOrder(), RandomOrder())
"""What a mapping is compared with, natural order first."""
DIVIDING, PLACING, MEASURING = 0.1, 0.6, 0.8
"""What share of the work is done when these begin, roughly."""
UPDATE = 0.01
"""What a packet of an update of the weights counts beside one of a sample: so little that updates settle only what
samples leave open, such as where neurons are that are silent in them."""


def map_circuit(
    circuit: Circuit,
    chip: str | os.PathLike[str] | Chip,
    activity: Result | AssumedRate | Traffic,
    *,
    clamped: Collection[str] | None = None,
    inputs: bool = True,
    strategies: Sequence[AbstractStrategy] | None = None,
    seed: int = 0,
    together: bool = True,
    report: bool = False,
) -> Mapping:
    """Put a circuit on a neuromorphic chip, so that few packets go between cores, and these not far.

    Parameters
    ----------
    circuit
        The circuit, with the weights that it has: synapses of weight 0 take nothing.
    chip
        Name of a chip that comes with the package (``pcn.mapping.CHIPS``), the path of a TOML file, or a chip.
    activity
        How often neurons send: the result of a run by ``pcn.EventDriven``, or ``pcn.mapping.AssumedRate``; or what
        ``pcn.mapping.traffic_in_steps`` has counted, with the same ``clamped`` and ``inputs``.
    clamped
        Vertices whose values are held, to which no errors go back; None for the outputs.
    inputs
        Whether inputs have neurons on the chip.
    strategies
        Ways to divide neurons among cores, of which the best division is taken, such as
        ``[pcn.mapping.NaturalOrder()]``; None for all that are installed.
    seed
        Of all that is drawn. The same seed gives the same mapping, for any number of threads.
    together
        Whether the value and the error neuron of a unit are on one core.
    report
        Whether to show on standard error how far it is, from two seconds on.

    Raises
    ------
    CapacityError
        Where the chip cannot hold the circuit: before any work, with the population, the core, the limit and a cure.
    DataError
        Where the activity is of another circuit, or has no events.
    ParameterError, UnknownNameError
        For arguments that are no such things, and a chip that there is not.

    Examples
    --------
    >>> mapped = pcn.map_circuit(circuit, "loihi", pcn.mapping.AssumedRate(0.1, steps=100))
    >>> mapped.chip.name
    'loihi'
    """
    check_object("circuit", circuit, Circuit)
    on, seed = chip_of(chip), whole("seed", seed, 0, MOST_SEED)
    inputs, together, report = flag("inputs", inputs), flag("together", together), flag("report", report)
    if not isinstance(activity, Result | AssumedRate | Traffic):
        raise ParameterError(
            f"activity is {told(activity)}; give the result of a run by pcn.EventDriven, or a pcn.mapping.AssumedRate"
        )
    chosen = _strategies(strategies)
    with Bar(f"mapping to {on.name}", quiet=not report) as bar:
        bar.show(0.0, "axons")
        axons = axons_of(circuit, clamped=clamped, inputs=inputs)
        traffic = traffic_for(axons, activity)
        return mapped(axons, on, traffic, chosen, seed=seed, together=together, tell=bar.show)


def mapped(
    axons: Axons,
    chip: Chip,
    traffic: Traffic,
    strategies: Sequence[AbstractStrategy] | None,
    *,
    seed: int,
    together: bool,
    tell: Tell,
) -> Mapping:
    """The mapping of axons that send so often. Raises CapacityError."""
    check_feasible(axons, chip, together=together, dt=traffic.dt)
    tell(DIVIDING, "neurons among cores")
    weights = traffic.sends + UPDATE * traffic.plasticity
    at, division, others = _divided(axons, chip, traffic, weights, strategies, seed, together)
    check_fits(at, chip)
    tell(PLACING, "cores on the mesh")
    slot = place(at, chip.mesh, weights, *chip.hop_weights, seed=seed)
    tell(MEASURING, "counts and costs")
    numbers = measured(at, slot, chip, traffic)
    values = {**numbers.values, **others}
    facts = {
        **_origin_facts(axons.origin),
        "activity": _words(traffic),
        "given": traffic.given,
        "division": division.chosen.strategy,
        "strategies": json.dumps([strategy.name for strategy in division.strategies]),
        "libraries": json.dumps(_libraries(division.strategies)),
        "notes": json.dumps(remarks_on(chip, axons, traffic, numbers.untimed)),
        "unpriced": json.dumps(numbers.unpriced),
        "seed": seed,
        "together": int(together),
        "synapses": axons.synapses,
        "axons": axons.neuron.size,
        "samples": traffic.samples,
    }
    tell(1.0, "")
    return Mapping(dataset_of(values, facts | _chip_facts(chip)), chip)


def _divided(
    axons: Axons,
    chip: Chip,
    traffic: Traffic,
    weights: np.ndarray,
    strategies: Sequence[AbstractStrategy] | None,
    seed: int,
    together: bool,
) -> tuple[Destinations, Division, dict[str, Any]]:
    """What axons reach, divided by ``weights`` (axons,), and the packets of other divisions.

    Where samples alone would then have more packets than in natural order, it is divided by those of samples.
    """

    def divided(sends: np.ndarray) -> tuple[Destinations, Division]:
        division = divide(
            axons, chip.limits, sends, strategies=strategies, most=chip.mesh.slots, seed=seed, together=together
        )
        return destinations(axons, division.chosen.core), division

    at, division = divided(weights)
    orders = _orders(at, chip, traffic, seed, together)
    if at.packets(traffic.sends) * chip.packets_an_event > orders["order_packets"][0]:
        at, division = divided(traffic.sends)
        orders = _orders(at, chip, traffic, seed, together)
    return at, division, {**orders, **_candidates(at, division, chip, traffic)}


def _candidates(at: Destinations, division: Division, chip: Chip, traffic: Traffic) -> dict[str, Any]:
    """Packets between cores of the divisions that were tried, in a sample and further in an update."""
    each = [at if one is division.chosen else destinations(at.axons, one.core) for one in division.candidates]
    samples, updates = (
        [there.packets(sends) * chip.packets_an_event for there in each]
        for sends in (traffic.sends, traffic.plasticity)
    )
    return {
        "candidate": [one.strategy for one in division.candidates],
        "candidate_packets": samples,
        "candidate_plasticity_packets": updates,
        "candidate_beyond": [one.beyond for one in division.candidates],
    }


def traffic_for(axons: Axons, activity: Result | AssumedRate | Traffic) -> Traffic:
    """What these axons send by an activity. Raises DataError for one of other axons."""
    if isinstance(activity, Result):
        return traffic_of(axons, activity)
    if isinstance(activity, AssumedRate):
        return activity.traffic(axons)
    if activity.sends.size != axons.neuron.size:
        raise DataError(
            f"activity is of {activity.sends.size:,} axons, and this circuit has {axons.neuron.size:,}: count it with "
            "axons_of(circuit, clamped=..., inputs=...) as they are given here"
        )
    if activity.origin not in (None, axons.origin):
        raise DataError(
            "activity is of another circuit, or of other weights, or of other clamped vertices or inputs than given "
            "here: count it with axons_of(circuit, clamped=..., inputs=...) of these"
        )
    return activity


def _strategies(strategies: Any) -> list[AbstractStrategy] | None:
    if strategies is None:
        return None
    what = f"strategies is {told(strategies)}"
    if isinstance(strategies, Sequence) and not isinstance(strategies, str):
        wrong = [told(each) for each in strategies if not isinstance(each, AbstractStrategy)]
        if strategies and not wrong:
            return list(strategies)
        what = f"strategies has {wrong[0]} in it" if wrong else "strategies is an empty list"
    raise ParameterError(f"{what}; give a list such as [pcn.mapping.NaturalOrder()], or None for all")


def _libraries(strategies: Sequence[AbstractStrategy]) -> list[str]:
    """Libraries that strategies need, with their versions: others divide otherwise."""
    if not any(isinstance(strategy, HypergraphPartitioner) for strategy in strategies):
        return []
    return [f"{HypergraphPartitioner.name} {version(HypergraphPartitioner.name)}"]


def _origin_facts(origin: Origin | None) -> dict[str, Any]:
    """Of which circuit it is, and how that was taken."""
    known = Origin("", "", "", (), True) if origin is None else origin
    return {
        "circuit": known.structure,
        "circuit_digest": known.digest,
        "clamped": json.dumps(known.clamped),
        "inputs": int(known.inputs),
    }


def _orders(at: Destinations, chip: Chip, traffic: Traffic, seed: int, together: bool) -> dict[str, Any]:
    """Packets between cores, were neurons in natural order, or in random order on as many cores."""
    packets = []
    for order in ORDERS:
        core = started(
            at.axons,
            chip.limits,
            traffic.sends,
            order,
            at.cores,
            most=chip.mesh.slots,
            seed=seed,
            together=together,
        )
        packets.append(destinations(at.axons, core).packets(traffic.sends) * chip.packets_an_event)
    return {"order": [order.name for order in ORDERS], "order_packets": packets}


def _words(traffic: Traffic) -> str:
    """What the activity is, in words."""
    samples = f", mean of {traffic.samples} samples" if traffic.samples > 1 else ""
    steps = f", {traffic.steps:g} step{'' if traffic.steps == 1 else 's'}" if np.isfinite(traffic.steps) else ""
    return f"{traffic.source}{samples}{steps}"


def _chip_facts(chip: Chip) -> dict[str, Any]:
    mesh = chip.mesh
    return {
        "chip": chip.name,
        "pcneuro": __version__,
        "mesh_width": mesh.width,
        "mesh_height": mesh.height,
        "cores_a_tile": mesh.cores_a_tile,
    }
