"""Run data: inputs, targets, clamps and initial values, checked and merged with those of the runs before."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from pcneuro.circuit.batches import batched, check_inputs, check_labels, check_targets, common_batch
from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.noise import refuse_noise
from pcneuro.engines import RunData
from pcneuro.engines.data import NEVER
from pcneuro.engines.stimuli import Stimulus, stimulus
from pcneuro.errors import DataError, ParameterError, ShapeError, told, unknown_name, warn
from pcneuro.graph.graph import Constant
from pcneuro.model.dynamics import AbstractDynamics
from pcneuro.model.settled import Settled
from pcneuro.model.timed import TimedArray
from pcneuro.quantities import NOT_NEGATIVE, by_name, in_ms, milliseconds
from pcneuro.simulator.perturbed import CURRENTS, with_currents
from pcneuro.simulator.timing import check_length, on_grid

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
    dt: float,
    dtype: np.dtype,
    perturb: Any = None,
) -> RunData:
    """The data of the next run: ``previous`` itself where nothing changes.

    ``changes`` has the run's ``inputs``, ``targets``, ``clamp`` and ``initial``, each a mapping; None is "as before".
    Past time zero (``time``, ms) there are no initial values, as all goes on. Raises for what does not fit.
    What changes with time is what it is at the begin of the run. ``perturb`` are perturbations, None those of before.
    """
    for what, value in changes.items():
        if value is not None:
            by_name(f"values of {what}=", value)
    step = round(time / dt)
    before, previous = previous, None if previous is None else previous.at(step)
    graph = circuit.graph
    leaves = {"inputs": graph.inputs, "clamp": graph.latents, "initial": graph.latents}
    trees = {what: wanted for what, wanted in leaves.items() if changes[what] is not None}
    changes = {**changes, **{what: graph.expanded(what, changes[what], wanted) for what, wanted in trees.items()}}
    changes, stimuli = _present(circuit, changes, step, dt, dtype)
    check_labels(changes)
    inputs: Arrays
    if changes["inputs"] is None and previous is not None:
        inputs = dict(previous.inputs)
    else:
        inputs = check_inputs(graph, changes["inputs"] or {}, dtype)
    goals, held = _clamped(circuit, previous, changes["targets"], changes["clamp"])
    clamped, targets = goals | held, frozenset(goals)
    initial = _initial(circuit, changes["initial"] or {})
    for name in initial:
        if name in clamped:
            raise ParameterError(f"initial value of {name!r}, which is clamped: give one of the two")
    if initial and time > 0:
        raise ParameterError(f"initial= at {time:g} ms: it is for the start of a simulation; call reset() first")
    kept = _kept(circuit, previous, changes)
    shared = {name for (_, name), each in (stimuli | kept).items() if not each.per_sample}
    told_of = _told(circuit, changes, inputs, clamped, initial, shared)
    alone = previous.batch if previous is not None and time > 0 else 1
    batch = common_batch(told_of) if told_of else alone
    stimuli |= kept
    for group, name in stimuli:
        if name in shared:
            arrays = inputs if group == "inputs" else clamped
            arrays[name] = np.repeat(arrays[name][:1], batch, axis=0)
    if previous is not None:
        if time > 0 and batch != previous.batch:
            raise ShapeError(f"batch size changes from {previous.batch} to {batch} at {time:g} ms: call reset() first")
        same = previous.same_as(before) and _same(inputs, previous.inputs) and _same(clamped, previous.clamped)
        if same and not initial:
            as_before = not stimuli and not previous.stimuli and targets == previous.targets
            made = previous if as_before else replace(previous, stimuli=stimuli, targets=targets)
            return with_currents(made, circuit, previous, perturb, step, dt)
    made = RunData(batch, inputs, clamped, initial, stimuli=stimuli, step=step, targets=targets)
    return with_currents(made, circuit, previous, perturb, step, dt)


def _present(
    circuit: Circuit, changes: Mapping[str, Any], step: int, dt: float, dtype: np.dtype
) -> tuple[dict[str, Any], dict[tuple[str, str], Stimulus]]:
    """The changes with what each ``TimedArray`` is in a step in its place, (batch or 1, \\*shape); and all of these."""
    graph, present = circuit.graph, dict(changes)
    stimuli: dict[tuple[str, str], Stimulus] = {}
    for group, what in (
        ("inputs", "input"),
        ("targets", "target"),
        ("clamp", "clamp of"),
        ("initial", "initial value"),
    ):
        for name, value in (changes[group] or {}).items():
            if not isinstance(value, TimedArray):
                continue
            if group == "initial":
                raise ParameterError(
                    f"initial value of {name!r} changes with time (a TimedArray): give an array, for time zero"
                )
            nodes = graph.inputs if group == "inputs" else graph.nodes if name in circuit.vertices else graph.outputs
            if name not in nodes:
                continue  # which is told where names are checked
            node, of = nodes[name], "inputs" if group == "inputs" else "clamped"
            wrong = None if of == "inputs" else _energy_check(circuit, node.name)
            made = stimulus(f"{what} {name!r}", value, node.shape, dt, dtype if of == "inputs" else np.float64, wrong)
            stimuli[of, node.name] = made
            present[group] = {**present[group], name: made.at(step, made.samples)}
    return present, stimuli


def _energy_check(circuit: Circuit, vertex: str) -> Callable[[np.ndarray], str | None] | None:
    """What tells what is wrong with values that a vertex is clamped to."""
    energy = circuit.energies.get(vertex)
    return None if energy is None else lambda array: energy.check(array, circuit.precision[vertex])


def _kept(circuit: Circuit, previous: RunData | None, changes: Mapping[str, Any]) -> dict[tuple[str, str], Stimulus]:
    """Stimuli of the last run that go on, as nothing else was given in the place of their group."""
    # Targets and clamps go by the names of outputs; clamps by those of vertices, too.
    held = {*(changes["clamp"] or {})}
    held |= {node.name for name, node in circuit.graph.outputs.items() if name in {*held, *(changes["targets"] or {})}}
    kept = {}
    for (group, name), each in ({} if previous is None else previous.stimuli).items():
        if previous is None or group == CURRENTS:
            continue
        given = "inputs" if group == "inputs" else "targets" if name in previous.targets else "clamp"
        replaced = changes[given] is not None or (group != "inputs" and name in held)
        if not replaced:
            kept[group, name] = each
    return kept


def _clamped(circuit: Circuit, previous: RunData | None, targets: Any, clamp: Any) -> tuple[Arrays, Arrays]:
    """Targets, and other clamps, by vertex: None stands for those of before that are not given as the other now."""
    graph = circuit.graph
    before = {} if previous is None else dict(previous.clamped)
    as_targets = frozenset() if previous is None else previous.targets
    goals = {n: a for n, a in before.items() if n in as_targets}
    held = {n: a for n, a in before.items() if n not in as_targets}
    if targets is not None:
        checked = check_targets(graph, targets, circuit.energies, circuit.precision)
        goals = {graph.outputs[name].name: array for name, array in checked.items()}
        held = {n: a for n, a in held.items() if n not in goals}
    if clamp is not None:
        held = _by_vertex(circuit, "clamp", clamp)
        for name in held:
            if targets and name in goals:
                raise ParameterError(f"{name!r} is both a target and clamped: give one of the two")
            energy = circuit.energies.get(name)
            wrong = energy.check(held[name], circuit.precision[name]) if energy is not None else None
            if wrong:
                raise DataError(f"clamp of {name!r}: {wrong}")
        goals = {n: a for n, a in goals.items() if n not in held}
    return goals, held


def _told(
    circuit: Circuit,
    changes: Mapping[str, Any],
    inputs: Arrays,
    clamped: Arrays,
    initial: Arrays,
    shared: Collection[str],
) -> Arrays:
    """All arrays of a run by what a message calls them: those that were not given now are of the last run.

    Those of names that are ``shared`` by all samples are left out.
    """
    outputs = {node.name for node in circuit.graph.outputs.values()}
    arrays: Arrays = {}
    for kind, group, keys in (
        ("input", inputs, ("inputs",)),
        ("clamped vertex", {n: a for n, a in clamped.items() if n not in outputs}, ("clamp",)),
        ("target or clamp", {n: a for n, a in clamped.items() if n in outputs}, ("targets", "clamp")),
        ("initial value of", initial, ("initial",)),
    ):
        origin = "" if any(changes[key] is not None for key in keys) else " of the last run"
        arrays |= {f"{kind} {name!r}{origin}": array for name, array in group.items() if name not in shared}
    return arrays


def _by_vertex(circuit: Circuit, what: str, values: Mapping[str, Any]) -> Arrays:
    arrays = {}
    for name, value in values.items():
        output = circuit.graph.outputs.get(name)
        vertex = output.name if output is not None and name not in circuit.vertices else name
        if vertex not in circuit.vertices:
            raise unknown_name(f"vertex in {what}", name, dict.fromkeys([*circuit.vertices, *circuit.graph.outputs]))
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


def check_rest(circuit: Circuit, *, timed: bool, learns: bool, perturbed: bool) -> None:
    """Raise ParameterError for a run until it has settled in which something goes on moving neurons."""
    refuse_noise(circuit, "until=Settled(...)", "give a duration instead")
    if timed:
        raise ParameterError("until=Settled(...) with a TimedArray or restarts: give a duration instead")
    if learns:
        raise ParameterError(
            "until=Settled(...) with plasticity: weights move the equilibrium all the time; give a duration, or "
            "learn=False"
        )
    if perturbed:
        raise ParameterError("until=Settled(...) with perturb=: give a duration instead")


def restart_steps(restarts: Any, dt: float) -> np.ndarray:
    """The steps before which neurons restart, in their order, from times in ms.

    Raises ParameterError for times that are none, not in their order, or no multiples of dt.
    """
    times = np.asarray(in_ms("restarts", restarts))
    if times.size == 0:
        return NEVER
    if times.dtype.kind not in "fiu" or times.ndim != 1 or not np.isfinite(times).all() or times.min() < 0:
        raise ParameterError(f"restarts are {told(restarts)}; give times in ms, not negative, such as [0.0, 100.0]")
    check_length(float(times.max()), dt)
    steps, off = on_grid(times, dt)
    if off.any():
        raise ParameterError(f"a restart at {times[off][0]:g} ms: give multiples of dt = {dt:g} ms")
    if (np.diff(steps) <= 0).any():
        raise ParameterError("restarts are not in the order of their times, or the same twice: sort them")
    return steps


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
            f"{dynamics.name} does not infer the {latents}: it holds predictions and derivatives at the "
            f"feedforward sweep, so that no latent settles at its posterior; use dynamics=pcn.Strict()"
        )
    return bool(names)


def warn_of_ends(data: RunData, previous: RunData | None, step: int, steps: int, dt: float) -> None:
    """Warn of stimuli that end within so many steps from ``step`` on, once for each."""
    known = {} if previous is None else previous.stimuli
    for key, timed in data.stimuli.items():
        if not timed.warned(step, known.get(key)):
            timed.warn_of_end(step + steps, dt)
