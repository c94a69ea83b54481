"""Dynamics with a row of state more at some vertices: what a circuit makes of the dynamics that a user chose."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from pcneuro.errors import ParameterError
from pcneuro.model.dynamics.abstract import (
    AbstractDynamics,
    Emitter,
    Network,
    Neurons,
    Predicting,
    StateRow,
    check_order,
)
from pcneuro.model.integrators.abstract import AbstractIntegrator


class AbstractWithRow(AbstractDynamics, chosen=False):
    """The dynamics ``chosen`` of all else, and a further row at ``vertices``, for which errors are computed apart.

    There ``precision (v - prediction)``, or the error of a clamped output with another energy, goes to the region
    ``at_once``.
    """

    row: StateRow
    has: str
    """What messages say that the error neurons have."""
    argument: str
    """Of ``build_circuit``, which brings the row about."""

    def __init__(self, chosen: AbstractDynamics, vertices: Collection[str]) -> None:
        for vertex in vertices:
            if chosen.integrates("error", vertex):
                raise ParameterError(
                    f"error neurons of {vertex!r} have {self.has}, and {chosen!r} integrates them already; build the "
                    f"circuit without {self.argument}"
                )
        self.chosen, self.vertices = chosen, frozenset(vertices)
        self.holds_predictions, self.superposes = chosen.holds_predictions, False
        self.rows = (*chosen.rows, self.row)
        check_order(repr(chosen), self.rows)
        self.activity, self.parts = chosen.activity, chosen.parts
        self.before_error, self.after_error = chosen.before_error, chosen.after_error

    @property
    def name(self) -> str:
        return self.chosen.name

    @property
    def regions(self) -> frozenset[str]:
        return super().regions | {"at_once"}

    def integrates(self, variable: str, vertex: str) -> bool:
        if variable == self.row.variable and vertex in self.vertices:
            return True
        return self.chosen.integrates(variable, vertex)

    def moves(self, row: StateRow, vertex: str, clamped: bool, predicted: bool) -> bool:
        if row is self.row:
            return vertex in self.vertices
        return self.chosen.moves(row, vertex, clamped, predicted)

    def gain(self, row: StateRow, integrator: AbstractIntegrator, neurons: Neurons) -> np.ndarray:
        return self.chosen.gain(row, integrator, neurons)

    def rates(self, row: StateRow, neurons: Neurons) -> tuple[np.ndarray, np.ndarray]:
        return self.chosen.rates(row, neurons)

    def stirred(self, row: StateRow, integrator: AbstractIntegrator, neurons: Neurons) -> tuple[np.ndarray, np.ndarray]:
        return self.chosen.stirred(row, integrator, neurons)

    def error_region(self, vertex: str) -> str | None:
        return "at_once" if vertex in self.vertices else self.chosen.error_region(vertex)

    def only_values(self, who: str, instead: str = "use Kernel() or Reference()") -> None:
        raise ParameterError(
            f"{who} integrates value neurons only, and error neurons of {min(self.vertices)!r} have {self.has}: "
            f"{instead}, or build the circuit without {self.argument}"
        )

    def refresh(self, network: Predicting) -> None:
        self.chosen.refresh(network)

    def region(self, network: Network, region: str, vertex: str, precision: np.ndarray) -> np.ndarray:
        return self.chosen.region(network, region, vertex, precision)

    def emit(self, part: str, program: Emitter, vertex: str, rows: Mapping[str, int], units: int) -> None:
        self.chosen.emit(part, program, vertex, rows, units)

    def __repr__(self) -> str:
        return repr(self.chosen)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and (other.chosen, other.vertices) == (self.chosen, self.vertices)  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash((type(self), self.chosen, self.vertices))
