"""Relaxation of errors: their norms in every population over time, beside their closed form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pcneuro.analysis.expectation import Expectation, expectation
from pcneuro.norms import norm
from pcneuro.recording.record import Record
from pcneuro.simulator.simulator import Simulator

if TYPE_CHECKING:
    import xarray

    from pcneuro.simulator.result import Result

SETTLED = 0.01
"""A population has settled once its error stays this close to where it ends, relative to that."""


def error_records(simulator: Simulator, every: float | None, *variables: str) -> list[Record]:
    """Records of these variables at every vertex that has error neurons."""
    circuit = simulator.circuit
    names = [name for name in circuit.vertices if circuit.has_prediction(name)]
    return [Record(name, variable, every=every) for name in names for variable in variables]


def recorded(result: Result, variable: str) -> dict[str, np.ndarray]:
    """Vertex -> what was recorded of it, of shape (times, batch, \\*shape)."""
    suffix = f".{variable}"
    arrays = {}
    for name, array in result.records.items():
        vertex = str(name).removesuffix(suffix)
        if str(name).endswith(suffix):
            arrays[vertex] = array.values.reshape(*array.shape[:2], *result.errors[vertex].shape[1:])
    return arrays


def recorded_times(result: Result) -> np.ndarray:
    """Times in ms of records that all have the same interval."""
    return result.records["time"].values


@dataclass(frozen=True)
class ErrorRelaxation:
    """Errors of a simulation that began with the feedforward sweep, and what they must be, where that is known.

    ``errors`` have shape (times, batch, \\*shape).
    """

    time: np.ndarray
    errors: Mapping[str, np.ndarray]
    expected: Expectation | None
    dt: float
    stages: int

    @classmethod
    def of(
        cls, simulator: Simulator, result: Result, inputs: Mapping[str, Any], held: Iterable[str]
    ) -> ErrorRelaxation:
        """From a result with a record of the errors of every vertex; ``held`` are the vertices that were clamped."""
        graph = simulator.circuit.graph
        batched = {n: np.reshape(a, (-1, *graph.inputs[n].shape)).astype(np.float64) for n, a in inputs.items()}
        clamped = {n: result.values[n].astype(np.float64) for n in held}
        return cls(
            recorded_times(result),
            recorded(result, "error"),
            expectation(simulator, batched, clamped),
            simulator.integrator.dt,
            len(simulator.integrator.weights),
        )

    @property
    def final(self) -> dict[str, np.ndarray]:
        """Where the errors end: at the equilibrium where that is known, else at the last record."""
        if self.expected is None:
            return {name: e[-1] for name, e in self.errors.items()}
        return {name: self.expected.equilibrium(name) for name in self.errors}

    @property
    def stepped(self) -> bool:
        """Whether there is a closed form for the steps themselves, not only for continuous time."""
        return self.expected is not None and self.stages == 1 and self.expected.eta <= 1

    def closed_form(self, vertex: str) -> np.ndarray:
        """What the errors must be at all times, as exactly as is known; of shape (times, batch, \\*shape)."""
        assert self.expected is not None
        if self.stepped:
            return self.expected.stepped(vertex, np.round(self.time / self.dt))
        return self.expected.continuous(vertex, self.time)

    def dataset(self) -> xarray.Dataset:
        """Norms over batch and units, with the dimensions vertex and time (ms)."""
        import xarray

        names, final = list(self.errors), self.final
        dims = ("vertex", "time")
        variables: dict[str, Any] = {
            "error_norm": (dims, [_norms(self.errors[n]) for n in names], {"long_name": "norm of the error"}),
            "distance_norm": (
                dims,
                [_norms(self.errors[n] - final[n]) for n in names],
                {"long_name": "norm of the error's distance from equilibrium"},
            ),
            "final_norm": (
                "vertex",
                [float(norm(final[n])) for n in names],
                {"long_name": "norm of the error at equilibrium"},
            ),
        }
        coordinates: dict[str, Any] = {
            "time": ("time", self.time, {"units": "ms", "long_name": "time"}),
            "vertex": ("vertex", np.array(names, dtype=str), {"long_name": "population"}),
        }
        attributes: dict[str, Any] = {}
        if self.expected is not None:
            form = "binomial" if self.stepped else "Erlang"
            expected = [self.closed_form(n) for n in names]
            away = [_norms(e - final[n]) for n, e in zip(names, expected, strict=True)]
            variables["expected_norm"] = (dims, [_norms(e) for e in expected], {"closed_form": form})
            variables["expected_distance_norm"] = (dims, away, {"closed_form": form})
            hops = [self._hops(n) for n in names]
            coordinates["hops"] = ("vertex", hops, {"long_name": "projections to the nearest clamped vertex"})
            attributes = {"rate": self.expected.rate, "rate_units": "1/ms"}
        return xarray.Dataset(variables, coordinates, attributes)

    def _hops(self, vertex: str) -> int:
        assert self.expected is not None
        return min((k for k, part in self.expected.graded[vertex].items() if part.any()), default=0)

    def numbers(self) -> dict[str, Any]:
        """For each vertex: when it settles, and how far it is from the closed forms at most, over where it ends."""
        rows: dict[str, Any] = {}
        for name, errors in self.errors.items():
            final = self.final[name]
            row = {"final_norm": float(norm(final)), "settling_time": self._settling(errors, final)}
            if self.expected is not None:
                row["hops"] = self._hops(name)
                row["deviation_continuous"] = _deviation(errors, self.expected.continuous(name, self.time), final)
                if self.stepped:
                    row["deviation_stepped"] = _deviation(errors, self.closed_form(name), final)
            rows[name] = row
        return rows

    def _settling(self, errors: np.ndarray, final: np.ndarray) -> float | None:
        away = _norms(errors - final) > SETTLED * norm(final)
        last = int(np.flatnonzero(away)[-1]) + 1 if away.any() else 0
        return float(self.time[last]) if last < len(self.time) else None


def _norms(errors: np.ndarray) -> np.ndarray:
    """Norm over everything but time."""
    with np.errstate(all="ignore"):
        return norm(errors.reshape(len(errors), -1), axis=1)


def _deviation(errors: np.ndarray, expected: np.ndarray, final: np.ndarray) -> float:
    scale = float(np.abs(final).max()) or 1.0
    with np.errstate(all="ignore"):
        return float(np.abs(errors - expected).max(initial=0.0)) / scale
