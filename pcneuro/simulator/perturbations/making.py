"""The perturbations of a run, for a simulation that can have them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pcneuro.circuit.circuit import Circuit
from pcneuro.engines import AbstractEngine, RunData
from pcneuro.errors import ParameterError
from pcneuro.model.dynamics import AbstractDynamics, with_error_neurons
from pcneuro.model.perturbations import AbstractPerturbation
from pcneuro.simulator.perturbations.abstract import AbstractIntervention
from pcneuro.simulator.perturbations.plan import Perturbing, lasting
from pcneuro.simulator.stability import check_step
from pcneuro.simulator.state import SimulationState


def perturbing_of(
    given: Sequence[AbstractPerturbation],
    state: SimulationState,
    dynamics: AbstractDynamics,
    steps: int,
    clamped: Collection[str],
) -> Perturbing:
    """What perturbations make of a run of so many steps, with ``dynamics`` as the user chose them.

    Raises for perturbations that are wrong (``lasting``), that engine or schedule do not take up, and with which steps
    are unstable.
    """
    circuit, integrator = state.circuit, state.integrator
    found = lasting(given, circuit, integrator.dt, state.step, state.step + steps)

    def of(other: Circuit) -> AbstractDynamics:
        return with_error_neurons(dynamics, other.leaky_errors, other.noisy_errors)

    def made(other: Circuit) -> AbstractEngine:
        return state.made(other, of(other))

    for each in (one.perturbation for one in found):
        state.schedule.admit(circuit, {*clamped, *each.held(circuit)})
        if each.rebuilds:
            _check_exchange(each, state)
            worst = each.worst(circuit)
            check_step(worst, integrator, of(worst))
    return Perturbing(given, found, circuit, made)


def _check_exchange(perturbation: AbstractIntervention, state: SimulationState) -> None:
    """Raise ParameterError where the circuit cannot be another one for a time."""
    if state.engine.exchangeable and state.schedule.perturbed:
        return
    who = repr(state.schedule) if state.engine.exchangeable else state.engine.name
    delays = " with conduction delays" if state.circuit.delayed else ""
    raise ParameterError(
        f"{perturbation.name} makes another circuit of it, which {who}{delays} does not take up in the midst of a run: "
        "use Kernel() or Reference() with Parallel() and without delays"
    )


def check_currents(state: SimulationState, data: RunData) -> None:
    """Raise ParameterError where data have currents, and the schedule has none."""
    if data.currents and not state.schedule.currents:
        raise ParameterError(f"{state.schedule!r} has no currents into neurons (Inject): use Parallel()")
