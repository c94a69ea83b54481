"""Checks of the arguments that all exporters have, in the same words."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.cycles import recurrent_of, refuse_cycles
from pcneuro.circuit.noise import refuse_noise
from pcneuro.circuit.projections import projections
from pcneuro.engines import RunData
from pcneuro.errors import MissingExtraError, ParameterError, check_object, told
from pcneuro.model.dynamics import AbstractDynamics, FixedPrediction
from pcneuro.model.integrators import AbstractIntegrator, Euler
from pcneuro.model.timed import TimedArray
from pcneuro.quantities import Range, number
from pcneuro.simulator.run_data import merge, warn_of_latents

MEMORY = 4_000_000_000
"""Bytes that an export may take unless more is allowed."""
BYTES = Range("a positive number of bytes", lambda x: x > 0.0)


def refuse_size(needed: float, what: str, tool: str, memory: float) -> None:
    """Raises ParameterError where so many bytes exceed ``memory``, also where that is no positive number."""
    memory = number("memory", memory, BYTES)
    if needed > memory:
        raise ParameterError(
            f"{what} would take about {needed / 1e9:.3g} GB in {tool}, more than the {memory / 1e9:.3g} GB of memory=; "
            "allow more, give fewer samples at a time, or export a smaller circuit"
        )


def check_shapes(circuit: Circuit, tool: str, size: float, memory: float, copies: int = 1) -> None:
    """Raises ParameterError where synapses of ``size`` bytes each exceed ``memory``.

    It goes by the circuit's shapes alone, before there are synapses, which take memory here, too.
    """
    synapses = copies * sum(projection.synapses for projection in projections(circuit))
    refuse_size(size * synapses, f"{synapses:,} synapses", tool, memory)


def imported(module: str, tool: str, extra: str) -> Any:
    """The library of a tool. Raises MissingExtraError with the command that installs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"exports to {tool} need its library ({error}): python -m pip install 'pcneuro[{extra}]'"
        ) from None


def checked_circuit(circuit: Any, *, cycles: bool = False, plastic: bool = False, messages: bool = False) -> Circuit:
    """Raises ParameterError for what is no circuit, has delays, or parameters that are not finite.

    Unless it takes ``cycles``, for one that has some, too; is ``plastic``, for rules of plasticity; and has
    ``messages``, for errors in messages of few bits (which it always is for drawn ones, and beside plasticity).
    """
    check_object("circuit", circuit, Circuit)
    if not cycles:
        refuse_cycles(circuit.graph, "this export", "export to Brian2 (rates) or NEST, or simulate with Kernel()")
    for name in circuit.graph.recurrent:
        delay = recurrent_of(circuit.graph, name).delay
        if delay:
            raise ParameterError(
                f"Recurrent {name!r} has a delay of {delay:g} ms, and delays are not exported: give none, or simulate "
                "with Kernel()"
            )
    for (source, target), delay in circuit.delays.items():
        raise ParameterError(
            f"{source!r} -> {target!r} has {delay!r}, and conduction delays are not exported: give "
            "circuit.with_delays(0.0)"
        )
    if not messages:
        circuit.only_whole_errors("this export", "export to Brian2 (rates), simulate with Kernel()")
    elif circuit.plasticity:
        # What synapses learn by would have to be carried back beside what neurons send.
        circuit.only_whole_errors("an export with plasticity", "simulate with Kernel()")
    circuit.only_fixed_messages("an export")
    if not plastic:
        circuit.only_fixed_weights("this export", "export to Brian2 (rates), simulate with Kernel()")
    for name, values in circuit.parameters.items():
        if not np.isfinite(values).all():
            raise ParameterError(f"parameter {name!r} is not finite: not exported")
    return circuit


def without_extras(circuit: Circuit, tool: str) -> Circuit:
    """Raises ParameterError where error neurons have time constants, or anything has noise, which a tool lacks."""
    for name in circuit.leaky_errors:
        raise ParameterError(
            f"error neurons of {name!r} have a time constant, which is not exported to {tool}: build the circuit "
            "without error_tau, or use brian2.rate"
        )
    refuse_noise(circuit, tool, "give it without")
    return circuit


def settings(
    dynamics: AbstractDynamics | None, integrator: AbstractIntegrator | None, why: str | None
) -> tuple[AbstractDynamics, AbstractIntegrator]:
    """Both, or their defaults; ``why`` a tool takes no integrator of several stages, None where it does.

    Raises ParameterError for what is neither, and such an integrator.
    """
    chosen = FixedPrediction() if dynamics is None else dynamics, Euler() if integrator is None else integrator
    for what, setting, kind in zip(
        ("dynamics", "integrator"), chosen, (AbstractDynamics, AbstractIntegrator), strict=True
    ):
        if not isinstance(setting, kind):
            raise ParameterError(f"{what} is {told(setting)}; give an object, such as pcn.Strict() or pcn.Euler(1.0)")
    chosen[0].only_values("an export")
    if why is not None and len(chosen[1].weights) > 1:
        raise ParameterError(f"{type(chosen[1]).__name__} has several stages, and {why}: use Euler or ExponentialEuler")
    return chosen


def checked_run_data(
    circuit: Circuit,
    dynamics: AbstractDynamics,
    data: Mapping[str, Any],
    previous: RunData | None = None,
    *,
    streams: float | None = None,
) -> RunData:
    """What a circuit is given at time zero, as for ``Simulator.run``; raises, and warns of, what that does.

    Raises ParameterError for data that change with time, unless ``streams`` is the integrator's dt, in steps of which
    they do; and, for those that do, under dynamics that hold predictions, where each change brings a new sweep.
    """
    for group, values in data.items():
        for name, value in values.items() if isinstance(values, Mapping) else ():
            if isinstance(value, TimedArray) and streams is None:
                raise ParameterError(
                    f"{name!r} of {group} is a TimedArray, and this export is of constant data: give an array of one "
                    "time, or simulate with Kernel()"
                )
            if isinstance(value, TimedArray) and dynamics.holds_predictions:
                raise ParameterError(
                    f"{name!r} of {group} is a TimedArray, of which each change brings a new feedforward sweep, which "
                    "is not exported: use dynamics=pcn.Strict(), or simulate with Kernel()"
                )
    dt = 1.0 if streams is None else streams
    checked = merge(circuit, previous, data, time=0.0, dt=dt, dtype=np.dtype(np.float64))
    warn_of_latents(circuit, dynamics, checked.clamped)
    return checked
