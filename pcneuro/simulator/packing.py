"""Runs side by side: runs of one circuit stepped together, as samples of one, each with the result that it has alone.

What samples of a block do not share is computed alike, bit for bit, whichever other samples there are. What they share
(gradients, loss, energy: sums over a run's samples) is not computed together: each run takes up the state of its own
samples at the end, and goes on from there by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from pcneuro.engines import AbstractEngine, RunData, Stepped
from pcneuro.model.settled import Settled
from pcneuro.recording.probe import Probe
from pcneuro.recording.record import Record, listed
from pcneuro.simulator.progress import Report, reporter
from pcneuro.simulator.result import Result
from pcneuro.simulator.run_data import merge, steps_of
from pcneuro.simulator.schedules import Parallel
from pcneuro.simulator.simulator import Simulator

_CHUNK_SECONDS = 0.2
"""Between two looks at whether to go on."""
_MOST_NUMBERS = 1 << 24
"""That records of runs side by side may have together."""


@final
@dataclass(frozen=True)
class PlannedCall:
    """A call of ``Simulator.run`` on constant data that is to come: a simulator at time zero, and its arguments."""

    simulator: Simulator
    duration: float | None
    until: Settled | None
    data: Mapping[str, Mapping[str, Any]]
    records: Sequence[Record]

    @property
    def changes(self) -> dict[str, Any]:
        """All groups of data, None where it gives none."""
        return {**dict.fromkeys(("inputs", "targets", "clamp", "initial")), **self.data}

    @property
    def run_data(self) -> RunData:
        """What the simulator would be given. Raises as ``Simulator.run`` does."""
        sim = self.simulator
        return merge(sim.circuit, None, self.changes, time=0.0, dt=sim.integrator.dt, dtype=sim.dtype)

    def key(self, data: RunData) -> Hashable:
        """Equal for calls that can be made side by side; None where this one is to be made alone."""
        sim = self.simulator
        plain = not data.stimuli and not data.currents and self.until is None and type(sim.schedule) is Parallel
        if not plain or sim.time or not sim._engine.apart(data.batch):
            return None
        settings = sim.dynamics.key, repr(sim.integrator), sim.dtype.name, repr(sim._state.settings)
        names = tuple(sorted(data.inputs)), tuple(sorted(data.clamped))
        # A circuit is frozen, and the call keeps it alive.
        return id(sim.circuit), settings, self.duration, tuple(self.records), names


@final
class Packed:
    """Calls that have been stepped side by side."""

    def __init__(self, calls: Sequence[PlannedCall], data: Sequence[RunData]) -> None:
        self.calls, self.call, self.data = calls, calls[0], data
        sizes = [each.batch for each in data]
        self.ends = np.cumsum(sizes)
        self.state: dict[str, np.ndarray] = {}
        self.recorded: list[np.ndarray] = []
        self.engine = self.call.simulator._state.made(self.call.simulator.circuit, self.call.simulator._engine.dynamics)

    @classmethod
    def of(
        cls, calls: Sequence[PlannedCall], data: Sequence[RunData], go_on: Callable[[], None] = lambda: None
    ) -> Packed | None:
        """Step calls with the same ``key``; None where one of them diverges, or needs too much room: then all go alone.

        ``go_on`` is called a few times a second, and ends it by raising something.
        """
        packed = cls(calls, data)
        return packed if packed._step(go_on) else None

    def _step(self, go_on: Callable[[], None]) -> bool:
        sim, engine, batch = self.call.simulator, self.engine, int(self.ends[-1])
        dt = sim.integrator.dt
        steps, _ = steps_of(self.call.duration, None, dt)
        probes = [record.resolve(sim.circuit, batch, dt) for record in listed(self.call.records)]
        if sum(p.size * p.rows(batch) * (steps // p.every + 1) for p in probes) > _MOST_NUMBERS:
            return False
        engine.start(_together(self.data, batch))
        engine.begin(None)
        parts: list[Sequence[np.ndarray]] = []
        done, count = 0, 1
        while done < steps:
            go_on()
            count, begun = min(count, steps - done), time.perf_counter()
            engine.read_ahead(done, count)
            stepped = engine.step(done, count, probes)
            if not stepped.finite:
                return False
            parts.append(stepped.recorded)
            done += count
            rate = count / max(time.perf_counter() - begun, 1e-6)
            count = max(1, min(int(rate * _CHUNK_SECONDS), 4 * count))
        self.recorded = [np.concatenate(rows) for rows in zip(*parts, strict=True)]
        self.state = engine.state()
        return True

    def result(self, number: int, simulator: Simulator, report: Report, report_period: float) -> Result:
        """The result of the call of this number, in this simulator, which is where it would be had it run alone."""
        call, end = self.calls[number], int(self.ends[number])
        steps, span = steps_of(call.duration, None, simulator.integrator.dt)
        show = reporter(report, report_period, 0.0, span)
        run = simulator._run(steps, None, call.changes, (), [], True, call.records, None, show, parted=False)
        run.schedule = _SteppedBefore(self, slice(end - self.data[number].batch, end))
        return run.result()


@final
@dataclass(frozen=True, eq=False)
class _SteppedBefore:
    """Steps that have been done: what is in their place in the run of some of the samples."""

    packed: Packed
    samples: slice

    divisible = False

    def step(self, engine: AbstractEngine, number: int, steps: int, probes: Sequence[Probe]) -> Stepped:
        """Let an engine be where these steps have brought the samples."""
        packed, data = self.packed, engine.data.at(number + max(steps, 1) - 1)
        engine.set_state(data, packed.engine.state_of(packed.state, self.samples))
        recorded = [
            rows if probe.of_parameter else rows[:, self.samples]
            for probe, rows in zip(probes, packed.recorded, strict=True)
        ]
        return Stepped(steps, True, recorded)


def _together(data: Sequence[RunData], batch: int) -> RunData:
    def joined(group: str) -> dict[str, np.ndarray]:
        arrays = [getattr(each, group) for each in data]
        return {name: np.concatenate([each[name] for each in arrays]) for name in arrays[0]}

    return RunData(batch, joined("inputs"), joined("clamped"), targets=data[0].targets)
