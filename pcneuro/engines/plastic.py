"""Rules of plasticity in steps of a simulation, as all engines have them."""

from __future__ import annotations

from dataclasses import dataclass

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.plasticity import learned_name
from pcneuro.errors import ParameterError
from pcneuro.model.integrators import AbstractIntegrator
from pcneuro.model.plasticity import AbstractPlasticity
from pcneuro.recording.record import interval_in_steps


@dataclass(frozen=True)
class Plastic:
    """A parameter, or the variances of a vertex, and how they change.

    ``of`` is the parameter or vertex that the rule was given for, ``name`` what its values are called; ``every`` so
    many steps they change, or in each as the neurons do (None); one change is ``rate`` times the slope.
    """

    of: str
    name: str
    rule: AbstractPlasticity
    every: int | None
    rate: float

    def due(self, step: int) -> bool:
        """Whether it changes at the end of the step before this one, after an interval."""
        return self.every is not None and step % self.every == 0


def _check_noise(circuit: Circuit, integrator: AbstractIntegrator, vertex: str) -> None:
    """Raise ParameterError where noise would have to follow a variance that is learned."""
    for population in (f"{vertex}.error", *([f"{vertex}.value"] if integrator.exact_leak else [])):
        if population in circuit.noise:
            raise ParameterError(
                f"LearnedVariance of {vertex!r} changes what a step makes of the noise of {population!r}: use Euler(), "
                "noise of value neurons, or a precision that stays"
            )


def plastic_of(circuit: Circuit, integrator: AbstractIntegrator) -> tuple[Plastic, ...]:
    """All that changes while a circuit runs.

    Raises ParameterError for an interval that is no multiple of dt, and where stages of a step would change what error
    neurons with a time constant leak by.
    """
    plastic = []
    for name, rule in circuit.plasticity.items():
        every = None
        if rule.every is not None:
            every = interval_in_steps(f"every of the plasticity of {name!r},", rule.every, integrator.dt)
        if rule.of_vertex and name in circuit.leaky_errors and len(integrator.weights) > 1:
            raise ParameterError(
                f"{type(rule).__name__} of {name!r}, whose error neurons have a time constant, changes what they leak "
                f"by within a step of {type(integrator).__name__}: use Euler or ExponentialEuler"
            )
        if rule.of_vertex:
            _check_noise(circuit, integrator, name)
        interval = integrator.dt if rule.every is None else rule.every
        plastic.append(Plastic(name, learned_name(name, rule), rule, every, interval / rule.tau))
    return tuple(plastic)
