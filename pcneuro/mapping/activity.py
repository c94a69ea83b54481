"""How often the axons of a circuit send: counted in a run by events, or assumed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pcneuro.errors import DataError, ParameterError, check_object, told, unknown_name
from pcneuro.mapping.axons import FEEDBACK, PREDICTION, Axons
from pcneuro.mapping.traffic import RESULT, TRAFFIC, Traffic
from pcneuro.quantities import NOT_NEGATIVE, milliseconds, number
from pcneuro.simulator.identity import CIRCUIT
from pcneuro.simulator.result import Result
from pcneuro.simulator.run_data import whole_steps
from pcneuro.simulator.simulator import Simulator

if TYPE_CHECKING:
    import xarray

MS_IN_A_SECOND = 1000.0
MOST_EVENTS = 2.0**53
"""Events of an axon in a sample at most: whole numbers that float64 has."""
RATES = "rates by population,"


def traffic_of(axons: Axons, result: Result) -> Traffic:
    """What the axons sent in a run by events, in a sample: counts since the start of the simulation, means of samples.

    Events times fan-out, over all axons and samples, are the run's ``Effective_MACs``, where weights are those of the
    circuit as it was given to ``axons_of``. The raster is that of ``result.events``, where all of them were recorded in
    bins, and no dendrite sends along several branches; ``traffic_in_steps`` has it for all.

    Raises DataError for a result of another circuit, or of this one with other weights, or of an engine without events,
    and where errors went back to vertices that the axons have clamped.

    Examples
    --------
    >>> result = pcn.Simulator(circuit, engine=pcn.EventDriven()).run(200.0, **data)
    >>> traffic = pcn.mapping.traffic_of(pcn.mapping.axons_of(circuit, clamped=["out"]), result)
    >>> traffic.samples
    1
    """
    check_object("axons", axons, Axons)
    check_object("result", result, Result)
    if axons.branch is None:
        raise DataError("these axons are of no circuit: make them with pcn.mapping.axons_of(circuit)")
    if result.axons is None:
        raise DataError("this result has no events: run the circuit with engine=pcn.EventDriven(...)")
    counted = result.axons
    places = _places(axons, counted)
    _check_weights(axons, counted)
    sends = counted["sends"].values
    _check_clamped(axons, counted)
    _check_operations(axons, result, sends[:, places])
    learns = _learning(axons)
    active = counted["active"].values[:, places] & learns
    return Traffic(
        sends=sends[:, places].mean(axis=0),
        steps=float(counted.attrs.get("steps", np.nan)),
        dt=float(counted.attrs["dt"]) if "steps" in counted.attrs else None,
        plasticity=active.mean(axis=0),
        samples=len(sends),
        raster=_raster(axons, result, sends[0, places]),
        given=RESULT,
        origin=axons.origin,
    )


def traffic_in_steps(axons: Axons, simulator: Simulator, duration: float, **data: Any) -> Traffic:
    """What the axons send in a run that is taken step by step: its raster has every axon of every dendrite.

    ``simulator`` has run nothing yet; ``data`` are inputs, targets and clamps as ``Simulator.run`` takes them. What
    an axon sends twice in one step, as where data change, is in the raster twice.

    Raises ParameterError for a simulator that has run, or at exact times, and what ``run`` and ``traffic_of`` raise.

    Examples
    --------
    >>> axons = pcn.mapping.axons_of(circuit, clamped=["out"])
    >>> simulator = pcn.Simulator(circuit, engine=pcn.EventDriven())
    >>> pcn.mapping.traffic_in_steps(axons, simulator, 50.0, **data).samples
    1
    """
    check_object("simulator", simulator, Simulator)
    if simulator.time:
        raise ParameterError(f"the simulator is at {simulator.time:g} ms: make one for this, or reset() it")
    dt = simulator.integrator.dt
    steps = whole_steps(duration, dt)
    result = simulator.run(0.0, **data)
    raster = [(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))]
    before = np.zeros(axons.neuron.size, dtype=np.int64)
    for step in range(steps):
        result = simulator.run(dt)
        if result.axons is None or "steps" not in result.axons.attrs:
            raise ParameterError("this engine has no events in steps: simulate with pcn.EventDriven() in bins")
        now = result.axons["sends"].values[0, _places(axons, result.axons)]
        sent = np.repeat(np.arange(now.size), now - before)
        raster.append((np.full(sent.size, step), sent))
        before = now
    step_of, axon = (np.concatenate(part) for part in zip(*raster, strict=True))
    return replace(traffic_of(axons, result), raster=(step_of, axon), given=TRAFFIC)


def _sizes(counted: xarray.Dataset) -> dict[str, int]:
    """Branch -> its units, in their order."""
    names, first, sizes = np.unique(counted["branch"].values, return_index=True, return_counts=True)
    order = np.argsort(first)
    return {str(names[k]): int(sizes[k]) for k in order}


def _places(axons: Axons, counted: xarray.Dataset) -> np.ndarray:
    """Where each axon is among those that a run has counted."""
    known, here = {n: size for n, size in axons.branches.items() if size}, _sizes(counted)
    if known != here:
        different = sorted(known.items() ^ here.items())
        raise DataError(
            f"the result is of another circuit than the axons, or of another version of it: {different[0][0]!r} has "
            f"{here.get(different[0][0], 0)} units there, and {known.get(different[0][0], 0)} here; run this circuit"
        )
    begins = dict(zip(here, np.cumsum([0, *here.values()]), strict=False))
    first = np.array([begins.get(name, 0) for name in axons.branches], dtype=np.int64)
    assert axons.branch is not None
    assert axons.place is not None
    places: np.ndarray = first[axons.branch] + axons.place
    return places


def _check_weights(axons: Axons, counted: xarray.Dataset) -> None:
    """Raise where the circuit that ran is not the one that the axons are of: the same neurons, with other weights."""
    ran, origin = counted.attrs.get(CIRCUIT), axons.origin
    if ran is not None and origin is not None and ran not in (origin.digest, origin.digest_float32):
        raise DataError(
            "the result is of this circuit with other weights, or other properties of its neurons: run this circuit, "
            "or map the one that ran (circuit.with_parameters() has it with other weights)"
        )


def _check_clamped(axons: Axons, counted: xarray.Dataset) -> None:
    held = np.isin(counted["branch"].values, axons.held)
    sent = np.flatnonzero(held & (counted["sends"].values > 0).any(axis=0))
    if sent.size:
        raise DataError(
            f"errors went back along {str(counted['branch'].values[sent[0]])!r} in this run, to a vertex that the "
            "axons have clamped: give axons_of(circuit, clamped=...) what the run clamps"
        )


def _check_operations(axons: Axons, result: Result, sends: np.ndarray) -> None:
    """Raise where events at the synapses of the axons are not the operations that the run has counted."""
    counted = result.activity
    if counted is None or not set(np.unique(counted["population"].values).tolist()) <= set(axons.populations):
        return  # some neurons, those of inputs, are not on the chip
    here, there = int((sends.sum(axis=0) * axons.fan_out).sum()), int(counted["Effective_MACs"].sum())
    if here != there:
        raise DataError(
            f"the run counted {there:,} effective operations, and its events at the synapses of this circuit are "
            f"{here:,}: it ran another circuit, or other weights of 0; run this circuit, or map the one that ran"
        )


def _learning(axons: Axons) -> np.ndarray:
    """(axons,) bool: those of predictions whose synapses, some of them, learn."""
    learns = np.ones(axons.synapses, dtype=bool) if axons.learns is None else axons.learns
    learning = np.concatenate([[0], np.cumsum(learns)])[axons.first]
    some: np.ndarray = (np.diff(learning) > 0) & (axons.kind == PREDICTION)
    return some


def _raster(axons: Axons, result: Result, sends: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Step and axon of every event of the first sample; None where recorded events do not say."""
    events = result.events
    assert result.axons is not None
    if events is None or "steps" not in result.axons.attrs or not _carries_its_neuron(axons, sends):
        return None
    first = np.flatnonzero(events["sample"].values == 0)
    names = [str(name) for name in events["population_name"].values]
    begins = np.array([axons.begins.get(name, -1) for name in names], dtype=np.int64)[
        events["population"].values[first]
    ]
    neuron = np.where(begins >= 0, begins + events["unit"].values[first], -1)
    step = np.rint(events["time"].values[first] / result.axons.attrs["dt"]).astype(np.int64)
    step, neuron = step[neuron >= 0], neuron[neuron >= 0]
    by_neuron = np.argsort(neuron, kind="stable")
    begin = np.searchsorted(neuron[by_neuron], axons.neuron)
    end = np.searchsorted(neuron[by_neuron], axons.neuron, side="right")
    count = np.where(sends > 0, end - begin, 0)
    if (count != sends).any():
        return None
    axon = np.repeat(np.arange(count.size), count)
    rank = np.arange(axon.size) - np.repeat(np.cumsum(count) - count, count)
    steps = step[by_neuron][begin[axon] + rank]
    order = np.lexsort((axon, steps))
    return steps[order], axon[order]


def _carries_its_neuron(axons: Axons, sends: np.ndarray) -> bool:
    """Whether what axons send are events of their neurons: one axon of each error neuron, and those of values."""
    of_errors = np.array([name.endswith(".error") for name in axons.populations], dtype=bool)
    sending = sends > 0
    strays = sending & (of_errors[axons.population[axons.neuron]] != (axons.kind == FEEDBACK))
    back = axons.neuron[sending & (axons.kind == FEEDBACK)]
    return not strays.any() and np.unique(back).size == back.size


def assumed(axons: Axons, rate: float | Mapping[str, float], *, steps: float, dt: float | None = None) -> Traffic:
    """What axons send in so many steps, each at this rate: events a step or, with ``dt`` in ms, events a second.

    ``rate`` is one number for all, or one by population (``"h1.error"``); those left out are silent. A gradient's
    plasticity is taken to have a packet along each axon whose synapses learn.

    Raises ParameterError for numbers that are negative, not finite, or too many events to be counted, and
    UnknownNameError for a population that there is not.
    """
    steps = number("steps", steps, NOT_NEGATIVE)
    scale = steps if dt is None else steps * milliseconds("dt", dt) / MS_IN_A_SECOND
    given = rate if isinstance(rate, Mapping) else dict.fromkeys(axons.populations, rate)
    rates = np.zeros(len(axons.populations))
    for name, value in given.items():
        if name not in axons.populations:
            raise unknown_name("population", name, axons.populations)
        rate_of = number(f"rate of {name!r}", value, NOT_NEGATIVE)
        if rate_of * scale > MOST_EVENTS:
            raise ParameterError(
                f"a rate of {rate_of:g} in {steps:g} steps is {rate_of * scale:.3g} events of each axon of {name!r}; "
                f"{MOST_EVENTS:.3g} is the most: give a smaller rate, or fewer steps"
            )
        rates[axons.populations.index(name)] = rate_of
    sends = scale * rates[axons.population[axons.neuron]]
    unit = "a step" if dt is None else "Hz"
    source = f"assumed: {RATES if isinstance(rate, Mapping) else told(rate)} {unit}"
    learning = _learning(axons).astype(np.float64)
    return Traffic(sends, steps, learning, source=source, origin=axons.origin, dt=dt)
