"""Circuits in Brian2 at the level of rates: graded neurons, which agree with the kernel at every step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.noise import refuse_noise
from pcneuro.export.brian2.network import AbstractNetwork
from pcneuro.export.checked import MEMORY
from pcneuro.export.rates import Rates
from pcneuro.export.targets import AbstractTarget, Exported, RunRequest
from pcneuro.model.dynamics import AbstractDynamics
from pcneuro.model.integrators import AbstractIntegrator
from pcneuro.recording.record import Record, listed


class RateNetwork(AbstractNetwork):
    """A circuit of graded neurons. Made by ``rate``."""

    variables: ClassVar[Mapping[str, str]] = {
        "value": "v",
        "error": "err",
        "prediction": "prediction",
        "feedback": "drive",
    }
    results: ClassVar[Mapping[str, str]] = {"value": "v", "error": "err", "prediction": "prediction"}

    def _prepare(self, steps: int) -> None:
        pass

    def _result(self, exported: Exported) -> Exported:
        return exported


def rate(
    circuit: Circuit,
    *,
    inputs: Mapping[str, Any] | None = None,
    targets: Mapping[str, Any] | None = None,
    clamp: Mapping[str, Any] | None = None,
    initial: Mapping[str, Any] | None = None,
    dynamics: AbstractDynamics | None = None,
    integrator: AbstractIntegrator | None = None,
    record: Sequence[Record] = (),
    target: str = "numpy",
    memory: float = MEMORY,
) -> RateNetwork:
    """The circuit as a Brian2 network of graded neurons.

    Parameters
    ----------
    circuit, inputs, targets, clamp, initial, dynamics, record
        As for ``pcneuro.Simulator`` and its ``run``. Samples of a batch are copies side by side.
    integrator
        ``Euler(dt)`` (default, dt = 1 ms) or ``ExponentialEuler(dt)``: Brian2 takes its sums once a step.
    target
        How Brian2 runs it: ``"numpy"`` (default), ``"cython"``, or ``"cpp_standalone"``, a program that is compiled by
        the first run and takes new data and parameters by ``reset``.
    memory
        Bytes that the network may take, by an estimate from its number of synapses.

    Noise is Brian2's own, ``xi``: the same statistics as in the kernel, from other numbers (``brian2.seed``).

    Raises
    ------
    MissingExtraError
        Where Brian2 is not installed.
    ParameterError
        For an integrator of several stages, a target that is not known, weights that are not finite, an operator
        without an equivalent, or a network larger than ``memory``.
    """
    data = {"inputs": inputs, "targets": targets, "clamp": clamp, "initial": initial}
    return RateNetwork(Rates(circuit, dynamics, integrator, data, memory=memory), listed(record), target)


class RateTarget(AbstractTarget):
    """Brian2 at the level of rates, as ``rate`` makes it."""

    name = "brian2-rate"

    def run(self, request: RunRequest) -> Exported:
        refuse_noise(request.circuit, "a comparison with Brian2, whose numbers are others,", "compare statistics")
        network = rate(
            request.circuit,
            **request.keywords,
            dynamics=request.dynamics,
            integrator=request.integrator,
            record=request.records,
        )
        return network.run(request.duration)
