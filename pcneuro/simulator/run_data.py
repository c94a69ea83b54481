"""Run data: inputs, targets, clamps and initial values, checked and merged with those of the runs before."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from pcneuro.circuit.batches import batched, check_inputs, check_labels, check_targets, common_batch
from pcneuro.circuit.circuit import Circuit
from pcneuro.engines import RunData
from pcneuro.errors import DataError, ParameterError, ShapeError, told, unknown_name, warn
from pcneuro.graph.graph import Constant
from pcneuro.model.dynamics import AbstractDynamics
from pcneuro.model.settled import Settled
from pcneuro.quantities import NOT_NEGATIVE, by_name, milliseconds

Arrays = dict[str, np.ndarray]

MOST_STEPS = 2**62
"""What the engines' counters hold, with room to spare."""


def float_type(dtype: Any) -> np.dtype:
    """The dtype of all state. Raises ParameterError unless it is float64 or float32."""
    try:
        wanted = np.dtype(dtype)
    except (TypeError, ValueError):
        wanted = None
    if wanted is None or wanted not in (np.float32, np.float64):
        raise ParameterError(f"dtype is {wanted or told(dtype)}; choose np.float64 or np.float32")
    return wanted


def merge(
    circuit: Circuit,
    previous: RunData | None,
    changes: Mapping[str, Any],
    *,
    time: float,
    dtype: np.dtype,
    carried: Callable[[], Mapping[str, np.ndarray]],
) -> RunData:
    """The data of the next run: ``previous`` itself where nothing changes.

    ``changes`` has the run's ``inputs``, ``targets``, ``clamp`` and ``initial``, each a mapping; None is "as before".
    Past time zero (``time``, ms) free vertices start from what ``carried()`` returns. Raises for what does not fit.
    """
    for what, value in changes.items():
        if value is not None:
            by_name(f"values of {what}=", value)
    graph = circuit.graph
    leaves = {"inputs": graph.inputs, "clamp": graph.latents, "initial": graph.latents}
    trees = {what: wanted for what, wanted in leaves.items() if changes[what] is not None}
    changes = {**changes, **{what: graph.expanded(what, changes[what], wanted) for what, wanted in trees.items()}}
    check_labels(changes)
    inputs: Arrays
    if changes["inputs"] is None and previous is not None:
        inputs = dict(previous.inputs)
    else:
        inputs = check_inputs(graph, changes["inputs"] or {}, dtype)
    clamped = _clamped(circuit, previous, changes["targets"], changes["clamp"])
    initial = _initial(circuit, changes["initial"] or {})
    for name in initial:
        if name in clamped:
            raise ParameterError(f"initial value of {name!r}, which is clamped: give one of the two")
    if initial and time > 0:
        raise ParameterError(f"initial= at {time:g} ms: it is for the start of a simulation; call reset() first")
    batch = common_batch(_told(circuit, changes, inputs, clamped, initial))
    if previous is not None:
        if time > 0 and batch != previous.batch:
            raise ShapeError(f"batch size changes from {previous.batch} to {batch} at {time:g} ms: call reset() first")
        if not initial and _same(inputs, previous.inputs) and _same(clamped, previous.clamped):
            return previous
    if time > 0:
        initial = {n: a for n, a in carried().items() if n not in clamped}
    return RunData(batch, inputs, clamped, initial)


def _clamped(circuit: Circuit, previous: RunData | None, targets: Any, clamp: Any) -> Arrays:
    """Targets and other clamps together, by vertex; None stands for those of before."""
    graph = circuit.graph
    outputs = {node.name for node in graph.outputs.values()}
    before = {} if previous is None else dict(previous.clamped)
    goals = {n: a for n, a in before.items() if n in outputs}
    held = {n: a for n, a in before.items() if n not in outputs}
    if targets is not None:
        checked = check_targets(graph, targets, circuit.energies, circuit.precision)
        goals = {graph.outputs[name].name: array for name, array in checked.items()}
    if clamp is not None:
        held = _by_vertex(circuit, "clamp", clamp)
        for name in held:
            if targets and name in goals:
                raise ParameterError(f"{name!r} is both a target and clamped: give one of the two")
            energy = circuit.energies.get(name)
            wrong = energy.check(held[name], circuit.precision[name]) if energy is not None else None
            if wrong:
                raise DataError(f"clamp of {name!r}: {wrong}")
    return goals | held


def _told(circuit: Circuit, changes: Mapping[str, Any], inputs: Arrays, clamped: Arrays, initial: Arrays) -> Arrays:
    """All arrays of a run by what a message calls them: those that were not given now are of the last run."""
    outputs = {node.name for node in circuit.graph.outputs.values()}
    arrays: Arrays = {}
    for kind, group, keys in (
        ("input", inputs, ("inputs",)),
        ("clamped vertex", {n: a for n, a in clamped.items() if n not in outputs}, ("clamp",)),
        ("target or clamp", {n: a for n, a in clamped.items() if n in outputs}, ("targets", "clamp")),
        ("initial value of", initial, ("initial",)),
    ):
        origin = "" if any(changes[key] is not None for key in keys) else " of the last run"
        arrays |= {f"{kind} {name!r}{origin}": array for name, array in group.items()}
    return arrays


def _by_vertex(circuit: Circuit, what: str, values: Mapping[str, Any]) -> Arrays:
    arrays = {}
    for name, value in values.items():
        output = circuit.graph.outputs.get(name)
        vertex = output.name if output is not None and name not in circuit.vertices else name
        if vertex not in circuit.vertices:
            raise unknown_name(f"vertex in {what}", name, [*circuit.vertices, *circuit.graph.outputs])
        arrays[vertex] = batched(f"{what} of {name!r}", value, circuit.graph.nodes[vertex].shape)
    return arrays


def _initial(circuit: Circuit, values: Mapping[str, Any]) -> Arrays:
    """Initial values by vertex; in a circuit that has masks of infinities these are some of them."""
    constants = (node.source.value for node in circuit.graph.nodes.values() if isinstance(node.source, Constant))
    if not any(np.isinf(constant).any() for constant in constants):
        return _by_vertex(circuit, "initial value", values)
    arrays, masks = {}, {}
    for name, value in values.items():
        arrays[name] = value
        if isinstance(value, np.ndarray) and value.dtype.kind == "f" and np.isinf(value).any():
            arrays[name], masks[name] = np.where(np.isinf(value), 0.0, value), value
    checked = _by_vertex(circuit, "initial value", arrays)
    for name, mask in masks.items():
        vertex = name if name in checked else circuit.graph.outputs[name].name
        checked[vertex] = np.where(np.isinf(mask), mask, checked[vertex])
    return checked


def _same(a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


def steps_of(duration: float | None, until: Settled | None, dt: float) -> tuple[int, float]:
    """The steps of a run and its duration in ms, or the most that it may take ``until`` something.

    Raises ParameterError unless exactly one of the two is given.
    """
    if until is None and duration is not None:
        duration = milliseconds("duration", duration, NOT_NEGATIVE)
        return whole_steps(duration, dt), duration
    if until is None or duration is not None:
        if duration is None:
            raise ParameterError("duration is None; give a number of ms, or until=pcn.Settled(...)")
        raise ParameterError(
            f"duration is {told(duration)} and until is {told(until)}; give one of the two, and the longest time that "
            "it may take in Settled(limit=...)"
        )
    if not isinstance(until, Settled):
        raise ParameterError(f"until is {told(until)}; give pcn.Settled(...)")
    if until.limit >= dt * MOST_STEPS:
        raise ParameterError(f"limit is more than {MOST_STEPS:g} steps of dt = {dt:g} ms; give a shorter one")
    return math.ceil(until.limit / dt * (1 - 1e-12)), until.limit


def whole_steps(duration: float, dt: float) -> int:
    """The steps that a duration takes, both in ms.

    A duration that is no multiple of dt is rounded, to one step at least, with a warning. Raises ParameterError unless
    it is a finite number that is not negative.
    """
    duration = milliseconds("duration", duration, NOT_NEGATIVE)
    if duration >= dt * MOST_STEPS:
        raise ParameterError(f"duration is more than {MOST_STEPS:g} steps of dt = {dt:g} ms; give a shorter one")
    steps = round(duration / dt)
    if abs(duration / dt - steps) > 1e-6 * steps:
        steps = max(steps, 1)
        warn(f"duration {duration:g} ms is no multiple of dt = {dt:g} ms: running {steps} steps, {steps * dt:g} ms")
    return steps


def latents_not_inferred(circuit: Circuit, dynamics: AbstractDynamics, clamped: Collection[str]) -> list[str]:
    """Free latents above something clamped, which dynamics that hold predictions do not infer; none of others."""
    graph = circuit.graph
    observed: set[str] = set()
    if dynamics.holds_predictions and graph.latents:
        for name in reversed(list(graph.nodes)):
            if any(user in clamped or user in observed for user in graph.consumers[name]):
                observed.add(name)
    return [name for name in graph.latents if name in observed and name not in clamped]


def warn_of_latents(circuit: Circuit, dynamics: AbstractDynamics, clamped: Collection[str]) -> bool:
    """Warn of latents that are not inferred, though what they predict is clamped. Returns whether there are any.

    Held at the sweep, the errors of what they predict do not follow them: a latent with a prior comes to rest at the
    prior less the gradient there, at whatever distance from the posterior, and one without a prior never does.
    """
    names = latents_not_inferred(circuit, dynamics, clamped)
    if names:
        latents = f"free latent{'s' if len(names) > 1 else ''} {', '.join(map(repr, names))}"
        warn(
            f"{type(dynamics).__name__} does not infer the {latents}: it holds predictions and derivatives at the "
            f"feedforward sweep, so that no latent settles at its posterior; use dynamics=pcn.Strict()"
        )
    return bool(names)
