"""The simulator: data and duration in, a result out, at once or in chunks."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NoReturn

import numpy as np

from pcneuro.circuit.circuit import Circuit
from pcneuro.engines import AbstractEngine, Engine, Kernel, RunData
from pcneuro.errors import ParameterError, check_object, warn_of_divergence
from pcneuro.kernels.philox import MASK
from pcneuro.model.dynamics import AbstractDynamics, FixedPrediction, with_error_neurons
from pcneuro.model.integrators import AbstractIntegrator, Euler
from pcneuro.model.perturbations import AbstractPerturbation, Inject
from pcneuro.model.settled import Settled
from pcneuro.quantities import flag, whole
from pcneuro.recording.event_log import log_of
from pcneuro.recording.events import RecordEvents
from pcneuro.recording.record import Record, listed
from pcneuro.simulator.perturbations.making import check_currents, perturbing_of
from pcneuro.simulator.perturbed import perturbations
from pcneuro.simulator.progress import Report, reporter
from pcneuro.simulator.result import Result, Status
from pcneuro.simulator.run_data import check_rest, float_type, merge, restart_steps, steps_of, warn_of_ends
from pcneuro.simulator.schedules import AbstractSchedule, Parallel
from pcneuro.simulator.stability import check_step
from pcneuro.simulator.state import SimulationState
from pcneuro.simulator.stream import Run, Stream


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
    seed
        Of noise, a whole number below 2^32. The noise of a sample depends on it, the sample's number in the batch, the
        unit among the noisy ones and the step since time zero, and on nothing else; ``reset`` brings the same again.

    Raises
    ------
    UnstableStepError
        Where dt is so large that the leak of some population is unstable: which, and a dt that works.

    Notes
    -----
    State is readable at any time (``values``, ``errors``, ``time``), before the first run, too: inputs are silent
    (zero) until they are given.

    Examples
    --------
    >>> simulator = pcn.Simulator(circuit, integrator=pcn.Euler(dt=1.0))
    >>> simulator.run(500.0, **data).gradients["W1"].shape  # after 500 ms
    (3, 5)
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
        seed: int = 0,
    ) -> None:
        dynamics = FixedPrediction() if dynamics is None else dynamics
        integrator = Euler() if integrator is None else integrator
        schedule = Parallel() if schedule is None else schedule
        engine = Kernel() if engine is None else engine
        for what, got, wanted in (
            ("circuit", circuit, Circuit),
            ("dynamics", dynamics, AbstractDynamics),
            ("integrator", integrator, AbstractIntegrator),
            ("engine", engine, Engine),
            ("schedule", schedule, AbstractSchedule),
        ):
            check_object(what, got, wanted)
        dtype = float_type(dtype)
        seed = whole("seed", seed, 0, MASK)
        integrated = with_error_neurons(dynamics, circuit.leaky_errors, circuit.noisy_errors)
        if schedule.stepped:
            check_step(circuit, integrator, integrated)
        schedule.check(integrated)
        schedule.check_delays(circuit)
        schedule.check_noise(circuit)
        schedule.check_plasticity(circuit)
        schedule.check_payloads(circuit)
        self.circuit, self.dynamics, self.integrator, self.schedule = circuit, dynamics, integrator, schedule
        self.dtype, self.seed = dtype, seed
        self._state = SimulationState(circuit, integrated, integrator, schedule, engine, dtype, seed)

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
        if not self._state.elsewhere:
            self._state.check()
        return self._state.time

    @property
    def values(self) -> dict[str, np.ndarray]:
        """Activity of the value neurons now, by vertex, of shape (batch, \\*shape)."""
        return self._state.read("value")

    @property
    def errors(self) -> dict[str, np.ndarray]:
        """Activity of the error neurons now, by vertex."""
        return self._state.read("error")

    @property
    def predictions(self) -> dict[str, np.ndarray]:
        """The present predictions, by vertex."""
        return self._state.read("prediction")

    @property
    def clamped(self) -> dict[str, np.ndarray]:
        """What vertices are clamped to, targets included, by vertex (copies)."""
        return {} if self._state.data is None else {n: a.copy() for n, a in self._state.data.clamped.items()}

    @property
    def gradients(self) -> dict[str, np.ndarray]:
        """dL/dparameter now, summed over the batch; under the name of a tree of parameters the same tree, too."""
        self._state.ready()
        return self.circuit.graph.by_leaf(self._engine.gradients())

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """Present values of the parameters (copies), and of learned variances as ``"<vertex>.variance"``."""
        self._state.check()
        return self.circuit.graph.by_leaf({name: value.copy() for name, value in self._engine.parameters.items()})

    def set_parameters(self, values: Mapping[str, Any]) -> None:
        """Give parameters new values, by name or as trees; the state of the neurons goes on from where it is.

        Learned variances are among them, as ``"<vertex>.variance"``. ``set_parameters(circuit.learned)`` puts back what
        plasticity has changed.

        Raises ParameterError, UnknownNameError, ShapeError or DataError for values that do not fit.
        """
        self._state.load(values)

    def reset(self, *, first_sample: int = 0) -> None:
        """Go back to time zero: the feedforward sweep of the present inputs, targets and clamps.

        Parameters stay as they are, what plasticity has changed of them, too: see ``set_parameters``. Where the samples
        that come are a part of a batch, ``first_sample`` is the number in it of their first: their noise is as there.

        Whatever stopped the simulator before, Ctrl-C in the midst of a step included, it can be used again then.
        """
        self._state.reset(whole("first_sample", first_sample, 0, MASK))

    def bounds(self) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        r"""How far off errors, by vertex, (batch, \*shape), and gradients, by parameter, can be for its thresholds.

        For ``EventDriven`` under fixed prediction, at any time of a run on this data, against the same without
        thresholds. Raises ParameterError for other engines, and where nothing is known, such as after data or
        parameters have changed past time zero.
        """
        self._state.ready()
        return self._engine.bounds()

    def arrivals(self) -> dict[str, np.ndarray] | None:
        r"""Time in ms at which an error first arrived at each unit, by vertex, (batch, \*shape); infinite: not yet.

        Since time zero. None where the engine does not know: it sees no more than the state at each step.
        """
        self._state.ready()
        return self._engine.arrivals()

    @property
    def in_steps(self) -> bool:
        """Whether an error takes a step from one population to the next; otherwise only as long as it is delayed."""
        return self.schedule.stepped and self._engine.in_steps

    @property
    def _engine(self) -> AbstractEngine:
        return self._state.engine

    @property
    def _data(self) -> RunData | None:
        return self._state.data

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
        restarts: Sequence[float] = (),
        perturb: Sequence[AbstractPerturbation] | None = None,
        learn: bool = True,
        record: Sequence[Record] = (),
        events: RecordEvents | None = None,
        report: Report = None,
        report_period: float = 10.0,
    ) -> Result:
        """Simulate on from where the last run stopped (first: from the feedforward sweep), for a time or to rest.

        Without any of ``inputs``, ``targets`` and ``clamp`` it goes on with those of the last run.

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
            Input, output or vertex name -> array of one sample, or with a batch axis in front, or a ``TimedArray``.
            What is left out stays as it was, and goes on changing where it did; ``{}`` takes targets or clamps away.
            Changed inputs take the neurons' state along, and under fixed prediction bring a new feedforward sweep:
            a run with a ``TimedArray`` is the run after run with its values.
        initial
            Vertex -> values to start from instead of the sweep's, at time zero only.
        restarts
            Times in ms, counted from the begin of the simulation, at which neurons go back to the feedforward sweep of
            what is given then, as ``reset`` does, while time and parameters go on: the trials of a ``Protocol``.
        perturb
            ``Inject``, ``Silence``, ``Cut`` and ``SetPrecision`` objects, each from ``start`` to before ``stop``, in ms
            of simulated time. None lets those of the last run go on, ``[]`` takes them away.
        learn
            Whether parameters change by the rules of plasticity that the circuit has; False holds them as they are.
        record
            ``Record`` objects.
        events
            ``RecordEvents(...)`` to keep the events of an engine that has some, in ``result.events``. Where the run
            ends with an exception, a file that they go to is left beside its place, as ``<path>.part``, until another
            run has written there.
        report, report_period
            None, ``"text"`` (progress on standard error), or a callable (elapsed s, share completed, start ms, duration
            ms), at most every ``report_period`` seconds.

        Returns
        -------
        Result
            Ctrl-C returns what was simulated so far, with status ``"interrupted"``; a run in which anything ceases to
            be finite stops there with status ``"diverged"``; its message, which is also a PcneuroWarning, says where
            and what to do. What has not settled within the limit has status ``"unsettled"``.
        """
        steps, span = steps_of(duration, until, self.integrator.dt)
        changes = {"inputs": inputs, "targets": targets, "clamp": clamp, "initial": initial}
        show = reporter(report, report_period, self.time, span)
        result = self._run(steps, until, changes, restarts, perturb, learn, record, events, show, parted=False).result()
        if result.status is Status.DIVERGED:
            warn_of_divergence(result.message)
        return result

    def stream(
        self,
        duration: float | None = None,
        *,
        until: Settled | None = None,
        inputs: Mapping[str, Any] | None = None,
        targets: Mapping[str, Any] | None = None,
        clamp: Mapping[str, Any] | None = None,
        initial: Mapping[str, Any] | None = None,
        restarts: Sequence[float] = (),
        perturb: Sequence[AbstractPerturbation] | None = None,
        learn: bool = True,
        record: Sequence[Record] = (),
        events: RecordEvents | None = None,
        report: Report = None,
        report_period: float = 10.0,
    ) -> Stream:
        """Simulate as ``run`` does, and have what is recorded as it comes: memory does not grow with the duration.

        Parameters are those of ``run``.

        Yields
        ------
        Chunk
            Some 0.2 s of computing, or 32 MB of records, each; schedules that cannot be left on the way make one chunk
            of all. Each has the events and counts of its own steps; the last one has the state at the end of the run,
            its status, message and ``stats``. Between two chunks the simulator's state can be read (``values``,
            ``errors``, ``gradients``, ``store``).

        Notes
        -----
        Nothing is simulated before the first chunk is asked for. Ctrl-C while a chunk is computed, or kernels for it
        are compiled, ends the stream after it, with status ``"interrupted"``; between chunks it is raised as usual, and
        so is a second one (see ``run``). A stream that is not taken to its end, by ``break`` say, leaves the simulator
        where it is; ``close()``, or ``with``, ends it then and there, and a file of events stays beside its place, as
        ``<path>.part``, until another run has written there. ``run``, ``stream``, ``reset``, ``restore`` and
        ``set_parameters`` end it, too: it raises ParameterError where it is asked for more.
        """
        steps, span = steps_of(duration, until, self.integrator.dt)
        changes = {"inputs": inputs, "targets": targets, "clamp": clamp, "initial": initial}
        show = reporter(report, report_period, self.time, span)
        return Stream(self._run(steps, until, changes, restarts, perturb, learn, record, events, show, parted=True))

    def _run(
        self,
        steps: int,
        until: Settled | None,
        changes: Mapping[str, Any],
        restarts: Sequence[float],
        perturb: Any,
        learn: bool,
        record: Sequence[Record],
        events: RecordEvents | None,
        report: Callable[..., None],
        *,
        parted: bool,
    ) -> Run:
        """A run of these data that is about to begin. A call that is refused leaves the simulator as it was."""
        state = self._state
        state.check()
        if until is not None:
            self.schedule.check_until()
        dt = self.integrator.dt
        given = state.perturbations if perturb is None else tuple(perturbations(perturb))
        data = merge(
            self.circuit,
            state.data,
            changes,
            time=self.time,
            dt=dt,
            dtype=self.dtype,
            perturb=None if perturb is None else [each for each in given if isinstance(each, Inject)],
        )
        check_currents(state, data)
        self.schedule.admit(self.circuit, data.clamped)
        records = listed(record)
        log = log_of(events, self.circuit, data.batch, self.time, parted=parted)
        steps_at = restart_steps(restarts, dt)
        if len(steps_at) or len(data.restarts):
            data = replace(data, restarts=steps_at)
        learns = flag("learn", learn) and bool(self.circuit.plasticity)
        labels = state.labels_with(changes, data.batch)
        perturbing = perturbing_of(given, state, self.dynamics, steps, data.clamped)
        if until is not None:
            check_rest(
                self.circuit,
                timed=data.next_change(state.step) is not None,
                learns=learns,
                perturbed=bool(perturbing.lasting),
            )
        warn_of_ends(data, state.data, state.step, steps, dt)
        run = Run(
            *(state, steps, until, data, records, log, report),
            learn=learns,
            labels=labels,
            parted=parted,
            perturbing=perturbing,
        )
        if steps:
            state.watch(data)
        state.claim(run)
        state.labels, state.perturbations = labels, given
        return run

    # Snapshots

    def store(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the whole state to one file: time, data, parameters, activities. ``restore`` goes on bit for bit.

        Raises OutputError where the file exists (unless ``overwrite``) or cannot be written.
        """
        self._state.store(path, overwrite=overwrite)

    def restore(self, path: str | os.PathLike[str]) -> None:
        """Take up a state that ``store`` wrote, by a simulator of the same circuit, dynamics, integrator and dtype.

        Raises CircuitFileError for a damaged file or one of another simulator; the present state then stays as it is.
        """
        self._state.restore(path)
