"""What engines ask of a circuit with cycles: predictions that follow its activities, and delays that are steps."""

from __future__ import annotations

from pcneuro.circuit.cycles import recurrent_of, refuse_cycles
from pcneuro.circuit.structure import AbstractCircuit
from pcneuro.errors import CapacityError, ParameterError, told
from pcneuro.model.dynamics import AbstractDynamics
from pcneuro.model.integrators import AbstractIntegrator

MOST_BYTES = 4_000_000_000
"""What the past of a vertex may take in one sample."""
_WIDTH = 8
"""Bytes of a number."""
_NEAR = 1e-9
"""How far, as a share, a delay is from a multiple of dt by rounding alone."""


def recurrent_steps(circuit: AbstractCircuit, dt: float) -> dict[str, int]:
    """Leaf that closes a cycle -> its delay in steps of dt ms. Raises ParameterError for one that is no multiple."""
    steps = {}
    for name in circuit.graph.recurrent:
        delay = recurrent_of(circuit.graph, name).delay
        steps[name] = round(delay / dt)
        if abs(delay - steps[name] * dt) > _NEAR * max(delay, dt):
            nearest = max(steps[name], 1) * dt
            raise ParameterError(
                f"Recurrent {name!r} has a delay of {delay:g} ms, which is no multiple of dt = {dt:g} ms: give "
                f"{nearest:g} ms, the nearest that works, or another dt"
            )
    return steps


def check_recurrent_room(circuit: AbstractCircuit, dt: float) -> None:
    """Raise CapacityError where the past of vertices finds no room in memory; and what ``recurrent_steps`` raises."""
    for name, steps in recurrent_steps(circuit, dt).items():
        needed = _WIDTH * steps * circuit.graph.nodes[name].size
        if needed > MOST_BYTES:
            raise CapacityError(
                f"Recurrent {name!r} has a delay of {told(steps)} steps: a past of {needed / 1e9:.3g} GB a sample, "
                f"at most {MOST_BYTES / 1e9:g}; give a shorter delay or a longer dt"
            )


def check_cycles(circuit: AbstractCircuit, dynamics: AbstractDynamics, integrator: AbstractIntegrator) -> None:
    """Raise ParameterError where these dynamics and steps are not defined for the cycles of a circuit."""
    if dynamics.holds_predictions:
        refuse_cycles(
            circuit.graph,
            f"{dynamics!r}, which holds predictions at a feedforward sweep,",
            "use dynamics=pcn.Strict(), or graph.unrolled(steps) for backprop through time",
        )
    check_recurrent_room(circuit, integrator.dt)
    if circuit.delayed:
        refuse_cycles(
            circuit.graph, "a circuit with conduction delays", "give the Recurrent a delay, and leave out delays="
        )
