"""What a circuit's error neurons make of dynamics."""

from __future__ import annotations

from collections.abc import Collection

from pcneuro.model.dynamics.abstract import AbstractDynamics
from pcneuro.model.dynamics.leaky_errors import LeakyErrors
from pcneuro.model.dynamics.noisy_errors import NoisyErrors


def with_error_neurons(
    dynamics: AbstractDynamics, leaky: Collection[str], noisy: Collection[str] = ()
) -> AbstractDynamics:
    """The dynamics of a circuit whose error neurons have a time constant at ``leaky`` vertices.

    At ``noisy`` ones they have none, and noise.
    """
    dynamics = LeakyErrors(dynamics, leaky) if leaky else dynamics
    return NoisyErrors(dynamics, noisy) if noisy else dynamics
