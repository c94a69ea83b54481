"""Inject: a current into the value neurons of a population."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pcneuro.model.perturbations.abstract import AbstractPerturbation


@dataclass(frozen=True, eq=False)
class Inject(AbstractPerturbation):
    r"""A current I into the value neurons of a vertex: tau dv/dt = -e + feedback + I(t).

    Parameters
    ----------
    vertex
        Its name. It must not be clamped: what is held has no current.
    current
        A number, which all units have, an array of the vertex' shape, or with a batch axis in front, or a
        ``TimedArray`` of shape (times, \*shape) or (times, batch, \*shape), which counts its time from the begin of the
        simulation. Of no unit: it is on the scale of errors.
    start, stop
        In ms since the begin of the simulation, multiples of the integrator's dt: it flows in the steps that begin in
        [start, stop).

    Several into one vertex add up.

    Examples
    --------
    >>> pulse = pcn.Inject("h", 0.5, start=20.0, stop=40.0)  # ms
    >>> pcn.Simulator(circuit).run(100.0, **data, perturb=[pulse]).status
    <Status.COMPLETED: 'completed'>
    """

    vertex: str
    current: Any

    @property
    def place(self) -> str:
        return self.vertex
