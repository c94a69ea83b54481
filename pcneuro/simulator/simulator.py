"""The simulator: data and duration in, a result out. It knows circuits, engines, records and results, no numerics."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.circuit.parameters import check_parameters
from pcneuro.circuit.saving import fingerprint
from pcneuro.engines import AbstractEngine, Engine, Kernel, RunData
from pcneuro.errors import ParameterError, check_object
from pcneuro.model.dynamics import AbstractDynamics, FixedPrediction
from pcneuro.model.integrators import AbstractIntegrator, Euler
from pcneuro.model.settled import Settled
from pcneuro.recording.events import EventLog, RecordEvents, log_of
from pcneuro.recording.probe import Probe
from pcneuro.recording.record import Record, dataset, joined, listed
from pcneuro.simulator.progress import Report, interruptible, reporter
from pcneuro.simulator.readout import free_energy, not_finite, told_not_finite
from pcneuro.simulator.result import Result, Status
from pcneuro.simulator.run_data import float_type, merge, steps_of, warn_of_latents
from pcneuro.simulator.schedules import AbstractSchedule, Parallel
from pcneuro.simulator.snapshot import read_snapshot, write_snapshot
from pcneuro.simulator.stability import advice, check_step

CHUNK_SECONDS = 0.2
"""The engine is left about this often, for progress, Ctrl-C and the check that all is finite."""
CHUNK_BYTES = 32_000_000
"""What records may take before they are taken out of the engine."""
Take = Callable[[int, Sequence[np.ndarray]], None]
"""Takes the number of a step, and for each probe what it recorded from there on, (times, batch, units)."""


class Simulator:
    """Simulates a circuit in continuous time.

    Parameters
    ----------
    circuit
        From ``build_circuit``.
    dynamics
        ``FixedPrediction()`` (default) or ``Strict()``.
    integrator
        ``Euler(dt)`` (default, dt = 1 ms), ``ExponentialEuler(dt)`` or ``RungeKutta4(dt)``.
    dtype
        ``np.float64`` (default) or ``np.float32``, for all state.
    schedule
        ``Parallel()`` (default); ``FastForward()``: what it leads to, without stepping; or ``Sequential()``: one
        population after the other, from the outputs back.
    engine
        ``Kernel(threads=None)`` (default), ``EventDriven(...)``, or ``Reference()``, the slow NumPy oracle.

    Raises
    ------
    UnstableStepError
        Where dt is so large that the leak of some population is unstable: which, and a dt that works.

    Notes
    -----
    State is readable at any time (``values``, ``errors``, ``time``), before the first run, too: inputs are silent
    (zero) until they are given.
    """

    def __init__(
        self,
        circuit: Circuit,
        *,
        dynamics: AbstractDynamics | None = None,
        integrator: AbstractIntegrator | None = None,
        dtype: Any = np.float64,
        engine: Engine | None = None,
        schedule: AbstractSchedule | None = None,
    ) -> None:
        self.circuit = circuit
        self.dynamics = FixedPrediction() if dynamics is None else dynamics
        self.integrator = Euler() if integrator is None else integrator
        self.schedule = Parallel() if schedule is None else schedule
        self._settings = Kernel() if engine is None else engine
        for what, got, wanted in (
            ("circuit", circuit, Circuit),
            ("dynamics", self.dynamics, AbstractDynamics),
            ("integrator", self.integrator, AbstractIntegrator),
            ("engine", self._settings, Engine),
            ("schedule", self.schedule, AbstractSchedule),
        ):
            check_object(what, got, wanted)
        self.dtype = float_type(dtype)
        if self.schedule.stepped:
            check_step(circuit, self.integrator)
        self.schedule.check(self.dynamics)
        self.schedule.check_delays(circuit)
        self._engine = self._made()
        self._step, self._stale, self._chunk = 0, True, 1
        """The last: steps to do before the engine is next left, what it has been able to do in that time."""
        self._data: RunData | None = None
        # Whether it may still have to be said that a latent is not inferred.
        self._watched = self.dynamics.holds_predictions and bool(circuit.graph.latents)

    def _made(self) -> AbstractEngine:
        engine: AbstractEngine = self._settings.make(self.circuit, self.dynamics, self.integrator, self.dtype)
        engine.separate_errors = self.schedule.separate_errors
        return engine

    def __reduce__(self) -> NoReturn:
        # Its engine holds addresses of compiled code, which another process does not have.
        raise ParameterError(
            "a Simulator is neither copied nor pickled: make one from its circuit, and take its state there by store() "
            "and restore()"
        )

    # State

    @property
    def time(self) -> float:
        """Simulated time in ms."""
        return self._step * self.integrator.dt

    @property
    def values(self) -> dict[str, np.ndarray]:
        """Activity of the value neurons now, by vertex, of shape (batch, \\*shape)."""
        return self._read("value")

    @property
    def errors(self) -> dict[str, np.ndarray]:
        """Activity of the error neurons now, by vertex."""
        return self._read("error")

    @property
    def predictions(self) -> dict[str, np.ndarray]:
        """The present predictions, by vertex."""
        return self._read("prediction")

    @property
    def gradients(self) -> dict[str, np.ndarray]:
        """dL/dparameter now, summed over the batch."""
        self._ready()
        return self._engine.gradients()

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """Present values of the parameters (copies)."""
        return {name: value.copy() for name, value in self._engine.parameters.items()}

    def set_parameters(self, values: Mapping[str, Any]) -> None:
        """Give parameters new values; the state of the neurons goes on from where it is.

        Raises ParameterError, UnknownNameError, ShapeError or DataError for values that do not fit.
        """
        checked = check_parameters(self.circuit.graph, values)
        if self._data is not None and self._step > 0:
            self._data = replace(self._data, initial=self._carried())
        self._engine.load(checked)
        self._stale = True

    def reset(self) -> None:
        """Go back to time zero: the feedforward sweep of the present inputs, targets and clamps."""
        if self._data is not None:
            self._data = replace(self._data, initial={})
        self._step, self._stale = 0, True

    def bounds(self) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        r"""How far off errors, by vertex, (batch, \*shape), and gradients, by parameter, can be for its thresholds.

        For ``EventDriven`` under fixed prediction, at any time of a run on this data, against the same without
        thresholds. Raises ParameterError for other engines, and where nothing is known.
        """
        self._ready()
        return self._engine.bounds()

    def _read(self, variable: str) -> dict[str, np.ndarray]:
        self._ready()
        found = {}
        for name in self.circuit.vertices:
            if variable == "value" or self.circuit.has_prediction(name):
                found[name] = self._engine.read(name, variable)
        for name, node in self.circuit.graph.outputs.items():
            found.setdefault(name, found[node.name])
        return found

    def _carried(self) -> Mapping[str, np.ndarray]:
        """Values that free vertices go on from when something else changes."""
        assert self._data is not None
        if self._stale:
            return self._data.initial
        free = [n for n in self.circuit.vertices if n not in self._data.clamped]
        return {n: self._engine.read(n, "value") for n in free}

    def _ready(self) -> None:
        if self._data is None:
            silent = {name: np.zeros((1, *node.shape)) for name, node in self.circuit.graph.inputs.items()}
            self._engine.start(RunData(1, inputs=silent))
            return
        if self._stale:
            self._engine.start(self._data)
            self._stale = False

    # Running

    def run(
        self,
        duration: float | None = None,
        *,
        until: Settled | None = None,
        inputs: Mapping[str, Any] | None = None,
        targets: Mapping[str, Any] | None = None,
        clamp: Mapping[str, Any] | None = None,
        initial: Mapping[str, Any] | None = None,
        record: Sequence[Record] = (),
        events: RecordEvents | None = None,
        report: Report = None,
        report_period: float = 10.0,
    ) -> Result:
        """Simulate on from where the last run stopped (first: from the feedforward sweep), for a time or to rest.

        Parameters
        ----------
        duration
            In ms. What is no multiple of dt is rounded to the nearest number of steps, with a warning.
        until
            Instead of a duration ``pcn.Settled(...)``, to stop at equilibrium. Each block of samples is held as it is
            once all its samples have settled; ``stats["settled_ms"]`` has the time that each took (None: it did not).
            The share completed is that of the limit. Not for schedules that take their steps otherwise than all
            populations at the same time.
        inputs, targets, clamp
            Input, output or vertex name -> array of one sample, or with a batch axis in front. What is left out stays
            as it was; ``{}`` takes targets or clamps away. Changed inputs take the neurons' state along, and under
            fixed prediction bring a new feedforward sweep.
        initial
            Vertex -> values to start from instead of the sweep's, at time zero only.
        record
            ``Record`` objects.
        events
            ``RecordEvents(...)`` to keep the events of an engine that has some, in ``result.events``. Where the run
            ends with an exception, a file that they go to is left beside its place, as ``<path>.part``.
        report, report_period
            None, ``"text"`` (progress on standard error), or a callable (elapsed s, share completed, start ms, duration
            ms), at most every ``report_period`` seconds.

        Returns
        -------
        Result
            Ctrl-C returns what was simulated so far, with status ``"interrupted"``; a run in which anything ceases to
            be finite stops there with status ``"diverged"``, and its message says where and what to do. What has not
            settled within the limit has status ``"unsettled"``.
        """
        steps, span = steps_of(duration, until, self.integrator.dt)
        if until is not None:
            self.schedule.check_until()
        given = {"inputs": inputs, "targets": targets, "clamp": clamp, "initial": initial}
        data = merge(self.circuit, self._data, given, time=self.time, dtype=self.dtype, carried=self._carried)
        self.schedule.admit(self.circuit, data.clamped)
        records = listed(record)
        probes = [r.resolve(self.circuit, data.batch, self.integrator.dt) for r in records]
        log = log_of(events, self.circuit, data.batch, self.time)
        show = reporter(report, report_period, self.time, span)
        rows: list[list[np.ndarray]] = [[] for _ in probes]

        def keep(number: int, parts: Sequence[np.ndarray]) -> None:
            for taken, part in zip(rows, parts, strict=True):
                taken.append(part)

        with self._engine.recording(log):
            # Nothing above changes the simulator: a call that is refused leaves it as it was.
            self._stale = self._stale or data is not self._data
            self._data = data
            self._ready()
            first, begun = self._step, time.perf_counter()
            self._engine.begin(until)
            status, message = self._loop(steps, probes, keep, show, log)
        self._engine.evaluate()
        if until is not None and status is Status.COMPLETED:
            status, message = self._settling(until, first)
        if self._watched:
            self._watched = not warn_of_latents(self.circuit, self._data, self._engine, self._step)
        for probe, taken in zip(probes, rows, strict=True):
            if self._step % probe.every == 0 and status is not Status.DIVERGED:
                taken.append(self._engine.read(probe.vertex, probe.variable).reshape(1, self._data.batch, -1))
        stats = {
            "steps": self._step - first,
            "seconds": time.perf_counter() - begun,
            "batch": self._data.batch,
            "dtype": self.dtype.name,
            "dynamics": repr(self.dynamics),
            "integrator": repr(self.integrator),
            "schedule": repr(self.schedule),
            **self._engine.describe(),
        }
        if until is not None:
            times = [None if n is None else (n - first) * self.integrator.dt for n in self._engine.rested]
            stats |= {"until": repr(until), "settled_ms": times}
        if log is not None:
            stats["events_record"] = log.describe(steps if self._engine.in_steps else None)
        arrays, dt = joined(records, probes, rows, self.circuit, self._data.batch), self.integrator.dt
        result = self._result(dataset(records, probes, arrays, first, dt, self._data.batch), status, message, stats)
        return result if log is None else replace(result, events=log.dataset())

    def _loop(
        self,
        steps: int,
        probes: Sequence[Probe],
        take: Take,
        report: Callable[..., None],
        log: EventLog | None = None,
    ) -> tuple[Status, str]:
        """Do so many steps, and let ``take`` have what the probes record on the way; how it ended."""
        assert self._data is not None
        begun, done, chunk = time.perf_counter(), 0, self._chunk
        row_units = sum(self.circuit.graph.nodes[t.vertex].size / t.every for t in probes)
        most = max(1, int(CHUNK_BYTES / max(row_units * self._data.batch * self.dtype.itemsize, 1.0)))
        report(0.0, 0.0)
        with interruptible() as interrupted:
            while done < steps:
                count = min(chunk, steps - done, most) if self.schedule.divisible else steps - done
                started = time.perf_counter()
                stepped = self.schedule.step(self._engine, self._step, count, probes)
                take(self._step, stepped.recorded)
                self._step += stepped.steps
                done += stepped.steps
                if log is not None:
                    log.flush(self.time)
                now = time.perf_counter()
                if not stepped.finite:
                    return Status.DIVERGED, self._divergence()
                if stepped.settled:
                    report(now - begun, 1.0, done * self.integrator.dt)
                    break
                rate = count / max(now - started, 1e-6)
                chunk = self._chunk = max(1, min(int(rate * CHUNK_SECONDS), 4 * chunk))
                report(now - begun, done / steps)
                if interrupted and done < steps:
                    text = f"interrupted at {self.time:g} ms, after {done} of {steps} steps; run again to go on"
                    return Status.INTERRUPTED, text
        return Status.COMPLETED, f"completed {done} steps, to {self.time:g} ms"

    def _settling(self, until: Settled, first: int) -> tuple[Status, str]:
        """How a run that did not end early ended: whether all has settled."""
        taken = (self._step - first) * self.integrator.dt
        if self._engine.look(self._step):
            return Status.COMPLETED, f"settled after {self._step - first} steps, {taken:g} ms, at {self.time:g} ms"
        open_, blocks = self._engine.rested.count(None), len(self._engine.rested)
        return Status.UNSETTLED, until.missed(open_, blocks, taken)

    def _divergence(self) -> str:
        assert self._data is not None
        self._engine.evaluate()
        kinds = ("prediction", "value") if self.dynamics.holds_predictions else ("value", "prediction")
        kind, population = not_finite({kind: self._read(kind) for kind in kinds}) or ("value", "?")
        if self.dynamics.holds_predictions and kind == "prediction":
            return told_not_finite(kind, population, self.time, self.dtype)
        self._step += 1  # the step that made it is done in the engine's state
        cure = advice(self.circuit, self.dynamics, self.integrator, self._data, self._engine.parameters)
        return f"diverged: population {population!r} is no longer finite at {self.time:g} ms; {cure}"

    def _result(self, records: Any, status: Status, message: str, stats: dict[str, Any]) -> Result:
        assert self._data is not None
        values, errors, predictions = (self._read(v) for v in ("value", "error", "prediction"))
        with np.errstate(all="ignore"):
            loss, rest = free_energy(self.circuit, self._data.clamped, values, errors, predictions)
            gradients = self._engine.gradients()
            if status is Status.COMPLETED:
                groups = {"prediction": predictions, "error": errors, "value": values, "gradient": gradients}
                bad = not_finite(groups)
                if bad is not None:
                    status, message = Status.DIVERGED, told_not_finite(*bad, self.time, self.dtype)
        return Result(
            gradients, values, errors, predictions, records, loss, rest + loss, status, message, self.time, stats
        )

    # Snapshots

    def store(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the whole state to one file: time, data, parameters, activities. ``restore`` goes on bit for bit.

        Raises OutputError where the file exists (unless ``overwrite``) or cannot be written.
        """
        self._ready()
        write_snapshot(path, self._engine, self._step, self._data, self._identity(), overwrite=overwrite)

    def _identity(self) -> dict[str, str]:
        return {
            "circuit": fingerprint(self.circuit),
            "dynamics": repr(self.dynamics),
            "integrator": repr(self.integrator),
            "schedule": repr(self.schedule),
            "dtype": self.dtype.name,
            "engine": self._engine.identity,
        }

    def restore(self, path: str | os.PathLike[str]) -> None:
        """Take up a state that ``store`` wrote, by a simulator of the same circuit, dynamics, integrator and dtype.

        Raises CircuitFileError for a damaged file or one of another simulator; the present state then stays as it is.
        """
        engine = self._made()
        self._step, self._data = read_snapshot(path, engine, self._identity())
        self._engine, self._stale = engine, False
