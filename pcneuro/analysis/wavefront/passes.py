"""The two passes that measure a wavefront: what is recorded is taken in as it comes, and not kept."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pcneuro import norms
from pcneuro.recording.record import Record
from pcneuro.simulator.chunks import Chunk, Recorded
from pcneuro.simulator.result import Result, Status, free_energy
from pcneuro.simulator.simulator import Simulator
from pcneuro.simulator.stream import CHUNK_BYTES

if TYPE_CHECKING:
    import xarray

PARTIAL = (
    "in the first of two runs; arrivals until then are known",
    "in the second of two runs; times to a share until then are known",
)
"""What is there of a report whose first, or second, run was interrupted."""
MOST_TIMES = 500
"""So many times of each curve are kept, about."""
PIECES = 100
"""A pass is made in about so many pieces; between them the free energy is looked at."""

Wanted = Mapping[tuple[str, str], int]
"""What a pass records: (vertex, variable) -> every how many steps."""
Take = Callable[[Chunk], None]


class Passes:
    """Runs through all ``steps``, looked at every ``stride`` steps.

    ``status`` and ``message`` are those of their end; no pass goes on once one has not completed.
    """

    def __init__(
        self,
        simulator: Simulator,
        batch: int,
        steps: int,
        stride: int,
        show: Callable[[float, float], None],
        noted: Sequence[int],
    ) -> None:
        self.simulator, self.batch, self.steps, self.stride = simulator, batch, steps, stride
        self.show, self.noted = show, noted
        self.status, self.message = Status.COMPLETED, ""
        self.begun = time.perf_counter()

    def note(self, status: Status, message: str) -> None:
        """How something ended; what completed goes without saying."""
        if status is not Status.COMPLETED:
            self.status, self.message = status, message

    def samples(self, most: int) -> int:
        """An interval in steps, a multiple of the stride, at which a pass has ``most`` samples at most."""
        return -(-self.steps // (self.stride * most)) * self.stride

    def run(self, number: int, wanted: Callable[[], Wanted], take: Take, grid: int) -> None:
        """Make pass ``number``, 0 or 1, from the present state, and have ``take`` all chunks of it.

        What is ``wanted`` is asked anew every ``grid`` steps at least; a step may be recorded twice, at the end of what
        was asked for and at the begin of what is asked for next.
        """
        done = 0
        while done < self.steps and self.status is Status.COMPLETED:
            present = wanted()
            count = min(grid - done % grid, self.steps - done, self._most(present))
            self._piece(number, done, count, present, take)
            done += count
            self._look(number, done)

    def _look(self, number: int, done: int) -> None:
        """Whether it was interrupted, in a piece or at its end."""
        early = number == 0 or done < self.steps
        if self.status is Status.INTERRUPTED or (self.noted and early and self.status is Status.COMPLETED):
            self.note(Status.INTERRUPTED, f"interrupted at {self.simulator.time:g} ms {PARTIAL[number]}")

    def _piece(self, number: int, done: int, count: int, wanted: Wanted, take: Take) -> None:
        dt = self.simulator.integrator.dt
        records = [Record(vertex, variable, every * dt) for (vertex, variable), every in wanted.items()]
        if number == 0 and done == 0:
            self._show(0.0)
        for chunk in self.simulator.stream(count * dt, record=records):
            take(chunk)
            if chunk.status is not None:
                self.note(chunk.status, chunk.message)
            else:
                done += chunk.steps
                self._show((number + done / self.steps) / 2)

    def _show(self, share: float) -> None:
        self.show(time.perf_counter() - self.begun, share)

    def _most(self, wanted: Wanted) -> int:
        """So many steps may be asked for: only as many as there is room for of those that come all at once."""
        if self.simulator.schedule.divisible:
            return self.steps
        nodes = self.simulator.circuit.graph.nodes
        units = sum(nodes[vertex].size / every for (vertex, _), every in wanted.items())
        room = CHUNK_BYTES / max(units * self.batch * self.simulator.dtype.itemsize, 1.0)
        return max(1, int(room) // self.stride) * self.stride


def _flat(rows: np.ndarray) -> np.ndarray:
    """(times, batch * units)."""
    return rows.reshape(len(rows), math.prod(rows.shape[1:]))


class Arrivals:
    """The first pass: when there is an error at each vertex, and the free energy on the way.

    ``sources`` are the vertices with an error at time zero; ``known`` is what the engine knows of arrivals by itself.
    """

    def __init__(self, simulator: Simulator, first: Result, passes: Passes) -> None:
        self.simulator, self.passes, circuit = simulator, passes, simulator.circuit
        self.dt = simulator.integrator.dt
        self.clamped = simulator.clamped
        self.names = [name for name in circuit.vertices if circuit.has_prediction(name)]
        self.sources = [name for name in self.names if first.errors[name].any()]
        self.at = {name: 0.0 if name in self.sources else math.inf for name in self.names}
        self.known = simulator.arrivals()
        self.grid = passes.samples(PIECES)
        self.energy: dict[int, float] = {0: first.energy}
        targets = [name for name in self.names if name in circuit.energies and name in self.clamped]
        self.energetic = [(name, "prediction" if name in targets else "error") for name in self.names]

    def measure(self) -> None:
        """Make the pass."""
        self.passes.run(0, self._wanted, self._take, self.grid)
        if self.known is not None:
            self.known = self.simulator.arrivals()
            for name, times in (self.known or {}).items():
                if name in self.at:
                    self.at[name] = min(self.at[name], float(np.min(times, initial=math.inf)))

    def _wanted(self) -> Wanted:
        """What has yet to arrive, feedback where values are free and errors that predictions may bring, and energies.

        Where the same is wanted for both, the finer interval serves both.
        """
        wanted = dict.fromkeys(self.energetic, self.grid)
        for name in self.names if self.known is None else ():
            if math.isinf(self.at[name]):
                free, linear = name not in self.clamped, self.simulator.dynamics.holds_predictions
                wanted |= {(name, "feedback"): self.passes.stride} if free else {}
                wanted |= {} if linear else {(name, "error"): self.passes.stride}
        return wanted

    def _take(self, chunk: Chunk) -> None:
        for part in chunk.recorded:
            record, probe = part.record, part.probe
            if probe.every == self.passes.stride and record.variable != "prediction" and self.known is None:
                here = np.flatnonzero(_flat(part.rows).any(axis=1))
                if here.size:
                    self.at[probe.vertex] = min(self.at[probe.vertex], int(part.steps[here[0]]) * self.dt)
        with np.errstate(all="ignore"):
            self._look({(part.record.vertex, part.record.variable): part for part in chunk.recorded})
            if chunk.status is Status.COMPLETED and self.energetic and chunk.first not in self.energy:
                self._note(chunk.first, self.simulator.errors, self.simulator.predictions)

    def _look(self, parts: dict[tuple[str, str], Recorded]) -> None:
        """The free energy, of whatever steps were recorded for it."""
        nodes = self.simulator.circuit.graph.nodes
        steps = parts[self.energetic[0]].steps if self.energetic else np.zeros(0, dtype=np.int64)
        for step in steps[steps % self.grid == 0].tolist():
            if step in self.energy:
                continue
            rows: dict[str, dict[str, np.ndarray]] = {"error": {}, "prediction": {}}
            for name, variable in self.energetic:
                part = parts[name, variable]
                row = part.rows[(step - part.first) // part.probe.every]
                rows[variable][name] = row.reshape(len(row), *nodes[name].shape)
            self._note(step, rows["error"], rows["prediction"])

    def _note(self, step: int, errors: Mapping[str, np.ndarray], predictions: Mapping[str, np.ndarray]) -> None:
        circuit = self.simulator.circuit
        self.energy[step] = sum(
            free_energy(circuit, self.clamped, self.clamped, errors, predictions, circuit.precision)
        )

    def energies(self) -> xarray.DataArray:
        """The free energy, (energy_time)."""
        import xarray

        steps = sorted(self.energy)
        times = ("energy_time", self.dt * np.array(steps), {"units": "ms", "long_name": "time"})
        values = np.array([self.energy[step] for step in steps])
        return xarray.DataArray(
            values, {"energy_time": times}, ("energy_time",), "free_energy", {"units": "1", "long_name": "free energy"}
        )


class GradientShares:
    """The second pass: the share of the final error, as an inner product at each sample.

    There is none without an ``end``.
    """

    def __init__(self, simulator: Simulator, end: Result | None, shares: Sequence[float], passes: Passes) -> None:
        self.simulator, self.passes, self.shares, circuit = simulator, passes, np.array(shares), simulator.circuit
        self.names = [name for name in circuit.vertices if circuit.has_prediction(name)]
        self.final = {} if end is None else {name: end.errors[name].astype(np.float64).ravel() for name in self.names}
        self.weights: dict[str, np.ndarray] = {}
        for name, final in self.final.items():
            largest = np.abs(final).max(initial=0.0)
            if largest > 0:
                # Scaled, as squares of small errors would be zero.
                unit = final / largest
                self.weights[name] = unit / (unit @ unit) / largest
        self.grid = passes.samples(MOST_TIMES)
        self.kept: dict[int, dict[str, float]] = {}
        self.reached = {name: np.full(len(shares), math.nan) for name in self.names}

    def norm(self, name: str) -> float:
        """Of the final error."""
        return float(norms.norm(self.final[name])) if name in self.final else math.nan

    def measure(self) -> None:
        """Make the pass, if there is anything to compare with."""
        if self.weights:
            self.simulator.reset()
            wanted = {(name, "error"): self.passes.stride for name in self.weights}
            self.passes.run(1, lambda: wanted, self._take, self.passes.samples(PIECES))

    def _take(self, chunk: Chunk) -> None:
        for part in chunk.recorded:
            vertex, steps = part.record.vertex, part.steps
            curve = _flat(part.rows) @ self.weights[vertex]
            self._cross(vertex, steps, curve)
            for k in np.flatnonzero((steps % self.grid == 0) | (steps == self.passes.steps)):
                self.kept.setdefault(int(steps[k]), {})[vertex] = float(curve[k])

    def _cross(self, name: str, steps: np.ndarray, curve: np.ndarray) -> None:
        """Note the shares that are reached for the first time."""
        for number in np.flatnonzero(np.isnan(self.reached[name])):
            here = np.flatnonzero(curve >= self.shares[number])
            if here.size:
                self.reached[name][number] = int(steps[here[0]]) * self.simulator.integrator.dt

    def array(self) -> xarray.DataArray:
        """What was kept, (vertex, time)."""
        import xarray

        steps = sorted(self.kept)
        rows = [[self.kept[step].get(name, math.nan) for step in steps] for name in self.names]
        values = np.array(rows, dtype=np.float64).reshape(len(self.names), len(steps))
        coordinates = {
            "vertex": np.array(self.names, dtype=str),
            "time": ("time", self.simulator.integrator.dt * np.array(steps), {"units": "ms", "long_name": "time"}),
        }
        meaning = {"units": "1", "long_name": "share of the final gradient"}
        return xarray.DataArray(values, coordinates, ("vertex", "time"), "gradient_share", meaning)
