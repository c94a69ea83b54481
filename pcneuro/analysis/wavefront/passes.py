"""The two passes that measure a wavefront: what is recorded is taken in as it comes, and not kept."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pcneuro.recording.probe import Probe
from pcneuro.simulator.readout import free_energy
from pcneuro.simulator.result import Result, Status
from pcneuro.simulator.simulator import CHUNK_BYTES, Simulator

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

Part = tuple[Probe, np.ndarray, np.ndarray]
"""What a probe recorded: the probe, numbers of steps (times,), and rows (times, batch, units)."""
Take = Callable[[Sequence[Part]], None]


class Passes:
    """Runs through all ``steps``, looked at every ``stride`` steps.

    ``status`` and ``message`` tell how they ended; no pass goes on once one has not completed.
    """

    def __init__(
        self, simulator: Simulator, steps: int, stride: int, show: Callable[..., None], noted: Sequence[int]
    ) -> None:
        self.simulator, self.steps, self.stride = simulator, steps, stride
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

    def run(self, number: int, probes: Callable[[], list[Probe]], take: Take, grid: int) -> None:
        """Make pass ``number``, 0 or 1, from the present state, and have ``take`` all that the probes record.

        ``probes`` is asked anew every ``grid`` steps at least; a step may be taken twice, at the end of what was asked
        for and at the begin of what is asked for next.
        """
        done = 0
        while done < self.steps and self.status is Status.COMPLETED:
            wanted = probes()
            count = min(grid - done % grid, self.steps - done, self._most(wanted))
            self._piece(number, done, count, wanted, take)
            done += count
            self._look(number, done)

    def _look(self, number: int, done: int) -> None:
        """Whether it was interrupted, in a piece or at its end."""
        early = number == 0 or done < self.steps
        if self.status is Status.INTERRUPTED or (self.noted and early and self.status is Status.COMPLETED):
            self.note(Status.INTERRUPTED, f"interrupted at {self.simulator.time:g} ms {PARTIAL[number]}")

    def _piece(self, number: int, done: int, count: int, probes: list[Probe], take: Take) -> None:
        simulator = self.simulator
        engine, batch = simulator._engine, simulator._engine.data.batch

        def taken(step: int, rows: Sequence[np.ndarray]) -> None:
            begins = [-(-step // probe.every) * probe.every for probe in probes]
            steps = [b + t.every * np.arange(len(r)) for b, t, r in zip(begins, probes, rows, strict=True)]
            take(list(zip(probes, steps, rows, strict=True)))

        def tell(elapsed: float, completed: float, took: float | None = None) -> None:
            # The begin of all is told once, not that of every piece.
            if completed > 0.0 or (number == 0 and done == 0):
                share = (number + (done + completed * count) / self.steps) / 2
                self.show(time.perf_counter() - self.begun, share)

        simulator._ready()
        self.note(*simulator._loop(count, probes, taken, tell))
        engine.evaluate()
        if self.status is Status.COMPLETED:
            now = np.array([simulator._step])
            take([(t, now, engine.read(t.vertex, t.variable).reshape(1, batch, -1)) for t in probes])

    def _most(self, probes: Sequence[Probe]) -> int:
        """So many steps may be asked for: only as many as there is room for of those that come all at once."""
        if self.simulator.schedule.divisible:
            return self.steps
        nodes, data = self.simulator.circuit.graph.nodes, self.simulator._engine.data
        units = sum(nodes[probe.vertex].size / probe.every for probe in probes)
        room = CHUNK_BYTES / max(units * data.batch * self.simulator.dtype.itemsize, 1.0)
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
        self.clamped = simulator._engine.data.clamped
        self.names = [name for name in circuit.vertices if circuit.has_prediction(name)]
        self.sources = [name for name in self.names if first.errors[name].any()]
        self.at = {name: 0.0 if name in self.sources else math.inf for name in self.names}
        self.known = simulator._engine.arrivals()
        self.grid = passes.samples(PIECES)
        self.energy: dict[int, float] = {0: first.energy}
        targets = [name for name in self.names if name in circuit.energies and name in self.clamped]
        variables = {name: "prediction" if name in targets else "error" for name in self.names}
        self.energetic = [Probe(name, variable, self.grid) for name, variable in variables.items()]

    def measure(self) -> None:
        """Make the pass."""
        self.passes.run(0, self._tapes, self._take, self.grid)
        if self.known is not None:
            self.known = self.simulator._engine.arrivals()
            for name, times in (self.known or {}).items():
                if name in self.at:
                    self.at[name] = min(self.at[name], float(np.min(times, initial=math.inf)))

    def _tapes(self) -> list[Probe]:
        """What has yet to arrive: feedback where values are free, and errors that predictions may bring."""
        found = list(self.energetic)
        for name in self.names if self.known is None else ():
            if math.isinf(self.at[name]):
                free, linear = name not in self.clamped, self.simulator.dynamics.holds_predictions
                found += [Probe(name, "feedback", self.passes.stride)] * free
                found += [Probe(name, "error", self.passes.stride)] * (not linear)
        # Where both intervals are the same, one probe serves both.
        return list(dict.fromkeys(found))

    def _take(self, parts: Sequence[Part]) -> None:
        for probe, steps, rows in parts:
            if probe.every == self.passes.stride and probe.variable != "prediction" and self.known is None:
                here = np.flatnonzero(_flat(rows).any(axis=1))
                if here.size:
                    self.at[probe.vertex] = min(self.at[probe.vertex], int(steps[here[0]]) * self.dt)
        with np.errstate(all="ignore"):
            self._look({probe: (steps, rows) for probe, steps, rows in parts})

    def _look(self, parts: dict[Probe, tuple[np.ndarray, np.ndarray]]) -> None:
        """The free energy, of whatever steps were recorded."""
        circuit = self.simulator.circuit
        steps = parts[self.energetic[0]][0] if self.energetic else ()
        for k, step in enumerate(steps):
            if int(step) in self.energy:
                continue
            errors, predictions = {}, {}
            for probe in self.energetic:
                row = parts[probe][1][k]
                if probe.variable == "error":
                    errors[probe.vertex] = row
                else:
                    predictions[probe.vertex] = row.reshape(len(row), *circuit.graph.nodes[probe.vertex].shape)
            self.energy[int(step)] = sum(free_energy(circuit, self.clamped, self.clamped, errors, predictions))

    def energies(self) -> xarray.DataArray:
        """The free energy, (energy_time)."""
        import xarray

        steps = sorted(self.energy)
        times = ("energy_time", self.dt * np.array(steps), {"units": "ms", "long_name": "time"})
        values = np.array([self.energy[step] for step in steps])
        return xarray.DataArray(
            values, {"energy_time": times}, ("energy_time",), "free_energy", {"units": "1", "long_name": "free energy"}
        )


class Curves:
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
        return float(np.linalg.norm(self.final[name])) if name in self.final else math.nan

    def measure(self) -> None:
        """Make the pass, if there is anything to compare with."""
        if self.weights:
            self.simulator.reset()
            probes = [Probe(name, "error", self.passes.stride) for name in self.weights]
            self.passes.run(1, lambda: probes, self._take, self.passes.samples(PIECES))

    def _take(self, parts: Sequence[Part]) -> None:
        for probe, steps, rows in parts:
            curve = _flat(rows) @ self.weights[probe.vertex]
            self._cross(probe.vertex, steps, curve)
            for k in np.flatnonzero((steps % self.grid == 0) | (steps == self.passes.steps)):
                self.kept.setdefault(int(steps[k]), {})[probe.vertex] = float(curve[k])

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
