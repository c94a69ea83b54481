"""The same run by the kernel and by another simulator, and how far they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.errors import ParameterError, check_object, unknown_name
from pcneuro.export.spiking import Spiking
from pcneuro.export.targets import Exported, RunRequest, targets
from pcneuro.model.dynamics import AbstractDynamics
from pcneuro.model.integrators import AbstractIntegrator
from pcneuro.quantities import NOT_NEGATIVE, milliseconds, number
from pcneuro.recording.record import Record, listed
from pcneuro.simulator.result import Agreement, Comparison, Result, Status, agreement, compare
from pcneuro.simulator.simulator import Simulator

SINGLE = 1e-4
"""Least tolerance of a run in float32, unless one is given."""


@dataclass(frozen=True)
class Check:
    """What ``check`` returns; prints as tables.

    ``populations`` has a row for each variable of each population, over all times recorded (of spikes: for values and
    errors decoded at the end), ``gradients`` one for each parameter. ``result`` is the kernel's, ``other`` that of
    the other simulator.

    Examples
    --------
    >>> agreement = pcn.check(circuit, 20.0, "reference", **data)
    >>> isinstance(agreement, pcn.Check)
    True
    """

    against: str
    tolerance: float
    populations: Comparison
    gradients: Comparison
    result: Result = field(repr=False)
    other: Exported = field(repr=False)

    @property
    def worst(self) -> float:
        """Largest relative error; NaN, if there is one, is the worst of all."""
        return Comparison((*self.populations.rows, *self.gradients.rows)).worst

    @property
    def agrees(self) -> bool:
        """Whether nothing is further away than the tolerance."""
        return bool(self.worst <= self.tolerance)

    def __str__(self) -> str:
        verdict = "agrees" if self.agrees else "does not agree"
        first = f"{self.against} {verdict}: {self.worst:.3g} at most, tolerance {self.tolerance:g}"
        return "\n\n".join([first, str(self.populations), str(self.gradients)])


def check_target(against: str) -> None:
    """Raises ParameterError for what is no target."""
    if not isinstance(against, str) or against not in targets():
        raise ParameterError(str(unknown_name("target", against, targets())))


def every_record(circuit: Circuit) -> list[Record]:
    """Values and errors of all populations, at every step."""
    return [
        Record(name, variable)
        for name in circuit.vertices
        for variable in ("value", "error")
        if variable == "value" or circuit.has_prediction(name)
    ]


def hold_against(result: Result, request: RunRequest, against: str, tolerance: float | None, dtype: np.dtype) -> Check:
    """Do the run that gave ``result`` by another simulator, and compare both."""
    target = targets()[against]()
    other = target.run(request)
    with np.errstate(all="ignore"):
        rows = _at_records(result, other) if target.at_records else _at_end(result, other)
        gradients = compare(other, result)
    least = target.tolerance if dtype == np.float64 else max(target.tolerance, SINGLE)
    return Check(against, least if tolerance is None else tolerance, Comparison(tuple(rows)), gradients, result, other)


def _at_records(result: Result, other: Exported) -> list[Agreement]:
    """Of each recorded variable, over all its times, samples and units."""
    return [agreement(str(n), other.records[n].values, result.records[n].values) for n in result.records.data_vars]


def _at_end(result: Result, other: Exported) -> list[Agreement]:
    """Of values and errors of each population."""
    return [
        agreement(f"{name}.{variable}", arrays[name], ours[name])
        for variable, arrays, ours in (("value", other.values, result.values), ("error", other.errors, result.errors))
        for name in ours
    ]


def check(
    circuit: Circuit,
    duration: float,
    against: str,
    *,
    inputs: Mapping[str, Any] | None = None,
    targets: Mapping[str, Any] | None = None,
    clamp: Mapping[str, Any] | None = None,
    dynamics: AbstractDynamics | None = None,
    integrator: AbstractIntegrator | None = None,
    dtype: Any = np.float64,
    record: Sequence[Record] = (),
    spiking: Spiking | None = None,
    tolerance: float | None = None,
) -> Check:
    """Run a circuit by the kernel and by another simulator, from the feedforward sweep, and compare them.

    Parameters
    ----------
    circuit, inputs, targets, clamp, dynamics, integrator, dtype
        As for ``Simulator`` and its ``run``.
    duration
        ms.
    against
        ``"brian2-rate"``, ``"brian2-spiking"``, ``"nest"``, ``"nir"``, ``"torch"`` or ``"reference"``: docs/exports.md.
    record
        What is compared over time; values and errors of all populations at every step by default.
    spiking
        A ``pcneuro.export.spiking.Spiking``, for neurons that spike.
    tolerance
        Largest relative error that is agreement: 1e-9 by default, 1e-4 in float32, 0.03 of spikes.

    Raises
    ------
    MissingExtraError
        Where the other simulator is not installed.
    ParameterError
        For an unknown target, what a target cannot represent, or a run of the kernel that did not complete.

    Examples
    --------
    >>> agreement = pcn.check(circuit, 20.0, "reference", **data)
    >>> agreement.against
    'reference'
    """
    check_object("circuit", circuit, Circuit)
    check_target(against)
    duration = milliseconds("duration", duration, NOT_NEGATIVE)
    tolerance = None if tolerance is None else number("tolerance", tolerance, NOT_NEGATIVE)
    spiking = Spiking() if spiking is None else spiking
    check_object("spiking", spiking, Spiking)
    simulator = Simulator(circuit, dynamics=dynamics, integrator=integrator, dtype=dtype)
    records = listed(record) or every_record(circuit)
    given = {"inputs": inputs, "targets": targets, "clamp": clamp}
    data = {what: {} if arrays is None else arrays for what, arrays in given.items()}
    result = simulator.run(duration, **data, record=records)  # type: ignore[arg-type]
    if result.status is not Status.COMPLETED:
        raise ParameterError(f"there is nothing to agree with: {result.message}")
    made, step = simulator.dynamics, simulator.integrator
    done = result.time  # whole steps: a duration that is rounded is warned of once
    request = RunRequest(circuit, made, step, done, **data, records=records, spiking=spiking)
    return hold_against(result, request, against, tolerance, simulator.dtype)
