"""A run in chunks: the engine is left again and again, and what was recorded until then is handed over."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

from pcneuro.engines import AbstractEngine, RunData, Stepped
from pcneuro.errors import ParameterError, warn_of_divergence
from pcneuro.model.settled import Settled
from pcneuro.recording.activity import since
from pcneuro.recording.event_log import EventLog
from pcneuro.recording.probe import Probe
from pcneuro.recording.record import Record, check_room, dataset
from pcneuro.simulator.chunks import Chunk, Recorded
from pcneuro.simulator.divergence import divergence
from pcneuro.simulator.perturbations.plan import Key, Perturbing, marked, marks_of
from pcneuro.simulator.progress import interruptible
from pcneuro.simulator.result import Result, Status
from pcneuro.simulator.state import SimulationState

if TYPE_CHECKING:
    import xarray

CHUNK_SECONDS = 0.2
"""The engine is left about this often, for progress, Ctrl-C and the check that all is finite."""
CHUNK_BYTES = 32_000_000
"""What records may take before they are taken out of the engine."""


class Stepping(Protocol):
    """What does the steps of a run: a schedule, or what stands in for one."""

    @property
    def divisible(self) -> bool:
        """Whether it can be asked for some of the steps, and then for others."""

    def step(self, engine: AbstractEngine, number: int, steps: int, probes: Sequence[Probe]) -> Stepped:
        """Bring an engine so many steps further, the first of which has this number."""


class Run:
    """One run of a simulation, from what it is given to its result.

    Parameters
    ----------
    state
        What is simulated on.
    steps, until
        How many steps to do at most, and what ends the run before them.
    data
        What it runs on.
    records, log
        What is to be kept of activities, and of events.
    report
        Called with elapsed seconds, the share completed and, where it ends early, the ms that it took.
    learn
        Whether parameters change by their rules.
    labels
        Labels of the samples, where they have any.
    perturbing
        What perturbations make of the circuit and data.
    parted
        Whether chunks have the events and counts of their own, for want of a result that has those of all.

    Raises what ``Record.resolve`` does. ``chunks`` are made as they are asked for; nothing is changed before.
    """

    def __init__(
        self,
        state: SimulationState,
        steps: int,
        until: Settled | None,
        data: RunData,
        records: Sequence[Record],
        log: EventLog | None,
        report: Callable[..., None],
        *,
        learn: bool,
        labels: np.ndarray | None,
        parted: bool,
        perturbing: Perturbing,
    ) -> None:
        self.perturbing = perturbing
        self.perturbed: Key | None = None
        """What perturbations there are now; None before the run has begun."""
        self.labels, self.learn = labels, learn
        self.state, self.steps, self.until, self.data = state, steps, until, data
        self.schedule: Stepping = state.schedule
        """What does the steps."""
        self.records, self.log, self.report, self.parted = records, log, report, parted
        self.probes = [r.resolve(state.circuit, data.batch, state.integrator.dt) for r in records]
        if not parted:
            check_room(records, self.probes, steps, state.dtype.itemsize)
        numbers = sum(p.size * p.rows(data.batch) / p.every for p in self.probes)
        self.most = max(1, int(CHUNK_BYTES / max(numbers * state.dtype.itemsize, 1.0)))
        """Steps whose records may be taken out of the engine at once."""
        self.first, self.done = state.step, 0
        self.begun = 0.0
        self.counted: xarray.Dataset | None = None
        """What had been counted by the end of the last chunk."""
        self.superseded = False
        self.chunks = self._chunks()

    def supersede(self) -> None:
        """End it, as something else goes on with the simulation."""
        if inspect.getgeneratorstate(self.chunks) == inspect.GEN_RUNNING:
            raise ParameterError("a simulator is run or changed by its own report: do that when its run has ended")
        self.superseded = True
        self.chunks.close()

    def _chunks(self) -> Generator[Chunk, None, None]:
        state = self.state
        try:
            with state.engine.recording(self.log):
                with interruptible() as noted:
                    self._perturb()
                    state.ready()
                    self.first, self.begun = state.step, time.perf_counter()
                    state.engine.learn(self.learn)
                    state.engine.begin(self.until)
                    self.counted = state.engine.activity() if self.parted else None
                    self.report(0.0, 0.0)
                    interrupted = bool(noted)
                status, message = yield from self._stepping(interrupted)
                with interruptible() as noted:
                    state.evaluate()
                    if self.until is not None and status is Status.COMPLETED:
                        status, message = self._settling(self.until)
                    if noted and status is Status.COMPLETED:
                        status, message = Status.INTERRUPTED, self._interruption()
                    last = self._chunk(state.step, 0, self._end(status), status, message)
            yield replace(last, stats=self._stats())
        finally:
            if self.parted:
                state.unperturb()
            state.release(self)

    def _stepping(self, interrupted: bool) -> Generator[Chunk, None, tuple[Status, str]]:
        """All steps, and how they ended; none where Ctrl-C came before."""
        state = self.state
        while self.done < self.steps and not interrupted:
            with interruptible() as noted:
                # Noted before where all that is done is in such a context.
                chunk, stepped = None, None if noted else self._step()
                if stepped is not None:
                    chunk = self._chunk(state.step - stepped.steps, stepped.steps, stepped.recorded)
                interrupted = bool(noted)
            if chunk is not None and stepped is not None:
                yield chunk
                if not stepped.finite:
                    return Status.DIVERGED, divergence(state)
                if stepped.settled and not interrupted:
                    break
        if interrupted:
            return Status.INTERRUPTED, self._interruption()
        return Status.COMPLETED, f"completed {self.done} steps, to {state.time:g} ms"

    def _interruption(self) -> str:
        """The message of a run that Ctrl-C has ended."""
        return (
            f"interrupted at {self.state.time:g} ms, after {self.done} of {self.steps} steps; run() goes on from there"
        )

    def _step(self) -> Stepped:
        """The steps of one chunk."""
        state, left = self.state, self.steps - self.done
        most = min(self.most, state.engine.steps_at_once(CHUNK_BYTES))
        count = min(state.chunk, left, most) if self.schedule.divisible else left
        started = time.perf_counter()
        stepped = self._pieces(count)
        self.done += stepped.steps
        if self.log is not None:
            self.log.flush(state.time)
        now = time.perf_counter()
        if stepped.finite and stepped.settled:
            self.report(now - self.begun, 1.0, self.done * state.integrator.dt)
        elif stepped.finite:
            rate = count / max(now - started, 1e-6)
            state.chunk = max(1, min(int(rate * CHUNK_SECONDS), 4 * state.chunk))
            self.report(now - self.begun, self.done / self.steps)
        return stepped

    def _pieces(self, count: int) -> Stepped:
        """So many steps, by as many calls as there are changes that the engine does not see to itself."""
        state, end = self.state, self.state.step + count
        pieces: list[Stepped] = []
        while state.step < end and (not pieces or (pieces[-1].finite and not pieces[-1].settled)):
            if self._perturb():
                state.ready()
                state.engine.begin(self.until)
            state.turn_to(state.step)
            changes = [
                None if state.engine.plays and self.schedule.divisible else state.next_change,
                self.perturbing.next_change(state.step),
            ]
            steps = min((change for change in changes if change is not None), default=end) - state.step
            steps = min(steps, end - state.step)
            state.engine.read_ahead(state.step, steps)
            with state.changing():
                pieces.append(self.schedule.step(state.engine, state.step, steps, self.probes))
                state.advanced(pieces[-1].steps)
        if len(pieces) == 1:
            return pieces[0]
        rows = [np.concatenate(parts) for parts in zip(*(piece.recorded for piece in pieces), strict=True)]
        return Stepped(sum(p.steps for p in pieces), pieces[-1].finite, rows, pieces[-1].settled)

    def _perturb(self) -> bool:
        """Let the state be as perturbations have it now; returns whether they have changed, as they do at first."""
        state, perturbing = self.state, self.perturbing
        key = perturbing.key(state.step)
        if key == self.perturbed:
            return False
        if self.perturbed is None and not key:
            state.take(self.data)
        else:
            given = self.data.at(state.step)
            engine = perturbing.engine(state.unperturbed, key, state.step)
            state.perturb(perturbing.data(given, key), given if key else None, engine)
        self.perturbed = key
        return True

    def _chunk(
        self, first: int, steps: int, rows: Sequence[np.ndarray], status: Status | None = None, message: str = ""
    ) -> Chunk:
        recorded = tuple(
            Recorded(record, probe, probe.first(first), record.choose(array, probe))
            for record, probe, array in zip(self.records, self.probes, rows, strict=True)
        )
        return Chunk(
            first,
            steps,
            self.state.integrator.dt,
            self.data.batch,
            recorded,
            status,
            message,
            self.log.part() if self.parted and self.log is not None else None,
            self._counts(),
            labels=self.labels,
            marks=self._marks(),
        )

    def _marks(self) -> str:
        """The perturbations of the run, as records have them among their attributes; empty where there are none."""
        return marks_of(self.perturbing.given, (self.first + self.steps) * self.state.integrator.dt)

    def _counts(self) -> xarray.Dataset | None:
        """What was counted since the chunk before."""
        if self.counted is None:
            return None
        before, self.counted = self.counted, self.state.engine.activity()
        assert self.counted is not None
        return since(self.counted, before)

    def _end(self, status: Status) -> list[np.ndarray]:
        """The state at the end, for the records that are due."""
        state, rows = self.state, []
        for probe in self.probes:
            row = state.engine.observed(probe)[None]
            due = state.step % probe.every == 0 and status is not Status.DIVERGED
            rows.append(row if due else row[:0])
        return rows

    def _settling(self, until: Settled) -> tuple[Status, str]:
        """How a run that did not end early ended: whether all has settled."""
        state, engine = self.state, self.state.engine
        steps = state.step - self.first
        taken = steps * state.integrator.dt
        if engine.look(state.step):
            return Status.COMPLETED, f"settled after {steps} steps, {taken:g} ms, at {state.time:g} ms"
        return Status.UNSETTLED, until.missed(engine.rested.count(None), len(engine.rested), taken)

    def _stats(self) -> dict[str, Any]:
        """Facts of the whole run, for the result."""
        state, dt = self.state, self.state.integrator.dt
        stats = {
            "steps": state.step - self.first,
            "seconds": time.perf_counter() - self.begun,
            **_settings(state),
        }
        if self.until is not None:
            times = [None if n is None else (n - self.first) * dt for n in state.engine.rested]
            stats |= {"until": repr(self.until), "settled_ms": times}
        if self.log is not None:
            stats["events_record"] = self.log.describe(self.steps if state.engine.in_steps else None)
        return stats

    def result(self) -> Result:
        """Take all chunks, and have the result. Ctrl-C on the way is noted, and told of in its status."""
        try:
            return self._result()
        finally:
            self.state.unperturb()

    def _result(self) -> Result:
        rows: list[list[np.ndarray]] = [[] for _ in self.records]
        status = None
        with self.state.used(), interruptible() as noted:
            for chunk in self.chunks:
                for parts, recorded in zip(rows, chunk.recorded, strict=True):
                    parts.append(recorded.rows)
                status, message, stats = chunk.status, chunk.message, dict(chunk.stats)
            if status is None:
                raise ParameterError("this run was ended by another thread that ran or changed the same simulator")
            arrays = [np.concatenate(parts) for parts in rows]
            dt, batch = self.state.integrator.dt, self.data.batch
            records = dataset(self.records, self.probes, arrays, self.first, dt, batch, self.labels)
            events = None if self.log is None else marked(self.log.dataset(), self._marks())
            result = self.state.result(marked(records, self._marks()), status, message, stats, events)
            result = replace(result, perturbations=self.perturbing.given)
            if noted and result.status is Status.COMPLETED:
                result = replace(result, status=Status.INTERRUPTED, message=self._interruption())
        return result


def _settings(state: SimulationState) -> dict[str, Any]:
    """Facts for ``result.stats`` that hold for every run on this data."""
    assert state.data is not None
    return {
        "batch": state.data.batch,
        "dtype": state.dtype.name,
        "dynamics": repr(state.dynamics),
        "integrator": repr(state.integrator),
        "schedule": repr(state.schedule),
        **({"seed": state.seed} if state.circuit.noise else {}),
        **state.engine.describe(),
    }


class Stream(Iterator[Chunk]):
    """The chunks of a run, as they come, from ``Simulator.stream``; a context that closes it."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def __next__(self) -> Chunk:
        if self._run.superseded:
            raise ParameterError(
                "this stream has ended, as its simulator was run, reset, restored or given parameters since: do that "
                "once the stream has come to its end, or has been closed, and call stream() again"
            )
        with self._run.state.used():
            chunk = next(self._run.chunks)
        if chunk.status is Status.DIVERGED:
            warn_of_divergence(chunk.message)
        return chunk

    def close(self) -> None:
        """End it where it is; the simulator can go on from there."""
        with self._run.state.used():
            self._run.chunks.close()
            self._run.state.release(self._run)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
